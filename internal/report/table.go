package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
)

// Bounds of what a table shows; the JSON has all of it.
const (
	maxRows     = 20
	maxTreeRows = 40
	maxEvidence = 3
	maxText     = 160
	maxSentence = 600
	maxWhy      = 110
	maxStories  = 5
)

// tableWriter writes a page about one image, or a line about each of many and
// the table of their verdicts at the end.
type tableWriter struct {
	w    io.Writer
	opts Options
	rows []row
}

// row is what the final table keeps of a report. Its strings are escaped.
type row struct {
	word     detonaut.Word
	ref      string
	digest   string
	findings int
	// holes is empty if vulnerabilities are none of the command's business.
	holes string
	why   string
}

func (w *tableWriter) Write(r *detonaut.Report) error {
	p := &page{color: w.opts.Color}
	if !w.opts.Many {
		p.report(r)
		return write(w.w, p.buf.Bytes())
	}
	deeds, _, _ := apart(r.Findings)
	row := row{
		word: r.Verdict.Word, ref: Escape(string(r.Image.Ref)), digest: short(r.Image.Digest),
		findings: len(deeds), why: why(r),
	}
	if _, ok := stage(r, detonaut.StageVulnerabilities); ok || looked(r) {
		row.holes = vulnerabilityWorst(r)
	}
	w.rows = append(w.rows, row)
	p.printf("%s  %s  %s\n", p.word(row.word, wordWidth), row.ref, cut(row.why, maxText))
	return write(w.w, p.buf.Bytes())
}

// Close writes the table of verdicts, the worst first.
func (w *tableWriter) Close() error {
	if !w.opts.Many || len(w.rows) == 0 {
		return nil
	}
	slices.SortStableFunc(w.rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.word.Rank(), a.word.Rank()), cmp.Compare(a.ref, b.ref))
	})
	width, holes := len("IMAGE"), 0
	count := map[detonaut.Word]int{}
	for _, r := range w.rows {
		width = max(width, min(utf8.RuneCountInString(r.ref), 60))
		if r.holes != "" {
			holes = max(holes, len(holesHead), len(r.holes))
		}
		count[r.word]++
	}
	// The column of vulnerabilities is there if they were to be looked for in any.
	column := func(s string) string {
		if holes == 0 {
			return ""
		}
		return fmt.Sprintf("%-*s  ", holes, s)
	}
	p := &page{color: w.opts.Color}
	p.printf("\n%-*s  %-*s  %-12s  %8s  %s%s\n", wordWidth, "VERDICT", width, "IMAGE", "DIGEST", "FINDINGS", column(holesHead), "WHY")
	for _, r := range w.rows {
		p.printf("%s  %-*s  %-12s  %8d  %s%s\n",
			p.word(r.word, wordWidth), width, cut(r.ref, width), r.digest, r.findings, column(r.holes), cut(r.why, maxWhy))
	}
	var sums []string
	for _, word := range detonaut.Words() {
		if n := count[word]; n > 0 {
			sums = append(sums, fmt.Sprintf("%d %s", n, word))
		}
	}
	p.printf("\n%s: %s\n", plural(len(w.rows), "image"), strings.Join(sums, ", "))
	return write(w.w, p.buf.Bytes())
}

// why is the sentence of a verdict, or its weightiest reason, escaped; and that a run
// was live.
func why(r *detonaut.Report) string {
	s := Escape(r.Verdict.Sentence)
	if s == "" && len(r.Verdict.Reasons) > 0 {
		s = Escape(r.Verdict.Reasons[0].Text)
	}
	if r.Run != nil && r.Run.Network == "live" {
		s = "live run: " + s
	}
	return s
}

const (
	wordWidth = len(detonaut.Inconclusive)
	holesHead = "VULNERABILITIES"
)

// page collects the text about one image.
type page struct {
	buf   bytes.Buffer
	color bool
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(&p.buf, format, args...) }

// section prints a blank line and a heading.
func (p *page) section(name string) { p.printf("\n%s\n", p.paint("1", name)) }

