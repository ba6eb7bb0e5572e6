// Package verdict judges: findings and coverage go in, one word and its
// reasons come out.
//
// It is one table, a pure function, and looks at nothing but what it is given.
// docs/verdict.md explains the table to those who read a report.
package verdict

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut"
)

// row is one row of the table: the word for a subject with a finding that fits.
type row struct {
	word detonaut.Word
	fits func(f detonaut.Finding) bool
}

// table is read from the top: the first row that fits any finding decides. A
// subject that no row fits is inconclusive when anything was missed, else
// clean.
var table = []row{
	{detonaut.Malicious, func(f detonaut.Finding) bool {
		return atLeast(f, detonaut.High) && sure(f) && f.Category != "" && !tool(f)
	}},
	{detonaut.Unwanted, func(f detonaut.Finding) bool {
		return atLeast(f, detonaut.Medium) && sure(f) && tool(f)
	}},
	{detonaut.Suspicious, func(f detonaut.Finding) bool {
		return atLeast(f, detonaut.Medium)
	}},
}

// Decide judges a subject. Findings may come in any order; stages are all
// those that should have run.
func Decide(findings []detonaut.Finding, coverage detonaut.Coverage, stages []detonaut.Stage) detonaut.Verdict {
	v := detonaut.Verdict{Word: detonaut.Clean, Vulnerability: detonaut.UnknownSeverity}
	gaps := missed(findings, coverage, stages)
	if len(gaps) > 0 {
		v.Word = detonaut.Inconclusive
	}
	for _, r := range table {
		if slices.ContainsFunc(findings, r.fits) {
			v.Word = r.word
			break
		}
	}
	v.Reasons = append(weighed(findings), gaps...)
	if len(v.Reasons) == 0 {
		v.Reasons = []detonaut.Reason{{Text: "nothing bad was seen, and nothing was missed"}}
	}
	return v
}

// weighed are the findings that some row fits, as reasons: those of the upper
// rows first, then the worst.
func weighed(findings []detonaut.Finding) []detonaut.Reason {
	type weight struct {
		row int
		f   detonaut.Finding
	}
	var all []weight
	for _, f := range findings {
		if i := slices.IndexFunc(table, func(r row) bool { return r.fits(f) }); i >= 0 {
			all = append(all, weight{i, f})
		}
	}
	slices.SortStableFunc(all, func(a, b weight) int {
		return cmp.Or(
			cmp.Compare(a.row, b.row),
			cmp.Compare(b.f.Severity.Rank(), a.f.Severity.Rank()),
			cmp.Compare(b.f.Confidence.Rank(), a.f.Confidence.Rank()),
			cmp.Compare(a.f.ID, b.f.ID),
		)
	})
	var reasons []detonaut.Reason
	for _, w := range all {
		reasons = append(reasons, detonaut.Reason{Text: w.f.Title, Finding: w.f.ID})
	}
	return reasons
}

// missed are the reasons why the subject cannot be called clean, none if all
// there is was seen. It trusts no single field: a report that contradicts
// itself has a gap.
func missed(findings []detonaut.Finding, c detonaut.Coverage, stages []detonaut.Stage) []detonaut.Reason {
	var reasons []detonaut.Reason
	miss := func(format string, args ...any) {
		reasons = append(reasons, detonaut.Reason{Text: fmt.Sprintf(format, args...)})
	}
	for _, s := range stages {
		if s.State != detonaut.Complete {
			miss("%s %s%s", s.Name, became(s.State), because(s.Reason))
		}
	}
	for _, name := range []string{detonaut.StageDetonate, detonaut.StageExplain} {
		if !slices.ContainsFunc(stages, func(s detonaut.Stage) bool { return s.Name == name }) {
			miss("%s did not run", name)
		}
	}
	for _, g := range c.Gaps {
		miss("%s", cmp.Or(g, "something was missed"))
	}
	switch {
	case c.Dropped > 0 && len(c.Gaps) == 0:
		miss("%d events were lost", c.Dropped)
	case !c.Full && len(c.Gaps) == 0:
		miss("not everything was observed")
	}
	for _, f := range findings {
		if !slices.Contains(detonaut.Severities()[:6], f.Severity) || !slices.Contains(detonaut.Confidences(), f.Confidence) {
			miss("finding %s has no known severity or confidence", f.ID)
		}
	}
	return reasons
}

// became says what came of a stage that is not complete.
func became(s detonaut.State) string {
	switch s {
	case detonaut.Failed:
		return "failed"
	case detonaut.Skipped:
		return "was skipped"
	default:
		return "is " + cmp.Or(string(s), "unknown")
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func atLeast(f detonaut.Finding, s detonaut.Severity) bool { return f.Severity.Rank() >= s.Rank() }

func sure(f detonaut.Finding) bool {
	return f.Confidence == detonaut.Certain || f.Confidence == detonaut.Probable
}

// tool tells whether some people run such a thing on purpose.
func tool(f detonaut.Finding) bool {
	return f.Category == detonaut.Miner || f.Category == detonaut.Hacktool
}
