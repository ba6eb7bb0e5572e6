package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/detonaut/detonaut"
)

// holes shows the line of severities beside the verdict.
func (p *page) holes(r *detonaut.Report) {
	line, why := vulnerabilityLine(r)
	if by, _ := tallies(r.Vulnerabilities); len(by) > 0 {
		sgr := map[detonaut.Severity]string{detonaut.Critical: "1;31", detonaut.High: "31", detonaut.Medium: "33"}[by[0].severity]
		if sgr != "" {
			line = p.paint(sgr, line)
		}
	}
	p.printf("\nvulnerabilities: %s\n", line)
	switch {
	case why == "":
	case looked(r):
		p.printf("  not all were looked for: %s\n", cut(Escape(why), maxSentence))
	default:
		p.printf("  %s\n", cut(Escape(why), maxSentence))
	}
}

// vulnerabilities shows the most pressing ones.
func (p *page) vulnerabilities(r *detonaut.Report) {
	if len(r.Vulnerabilities) == 0 {
		return
	}
	p.section("Vulnerabilities")
	for i := range r.Vulnerabilities {
		if i == maxRows {
			rest, _ := tallies(r.Vulnerabilities[i:])
			var parts []string
			for _, s := range rest {
				parts = append(parts, fmt.Sprintf("%d %s", s.all, s.severity))
			}
			p.printf("  and %d more: %s\n", len(r.Vulnerabilities)-i, strings.Join(parts, ", "))
			break
		}
		v := &r.Vulnerabilities[i]
		p.printf("  %s  %s\n", p.severity(v.Severity), cut(hole(v), maxText))
	}
	if n := len(r.Suppressed); n > 0 {
		p.printf("  and %d suppressed\n", n)
	}
}

// hole shows one vulnerability, escaped: what makes it pressing before what may be
// long.
func hole(v *detonaut.Vulnerability) string {
	s := Escape(v.ID) + " in " + cut(Escape(v.Package), maxText/2) + " " + cut(Escape(v.Version), maxText/4)
	switch {
	case len(v.Fixed) > 0:
		s += ", fixed in " + cut(strings.Join(escapeAll(v.Fixed), ", "), maxText/4)
	default:
		fix := map[string]string{"not-fixed": "not fixed", "wont-fix": "will not be fixed", "unknown": "no fix known"}[v.Fix]
		s += ", " + cmp.Or(fix, Escape(v.Fix), "no fix known")
	}
	for _, note := range pressing(v) {
		s += ", " + note
	}
	if v.EPSS >= 0.01 {
		s += fmt.Sprintf(", EPSS %.0f %%", 100*v.EPSS)
	}
	if v.Path != "" {
		s += ": " + Escape(v.Path)
	}
	return s
}

// weaknesses shows what others could use against whoever runs the image, apart from
// what the image does.
func (p *page) weaknesses(all []detonaut.Finding, suppressed int) {
	if len(all)+suppressed == 0 {
		return
	}
	p.section("What others could use (its configuration, secrets in it)")
	for i := range all {
		if i == maxRows {
			p.printf("  and %d more\n", len(all)-i)
			break
		}
		p.finding(all[i])
	}
	if suppressed > 0 {
		p.printf("  and %d suppressed\n", suppressed)
	}
}

// packages counts what it is made of.
func (p *page) packages(inv *detonaut.Inventory) {
	if inv == nil {
		return
	}
	p.section("Packages")
	if d := inv.Distribution; d != nil {
		p.printf("  %s\n", cut(Escape(cmp.Or(d.Name, strings.TrimSpace(d.ID+" "+d.VersionID))), maxText))
	}
	types, hidden := packageTypes(inv)
	var parts []string
	for _, t := range types {
		parts = append(parts, fmt.Sprintf("%d %s", t.n, Escape(t.name)))
	}
	if len(parts) == 0 {
		parts = []string{"none"}
	}
	p.printf("  %s", cut(strings.Join(parts, ", "), 2*maxText))
	if hidden > 0 {
		p.printf("; %d more in lower layers only", hidden)
	}
	p.printf("\n")
}

// stages shows those that are not complete and of which the verdict says nothing.
func (p *page) stages(r *detonaut.Report) {
	for _, s := range incomplete(r) {
		told := false
		for _, reason := range r.Verdict.Reasons {
			told = told || strings.HasPrefix(reason.Text, s.Name+" ")
		}
		if told {
			continue
		}
		line := s.Name + " " + became(s.State)
		if s.Reason != "" {
			line += ": " + s.Reason
		}
		p.printf("  - %s\n", cut(Escape(line), 2*maxText))
	}
}
