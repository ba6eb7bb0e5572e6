// Package malicious finds packages that are known to be malicious, by their ecosystem,
// name and version, and by the hashes of their files.
//
// What is known comes from lists: ours (rules/packages), and the records of OSV (MAL-...)
// that were imported. A list is data: it has no say about an image but these.
package malicious

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/packageurl-go"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// version changes whenever equal images and lists may yield other findings than before.
const version = "1"

// Bounds of one finding.
const (
	maxEvidence = 8
	maxSummary  = 200 // bytes
)

// List is a list of malicious packages. It is used by several goroutines at once.
type List interface {
	// Version names what is in it: equal lists have equal versions.
	Version() string
	// Find returns the records of the packages, and those that have one of the
	// hashes, in an order that is always the same. An error means that the list could
	// not be read.
	Find(packages []Key, sums []image.Sum) ([]Record, error)
}

// Unreadable is a list that is there and cannot be read, for the reason Err. With it
// nothing is complete.
type Unreadable struct{ Err error }

// Version implements [List].
func (Unreadable) Version() string { return "unreadable" }

// Find implements [List].
func (u Unreadable) Find([]Key, []image.Sum) ([]Record, error) { return nil, u.Err }

// Version names the lists for the fingerprint of a report.
func Version(lists ...List) string {
	name := "malicious@" + version
	for _, l := range lists {
		name += "+" + l.Version()
	}
	return name
}

// Subject is the image that is looked at. Its strings are hostile.
type Subject struct {
	// Inventory is nil if the packages could not be listed.
	Inventory *detonaut.Inventory
	// Index lists its files; nil looks up no hashes.
	Index *image.Index
}

// Check looks for the packages and files of an image in the lists. Of two that know a
// package the first is believed. The findings are sorted by id.
func Check(s Subject, lists ...List) ([]detonaut.Finding, detonaut.Stage) {
	stage := detonaut.Stage{Name: detonaut.StagePackages, State: detonaut.Complete}
	if s.Inventory == nil && s.Index == nil {
		stage.State, stage.Reason = detonaut.Skipped, "no package could be listed"
		return nil, stage
	}
	c := newCheck(s)
	var failed []string
	for _, l := range lists {
		records, err := l.Find(c.keys, c.sums)
		if err != nil {
			failed = append(failed, fmt.Sprintf("look up %s: %v", l.Version(), err))
		}
		for i := range records {
			c.add(&records[i])
		}
	}
	if len(failed) > 0 {
		stage.State, stage.Reason = detonaut.Failed, strings.Join(failed, "; ")
	} else if s.Inventory == nil {
		stage.State, stage.Reason = detonaut.Partial, "no package could be listed: only hashes of files were looked up"
	}
	return c.findings(), stage
}

// check is one [Check].
type check struct {
	subject  Subject
	packages map[Key][]*detonaut.Package
	keys     []Key
	sums     []image.Sum
	// best is the record that fits a package best, of equally good ones the first.
	best map[*detonaut.Package]fit
	// bySum is the record of a hash: the first.
	bySum map[image.Sum]*Record
	// ids are those of the findings about packages that are there.
	ids   map[Key]string
	found map[string]*detonaut.Finding
}

// fit is a record that is about a package.
type fit struct {
	record *Record
	how    match
	listed string
}

func newCheck(s Subject) *check {
	c := &check{
		subject: s, packages: map[Key][]*detonaut.Package{}, best: map[*detonaut.Package]fit{}, bySum: map[image.Sum]*Record{},
		ids: map[Key]string{}, found: map[string]*detonaut.Finding{},
	}
	if s.Inventory != nil {
		for i := range s.Inventory.Packages {
			p := &s.Inventory.Packages[i]
			if key, ok := keyOf(p); ok {
				if c.packages[key] == nil {
					c.keys = append(c.keys, key)
				}
				c.packages[key] = append(c.packages[key], p)
			}
		}
	}
	if s.Index != nil {
		c.sums = make([]image.Sum, 0, len(s.Index.Entries))
		for i := range s.Index.Entries {
			if e := &s.Index.Entries[i]; e.Size > 0 && e.SHA256 != (image.Sum{}) {
				c.sums = append(c.sums, e.SHA256)
			}
		}
	}
	return c
}

// keyOf is the key of a package of an inventory.
func keyOf(p *detonaut.Package) (Key, bool) {
	for i := range ecosystems {
		e := &ecosystems[i]
		if e.kind != p.Type {
			continue
		}
		if e.name != Maven {
			key := e.key(p.Name)
			return key, key.Name != ""
		}
		url, err := packageurl.FromString(p.PURL)
		return e.key(url.Namespace + ":" + url.Name), err == nil && url.Namespace != ""
	}
	return Key{}, false
}

