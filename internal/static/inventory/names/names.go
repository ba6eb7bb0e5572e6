// Package names finds the files of an image by pattern, links followed as syft does. It
// is apart from what reads them, so that it can be fuzzed without that.
package names

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/detonaut/detonaut/internal/image"
)

// Names finds files by pattern. It keeps positions only: an image may have millions
// of files. It may be used from several goroutines.
type Names struct {
	entries []image.Entry
	// byBase are the positions of files and of links to files, by the last element of
	// their paths, then by path.
	byBase []int32
	// target is where a link to a file leads, by its position.
	target map[int32]int32
	// into are the paths of links by the directory that they lead to.
	into map[string][]string
}

// maxAliases is how many links to one directory are kept.
const maxAliases = 8

// New makes ready to look in an index.
func New(x *image.Index) *Names {
	n := &Names{entries: x.Entries, target: map[int32]int32{}, into: map[string][]string{}}
	for i := range x.Entries {
		e := &x.Entries[i]
		switch e.Kind {
		case image.KindDir, image.KindChar, image.KindBlock, image.KindFIFO:
		case image.KindSymlink:
			n.addLink(x, i)
		default:
			n.byBase = append(n.byBase, int32(i)) //nolint:gosec // bounded by image.Caps
		}
	}
	slices.SortFunc(n.byBase, func(a, b int32) int {
		p, q := n.entries[a].Path, n.entries[b].Path
		return cmp.Or(cmp.Compare(base(p), base(q)), cmp.Compare(p, q))
	})
	return n
}

func (n *Names) addLink(x *image.Index, i int) {
	real := strings.TrimPrefix(x.Resolve(x.Entries[i].Path), "/")
	at, ok := n.Find(real)
	switch {
	case !ok:
	case n.entries[at].Kind == image.KindDir:
		if len(n.into[real]) < maxAliases {
			n.into[real] = append(n.into[real], x.Entries[i].Path)
		}
	case IsContent(n.entries[at].Kind):
		n.byBase = append(n.byBase, int32(i)) //nolint:gosec // bounded by image.Caps
		n.target[int32(i)] = at               //nolint:gosec // bounded by image.Caps
	}
}

// Only returns the names of the files with some paths, links to them included. It
// finds no others.
func (n *Names) Only(paths map[string]bool) *Names {
	few := *n
	few.byBase = nil
	for _, i := range n.byBase {
		at, isLink := n.target[i]
		if !isLink {
			at = i
		}
		if paths[n.entries[at].Path] {
			few.byBase = append(few.byBase, i)
		}
	}
	return &few
}

// Find returns the position of a path without a leading slash. It follows no links.
func (n *Names) Find(p string) (int32, bool) {
	i, ok := slices.BinarySearchFunc(n.entries, p, func(e image.Entry, p string) int { return strings.Compare(e.Path, p) })
	return int32(i), ok //nolint:gosec // bounded by image.Caps
}

// IsContent tells whether files of that kind are regular.
func IsContent(k image.Kind) bool {
	switch k {
	case image.KindDir, image.KindSymlink, image.KindChar, image.KindBlock, image.KindFIFO:
		return false
	}
	return true
}

// Hit is a file that was found: its position in the index, and the path by which, with
// a leading slash.
type Hit struct {
	Entry int32
	By    string
}

// Match finds the files with a path that the pattern matches, each once: by its own
// path if that does, else by that of a link to it or to a directory above it.
func (n *Names) Match(pattern string) []Hit {
	if !strings.HasPrefix(pattern, "/") && !strings.HasPrefix(pattern, "**") {
		pattern = "/" + pattern
	}
	last := lastElement(pattern)
	prefix := last[:Literal(last)]
	from, _ := slices.BinarySearchFunc(n.byBase, prefix, func(i int32, p string) int {
		return strings.Compare(base(n.entries[i].Path), p)
	})
	suffix := literalSuffix(last)
	anywhere := pattern == "**/"+last
	found := map[int32]string{}
	own := map[int32]bool{}
	before, matched := "", false
	for _, i := range n.byBase[from:] {
		p := n.entries[i].Path
		name := base(p)
		if !strings.HasPrefix(name, prefix) {
			break
		}
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		if anywhere {
			if name != before {
				before, matched = name, doublestar.MatchUnvalidated(last, name)
			}
			if !matched {
				continue
			}
		}
		entry, isLink := n.target[i]
		if !isLink {
			entry = i
		}
		if by := n.way(pattern, p, anywhere); by != "" && !own[entry] && (found[entry] == "" || !isLink || by < found[entry]) {
			found[entry], own[entry] = by, !isLink && by == "/"+p
		}
	}
	hits := make([]Hit, 0, len(found))
	for entry, by := range found {
		hits = append(hits, Hit{entry, by})
	}
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Compare(a.By, b.By) })
	return hits
}

// way returns the path by which a pattern matches a file: its own, else the first
// through one link to a directory above it. It is empty if there is none.
func (n *Names) way(pattern, p string, anywhere bool) string {
	if anywhere || doublestar.MatchUnvalidated(pattern, "/"+p) {
		return "/" + p
	}
	if len(n.into) == 0 {
		return ""
	}
	start := pattern[:Literal(pattern)]
	best := ""
	for end := len(p); end >= 0; end = strings.LastIndexByte(p[:end], '/') {
		dir, rest := p[:end], p[end:]
		for _, alias := range n.into[dir] {
			if !strings.HasPrefix("/"+alias, start) && !strings.HasPrefix(start, "/"+alias) {
				continue
			}
			by := "/" + alias + rest
			if (best == "" || by < best) && doublestar.MatchUnvalidated(pattern, by) {
				best = by
			}
		}
	}
	for _, alias := range n.into["."] {
		by := "/" + alias + "/" + p
		if (best == "" || by < best) && doublestar.MatchUnvalidated(pattern, by) {
			best = by
		}
	}
	return best
}

// lastElement is what a pattern says of the last element of a path. When an
// alternative of the pattern has a slash it is empty: it says nothing.
func lastElement(pattern string) string {
	depth, last := 0, -1
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '\\':
			i++
		case '/':
			if depth > 0 {
				return ""
			}
			last = i
		}
	}
	if base := pattern[last+1:]; base != "**" {
		return base
	}
	return ""
}

// base is the last element of a path, which is clean.
func base(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

// Literal is the length of what has no special meaning at the start of a pattern.
func Literal(pattern string) int {
	if i := strings.IndexAny(pattern, `*?[{\`); i >= 0 {
		return i
	}
	return len(pattern)
}

// literalSuffix is what has no special meaning at the end of a pattern.
func literalSuffix(pattern string) string {
	return pattern[strings.LastIndexAny(pattern, `*?]}\`)+1:]
}
