package static

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/internal/image"
)

// maxPlaces is how many places of one content are told.
const maxPlaces = 16

// Opener opens what an index lists. [*image.FS] does.
type Opener interface {
	OpenEntry(*image.Entry) (fs.File, error)
}

// Files returns the contents of the regular files of an image, hidden ones included,
// each once and not the empty one. They come in the order of their first places, and
// at most 16 places of each are told: those in the final view, then the hidden ones,
// both by path. None of them can be an error. They can be opened as long as the
// image is.
func Files(index *image.Index, files Opener) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		l := list{index, files}
		for _, same := range l.contents() {
			if !yield(l.file(same), nil) {
				return
			}
		}
	}
}

// At returns the regular file of an image at an absolute path, with that place alone; not
// the empty one. It follows no links. The file can be opened as long as the image is.
func At(index *image.Index, files Opener, path string) (File, bool) {
	e, ok := index.Lookup(path)
	if !ok || e.Size == 0 {
		return File{}, false
	}
	p := Place{Path: "/" + e.Path}
	if e.Layer >= 0 && e.Layer < len(index.Layers) {
		p.Layer = index.Layers[e.Layer]
	}
	f := open(&e, files)
	f.Places = []Place{p}
	return f, true
}

// list is an index in which a file is a position: in Entries, or, behind the end of
// those, in Hidden. An image may have a million files, so no more than that is kept
// of each.
type list struct {
	*image.Index
	files Opener
}

func (l list) entry(at uint32) (e *image.Entry, hidden bool) {
	if n := uint32(len(l.Entries)); at >= n { //nolint:gosec // bounded by image.Caps
		return &l.Hidden[at-n].Entry, true
	}
	return &l.Entries[at], false
}

// contents are the positions of each content, in order.
func (l list) contents() [][]uint32 {
	var all []uint32
	for at := range uint32(len(l.Entries) + len(l.Hidden)) { //nolint:gosec // bounded by image.Caps
		if e, _ := l.entry(at); e.Size > 0 { // only a regular file has one
			all = append(all, at)
		}
	}
	slices.SortFunc(all, func(a, b uint32) int {
		p, _ := l.entry(a)
		q, _ := l.entry(b)
		return cmp.Or(bytes.Compare(p.SHA256[:], q.SHA256[:]), cmp.Compare(a, b))
	})
	var groups [][]uint32
	for from := 0; from < len(all); {
		first, _ := l.entry(all[from])
		to := from + 1
		for ; to < len(all); to++ {
			if next, _ := l.entry(all[to]); next.SHA256 != first.SHA256 {
				break
			}
		}
		groups = append(groups, all[from:to])
		from = to
	}
	slices.SortFunc(groups, func(a, b []uint32) int {
		p, _ := l.entry(a[0])
		q, _ := l.entry(b[0])
		return cmp.Or(strings.Compare(p.Path, q.Path), cmp.Compare(a[0], b[0]))
	})
	return groups
}

// file is the content at some positions.
func (l list) file(same []uint32) File {
	first, _ := l.entry(same[0])
	f := open(first, l.files)
	for _, at := range same[:min(len(same), maxPlaces)] {
		e, hidden := l.entry(at)
		p := Place{Path: "/" + e.Path, Hidden: hidden}
		if e.Layer < len(l.Layers) {
			p.Layer = l.Layers[e.Layer]
		}
		f.Places = append(f.Places, p)
	}
	return f
}

// open is the content of an entry, without places.
func open(e *image.Entry, files Opener) File {
	return File{SHA256: e.SHA256.String(), Size: e.Size, Type: string(e.Kind), Open: func() (Content, error) {
		opened, err := files.OpenEntry(e)
		if err != nil {
			return nil, fmt.Errorf("open file of image: %w", err)
		}
		if c, ok := opened.(Content); ok {
			return c, nil
		}
		return nil, errors.Join(fmt.Errorf("open file of image: %w: not at any offset", errors.ErrUnsupported), opened.Close())
	}}
}
