package image

import (
	"cmp"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/image/mkfs"
)

// maxLinks is how many symbolic links Linux follows on the way to one file.
const maxLinks = 40

// Programs gives the programs of the image, as absolute path and SHA-256: those
// of the upper layers first, then by path. A program is a regular file
// that anybody may execute and that begins as one, ELF or "#!"; shared libraries
// are told by their names, because a program may look like one. Pages of PHP are none.
func (x *Index) Programs() iter.Seq2[string, [32]byte] {
	var found []*Entry
	for i := range x.Entries {
		e := &x.Entries[i]
		if e.isRegular() && e.Mode&0o111 != 0 && e.begins() && !isLibrary(path.Base(e.Path)) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b *Entry) int { return cmp.Compare(b.Layer, a.Layer) })
	return func(yield func(string, [32]byte) bool) {
		for _, e := range found {
			if !yield("/"+e.Path, e.SHA256) {
				return
			}
		}
	}
}

// begins tells whether a file begins as a program.
func (e *Entry) begins() bool {
	family, _, _ := strings.Cut(string(e.Kind), "-")
	return family == content.ELF || family == content.Script && !(e.Kind == content.ScriptPHP && path.Ext(e.Path) == ".php")
}

func isLibrary(name string) bool {
	return strings.HasSuffix(name, ".so") || strings.Contains(name, ".so.")
}

// Resolve follows the symbolic links on the way to a path, as the image's own
// kernel would. It is empty if there is no such file.
func (x *Index) Resolve(name string) string {
	at, rest := "", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = strings.TrimSuffix(path.Dir("/" + at)[1:], "/")
			continue
		}
		next := path.Join(at, part)
		e, ok := x.Lookup(next)
		if !ok {
			return ""
		}
		if e.Mode&mkfs.ModeType != mkfs.ModeSymlink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return ""
		}
		if strings.HasPrefix(e.LinkTarget, "/") {
			at = ""
		}
		rest = append(strings.Split(e.LinkTarget, "/"), rest...)
	}
	return "/" + at
}
