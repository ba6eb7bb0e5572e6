package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior/story"
)

// Explanation is the way from a verdict to the events that it rests on. Its JSON is
// what explain says with -o json.
type Explanation struct {
	Ref     detonaut.Ref     `json:"ref"`
	Digest  detonaut.Digest  `json:"digest"`
	Verdict detonaut.Verdict `json:"verdict"`
	// Stories are those that the findings are part of.
	Stories []detonaut.Story `json:"stories,omitempty"`
	// Findings are those that count, the weightiest first, then the others.
	Findings []ExplainedFinding `json:"findings"`
	// Missed are the reasons that rest on what was not seen.
	Missed []string `json:"missed,omitempty"`
	// Taped is set when the events were looked up on the tape.
	Taped bool `json:"taped"`
}

// ExplainedFinding is a finding, and the events that it rests on.
type ExplainedFinding struct {
	detonaut.Finding
	// Counts is set when it is a reason of the verdict.
	Counts bool `json:"counts"`
	// Events are those of the evidence, in the order of the tape.
	Events []story.Testimony `json:"events,omitempty"`
}

// Explain begins the explanation of a report, or of the one finding of it that id
// names. A finding that is not in it is [detonaut.ErrNotFound].
func Explain(r *detonaut.Report, id string) (*Explanation, error) {
	x := &Explanation{Ref: r.Image.Ref, Digest: r.Image.Digest, Verdict: r.Verdict}
	rank := map[string]int{}
	for i, reason := range r.Verdict.Reasons {
		if reason.Finding == "" {
			x.Missed = append(x.Missed, reason.Text)
		} else if _, ok := rank[reason.Finding]; !ok {
			rank[reason.Finding] = i
		}
	}
	if r.Verdict.Word == detonaut.Clean {
		x.Missed = nil // the only reason is that there is none
	}
	var ids []string
	for _, f := range r.Findings {
		ids = append(ids, f.ID)
		_, counts := rank[f.ID]
		if id == "" || id == f.ID {
			x.Findings = append(x.Findings, ExplainedFinding{Finding: f, Counts: counts})
		}
	}
	if id != "" && len(x.Findings) == 0 {
		if len(ids) == 0 {
			return nil, fmt.Errorf("%w: finding %s: the report has none", detonaut.ErrNotFound, id)
		}
		return nil, fmt.Errorf("%w: finding %s: the report has %s", detonaut.ErrNotFound, id, strings.Join(ids, ", "))
	}
	slices.SortStableFunc(x.Findings, func(a, b ExplainedFinding) int {
		if a.Counts && b.Counts {
			return rank[a.ID] - rank[b.ID]
		}
		return weigh(b.Counts) - weigh(a.Counts)
	})
	for _, s := range r.Stories {
		if id == "" || slices.Contains(s.Findings, id) {
			x.Stories = append(x.Stories, s)
		}
	}
	if id != "" {
		x.Missed = nil
	}
	return x, nil
}

func weigh(counts bool) int {
	if counts {
		return 1
	}
	return 0
}

// Wanted are the numbers of the events that the findings rest on.
func (x *Explanation) Wanted() (seqs []uint64) {
	for i := range x.Findings {
		seqs = append(seqs, x.Findings[i].seqs()...)
	}
	slices.Sort(seqs)
	return slices.Compact(seqs)
}

func (f *ExplainedFinding) seqs() (seqs []uint64) {
	for _, e := range f.Evidence {
		seqs = append(seqs, e.Events...)
	}
	slices.Sort(seqs)
	return slices.Compact(seqs)
}

// Hear adds what a witness saw of the events. One that is not on the tape is
// [detonaut.ErrCorrupt]: the tape and the report do not belong together.
func (x *Explanation) Hear(w *story.Witness) error {
	x.Taped = true
	for i := range x.Findings {
		f := &x.Findings[i]
		for _, seq := range f.seqs() {
			t, ok := w.Seen(seq)
			if !ok {
				return fmt.Errorf("%w: the tape has no event %d, on which %s rests", detonaut.ErrCorrupt, seq, f.ID)
			}
			f.Events = append(f.Events, t)
		}
	}
	return nil
}