// paint wraps s, which is ours or escaped, in an SGR sequence.
func (p *page) paint(sgr, s string) string {
	if !p.color {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

// word shows the word of a verdict, padded to width.
func (p *page) word(w detonaut.Word, width int) string {
	sgr := map[detonaut.Word]string{
		detonaut.Malicious: "1;31", detonaut.Unwanted: "31", detonaut.Suspicious: "33",
		detonaut.Inconclusive: "36", detonaut.Clean: "32",
	}[w]
	return p.paint(sgr, fmt.Sprintf("%-*s", width, Escape(string(w))))
}

// severity shows a severity, in a column of its own.
func (p *page) severity(s detonaut.Severity) string {
	sgr := map[detonaut.Severity]string{detonaut.Critical: "1;31", detonaut.High: "31", detonaut.Medium: "33"}[s]
	return p.paint(sgr, fmt.Sprintf("%-8s", Escape(string(s))))
}

func (p *page) report(r *detonaut.Report) {
	img := r.Image
	p.printf("%s\n", p.paint("1", cut(Escape(string(img.Ref)), maxText)))
	facts := []string{string(img.Digest)}
	if img.Platform != "" {
		facts = append(facts, img.Platform)
	}
	if n := len(img.Layers); n > 0 {
		facts = append(facts, plural(n, "layer"), bytesText(img.Size), plural(img.Files, "file"))
	}
	p.printf("%s\n\n", Escape(strings.Join(facts, "  ")))

	p.banner(&r.Verdict)
	for _, reason := range r.Verdict.Reasons {
		if strings.EqualFold(reason.Text+".", r.Verdict.Sentence) {
			continue // it was just said
		}
		p.printf("  - %s", Escape(reason.Text))
		if reason.Finding != "" {
			p.printf(" (%s)", Escape(reason.Finding))
		}
		p.printf("\n")
	}
	p.holes(r)
	p.stories(r.Stories)
	deeds, weaknesses, suppressed := apart(r.Findings)
	if len(deeds) > 0 {
		p.section("Findings")
		for _, f := range deeds {
			p.finding(f)
		}
	}
	if r.Run != nil {
		p.run(r.Run)
	}
	p.vulnerabilities(r)
	p.weaknesses(weaknesses, suppressed)
	p.packages(r.Inventory)
	p.coverage(r)
}

// banner shows the word of a verdict, the sentence, and of what kind the threat is.
func (p *page) banner(v *detonaut.Verdict) {
	p.printf("verdict: %s\n", p.word(v.Word, 0))
	if v.Sentence != "" {
		p.printf("  %s\n", p.paint("1", cut(Escape(v.Sentence), maxSentence)))
	}
	if kind := kind(v); kind != "" {
		p.printf("  %s\n", kind)
	}
}

// kind says of what kind the threat of a verdict is, escaped.
func kind(v *detonaut.Verdict) string {
	var facts []string
	if v.Category != "" {
		facts = append(facts, "category "+cut(Escape(string(v.Category)), maxText))
	}
	if v.Family != "" {
		facts = append(facts, "family "+cut(Escape(v.Family), maxText))
	}
	if v.Declared {
		facts = append(facts, "declared by the image")
	}
	return strings.Join(facts, ", ")
}

func (p *page) finding(f detonaut.Finding) {
	p.printf("  %s  %s", p.severity(f.Severity), Escape(f.Title))
	if f.Count > 1 {
		p.printf(" (%d times)", f.Count)
	}
	p.printf("\n")
	tags := []string{f.ID, string(f.Confidence)}
	if f.Category != "" {
		tags = append(tags, string(f.Category))
	}
	if f.Family != "" {
		tags = append(tags, f.Family)
	}
	p.printf("            %s\n", Escape(strings.Join(append(tags, f.Techniques...), " · ")))
	if f.Meaning != "" {
		p.printf("            %s\n", Escape(f.Meaning))
	}
	for i, e := range f.Evidence {
		if i == maxEvidence {
			p.printf("            and %d more\n", len(f.Evidence)-i)
			break
		}
		p.printf("            > %s\n", cut(evidence(e), maxText))
	}
}

// said says what the run had to do with a file.
func said(u detonaut.Use) string {
	switch u {
	case detonaut.Ran:
		return " (it ran)"
	case detonaut.Dropped:
		return " (dropped)"
	case detonaut.DroppedRan:
		return " (dropped, and ran)"
	default:
		return ""
	}
}

// evidence shows where a claim can be checked, escaped.
func evidence(e detonaut.Evidence) string {
	var parts []string
	if e.Summary != "" {
		parts = append(parts, Escape(e.Summary))
	}
	if e.Path != "" {
		at := Escape(e.Path)
		if e.Offset > 0 {
			at += fmt.Sprintf("+%d", e.Offset)
		}
		if e.Layer != "" {
			at += " in layer " + short(e.Layer)
		}
		parts = append(parts, at+said(e.Use))
	}
	if len(e.Events) > 0 {
		parts = append(parts, "["+eventNumbers(e.Events)+"]")
	}
	return strings.Join(parts, "  ")
}

// eventNumbers names the first of some events.
func eventNumbers(seqs []uint64) string {
	shown := make([]string, 0, maxEvidence)
	for _, seq := range seqs[:min(len(seqs), maxEvidence)] {
		shown = append(shown, fmt.Sprint(seq))
	}
	at := "event "
	if len(seqs) > 1 {
		at = "events "
	}
	at += strings.Join(shown, ", ")
	if len(seqs) > maxEvidence {
		at += " ..."
	}
	return at
}

// short is the head of a digest, as people compare them.
func short(d detonaut.Digest) string {
	_, hex, ok := strings.Cut(string(d), ":")
	if !ok {
		hex = string(d)
	}
	return Escape(hex[:min(len(hex), 12)])
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bytesText shows n bytes in decimal units.
func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }
