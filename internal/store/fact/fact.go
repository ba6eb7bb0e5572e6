// Package fact names what can be found in a report: the facts by which other images are
// found that have to do with it.
//
// It is a pure function of the report, and of nothing else. A report is bounded, but every
// string in it is the subject's, and so is how many there are: of each kind a bounded number
// of facts is kept, those first that a finding rests on, and none whose value is longer than
// a bound. A value that is too long is left out rather than cut: cut it would be another's.
package fact

import (
	"cmp"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// MaxValue is how long the value of a fact may be, in bytes.
const MaxValue = 512

// Kinds are all kinds of facts, sorted.
func Kinds() []store.Kind {
	kinds := make([]store.Kind, 0, len(bounds()))
	for _, b := range bounds() {
		kinds = append(kinds, b.kind)
	}
	slices.Sort(kinds)
	return kinds
}

// Max is how many facts of a kind a report has at most; 0 of what is no kind.
func Max(k store.Kind) int {
	for _, b := range bounds() {
		if b.kind == k {
			return b.most
		}
	}
	return 0
}

type bound struct {
	kind store.Kind
	most int
}

func bounds() []bound {
	return []bound{
		{store.SHA256, 3000},
		{store.Likeness, 1500},
		{store.Domain, 1000},
		{store.IP, 500},
		{store.Port, 300},
		{store.Listen, 100},
		{store.Wallet, 100},
		{store.Certificate, 100},
		{store.Technique, 300},
		{store.RuleID, 1000},
		{store.Family, 100},
		{store.Layer, 300},
		{store.Package, 5000},
		{store.PackageName, 5000},
		{store.CVE, 10_000},
		{store.Process, 1000},
	}
}

// Compare orders facts by kind, then by value.
func Compare(a, b store.Fact) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
}

// Of are the facts of a report, sorted, each once. It changes nothing in r, which may be nil.
func Of(r *detonaut.Report) []store.Fact {
	if r == nil {
		return nil
	}
	c := collection{of: make(map[store.Kind]map[string]bool)}
	if r.Run != nil {
		for _, m := range r.Run.Messages {
			c.message(m)
		}
	}
	c.findings(r)
	if r.Run != nil {
		c.run(r.Run)
	}
	c.image(r)
	c.packages(r)
	c.files(r)
	facts := make([]store.Fact, 0, c.n)
	for kind, values := range c.of {
		for v := range values {
			facts = append(facts, store.Fact{Kind: kind, Value: v})
		}
	}
	slices.SortFunc(facts, Compare)
	return facts
}

// collection are facts, each once, and no more of a kind than are allowed.
type collection struct {
	of map[store.Kind]map[string]bool
	n  int
}

// add keeps a value as [Clean] writes it, unless it is none, or one too many.
func (c *collection) add(kind store.Kind, value string) {
	value, ok := Clean(kind, value)
	if !ok || c.of[kind][value] || len(c.of[kind]) >= Max(kind) {
		return
	}
	if c.of[kind] == nil {
		c.of[kind] = make(map[string]bool)
	}
	c.of[kind][value] = true
	c.n++
}

// findings adds what was claimed. What somebody decided not to count is not.
func (c *collection) findings(r *detonaut.Report) {
	c.add(store.Family, r.Verdict.Family)
	for _, f := range r.Findings {
		if f.Suppressed != nil {
			continue
		}
		c.add(store.RuleID, f.ID)
		c.add(store.Family, f.Family)
		for _, t := range f.Techniques {
			c.add(store.Technique, t)
			if parent, ok := parentTechnique(t); ok {
				c.add(store.Technique, parent)
			}
		}
		for _, e := range f.Evidence {
			c.add(store.SHA256, e.SHA256)
			c.wallets(e.Summary)
		}
	}
}

func (c *collection) image(r *detonaut.Report) {
	for _, l := range r.Image.Layers {
		c.add(store.Layer, string(l.Digest))
		c.add(store.Layer, string(l.DiffID))
	}
	config := r.Image.Config
	for _, list := range [][]string{config.Entrypoint, config.Cmd, config.Env} {
		for _, s := range list {
			c.wallets(s)
		}
	}
}

func (c *collection) packages(r *detonaut.Report) {
	for _, v := range r.Vulnerabilities {
		c.add(store.CVE, v.ID)
	}
	for _, v := range r.Vulnerabilities {
		for _, alias := range v.Aliases {
			c.add(store.CVE, alias)
		}
	}
	if r.Inventory == nil {
		return
	}
	for _, p := range r.Inventory.Packages {
		c.add(store.Package, p.PURL)
		c.add(store.PackageName, p.Name)
	}
}

// files adds contents. Those of a finding and of a run are in already, where there are many.
func (c *collection) files(r *detonaut.Report) {
	for _, s := range r.Stories {
		for _, hash := range s.SHA256 {
			c.add(store.SHA256, hash)
		}
	}
	for _, f := range r.Files {
		c.add(store.SHA256, f.SHA256)
		for _, l := range []struct{ name, hash string }{
			{"imphash", f.Likeness.Imphash}, {"symbols", f.Likeness.Symbols}, {"modules", f.Likeness.Modules},
		} {
			if l.hash != "" {
				c.add(store.Likeness, l.name+":"+l.hash)
			}
		}
	}
}
