package tool

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/malware/facts"
	"github.com/detonaut/detonaut/internal/static/pattern"
)

// Match is a tool that a file is, or has in it.
type Match struct {
	// Finding is the claim, without count and evidence.
	Finding detonaut.Finding
	// Summary says what of the file it is, in one line. It may have strings of the file.
	Summary string
	// Offset is where the mark begins, in bytes; 0 without any.
	Offset int64
}

// Patterns are the texts of all marks, which are to be looked for in a file. The list must
// not be changed.
func (c *Catalogue) Patterns() []pattern.Pattern { return c.patterns }

// Match tells which tools a file is of which so much is known, by their names. hits are
// those of [Catalogue.Patterns], as [pattern.Set.Scan] returns them.
func (c *Catalogue) Match(f *facts.Facts, hits []pattern.Hit) (matches []Match) {
	found := map[*Tool]bool{}
	add := func(t *Tool, summary string, offset int64) {
		if !found[t] {
			found[t] = true
			matches = append(matches, Match{t.Finding(detonaut.Probable), cut(summary), offset})
		}
	}
	if t, path := c.golang(f.Go); t != nil {
		add(t, path+", which is written in Go", 0)
	}
	if t := c.assembly(f.DotNet); t != nil {
		add(t, "the assembly "+f.DotNet.Name+" for .NET", 0)
	}
	for i := 0; i < len(hits); {
		m, n := c.of[hits[i].Pattern], 1
		for i+n < len(hits) && hits[i+n].Pattern < m.first+len(m.texts) {
			n++
		}
		if n == len(m.texts) && m.wants(f.Type) {
			summary, offset := m.tell(hits[i:][:n])
			add(m.Tool, summary, offset)
		}
		i += n
	}
	slices.SortFunc(matches, func(a, b Match) int { return strings.Compare(a.Finding.ID, b.Finding.ID) })
	return matches
}

// Wants tells, of each of [Catalogue.Patterns], whether it matters in files of a type.
func (c *Catalogue) Wants(kind string) []bool {
	wants := make([]bool, len(c.patterns))
	for i, m := range c.of {
		wants[i] = m.wants(kind)
	}
	return wants
}

// wants tells whether a mark is about files of a type: "elf" stands for "elf-library", too.
func (m *mark) wants(kind string) bool {
	return slices.ContainsFunc(m.types, func(t string) bool {
		rest, ok := strings.CutPrefix(kind, t)
		return ok && (rest == "" || rest[0] == '-')
	})
}

// maxTold is how many texts a summary tells of, and how much of each, in bytes.
const (
	maxTold = 3
	maxText = 50
)

// tell says what was found, and where the first of it is.
func (m *mark) tell(hits []pattern.Hit) (summary string, offset int64) {
	var parts []string
	for i := range hits {
		at := hits[i].Places[0].Offset
		if i == 0 || at < offset {
			offset = at
		}
		if len(parts) < maxTold {
			text := m.texts[i]
			parts = append(parts, fmt.Sprintf("%q at %#x", text[:min(len(text), maxText)], at))
		}
	}
	return strings.Join(parts, ", "), offset
}

// golang is the tool that a program in Go is, and the path by which it says so: that of
// its main package or module, never of a module that it is built with. Of one that has
// neither, or was built of files, the packages of its functions tell.
func (c *Catalogue) golang(g *facts.Go) (*Tool, string) {
	const ofFiles = "command-line-arguments"
	if g == nil || len(c.byGo) == 0 {
		return nil, ""
	}
	for _, path := range []string{g.Module, g.Path} {
		if t := c.within(path); t != nil {
			return t, path
		}
	}
	if g.Module != "" || g.Path != "" && g.Path != ofFiles {
		return nil, ""
	}
	for _, path := range g.Packages {
		if t := c.within(path); t != nil {
			return t, path
		}
	}
	return nil, ""
}

// within is the tool whose module or package a path is, or is below.
func (c *Catalogue) within(path string) *Tool {
	for path = plainPath(path); path != ""; {
		if t := c.byGo[path]; t != nil {
			return t
		}
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
	}
	return nil
}

// plainPath is an import path in lower case, without elements that are major versions.
func plainPath(path string) string {
	parts := strings.Split(strings.ToLower(path), "/")
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool {
		return len(p) > 1 && p[0] == 'v' && strings.Trim(p[1:], "0123456789") == ""
	}), "/")
}

// assembly is the tool that a program for .NET is: one of that name, with a type in the
// namespace of that name.
func (c *Catalogue) assembly(d *facts.DotNet) *Tool {
	if d == nil {
		return nil
	}
	t := c.byDotNet[strings.ToLower(d.Name)]
	if t == nil || !slices.ContainsFunc(d.Types, func(name string) bool {
		space, _, ok := strings.Cut(name, ".")
		return ok && strings.EqualFold(space, d.Name)
	}) {
		return nil
	}
	return t
}
