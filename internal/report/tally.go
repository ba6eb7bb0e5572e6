package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// stage returns the stage of that name; false if there was none.
func stage(r *detonaut.Report, name string) (detonaut.Stage, bool) {
	i := slices.IndexFunc(r.Stages, func(s detonaut.Stage) bool { return s.Name == name })
	if i < 0 {
		return detonaut.Stage{}, false
	}
	return r.Stages[i], true
}

// looked tells whether vulnerabilities were looked for.
func looked(r *detonaut.Report) bool {
	return r.Database != nil || len(r.Vulnerabilities)+len(r.Suppressed) > 0
}

// unlooked says why vulnerabilities were not, or not all, looked for: the reason of a
// stage, which names the remedy; empty if there is none.
func unlooked(r *detonaut.Report) string {
	for _, name := range []string{detonaut.StageVulnerabilities, detonaut.StageInventory} {
		if s, ok := stage(r, name); ok && s.State != detonaut.Complete {
			return cmp.Or(s.Reason, name+" "+became(s.State))
		}
	}
	return ""
}

// became says in a sentence what came of a stage, escaped.
func became(s detonaut.State) string {
	switch s {
	case detonaut.Failed:
		return "failed"
	case detonaut.Skipped:
		return "was skipped"
	default:
		return "is " + Escape(string(s))
	}
}

// incomplete are the stages that did not do all that they should have.
func incomplete(r *detonaut.Report) (list []detonaut.Stage) {
	for _, s := range r.Stages {
		if s.State != detonaut.Complete {
			list = append(list, s)
		}
	}
	return list
}

// tally counts vulnerabilities.
type tally struct{ all, exploited, reached, fixable int }

func (t *tally) add(v *detonaut.Vulnerability) {
	t.all++
	for _, c := range []struct {
		set   bool
		count *int
	}{{v.Exploited, &t.exploited}, {v.Reached, &t.reached}, {v.Fix == "fixed", &t.fixable}} {
		if c.set {
			*c.count++
		}
	}
}

// notes are what makes some of them pressing.
func (t *tally) notes() (notes []string) {
	if t.exploited > 0 {
		notes = append(notes, fmt.Sprintf("%d known exploited", t.exploited))
	}
	if t.reached > 0 {
		notes = append(notes, fmt.Sprintf("%d reached at run time", t.reached))
	}
	return notes
}

// tallies counts the vulnerabilities of each severity, the worst first, and all.
func tallies(list []detonaut.Vulnerability) (by []severityTally, all tally) {
	count := map[detonaut.Severity]*tally{}
	for i := range list {
		v := &list[i]
		s := v.Severity
		if !slices.Contains(detonaut.Severities(), s) {
			s = detonaut.UnknownSeverity
		}
		if count[s] == nil {
			count[s] = &tally{}
		}
		count[s].add(v)
		all.add(v)
	}
	for _, s := range detonaut.Severities() {
		if t := count[s]; t != nil {
			by = append(by, severityTally{s, *t})
		}
	}
	return by, all
}

type severityTally struct {
	severity detonaut.Severity
	tally
}

// vulnerabilityLine sums up the vulnerabilities of an image. Nothing in it is the
// subject's; why says what was not looked for, and has to be escaped.
func vulnerabilityLine(r *detonaut.Report) (line, why string) {
	why = unlooked(r)
	if !looked(r) {
		return "not looked for", why
	}
	var parts []string
	by, all := tallies(r.Vulnerabilities)
	for _, s := range by {
		part := fmt.Sprintf("%d %s", s.all, s.severity)
		if notes := s.notes(); len(notes) > 0 {
			part += " (" + strings.Join(notes, ", ") + ")"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		parts = []string{"none known"}
	}
	line = strings.Join(parts, ", ")
	if all.fixable > 0 {
		line += fmt.Sprintf("; %d can be fixed", all.fixable)
	}
	if n := len(r.Suppressed); n > 0 {
		line += fmt.Sprintf("; %d suppressed", n)
	}
	if s := databaseAge(r); s != "" {
		line += "; " + s
	}
	return line, why
}

// databaseAge says from when the database is, by the clock of the report.
func databaseAge(r *detonaut.Report) string {
	if r.Database == nil || r.Database.Built.IsZero() {
		return ""
	}
	s := "database of " + r.Database.Built.UTC().Format(time.DateOnly)
	if days := int(r.Started.Sub(r.Database.Built) / (24 * time.Hour)); days > 0 {
		s += fmt.Sprintf(" (%s old)", plural(days, "day"))
	}
	return s
}

// vulnerabilityWorst is a word or two on the vulnerabilities of one of many images.
func vulnerabilityWorst(r *detonaut.Report) string {
	if !looked(r) {
		return "not known"
	}
	by, _ := tallies(r.Vulnerabilities)
	if len(by) == 0 {
		return "none known"
	}
	var parts []string
	for _, s := range by[:min(len(by), 2)] {
		parts = append(parts, fmt.Sprintf("%d %s", s.all, s.severity))
	}
	return strings.Join(parts, ", ")
}

// packageTypes counts packages by type, the most first. Those of lower layers only
// do not count.
func packageTypes(inv *detonaut.Inventory) (types []typeCount, hidden int) {
	count := map[string]int{}
	for i := range inv.Packages {
		if inv.Packages[i].Hidden {
			hidden++
			continue
		}
		count[inv.Packages[i].Type]++
	}
	for t, n := range count {
		types = append(types, typeCount{t, n})
	}
	slices.SortFunc(types, func(a, b typeCount) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	return types, hidden
}

type typeCount struct {
	name string
	n    int
}

// apart parts findings: what the image does or is, and what others could use against
// whoever runs it, which is counted only where somebody decided that it does not matter.
func apart(findings []detonaut.Finding) (deeds, weaknesses []detonaut.Finding, suppressed int) {
	for _, f := range findings {
		switch {
		case f.Suppressed != nil:
			suppressed++
		case f.Weakness:
			weaknesses = append(weaknesses, f)
		default:
			deeds = append(deeds, f)
		}
	}
	return deeds, weaknesses, suppressed
}
