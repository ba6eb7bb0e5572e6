package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// Bounds of a summary: a comment on GitHub has room for 65,536 characters.
const (
	maxSummaryFindings = 10
	maxSummaryHoles    = 20
	maxSummaryText     = 200
)

// markdownWriter writes a summary of one image, or a table with a row for each of many.
type markdownWriter struct {
	w    io.Writer
	many bool
	rows []summaryRow
}

type summaryRow struct {
	word  detonaut.Word
	ref   string
	cells []string
}

func (w *markdownWriter) Write(r *detonaut.Report) error {
	if !w.many {
		s := &summary{}
		s.report(r)
		return write(w.w, []byte(s.String()))
	}
	deeds, _, _ := apart(r.Findings)
	w.rows = append(w.rows, summaryRow{
		word: r.Verdict.Word, ref: string(r.Image.Ref),
		cells: []string{
			"**" + markdownText(string(r.Verdict.Word)) + "**", codeOf(string(r.Image.Ref)), fmt.Sprint(len(deeds)),
			vulnerabilityWorst(r), textOf(why(r)),
		},
	})
	return nil
}

// Close writes the table, the worst first.
func (w *markdownWriter) Close() error {
	if !w.many {
		return nil
	}
	slices.SortStableFunc(w.rows, func(a, b summaryRow) int {
		return cmp.Or(cmp.Compare(b.word.Rank(), a.word.Rank()), cmp.Compare(a.ref, b.ref))
	})
	s := &summary{}
	s.printf("## Detonaut: %s\n\n", plural(len(w.rows), "image"))
	if len(w.rows) > 0 {
		s.row("Verdict", "Image", "Findings", "Vulnerabilities", "Why")
		s.row("---", "---", "---:", "---", "---")
		for _, row := range w.rows {
			s.row(row.cells...)
		}
	}
	return write(w.w, []byte(s.String()))
}

// summary collects the Markdown about one image. Strings of the subject are never at
// the beginning of a line.
type summary struct{ strings.Builder }

func (s *summary) printf(format string, args ...any) { fmt.Fprintf(&s.Builder, format, args...) }

func (s *summary) row(cells ...string) {
	for _, c := range cells {
		s.printf("| %s ", markdownCell(c))
	}
	s.printf("|\n")
}

// textOf and codeOf are bounded.
func textOf(text string) string { return markdownText(cut(Escape(text), maxSummaryText)) }

func codeOf(text string) string { return markdownCode(cut(Escape(text), maxSummaryText)) }

func (s *summary) report(r *detonaut.Report) {
	v := &r.Verdict
	s.printf("## Detonaut: %s\n\n", codeOf(string(r.Image.Ref)))
	s.printf("**Verdict: %s.** %s\n\n", textOf(string(v.Word)), textOf(why(r)))
	line, unlooked := vulnerabilityLine(r)
	s.printf("**Vulnerabilities:** %s", line)
	switch {
	case unlooked == "":
	case looked(r):
		s.printf(". Not all were looked for: %s", textOf(unlooked))
	default:
		s.printf(": %s", textOf(unlooked))
	}
	s.printf("\n\n")
	facts := []string{codeOf(string(r.Image.Digest))}
	if r.Image.Platform != "" {
		facts = append(facts, textOf(r.Image.Platform))
	}
	if inv := r.Inventory; inv != nil {
		facts = append(facts, plural(len(inv.Packages), "package"))
	}
	if v.Category != "" {
		facts = append(facts, "category "+textOf(string(v.Category)))
	}
	if v.Family != "" {
		facts = append(facts, "family "+textOf(v.Family))
	}
	s.printf("%s\n", strings.Join(facts, ", "))
	deeds, weaknesses, suppressed := apart(r.Findings)
	s.findings("What it does", deeds)
	s.vulnerabilities(r.Vulnerabilities)
	s.findings("What others could use: configuration and secrets", weaknesses)
	if suppressed > 0 {
		s.printf("- and %d suppressed\n", suppressed)
	}
	s.missed(r)
}

func (s *summary) findings(heading string, all []detonaut.Finding) {
	if len(all) == 0 {
		return
	}
	s.printf("\n### %s\n\n", heading)
	for i := range all {
		f := &all[i]
		if i == maxSummaryFindings {
			s.printf("- and %d more\n", len(all)-i)
			break
		}
		s.printf("- **%s** %s", textOf(string(f.Severity)), textOf(f.Title))
		if f.Count > 1 {
			s.printf(" (%d times)", f.Count)
		}
		s.printf(" %s", codeOf(f.ID))
		if len(f.Evidence) > 0 {
			if proof := evidence(f.Evidence[0]); proof != "" {
				s.printf(": %s", codeOf(proof))
			}
		}
		s.printf("\n")
	}
}

func (s *summary) vulnerabilities(all []detonaut.Vulnerability) {
	if len(all) == 0 {
		return
	}
	s.printf("\n### Vulnerabilities, the most pressing first\n\n")
	s.row("Severity", "Vulnerability", "Package", "Fixed in", "")
	s.row("---", "---", "---", "---", "---")
	for i := range all[:min(len(all), maxSummaryHoles)] {
		v := &all[i]
		id := textOf(v.ID)
		if u := sourceOf(v.ID).URL; u != "" {
			id = "[" + v.ID + "](" + u + ")"
		}
		fixed := textOf(cmp.Or(v.Fix, "unknown"))
		if len(v.Fixed) > 0 {
			fixed = codeOf(strings.Join(v.Fixed, ", "))
		}
		s.row(textOf(string(v.Severity)), id, codeOf(strings.TrimSpace(v.Package+" "+v.Version)), fixed, strings.Join(pressing(v), ", "))
	}
	if more := len(all) - maxSummaryHoles; more > 0 {
		s.printf("\nand %d more\n", more)
	}
}

// missed says what was not seen.
func (s *summary) missed(r *detonaut.Report) {
	var lines []string
	for _, st := range incomplete(r) {
		lines = append(lines, "stage "+textOf(st.Name)+" "+textOf(became(st.State)))
		if st.Reason != "" {
			lines[len(lines)-1] += ": " + textOf(st.Reason)
		}
	}
	for _, gap := range r.Coverage.Gaps {
		lines = append(lines, textOf(gap))
	}
	if len(lines) == 0 {
		return
	}
	s.printf("\n### Not seen\n\n")
	for i, line := range lines {
		if i == maxSummaryFindings {
			s.printf("- and %d more\n", len(lines)-i)
			break
		}
		s.printf("- %s\n", line)
	}
}
