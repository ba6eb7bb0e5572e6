package secret

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// Bounds of one content.
const (
	// block is how many bytes are looked through at a time.
	block = 256 << 10
	// maxWindow is the most bytes that an expression is run on at once.
	maxWindow = 64 << 10
	// maxMatches is how many matches of one rule are kept.
	maxMatches = 100
	// freeWork and workShare bound the bytes that expressions are run on, of all rules
	// together, and the words that are looked at: so many, and one for so many bytes of
	// the content.
	freeWork, workShare = 1 << 20, 8
)

// errTooMuch is when a content has more places to look at than are looked at. The
// time of a file is what bounds it, and work stands for time here: equal contents end
// at the same place.
var errTooMuch = fmt.Errorf("look for secrets: too many places that may be some: %w", context.DeadlineExceeded)

// A match is what a rule found.
type match struct {
	rule   int
	at     int64 // of the match, which may begin before the secret
	line   int64 // where its line begins; -1 if that is far
	text   string
	secret string
	// follows is the next thing behind it.
	follows string
}

// window is a part of the content that an expression is to be run on.
type window struct {
	start, end int64
	open       bool
}

// scan is one content being looked through.
type scan struct {
	rules *rules
	buf   []byte // of length 0 between uses
	base  int64  // where buf begins in the content
	size  int64

	windows []window // by rule
	seen    []bool   // by rule: its gate is open
	done    []int64  // by rule: where its last match ended
	count   []int
	matches []match
	work    int64
	left    int64
	cut     bool
}

var scans sync.Pool

func newScan(r *rules, size int64) *scan {
	s, _ := scans.Get().(*scan)
	if s == nil || s.rules != r {
		n := len(r.all)
		s = &scan{
			rules: r, buf: make([]byte, 0, block+maxWindow+r.before+r.after),
			windows: make([]window, n), seen: make([]bool, n), done: make([]int64, n), count: make([]int, n),
		}
	}
	s.buf = s.buf[:0]
	s.base, s.size, s.work, s.left, s.cut, s.matches = 0, size, 0, freeWork+size/workShare, false, nil
	clear(s.windows)
	clear(s.seen)
	clear(s.done)
	clear(s.count)
	return s
}

// find returns what the rules find in the first size bytes of in, in the order of
// their places. What was found is returned beside errTooMuch.
func (r *rules) find(ctx context.Context, in io.ReaderAt, size int64) ([]match, error) {
	s := newScan(r, size)
	defer scans.Put(s)
	if err := s.all(ctx, in); err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(s.matches, func(m match) bool { return r.all[m.rule].gated && !s.seen[m.rule] })
	found = specific(r, found)
	slices.SortStableFunc(found, func(a, b match) int { return cmp.Compare(a.at, b.at) })
	if s.cut {
		return found, errTooMuch
	}
	return found, nil
}

// all looks through the whole content.
func (s *scan) all(ctx context.Context, in io.ReaderAt) error {
	from := 0 // in buf: where words may start that were not looked at
	for final := false; !final && !s.cut; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := s.fill(in)
		if err != nil {
			return err
		}
		final = n == 0 || s.base+int64(len(s.buf)) >= s.size
		limit := len(s.buf)
		if !final {
			limit = max(limit-s.rules.after-s.rules.words.longest, from)
		}
		s.look(from, limit)
		s.close(limit, final)
		from = s.shift(limit)
	}
	return nil
}

