package image

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/internal/image/mkfs"
)

// Hidden is a regular file that is in a lower layer only. Whoever has the image has
// its content.
//
// A file that has another name in the final view is not hidden, and neither is one
// that came back with equal content. Equal contents at one path are one Hidden, the
// first that was seen.
type Hidden struct {
	Entry
	// Since and Gone are the positions in Index.Layers of the layer that gave the file
	// this path, which is later than Layer for some hard links, and of the one that took
	// it away. They are the same if that has the path twice: nobody ever saw the file.
	Since, Gone int
}

// Unlisted counts hidden files that are not listed.
type Unlisted struct {
	Files int
	Bytes int64
}

// lost is a name that a regular file had.
type lost struct {
	file
	since, gone int // as in Hidden
}

// lose remembers the names of the regular files at a name that is being taken away.
// Their paths, together, are no longer than those that MetadataBytes allowed: each
// was put once.
func (t *tree) lose(dir *node, base string, n name) {
	switch n.Mode & mkfs.ModeType {
	case mkfs.ModeRegular:
		t.lost = append(t.lost, lost{file{dir.pathTo(base), n.node}, n.layer, t.layer})
	case mkfs.ModeDir:
		for base, child := range n.names {
			t.lose(n.node, base, child)
		}
	}
}

// pathTo is the path of a name in a directory.
func (n *node) pathTo(base string) string {
	b := make([]byte, n.length+len("/")+len(base))
	for at := len(b); at > 0; n = n.parent {
		at -= copy(b[at-len(base):], base) + len("/")
		b[at] = '/'
		base = n.base
	}
	return string(b[1:])
}

// hidden lists the lost files that have no name any more, when mkfs has counted
// those: sorted, each content of a path once, as far as the caps allow.
func (t *tree) hidden(x *Index) (list []Hidden, left Unlisted) {
	all := slices.DeleteFunc(t.lost, func(l lost) bool {
		if l.Links() > 0 {
			return true
		}
		e, ok := x.Lookup(l.path)
		return ok && e.isRegular() && e.SHA256 == l.sum
	})
	slices.SortFunc(all, func(a, b lost) int {
		return cmp.Or(strings.Compare(a.path, b.path), bytes.Compare(a.sum[:], b.sum[:]), a.compareSeen(b), a.compare(b))
	})
	kept := all[:0]
	for _, l := range all {
		last := len(kept) - 1
		if last < 0 || kept[last].path != l.path || kept[last].sum != l.sum {
			kept = append(kept, l)
		} else if kept[last].gone == l.since {
			kept[last].gone = l.gone // it was only put there again
		}
	}
	slices.SortFunc(kept, func(a, b lost) int { return cmp.Or(strings.Compare(a.path, b.path), a.compare(b)) })
	var size int64
	for _, l := range kept {
		if len(list) == t.caps.HiddenFiles || l.Size > t.caps.HiddenBytes-size {
			left.Files++
			left.Bytes += l.Size
			continue
		}
		size += l.Size
		list = append(list, Hidden{l.entry(), l.since, l.gone})
	}
	return list, left
}

// compareSeen puts what its own layer took away again last.
func (l lost) compareSeen(m lost) int {
	switch seen := l.gone > l.since; {
	case seen == (m.gone > m.since):
		return 0
	case seen:
		return -1
	}
	return 1
}

// compare orders files of one path by when they were there.
func (l lost) compare(m lost) int {
	return cmp.Or(cmp.Compare(l.layer, m.layer), cmp.Compare(l.since, m.since), cmp.Compare(l.gone, m.gone), cmp.Compare(l.Block, m.Block))
}

// At is the image as it was when a layer had been applied, as far as x tells: files
// that later layers hid are there, with 0 links, and what these added is not. Of what
// was removed it has neither links nor devices, nor the names of files that have
// others; a name of the final view that a later layer gave to an older file is there
// already. The facts of directories are the final ones.
func (x *Index) At(layer int) *Index {
	view := &Index{Layers: x.Layers[:layer+1]}
	hidden := map[string]bool{}
	for i := range x.Hidden {
		if h := &x.Hidden[i]; h.Since <= layer && layer < h.Gone {
			view.Entries = append(view.Entries, h.Entry)
			hidden[h.Path] = true
		}
	}
	for i := range x.Entries {
		e := &x.Entries[i]
		if e.Layer <= layer && !hidden[e.Path] {
			view.Entries = append(view.Entries, *e)
		}
	}
	view.addParents(x)
	slices.SortFunc(view.Entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return view
}

// addParents adds the directories that are missing, as they are in the final view or
// as if they had been implied.
func (x *Index) addParents(final *Index) {
	have := make(map[string]bool, len(x.Entries))
	for i := range x.Entries {
		have[x.Entries[i].Path] = true
	}
	for _, e := range x.Entries {
		for dir := path.Dir(e.Path); !have[dir]; dir = path.Dir(dir) {
			have[dir] = true
			made, ok := final.Lookup(dir)
			if !ok || made.Kind != KindDir {
				made = Entry{Path: dir, Layer: e.Layer, Kind: KindDir, Mode: mkfs.ModeDir | 0o755, ModTime: e.ModTime}
			}
			x.Entries = append(x.Entries, made)
		}
	}
}
