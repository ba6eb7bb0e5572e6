// Package verdict judges: findings and coverage go in, one word and its
// reasons come out.
//
// It is one table, table.yaml, and a pure function that looks at nothing but what
// it is given. docs/verdict.md explains the table to those who read a report.
package verdict

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut"
)

// Decide judges a subject. Findings may come in any order; stages are all
// those that should have run. Of img it reads the name and the labels: what an
// image declares makes it no better than unwanted.
func Decide(img detonaut.Image, findings []detonaut.Finding, coverage detonaut.Coverage, stages []detonaut.Stage) detonaut.Verdict {
	t := judgement()
	gaps := t.missed(findings, coverage, stages)
	findings = slices.DeleteFunc(slices.Clone(findings), func(f detonaut.Finding) bool { return f.Weakness })
	seen := make([]sighting, len(findings))
	for i, f := range findings {
		seen[i] = sighting{Finding: f, declared: t.declared(img, &f)}
	}
	row := slices.IndexFunc(t.Rows, func(r row) bool { return r.fits(seen, len(gaps) > 0) })
	v := detonaut.Verdict{Word: t.Rows[row].Word, Vulnerability: detonaut.UnknownSeverity}
	seen = t.weigh(seen)
	var decided []sighting
	for i := range seen {
		v.Reasons = append(v.Reasons, detonaut.Reason{Text: seen[i].Title, Finding: seen[i].ID})
		if seen[i].row == row {
			decided = append(decided, seen[i])
		}
	}
	v.Reasons = append(v.Reasons, gaps...)
	if len(v.Reasons) == 0 {
		v.Reasons = []detonaut.Reason{{Text: "nothing bad was seen, and nothing was missed"}}
	}
	if len(decided) > 0 {
		first := decided[0]
		v.Category, v.Family = first.Category, familyOf(decided)
		v.Declared = v.Word == detonaut.Unwanted && first.declared != undeclared
	}
	v.Sentence = t.sentence(&v, seen, gaps)
	return v
}

// sighting is a finding, and what it weighs.
type sighting struct {
	detonaut.Finding
	declared declaration
	// row is the first row that fits the subject because of it, and requirement
	// the one of that row which it fits.
	row, requirement int
}

// deed is what happened there: the event at which the finding was made first, or the
// content that it was made in.
func (s *sighting) deed() string {
	if len(s.Evidence) == 0 {
		return "finding " + s.ID
	}
	switch e := s.Evidence[0]; {
	case len(e.Events) > 0:
		return fmt.Sprintf("event %d", e.Events[len(e.Events)-1])
	default:
		return fmt.Sprintf("file %s %s", e.SHA256, e.Path)
	}
}

// held tells whether it was made in a file alone, which was not seen running.
func (s *sighting) held() bool {
	return len(s.Evidence) > 0 && !slices.ContainsFunc(s.Evidence, func(e detonaut.Evidence) bool {
		return len(e.Events) > 0 && e.Use != detonaut.Dropped || e.Use == detonaut.Ran
	})
}

// asDeed is the use of what is no claim about a file.
const asDeed detonaut.Use = "deed"

// use is the worst use of the files that it is about; asDeed if there are none.
func (s *sighting) use() (worst detonaut.Use) {
	rank := -1
	for _, e := range s.Evidence {
		if e.SHA256 == "" || len(e.Events) > 0 && e.Use == "" {
			return asDeed
		}
		if r := slices.Index(detonaut.Uses(), e.Use); r > rank {
			worst, rank = e.Use, r
		}
	}
	if len(s.Evidence) == 0 {
		return asDeed
	}
	return worst
}

// weigh returns those for which some row fits, those of the upper rows first, then
// the worst.
func (t *table) weigh(seen []sighting) (heavy []sighting) {
	var fitting []int
	for i := range t.Rows {
		if len(t.Rows[i].Has) > 0 && t.Rows[i].fits(seen, false) {
			fitting = append(fitting, i)
		}
	}
	for _, s := range seen {
		for _, i := range fitting {
			if q := t.Rows[i].requires(&s); q >= 0 {
				s.row, s.requirement = i, q
				heavy = append(heavy, s)
				break
			}
		}
	}
	slices.SortStableFunc(heavy, func(a, b sighting) int {
		return cmp.Or(
			cmp.Compare(a.row, b.row),
			cmp.Compare(a.requirement, b.requirement),
			cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
			cmp.Compare(b.Confidence.Rank(), a.Confidence.Rank()),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return heavy
}

// familyOf is the family of the first, or else of the first other one of its
// category that has one: of several rules that see one miner, one may know it.
func familyOf(decided []sighting) string {
	for i := range decided {
		if f := decided[i].Family; f != "" && decided[i].Category == decided[0].Category {
			return f
		}
	}
	return ""
}

// missed are the reasons why the subject cannot be called clean, none if all
// there is was seen. It trusts no single field: a report that contradicts
// itself has a gap.
func (t *table) missed(findings []detonaut.Finding, c detonaut.Coverage, stages []detonaut.Stage) []detonaut.Reason {
	var reasons []detonaut.Reason
	miss := func(format string, args ...any) {
		reasons = append(reasons, detonaut.Reason{Text: fmt.Sprintf(format, args...)})
	}
	for _, s := range stages {
		if s.State != detonaut.Complete && !slices.Contains(t.Aside, s.Name) {
			miss("%s %s%s", s.Name, became(s.State), because(s.Reason))
		}
	}
	ran := func(name string) bool {
		return slices.ContainsFunc(stages, func(s detonaut.Stage) bool { return s.Name == name })
	}
	switch {
	case !ran(detonaut.StageDetonate):
		miss("it was not run")
	case !ran(detonaut.StageExplain):
		miss("%s did not run", detonaut.StageExplain)
	}
	for _, g := range c.Gaps {
		miss("%s", cmp.Or(g, "something was missed"))
	}
	switch {
	case c.Dropped > 0 && len(c.Gaps) == 0:
		miss("%d events were lost", c.Dropped)
	case !c.Full && len(c.Gaps) == 0 && ran(detonaut.StageDetonate):
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
