package pattern

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	// chunk is how much of a file is read at once, and around how much what is around an
	// atom may matter.
	chunk  = 256 << 10
	around = max(4*reach, maxLength) + 4
)

// scan is one file that is looked through.
type scan struct {
	set  *Set
	hits []Hit
	skip []bool // nil skips none
	// touched are the patterns of which an atom was found, seen tells which these are.
	touched []int
	seen    []bool
	// until is, for each pattern, before which offset no atom matters any more, and told
	// where the last match ends of one that has such an offset.
	until, told []int64
	// base is where in the file the window begins.
	base int64
	w    window
}

// Scan looks for the patterns in a file of that size, and returns what was found: a hit for
// each pattern that was, in their order. Those that skip says are left out; nil is none. The
// hits are the same however the file is read. When ctx ends, or r fails, the error comes with
// what was found until then.
func (s *Set) Scan(ctx context.Context, r io.ReaderAt, size int64, skip []bool) ([]Hit, error) {
	return s.scan(ctx, r, size, skip, chunk)
}

func (s *Set) scan(ctx context.Context, r io.ReaderAt, size int64, skip []bool, chunk int) ([]Hit, error) {
	if len(s.next) <= s.width { // there is nothing to look for
		return nil, nil
	}
	c, _ := s.states.Get().(*scan)
	c.set, c.skip = s, skip
	err := c.read(ctx, r, size, chunk)
	return c.end(), err
}

// end returns what was found, and gives the scan back.
func (c *scan) end() (found []Hit) {
	slices.Sort(c.touched)
	for _, p := range c.touched {
		if h := &c.hits[p]; h.Count > 0 {
			h.Pattern = p
			slices.SortStableFunc(h.Places, func(a, b Place) int { return int(a.Offset - b.Offset) })
			found = append(found, *h)
		}
		c.hits[p], c.until[p], c.told[p], c.seen[p] = Hit{}, 0, 0, false
	}
	set := c.set
	c.set, c.skip, c.touched, c.base, c.w = nil, nil, c.touched[:0], 0, window{}
	set.states.Put(c)
	return found
}

func (c *scan) read(ctx context.Context, r io.ReaderAt, size int64, chunk int) error {
	buffer := make([]byte, 0, min(size, int64(chunk+2*around)))
	row, at := uint32(0), int64(0) // the state, and what is read next
	for at < size {
		if err := ctx.Err(); err != nil {
			return err
		}
		buffer = c.move(buffer, at)
		n, err := readFull(r, buffer[len(buffer):min(int64(cap(buffer)), size-c.base)], c.base+int64(len(buffer)))
		buffer = buffer[:len(buffer)+n]
		if err != nil {
			return fmt.Errorf("read at %d: %w", c.base+int64(len(buffer)), err)
		}
		c.w = window{bytes: buffer, begins: c.base == 0, ends: c.base+int64(len(buffer)) == size}
		end := len(buffer)
		if !c.w.ends {
			end -= around
		}
		row = c.run(row, int(at-c.base), end)
		at = c.base + int64(end)
	}
	return nil
}

// move keeps of a buffer what is around an offset.
func (c *scan) move(buffer []byte, at int64) []byte {
	keep := max(int(at-c.base)-around, 0)
	c.base += int64(keep)
	return append(buffer[:0], buffer[keep:]...)
}

func readFull(r io.ReaderAt, b []byte, at int64) (n int, err error) {
	n, err = r.ReadAt(b, at)
	if n == len(b) || errors.Is(err, io.EOF) && n > 0 {
		return n, nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return n, err
}

// run goes through the window from one position to another, and returns the last state.
func (c *scan) run(row uint32, from, to int) uint32 {
	next, class, ending := c.set.next, &c.set.class, c.set.ending
	for i, b := range c.w.bytes[from:to] {
		row = next[row+uint32(class[b])]
		if row >= ending {
			c.ended(row, from+i+1)
		}
	}
	return row
}

// ended compares the patterns of the atoms that end before w[end].
func (c *scan) ended(row uint32, end int) {
	atoms := c.set.ends(row)
	for i := range atoms {
		a := &atoms[i]
		at := end - len(a.bytes)
		hit := &c.hits[a.pattern]
		if c.skip != nil && c.skip[a.pattern] || hit.Count >= maxCount || c.base+int64(at) < c.until[a.pattern] {
			continue
		}
		if !c.seen[a.pattern] {
			c.seen[a.pattern] = true
			c.touched = append(c.touched, a.pattern)
		}
		last := int64(0)
		until := c.set.patterns[a.pattern].match(c.w, at, a, func(from, to int) {
			if c.base+int64(from) < c.told[a.pattern] {
				return // it was in what was looked at before, too
			}
			last = c.base + int64(to)
			hit.Count++
			if len(hit.Places) < maxPlaces {
				hit.Places = append(hit.Places, Place{Offset: c.base + int64(from), Length: to - from})
			}
		})
		if until > 0 {
			c.until[a.pattern], c.told[a.pattern] = c.base+int64(until), max(last, c.told[a.pattern])
		}
	}
}