// Text writes the explanation in words.
func (x *Explanation) Text(w io.Writer, color bool) {
	p := &page{color: color}
	p.printf("%s\n%s\n\n", p.paint("1", cut(Escape(string(x.Ref)), maxText)), Escape(string(x.Digest)))
	p.banner(&x.Verdict)
	p.stories(x.Stories)
	counted := slices.IndexFunc(x.Findings, func(f ExplainedFinding) bool { return !f.Counts })
	if counted < 0 {
		counted = len(x.Findings)
	}
	for i, part := range [][]ExplainedFinding{x.Findings[:counted], x.Findings[counted:]} {
		if len(part) > 0 {
			p.section([]string{"Why", "Seen besides, and not counted"}[i])
		}
		for j := range part {
			p.explained(&part[j], x.Taped)
		}
	}
	if len(x.Missed) > 0 {
		p.section("What was missed")
		for _, text := range x.Missed {
			p.printf("  - %s\n", cut(Escape(text), 2*maxText))
		}
	}
	_, _ = w.Write(p.buf.Bytes()) // to a buffer of the caller
}

// explained shows a finding and the way to its events.
func (p *page) explained(f *ExplainedFinding, taped bool) {
	p.printf("  %s  %s (%s)\n", p.severity(f.Severity), cut(Escape(f.Title), 2*maxText), Escape(f.ID))
	tags := []string{string(f.Confidence)}
	if f.Category != "" {
		tags = append(tags, "category "+string(f.Category))
	}
	if f.Family != "" {
		tags = append(tags, "family "+f.Family)
	}
	if len(f.Techniques) > 0 {
		tags = append(tags, "ATT&CK "+strings.Join(f.Techniques, ", "))
	}
	times := "seen once"
	if f.Count > 1 {
		times = fmt.Sprintf("seen %d times", f.Count)
	}
	p.printf("            %s\n", Escape(strings.Join(append(tags, times), " · ")))
	if f.Meaning != "" {
		p.printf("            %s\n", Escape(f.Meaning))
	}
	for i := range f.Evidence {
		e := f.Evidence[i]
		if taped {
			e.Events = nil // they are told below
		}
		if text := evidence(e); text != "" {
			p.printf("            > %s\n", cut(text, 3*maxText))
		}
	}
	for _, line := range testimonies(f.Events) {
		p.printf("              %s\n", line)
	}
}

// testimonies says what events show, a line for each, or for those that show the same.
func testimonies(events []story.Testimony) (lines []string) {
	said := map[string]int{}
	var shown [][]uint64
	for i := range events {
		t := &events[i]
		what := testimony(t)
		at, ok := said[what]
		if !ok {
			at = len(lines)
			said[what] = at
			lines, shown = append(lines, fmt.Sprintf(" at %s: %s", seconds(t.Time), what)), append(shown, nil)
		}
		shown[at] = append(shown[at], t.Event)
	}
	for i := range lines {
		first := ""
		if len(shown[i]) > 1 {
			first = ", first"
		}
		lines[i] = eventNumbers(shown[i]) + first + lines[i]
	}
	return lines
}

// testimony says what an event shows, and who did it, escaped.
func testimony(t *story.Testimony) string {
	who := "somebody"
	if t.PID != 0 {
		who = fmt.Sprintf("pid %d", t.PID)
	}
	if t.Process != "" {
		who += " " + Escape(t.Process)
	}
	for i, parent := range t.Parents {
		sep := ", a child of "
		if i > 0 {
			sep = ", of "
		}
		who += sep + Escape(parent)
	}
	if len(t.Parents) > 0 {
		who += ","
	}
	return who + " " + Escape(t.Text)
}