// add takes a record into account.
func (c *check) add(r *Record) {
	for _, p := range c.packages[r.Key] {
		if how, listed := r.match(p.Version); how > c.best[p].how {
			c.best[p] = fit{r, how, listed}
		}
	}
	for _, sum := range r.Sums {
		if c.bySum[sum] == nil {
			c.bySum[sum] = r
		}
	}
}

// tellPackages makes findings of the packages, in the order of the inventory.
func (c *check) tellPackages() {
	if c.subject.Inventory == nil {
		return
	}
	for i := range c.subject.Inventory.Packages {
		p := &c.subject.Inventory.Packages[i]
		b := c.best[p]
		if b.how == none {
			continue
		}
		e := detonaut.Evidence{Summary: summary(p.Name+" "+p.Version, p.Hidden), Hidden: p.Hidden}
		if len(p.Locations) > 0 {
			e.Path, e.Layer = p.Locations[0].Path, p.Locations[0].Layer
		}
		id := c.note(b.record, b.listed, confidence(b.how, p.Hidden), e)
		if c.ids[b.record.Key] == "" {
			c.ids[b.record.Key] = id
		}
	}
}

// tellFiles makes findings of the files, or adds them to that of their package.
func (c *check) tellFiles() {
	if c.subject.Index == nil || len(c.bySum) == 0 {
		return
	}
	x := c.subject.Index
	for i := range x.Entries {
		e := &x.Entries[i]
		r := c.bySum[e.SHA256]
		if r == nil {
			continue
		}
		at := detonaut.Evidence{Summary: "a file of it, by its hash", Path: "/" + e.Path, SHA256: e.SHA256.String()}
		if e.Layer >= 0 && e.Layer < len(x.Layers) {
			at.Layer = x.Layers[e.Layer]
		}
		if f := c.found[c.ids[r.Key]]; f != nil {
			add(f, detonaut.Certain, at)
			continue
		}
		listed := ""
		if len(r.Versions) == 1 {
			listed = r.Versions[0]
		}
		c.note(r, listed, detonaut.Certain, at)
	}
}

func summary(what string, hidden bool) string {
	if len(what) > maxSummary {
		what = strings.ToValidUTF8(what[:maxSummary], "") + "…"
	}
	if hidden {
		return what + " (an upper layer removed or replaced it)"
	}
	return what
}

// confidence is how sure it is that a package is the malicious one.
func confidence(how match, hidden bool) detonaut.Confidence {
	switch {
	case how == doubtful:
		return detonaut.Tentative
	case how == inRange || hidden:
		return detonaut.Probable
	}
	return detonaut.Certain
}

// note adds evidence to the finding about a package, of one version if that is listed,
// and returns its id. A version that is not listed is the subject's own word, and not in
// the id.
func (c *check) note(r *Record, listed string, sure detonaut.Confidence, e detonaut.Evidence) string {
	id, title := "package/"+string(r.Key.Ecosystem)+"/"+r.Key.Name, r.Name
	if listed != "" {
		id, title = id+"@"+listed, title+" "+listed
	}
	f := c.found[id]
	if f == nil {
		f = &detonaut.Finding{
			ID: id, Title: "Has the malicious package " + title + " (" + r.Key.Ecosystem.known().title + ")", Meaning: r.meaning(),
			Severity: r.Severity, Confidence: sure, Category: detonaut.MaliciousPackage, Family: r.Family,
		}
		c.found[id] = f
	}
	add(f, sure, e)
	return id
}

func add(f *detonaut.Finding, sure detonaut.Confidence, e detonaut.Evidence) {
	if sure.Rank() > f.Confidence.Rank() {
		f.Confidence = sure
	}
	f.Count++
	if len(f.Evidence) < maxEvidence {
		f.Evidence = append(f.Evidence, e)
	}
}

// meaning says in a sentence what it did, and where that is told.
func (r *Record) meaning() string {
	what := r.What
	if what == "" {
		what = "It is listed as malicious software."
	}
	switch {
	case r.ID != "":
		return what + " (" + r.ID + ")"
	case len(r.References) > 0:
		return what + " (" + r.References[0] + ")"
	}
	return what
}

func (c *check) findings() []detonaut.Finding {
	c.tellPackages()
	c.tellFiles()
	findings := make([]detonaut.Finding, 0, len(c.found))
	for _, f := range c.found {
		findings = append(findings, *f)
	}
	slices.SortFunc(findings, func(a, b detonaut.Finding) int { return cmp.Compare(a.ID, b.ID) })
	return findings
}