// fill reads what there is room for.
func (s *scan) fill(in io.ReaderAt) (int, error) {
	have := len(s.buf)
	room := min(int64(min(cap(s.buf)-have, block)), s.size-s.base-int64(have))
	n, err := in.ReadAt(s.buf[have:have+int(room)], s.base+int64(have))
	s.buf = s.buf[:have+n]
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// look opens windows around the words that start in buf[from:limit].
func (s *scan) look(from, limit int) {
	w, b := s.rules.words, s.buf[:min(limit+s.rules.words.longest, len(s.buf))]
	state := uint16(0)
	for i := from; i < len(b); i++ {
		state = w.next[int(state)<<6|int(w.class[b[i]])]
		if state < w.ends {
			continue
		}
		if s.cut {
			return
		}
		for _, word := range w.found[state-w.ends] {
			if at := i + 1 - w.length[word]; at >= from && at < limit {
				s.meet(word, at, i+1)
			}
		}
	}
}

// meet is called for each word, at buf[at:end].
func (s *scan) meet(word uint16, at, end int) {
	uses := s.rules.meant[word]
	for i := range uses {
		u := &uses[i]
		if u.anchor == nil {
			s.seen[u.rule] = true
			continue
		}
		ok, steps := u.anchor.fits(s.buf, at, end)
		if s.spend(1 + steps/16); !ok {
			continue
		}
		s.widen(u.rule, s.base+int64(max(at-u.before, 0)), s.base+int64(min(end+u.after, len(s.buf))))
		if s.cut {
			return
		}
	}
}

// fits tells whether a match may have the word b[at:end], and in how many steps.
func (a *anchor) fits(b []byte, at, end int) (ok bool, steps int) {
	if a.boundary && at > 0 && isWord(b[at-1]) || a.cased != nil && !a.cased[string(b[at:end])] {
		return false, 0
	}
	return a.tail.follows(b[end:])
}

// widen has the window of a rule take in one more part, or run, if it is another.
func (s *scan) widen(n int, start, end int64) {
	w := &s.windows[n]
	if w.open && start <= w.end && end-min(start, w.start) <= maxWindow {
		w.start, w.end = min(w.start, start), max(w.end, end)
		return
	}
	s.run(n)
	*w = window{start, end, true}
}

// close runs the windows that no word from limit on can widen.
func (s *scan) close(limit int, final bool) {
	for n := range s.windows {
		if w := &s.windows[n]; w.open && (final || w.end < s.base+int64(limit-s.rules.before)) {
			s.run(n)
		}
	}
}

// shift drops the part of buf that nobody wants any more.
func (s *scan) shift(limit int) (from int) {
	keep := s.base + int64(max(limit-s.rules.before, 0))
	for n := range s.windows {
		if w := &s.windows[n]; w.open {
			keep = min(keep, w.start)
		}
	}
	drop := int(keep - s.base)
	s.buf = s.buf[:copy(s.buf, s.buf[drop:])]
	s.base = keep
	return limit - drop
}

// run runs the expression of a rule on its window, which it closes.
func (s *scan) run(n int) {
	w, r := &s.windows[n], &s.rules.all[n]
	if !w.open || s.cut {
		return
	}
	w.open = false
	if s.count[n] >= maxMatches {
		return
	}
	text := s.buf[w.start-s.base : w.end-s.base]
	if s.spend(len(text)); s.cut {
		return
	}
	matches := r.Regex.FindAllIndex(text, maxMatches)
	s.spend(len(matches) * len(text) / 8) // each is looked for beyond its end
	for _, m := range matches {
		at, end := w.start+int64(m[0]), w.start+int64(m[1])
		if m[1] == len(text) && w.end < s.size {
			// It may be longer, or none at all.
			if end = s.longer(n, at); end < 0 {
				continue
			}
		}
		if at < s.done[n] {
			continue
		}
		s.done[n] = end
		s.check(n, at, end)
	}
}

func (s *scan) spend(n int) {
	s.work += int64(n)
	s.cut = s.cut || s.work > s.left
}

// longer tells where the match that begins at a place ends, if it has an end near.
func (s *scan) longer(n int, at int64) (end int64) {
	from := max(at-s.base-margin, 0)
	to := min(from+2*reach, int64(len(s.buf)))
	text := s.buf[from:to]
	s.spend(len(text))
	m := s.rules.all[n].Regex.FindIndex(text)
	if m == nil || s.base+from+int64(m[0]) != at || m[1] == len(text) && s.base+to < s.size {
		return -1
	}
	return s.base + from + int64(m[1])
}

// lineAround returns the line, or the lines, that a match is on, and where they
// begin; -1 if that is far.
func (s *scan) lineAround(at, end int64) (line []byte, start int64) {
	from := max(at-s.base-reach, 0)
	to := min(end-s.base+reach, int64(len(s.buf)))
	// A match that begins with the end of a line is on the next, as gitleaks has it.
	i := bytes.LastIndexByte(s.buf[from:min(at-s.base+1, to)], '\n')
	start = s.base + from + int64(i) + 1
	if i < 0 && s.base+from > 0 {
		start = -1
	}
	from += int64(i) + 1
	if j := bytes.IndexByte(s.buf[end-s.base:to], '\n'); j >= 0 {
		to = end - s.base + int64(j)
	}
	return s.buf[from:to], start
}
