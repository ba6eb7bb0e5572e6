package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
)

const (
	// linesPage is how many lines are a page; maxLine bounds one, in bytes: longer ones are no refs.
	linesPage = 1000
	maxLine   = 8 << 10
	// maxRef is longer than any that a registry would know, in bytes.
	maxRef = 1000
)

// file lists the refs of a file, one a line. At is the number of bytes before the page.
type file struct{ path string }

func (l *file) leave(place) (place, bool) { return place{}, false }

func (l *file) list(_ context.Context, at place) (_ page, err error) {
	offset, err := strconv.ParseInt(at.At, 10, 64)
	if err != nil || offset < 0 {
		offset = 0
	}
	f, err := os.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return page{}, fmt.Errorf("open it: %w: %w", err, detonaut.ErrNotFound)
	}
	if err != nil {
		return page{}, fmt.Errorf("open it: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return page{}, fmt.Errorf("go on in it: %w", err)
	}
	r := newLines(f)
	r.read = offset
	p, err := r.page(linesPage)
	p.next.At = strconv.FormatInt(r.read, 10)
	return p, err
}

// lines reads lines, each bounded.
type lines struct {
	r    *bufio.Reader
	read int64 // bytes
	n    int   // lines
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine)} }

// next reads a line without its end; ok is false for one that is too long. The error is [io.EOF] after the last.
func (l *lines) next() (line string, ok bool, err error) {
	raw, err := l.r.ReadSlice('\n')
	l.read += int64(len(raw))
	ok = true
	line = string(raw)
	for errors.Is(err, bufio.ErrBufferFull) {
		ok = false
		raw, err = l.r.ReadSlice('\n')
		l.read += int64(len(raw))
	}
	if errors.Is(err, io.EOF) && line != "" {
		err = nil // a last line without an end
	}
	l.n++
	return line, ok, err
}

// page reads so many lines.
func (l *lines) page(most int) (p page, err error) {
	bad, why := 0, ""
	for range most {
		line, ok, err := l.next()
		if errors.Is(err, io.EOF) {
			p.end = true
			break
		}
		if err != nil {
			return page{}, fmt.Errorf("read it: %w", err)
		}
		ref := stripped(line)
		if ok && ref == "" {
			p.names = append(p.names, strconv.FormatInt(l.read, 10)) // a file may be full of nothing
			continue
		}
		// Where it is makes it another: a list may name one many times.
		p.names = append(p.names, ref, strconv.FormatInt(l.read, 10))
		c, err := wanted(ref)
		if !ok || err != nil {
			if bad++; bad == 1 {
				why = fmt.Sprintf("such as %q", text(ref, maxQuote))
			}
			continue
		}
		i := slices.IndexFunc(p.found, func(f store.Candidate) bool { return f.Registry == c.Registry && f.Name == c.Name })
		if i < 0 {
			p.found = append(p.found, c)
			continue
		}
		for _, w := range c.Wanted {
			if !slices.Contains(p.found[i].Wanted, w) {
				p.found[i].Wanted = append(p.found[i].Wanted, w)
			}
		}
	}
	if bad > 0 {
		p.cut = fmt.Sprintf("%d lines are no names of images in registries, %s", bad, why)
	}
	return p, nil
}

// stripped is a line without spaces around it and what follows a "#".
func stripped(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || bytes.IndexByte([]byte(" \t"), line[i-1]) >= 0) {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}

// wanted is the candidate of a ref, with the tag or the digest that it names.
func wanted(ref string) (store.Candidate, error) {
	if len(ref) > maxRef {
		return store.Candidate{}, detonaut.ErrUsage
	}
	r, err := image.ParseRemote(detonaut.Ref(ref))
	if err != nil {
		return store.Candidate{}, err
	}
	c, ok := repository(r.Registry, r.Repository)
	switch name := ref[strings.LastIndexByte(ref, '/')+1:]; {
	case !ok:
		return c, detonaut.ErrUsage
	case r.Digest != "":
		c.Wanted = []string{string(r.Digest)}
	case strings.Contains(name, ":"): // and not the tag that everybody thinks of
		c.Wanted = []string{r.Tag}
	}
	return c, nil
}

// stream lists the refs that a stream has, which is read once. A cursor is the number of lines before a page:
// that which was read last can be read again, and no other.
type stream struct {
	lines *lines
	size  int

	from string // the cursor of last
	last page
}

// List implements [Source].
func (s *stream) List(_ context.Context, cursor string) (found []store.Candidate, next string, end bool, err error) {
	at := strconv.Itoa(s.lines.n)
	if s.lines.n == 0 {
		at = ""
	}
	switch {
	case s.last.next.At != "" && cursor == s.from:
	case cursor == at && !s.last.end:
		if s.last, err = s.lines.page(s.size); err != nil {
			return nil, "", false, fmt.Errorf("list standard input: %w", err)
		}
		s.from, s.last.next.At = cursor, strconv.Itoa(s.lines.n)
	default:
		return nil, "", false, fmt.Errorf("list standard input: it cannot be read again, and is not at %q: %w", text(cursor, maxQuote), detonaut.ErrUsage)
	}
	if s.last.cut != "" {
		err = &Cut{Why: s.last.cut}
	}
	if !s.last.end {
		next = s.last.next.At
	}
	return s.last.found, next, s.last.end, err
}
