// Package difference compares two reports: what one image does and holds that the other does
// not. It is a pure function of the two, and judges nothing.
//
// Strings of the subjects are in what it returns, as they are in the reports: escape them.
package difference

import (
	"cmp"
	"maps"
	"slices"

	"github.com/detonaut/detonaut"
)

// Difference is what differs between two reports, from A to B.
type Difference struct {
	A Side `json:"a"`
	B Side `json:"b"`
	// Comparable is set if both have the same fingerprint: what differs then is due to the
	// images, and the runs, alone.
	Comparable bool `json:"comparable"`
	// Parts are all of [Parts], also those in which nothing differs.
	Parts []Part `json:"parts"`
}

// Side is one of the two.
type Side struct {
	Ref           detonaut.Ref      `json:"ref"`
	Digest        detonaut.Digest   `json:"digest"`
	Verdict       detonaut.Word     `json:"verdict"`
	Sentence      string            `json:"sentence"`
	Vulnerability detonaut.Severity `json:"vulnerability"`
	// Ran is set if it was run: without that, nothing is known of what it does.
	Ran bool `json:"ran"`
}

// Name is what a part is about.
type Name string

// Parts, in their order.
const (
	Findings        Name = "findings"
	Processes       Name = "processes"
	Hosts           Name = "hosts"
	Listeners       Name = "listeners"
	Payloads        Name = "payloads"
	Changes         Name = "changes"
	Packages        Name = "packages"
	Vulnerabilities Name = "vulnerabilities"
	Files           Name = "files"
	Layers          Name = "layers"
	Config          Name = "config"
)

// Part is what differs in one respect. Its lists are sorted: the worst first, then by key.
type Part struct {
	Name Name `json:"name"`
	// New is in B alone, Gone in A alone, Changed in both and otherwise. Same is how many
	// there are that do not differ.
	New     []Item `json:"new,omitempty"`
	Gone    []Item `json:"gone,omitempty"`
	Changed []Item `json:"changed,omitempty"`
	Same    int    `json:"same"`
}

// Differs tells whether anything does.
func (p *Part) Differs() bool { return len(p.New)+len(p.Gone)+len(p.Changed) > 0 }

// Item is one thing of a report.
type Item struct {
	// Key tells things of a part from one another: the id of a finding, the name of a package,
	// the path of a file.
	Key string `json:"key"`
	// Value says how it is: the version of a package, the hash of a file. Was is how it was in
	// A, of what has changed.
	Value string `json:"value,omitempty"`
	Was   string `json:"was,omitempty"`
	// Text says in words what it is, where the key does not.
	Text string `json:"text,omitempty"`
	// Severity is that of a finding or a vulnerability.
	Severity detonaut.Severity `json:"severity,omitempty"`
}

// part is how the things of one part are read in a report, by their keys.
type part struct {
	name Name
	read func(*detonaut.Report, things)
}

// things are those of one report, by their keys.
type things map[string]Item

// add adds one. Of two with one key the one with the lesser value is kept: which that is does
// not depend on the order.
func (t things) add(i Item) {
	if old, ok := t[i.Key]; !ok || i.Value < old.Value {
		t[i.Key] = i
	}
}

func parts() []part {
	return []part{
		{Findings, findings},
		{Processes, processes},
		{Hosts, hosts},
		{Listeners, listeners},
		{Payloads, payloads},
		{Changes, changes},
		{Packages, packages},
		{Vulnerabilities, vulnerabilities},
		{Files, files},
		{Layers, layers},
		{Config, config},
	}
}

// Of compares two reports, and changes neither.
func Of(a, b *detonaut.Report) *Difference {
	d := &Difference{A: side(a), B: side(b), Comparable: equal(a.Fingerprint, b.Fingerprint)}
	for _, p := range parts() {
		was, is := things{}, things{}
		p.read(a, was)
		p.read(b, is)
		d.Parts = append(d.Parts, compare(p.name, was, is))
	}
	return d
}

func side(r *detonaut.Report) Side {
	return Side{r.Image.Ref, r.Image.Digest, r.Verdict.Word, r.Verdict.Sentence, r.Verdict.Vulnerability, r.Run != nil}
}

// equal tells whether two fingerprints are the same but for the plan, which is made of the
// image.
func equal(a, b detonaut.Fingerprint) bool {
	return a.Tool == b.Tool && a.Rules == b.Rules && a.Database == b.Database && slices.Equal(a.Analyzers, b.Analyzers)
}

// compare puts the things of two reports side by side.
func compare(name Name, was, is things) Part {
	p := Part{Name: name}
	for _, key := range slices.Sorted(maps.Keys(is)) {
		item := is[key]
		old, both := was[key]
		switch {
		case !both:
			p.New = append(p.New, item)
		case old.Value != item.Value:
			item.Was = old.Value
			p.Changed = append(p.Changed, item)
		default:
			p.Same++
		}
	}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if _, both := is[key]; !both {
			p.Gone = append(p.Gone, was[key])
		}
	}
	for _, list := range [][]Item{p.New, p.Gone, p.Changed} {
		slices.SortStableFunc(list, func(a, b Item) int { return cmp.Compare(b.Severity.Rank(), a.Severity.Rank()) })
	}
	return p
}
