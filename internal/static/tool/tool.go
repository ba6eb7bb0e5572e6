// Package tool knows programs by name: tools that attack or test security, miners, those
// that administrators have, too, and those that protect. It finds them as packages of an
// inventory, and as files that came without one.
//
// The catalogue is data (rules/tools). Ours and those of users are not trusted, and the
// image is hostile: what either can make the package use is bounded.
package tool

import (
	"cmp"
	"io/fs"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/rulebook"
	"github.com/detonaut/detonaut/internal/static/pattern"
)

// Use is who has a tool.
type Use string

// Uses of tools.
const (
	// Attack is for what only those have who attack, or test security.
	Attack Use = "attack"
	// Both is for what administrators and programmers have every day, too.
	Both Use = "both"
	// Defence is for what protects, or finds out what others did.
	Defence Use = "defence"
)

// uses are all of them.
var uses = []Use{Attack, Both, Defence}

// severities tell how bad it is to have a tool, by its use: what innocent images have, too,
// weighs nothing in a verdict.
var severities = map[Use]detonaut.Severity{Attack: detonaut.Medium, Both: detonaut.Low, Defence: detonaut.Negligible}

// Tool is one entry of the catalogue. It is immutable.
type Tool struct {
	// Name is its id: short, in lower case. Kind is a noun with its article: "a port
	// scanner". What says in one sentence what it does; Home is where it comes from.
	Name, Kind, What, Home string
	Use                    Use
	// Category is empty for what is no threat.
	Category detonaut.Category
	// Place is where it was read from.
	rulebook.Place

	keys   []key    // its packages
	golang []string // paths of its modules and main packages
	dotnet []string // names of its assemblies
	marks  []mark
}

// mark is what a file has that is the tool: all of its texts.
type mark struct {
	types []string
	texts []string
	first int // the number of its first text in [Catalogue.Patterns]
}

// Finding is the claim that the tool is there, without count and evidence.
func (t *Tool) Finding(sure detonaut.Confidence) detonaut.Finding {
	return t.head(sure).Finding()
}

func (t *Tool) head(sure detonaut.Confidence) *rulebook.Head {
	return &rulebook.Head{
		ID: "tool/" + t.Name, Title: "Has " + t.Name + ", " + t.Kind, Meaning: t.What + " " + t.why(),
		Severity: string(severities[t.Use]), Confidence: string(sure), Category: string(t.Category), Family: t.Name,
	}
}

// why says why it matters that it is there.
func (t *Tool) why() string {
	switch {
	case t.Use == Both:
		return "Administrators and programmers use it, and attackers, too."
	case t.Use == Defence:
		return "It serves defence, and is no threat."
	case t.Category == detonaut.Miner:
		return "What it earns is paid for by whoever owns the machine."
	case t.Category == detonaut.Proxy:
		return "Strangers act under the address of whoever runs the image."
	}
	return "Attackers use it, and testers of security; a service has no need of it."
}

// Catalogue is a list of tools, ready for use. It is immutable, and safe for any number of
// goroutines.
type Catalogue struct {
	tools    []*Tool
	problems []rulebook.Problem
	digest   detonaut.Digest

	byKey    map[key]*Tool
	byGo     map[string]*Tool
	byDotNet map[string]*Tool
	patterns []pattern.Pattern
	// of is the mark of each pattern.
	of []marked
}

// marked is a mark of a tool.
type marked struct {
	*Tool
	*mark
}

// Load reads every file of the systems that ends in .yaml as a list of tools. Tools that
// cannot be used are left out and told by [Catalogue.Problems]. An error means that none
// could be.
func Load(systems ...fs.FS) (*Catalogue, error) {
	r := newReader()
	for i, fsys := range systems {
		r.walk(i, fsys)
	}
	c := r.catalogue()
	slices.SortFunc(c.tools, func(a, b *Tool) int { return cmp.Compare(a.Name, b.Name) })
	for _, t := range c.tools {
		for i := range t.marks {
			m := &t.marks[i]
			m.first = len(c.patterns)
			for _, text := range m.texts {
				c.patterns, c.of = append(c.patterns, pattern.Pattern{Name: t.Name, Text: text}), append(c.of, marked{t, m})
			}
		}
	}
	return c, nil
}

// Tools are sorted by name. The list must not be changed.
func (c *Catalogue) Tools() []*Tool { return c.tools }

// Problems are in the order of the file systems and the files in them.
func (c *Catalogue) Problems() []rulebook.Problem { return c.problems }

// Digest is that of the text of all files of the catalogue, whatever their order.
func (c *Catalogue) Digest() detonaut.Digest { return c.digest }
