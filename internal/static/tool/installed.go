package tool

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// Bounds of one finding.
const (
	maxEvidence = 8
	maxSummary  = 200 // bytes
)

// key names a package, so that all ways to write its name are one.
type key struct{ kind, name string }

// ecosystem is a kind of packages.
type ecosystem struct {
	// name is what the catalogue calls it, kind is [detonaut.Package.Type] of its
	// packages, and title what people call one.
	name, kind, title string
	// plain makes one of all ways to write a name; nil changes none.
	plain func(string) string
}

// ecosystems are those whose packages tools may be. Modules of Go are not among them:
// programs are built of many that are not what they are.
var ecosystems = []ecosystem{
	{"deb", "deb", "Debian package", nil},
	{"apk", "apk", "Alpine package", nil},
	{"rpm", "rpm", "RPM package", nil},
	{"alpm", "alpm", "Arch Linux package", nil},
	{"npm", "npm", "npm package", strings.ToLower},
	{"pypi", "python", "Python package", dashed},
	{"gem", "gem", "Ruby gem", nil},
	{"cargo", "rust-crate", "Rust crate", dashed},
	{"nuget", "dotnet", "NuGet package", strings.ToLower},
}

// system stands for the distributions of Linux: most have one name for one package.
const system = "os"

var ofSystem = []string{"deb", "apk", "rpm", "alpm"}

// dashed is a name as PEP 503 has it: in lower case, with one dash for each run of dashes,
// dots and underscores.
func dashed(name string) string {
	isDash := func(r rune) bool { return r == '-' || r == '_' || r == '.' }
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), isDash), "-")
}

func (e *ecosystem) key(name string) key {
	if e.plain != nil {
		name = e.plain(name)
	}
	return key{e.kind, name}
}

// keysOf are the keys of packages as the catalogue names them.
func keysOf(kind string, names []string) (keys []key, err error) {
	kinds := []string{kind}
	if kind == system {
		kinds = ofSystem
	}
	for _, k := range kinds {
		i := slices.IndexFunc(ecosystems, func(e ecosystem) bool { return e.name == k })
		if i < 0 {
			return nil, fmt.Errorf("packages: %q is no kind of packages", kind)
		}
		for _, name := range names {
			made := ecosystems[i].key(name)
			if made.name == "" {
				return nil, errors.New("packages: a name is empty")
			}
			keys = append(keys, made)
		}
	}
	return keys, nil
}

// Check finds the tools that are packages of an inventory, which may be nil. The findings
// are sorted by ID.
func (c *Catalogue) Check(inv *detonaut.Inventory) []detonaut.Finding {
	if inv == nil {
		return nil
	}
	found := map[*Tool]*detonaut.Finding{}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		at := slices.IndexFunc(ecosystems, func(e ecosystem) bool { return e.kind == p.Type })
		if at < 0 {
			continue
		}
		t := c.byKey[ecosystems[at].key(p.Name)]
		if t == nil {
			continue
		}
		f := found[t]
		if f == nil {
			made := t.Finding(detonaut.Probable)
			f = &made
			found[t] = f
		}
		if !p.Hidden {
			f.Confidence = detonaut.Certain
		}
		f.Count++
		if len(f.Evidence) < maxEvidence {
			f.Evidence = append(f.Evidence, evidence(ecosystems[at].title, p))
		}
	}
	findings := make([]detonaut.Finding, 0, len(found))
	for _, f := range found {
		findings = append(findings, *f)
	}
	slices.SortFunc(findings, func(a, b detonaut.Finding) int { return cmp.Compare(a.ID, b.ID) })
	return findings
}

// evidence is where a package is.
func evidence(title string, p *detonaut.Package) detonaut.Evidence {
	e := detonaut.Evidence{Summary: cut(strings.TrimSpace(title + " " + p.Name + " " + p.Version)), Hidden: p.Hidden}
	if p.Hidden {
		e.Summary += " (an upper layer removed or replaced it)"
	}
	if len(p.Locations) > 0 {
		e.Path, e.Layer = p.Locations[0].Path, p.Locations[0].Layer
	}
	return e
}

// cut bounds what is told.
func cut(s string) string {
	if len(s) > maxSummary {
		s = strings.ToValidUTF8(s[:maxSummary], "") + "…"
	}
	return s
}
