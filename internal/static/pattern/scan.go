package pattern

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
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
	file *file
	hits []Hit
	skip []bool // nil skips none
	// touched are the patterns of which an atom was found, seen tells which these are.
	touched []int
	seen    []bool
	waiting int // places in hits that are to be compared
	// base is where in the file the window begins.
	base   int64
	w      window
	buffer []byte
	later  []arrival // of the second way
}

// Scan looks for the patterns in a file of that size, and returns what was found: a hit for
// each pattern that was, in their order. Those that skip says are left out; nil is none. A
// hit of an expression says that it may be there, until [Hit.Verify] has looked: most need
// not, because something else is not there. The hits are the same however the file is read.
// When ctx ends, or r fails, the error comes with what was found until then.
func (s *Set) Scan(ctx context.Context, r io.ReaderAt, size int64, skip []bool) ([]Hit, error) {
	return s.scan(ctx, r, size, skip, chunk)
}

func (s *Set) scan(ctx context.Context, r io.ReaderAt, size int64, skip []bool, chunk int) ([]Hit, error) {
	if len(s.next) <= s.width { // there is nothing to look for
		return nil, nil
	}
	c, _ := s.states.Get().(*scan)
	c.set, c.skip, c.file = s, skip, &file{s, ctx, r, size}
	err := c.read(ctx, r, size, chunk)
	return c.end(), err
}

// end returns what was found, and gives the scan back.
func (c *scan) end() (found []Hit) {
	slices.Sort(c.touched)
	for _, p := range c.touched {
		if h := &c.hits[p]; h.Count > 0 || len(h.maybe) > 0 {
			h.Pattern, h.file = p, c.file
			slices.SortStableFunc(h.Places, func(a, b Place) int { return int(a.Offset - b.Offset) })
			found = append(found, *h)
		}
		c.hits[p], c.seen[p] = Hit{}, false
	}
	set := c.set
	c.set, c.file, c.skip, c.touched, c.base, c.w = nil, nil, nil, c.touched[:0], 0, window{}
	c.waiting = 0
	set.states.Put(c)
	return found
}

