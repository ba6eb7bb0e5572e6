package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// findingLists are the findings by what they are about.
type findingLists struct {
	// Deeds are what the image does or is, the reasons of the verdict first; Top are those that
	// are shown open.
	Deeds list[*findingRow]
	Top   int
	// Secrets and Config are weaknesses, Other those that are neither.
	Secrets, Config, Other, Suppressed list[*findingRow]
	// Worst counts deeds by severity, the worst first.
	Worst []severityCount
}

type severityCount struct {
	Severity detonaut.Severity
	Count    int
}

// findingRow is one finding as it is shown.
type findingRow struct {
	*detonaut.Finding
	ID      string // of the element
	Rule    string // its id
	Href    string // of the rule
	Reason  bool   // the verdict rests on it
	Proof   []evidenceRow
	More    []evidenceRow
	Unshown int // evidence that is not in the page
}

// evidenceRow is a place where a claim can be checked.
type evidenceRow struct {
	*detonaut.Evidence
	Events  []uint64
	Unshown int
}

// Bounds of what is shown of findings.
const (
	maxTop         = 8
	maxDeeds       = 60
	maxProof       = 2
	maxMoreProof   = 10
	maxProofEvents = 8
)

func (m *model) findingLists() findingLists {
	reasons := map[string]int{}
	for i, reason := range m.Report.Verdict.Reasons {
		if _, ok := reasons[reason.Finding]; !ok && reason.Finding != "" {
			reasons[reason.Finding] = i
		}
	}
	var deeds, secrets, config, other, suppressed []*detonaut.Finding
	count := map[detonaut.Severity]int{}
	for i := range m.Report.Findings {
		f := &m.Report.Findings[i]
		switch {
		case f.Suppressed != nil:
			suppressed = append(suppressed, f)
		case strings.HasPrefix(f.ID, "secret/"):
			secrets = append(secrets, f)
		case strings.HasPrefix(f.ID, "config/"):
			config = append(config, f)
		case f.Weakness:
			other = append(other, f)
		default:
			deeds = append(deeds, f)
			count[detonaut.Severity(severityClass(f.Severity))]++
		}
	}
	rank := func(f *detonaut.Finding) int {
		if i, ok := reasons[f.ID]; ok {
			return i
		}
		return len(reasons)
	}
	slices.SortStableFunc(deeds, func(a, b *detonaut.Finding) int { return cmp.Compare(rank(a), rank(b)) })
	row := func(f **detonaut.Finding) *findingRow {
		r := m.findingRow(*f)
		_, r.Reason = reasons[r.Rule]
		return r
	}
	l := findingLists{
		Deeds:   cutList(m, deeds, maxDeeds, "findings", row),
		Secrets: cutList(m, secrets, 30, "secrets", row), Config: cutList(m, config, 30, "configuration", row),
		Other: cutList(m, other, 30, "findings", row), Suppressed: cutList(m, suppressed, 20, "findings", row),
	}
	l.Top = min(maxTop, len(l.Deeds.Rows))
	for _, s := range detonaut.Severities() {
		if count[s] > 0 {
			l.Worst = append(l.Worst, severityCount{s, count[s]})
		}
	}
	return l
}

// First and Rest are the deeds that are shown open, and those that are not.
func (l *findingLists) First() []*findingRow { return l.Deeds.Rows[:l.Top] }

// Rest are those behind.
func (l *findingLists) Rest() []*findingRow { return l.Deeds.Rows[l.Top:] }

func (m *model) findingRow(f *detonaut.Finding) *findingRow {
	r := &findingRow{Finding: f, Rule: f.ID, ID: m.take("finding-" + f.ID), Href: m.RuleHref(f.ID)}
	for i := range f.Evidence {
		e := &f.Evidence[i]
		row := evidenceRow{Evidence: e, Events: e.Events[:min(len(e.Events), maxProofEvents)]}
		row.Unshown = len(e.Events) - len(row.Events)
		switch {
		case i < maxProof:
			r.Proof = append(r.Proof, row)
		case i < maxProof+maxMoreProof:
			r.More = append(r.More, row)
		default:
			r.Unshown++
		}
		if e.SHA256 != "" && !slices.Contains(m.found[e.SHA256], r) {
			m.found[e.SHA256] = append(m.found[e.SHA256], r)
		}
	}
	if m.findings[f.ID] == nil {
		m.findings[f.ID] = r
	}
	return r
}

// Finding is the row of a finding, for links to it; nil if the page does not show it.
func (m *model) Finding(id string) *findingRow { return m.findings[id] }

// Techniques are the ids that are some.
func (r *findingRow) Techniques() (ids []string) {
	for _, id := range r.Finding.Techniques {
		if isTechnique(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// attackRow is a technique that was seen.
type attackRow struct {
	Tactic, ID, Name string
	Href             string
	Severity         detonaut.Severity
	Findings         []string
	// First is set for the first row of a tactic, and then Span is how many it has.
	First bool
	Span  int
}

// attack sorts what was found by tactic and technique.
func (m *model) attack() []attackRow {
	rows := map[[2]string]*attackRow{}
	for i := range m.Report.Findings {
		f := &m.Report.Findings[i]
		if f.Suppressed != nil {
			continue
		}
		for _, id := range f.Techniques {
			if !isTechnique(id) {
				continue
			}
			t := techniqueOf(id)
			key := [2]string{tacticOf(f.ID, t), id}
			row := rows[key]
			if row == nil {
				row = &attackRow{Tactic: key[0], ID: id, Name: t.name, Href: cmp.Or(m.Pivot(store.Technique, id), techniqueURL(id)), Severity: f.Severity}
				rows[key] = row
			}
			if f.Severity.Rank() > row.Severity.Rank() {
				row.Severity = f.Severity
			}
			if !slices.Contains(row.Findings, f.ID) {
				row.Findings = append(row.Findings, f.ID)
			}
		}
	}
	var all []attackRow
	for _, row := range rows {
		all = append(all, *row)
	}
	slices.SortFunc(all, func(a, b attackRow) int {
		return cmp.Or(cmp.Compare(tacticRank(a.Tactic), tacticRank(b.Tactic)), -cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.ID, b.ID))
	})
	return spanTactics(all)
}

func spanTactics(all []attackRow) []attackRow {
	first := 0
	for i := range all {
		if i == 0 || all[i].Tactic != all[first].Tactic {
			first = i
			all[i].First = true
		}
		all[first].Span++
	}
	return all
}
