package page

import (
	"strings"

	"github.com/detonaut/detonaut/internal/store"
)

// What templates need beside the row that they show: the model, for links.

type withFinding struct {
	Model   *model
	Finding *findingRow
}

// With is a finding to be shown.
func (m *model) With(f *findingRow) withFinding { return withFinding{m, f} }

type withProof struct {
	Model *model
	Proof evidenceRow
}

// Proof is evidence to be shown.
func (m *model) Proof(e evidenceRow) withProof { return withProof{m, e} }

type withOn struct {
	Model *model
	On    []string
}

// On are findings to be linked to.
func (m *model) On(ids []string) withOn { return withOn{m, ids} }

type withRows struct {
	Model *model
	Label string
	Rows  any
}

// Links are rows to be shown.
func (m *model) Links(label string, rows any) withRows { return withRows{m, label, rows} }

// Anchor is the id of the element that tells of a card.
func (m *model) Anchor(c cardBox) string {
	if c.Process > 0 {
		if id := m.processID(c.Process - 1); m.ids[id] {
			return id
		}
	}
	if ref := m.Here(c.Event); strings.HasPrefix(ref.Href, "#") {
		return ref.Href[1:]
	}
	for _, id := range c.Findings {
		if f := m.findings[id]; f != nil {
			return f.ID
		}
	}
	return m.ID("story")
}

// PermalinkKey is the fingerprint of the report: the link always shows this one.
func (m *model) PermalinkKey() string { return store.Key(m.Report.Fingerprint) }

// kindWord is a kind of facts, for people.
func kindWord(k store.Kind) string {
	words := map[store.Kind]string{
		store.SHA256: "content", store.Likeness: "kind of program", store.Domain: "domain", store.IP: "address", store.Port: "port", store.Listen: "open port",
		store.Wallet: "wallet", store.Certificate: "certificate", store.Technique: "technique", store.RuleID: "finding", store.Family: "family",
		store.Layer: "layer", store.Package: "package", store.PackageName: "package", store.CVE: "vulnerability", store.Process: "process",
	}
	if w := words[k]; w != "" {
		return w
	}
	return "fact"
}

// ImageName is what people call the image of a summary; a short digest if it has no name.
func ImageName(s store.Summary) string {
	if n := nameOf(s.Name); n != "" {
		return n
	}
	return short(s.Digest)
}

// kindPath is the outline of an icon of 14 pixels for a kind of card.
func kindPath(kind string) string {
	switch kind {
	case "network":
		return "M1 4h9M7.5 1l3 3-3 3M13 10H4M6.5 7l-3 3 3 3"
	case "many":
		return "M2 3h10M2 7h10M2 11h10"
	case "file":
		return "M2.5 1h6l3 3v9h-9zM8.5 1v3h3M5 7h4M5 9.5h4"
	case "payload":
		return "M7 1.5l6 11H1zM7 6v3M7 10.5v.6"
	}
	return "M3 1.5l9 5.5-9 5.5z"
}

// lines are the first of a text.
func lines(s string, n int) []string {
	all := strings.SplitN(strings.TrimSuffix(s, "\n"), "\n", n+1)
	if len(all) > n {
		all[n] = "…"
	}
	return all
}

// Region is the role of what scrolls: a landmark of the page, or, where a page has many of the
// same name, a group.
func (m *model) Region() string {
	if m.Many {
		return "group"
	}
	return "region"
}