func (c *scan) read(ctx context.Context, r io.ReaderAt, size int64, chunk int) error {
	if need := int(min(size, int64(chunk+2*around))); cap(c.buffer) < need {
		c.buffer = make([]byte, 0, need)
	}
	buffer := c.buffer[:0:min(cap(c.buffer), chunk+2*around)]
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
		if row, err = c.run(row, int(at-c.base), end); err != nil {
			return err
		}
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

// run goes through the window from one position to another, and returns the last state. A
// long way is gone from its beginning and from its middle at once: each step waits for what
// the one before finds in the table, and two ways do not wait for one another.
func (c *scan) run(row uint32, from, to int) (last uint32, err error) {
	middle := (from + to) / 2
	if middle-from < maxAtom {
		return c.walk(row, from, to)
	}
	// Whatever state the middle is reached in, it is of the last bytes before it.
	first, second := c.w.bytes[from:middle], c.w.bytes[middle-maxAtom:to]
	next, class, ending := c.set.next, &c.set.class, c.set.ending
	c.later = c.later[:0]
	for i, b := range first {
		row = next[row+uint32(class[b])]
		if row >= ending {
			if err := c.ended(row, from+i+1); err != nil {
				return row, err
			}
		}
		last = next[last+uint32(class[second[i]])]
		if last >= ending && i >= maxAtom { // before that the first way tells of it
			c.later = append(c.later, arrival{last, middle - maxAtom + i + 1})
		}
	}
	for _, e := range c.later {
		if err := c.ended(e.row, e.end); err != nil {
			return last, err
		}
	}
	return c.walk(last, middle-maxAtom+len(first), to)
}

// arrival is at a state in which atoms end, and where that is.
type arrival struct {
	row uint32
	end int
}

// walk goes through the window, byte by byte.
func (c *scan) walk(row uint32, from, to int) (last uint32, err error) {
	next, class, ending := c.set.next, &c.set.class, c.set.ending
	for i, b := range c.w.bytes[from:to] {
		row = next[row+uint32(class[b])]
		if row >= ending {
			if err := c.ended(row, from+i+1); err != nil {
				return row, err
			}
		}
	}
	return row, nil
}

// Of an expression so many places are kept until it is compared, and more as long as those
// of all are not too many.
const (
	maxMaybe   = 1 << 10
	maxWaiting = 1 << 18
)

// ended compares the patterns of the atoms that end before w[end].
func (c *scan) ended(row uint32, end int) error {
	atoms := c.set.ends(row)
	for i := range atoms {
		a := &atoms[i]
		at := end - len(a.bytes)
		hit := &c.hits[a.pattern]
		if c.skip != nil && c.skip[a.pattern] || hit.Count >= maxCount || c.base+int64(at) < hit.until {
			continue
		}
		if !c.seen[a.pattern] {
			c.seen[a.pattern] = true
			c.touched = append(c.touched, a.pattern)
		}
		if r, ok := c.set.patterns[a.pattern].(regex); ok {
			hit.maybe = append(hit.maybe, c.base+int64(at))
			if c.waiting++; c.waiting < maxWaiting || len(hit.maybe) < maxMaybe {
				continue
			}
			c.waiting -= len(hit.maybe)
			if err := c.file.verify(hit, r); err != nil {
				return err
			}
			continue
		}
		if from, to, ok := c.set.patterns[a.pattern].match(c.w, at, a); ok {
			hit.add(c.base+int64(from), c.base+int64(to))
		}
	}
	return nil
}

// add counts a match, unless it was in what was looked at before, too. It returns its end.
func (h *Hit) add(from, to int64) int64 {
	if from < h.told {
		return h.told
	}
	h.Count++
	if len(h.Places) < maxPlaces {
		h.Places = append(h.Places, Place{Offset: from, Length: int(to - from)})
	}
	return to
}

// file is what a scan was of.
type file struct {
	set  *Set
	ctx  context.Context //nolint:containedctx // of the one Scan that it is
	r    io.ReaderAt
	size int64
}

// Maybe tells whether an expression may be there more often than was counted.
func (h *Hit) Maybe() bool { return len(h.maybe) > 0 }

// Verify looks whether an expression is where it may be. The file must still be open, and
// ctx of [Set.Scan] must not have ended. A hit that was verified stays so.
func (h *Hit) Verify() error {
	if len(h.maybe) == 0 {
		return nil
	}
	r, _ := h.file.set.patterns[h.Pattern].(regex) // no others may be
	return h.file.verify(h, r)
}

// spaces are for what is around an atom.
var spaces = sync.Pool{New: func() any { return new([4*reach + 2]byte) }}

// verify compares an expression with what is around its atoms: of those that are close to
// one another at once.
func (f *file) verify(h *Hit, r regex) error {
	space, _ := spaces.Get().(*[4*reach + 2]byte)
	defer spaces.Put(space)
	before, behind := r.around()
	for i := 0; i < len(h.maybe); i++ {
		at := h.maybe[i]
		if at < h.until || h.Count >= maxCount {
			continue
		}
		if err := f.ctx.Err(); err != nil {
			return err
		}
		from, until := max(at-int64(before), 0), at+2*reach
		if behind < 3*reach {
			for i+1 < len(h.maybe) && h.maybe[i+1] <= at+int64(behind) && h.maybe[i+1]+int64(behind)-from <= int64(len(space)) {
				i++
				at = h.maybe[i]
			}
			until = at + 1
		}
		to := min(at+int64(behind), f.size)
		n, err := readFull(f.r, space[:to-from], from)
		if err != nil {
			return fmt.Errorf("read at %d: %w", from, err)
		}
		last := h.told
		r.find(window{bytes: space[:n], begins: from == 0, ends: to == f.size}, func(a, b int) { last = max(last, h.add(from+int64(a), from+int64(b))) })
		h.until, h.told = until, last
	}
	h.maybe = h.maybe[:0]
	slices.SortStableFunc(h.Places, func(a, b Place) int { return int(a.Offset - b.Offset) })
	return nil
}
