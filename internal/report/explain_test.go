package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/story"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/report"
)

// explained is a report with several findings, one of which does not count.
func explained() *detonaut.Report {
	r := miner()
	low := detonaut.Finding{ID: "a/low", Title: "Asks for its address", Severity: detonaut.Low, Confidence: detonaut.Tentative, Count: 1, Evidence: []detonaut.Evidence{{Events: []uint64{1}}}}
	worse := detonaut.Finding{ID: "a/worse", Title: "Hides", Severity: detonaut.Critical, Confidence: detonaut.Tentative, Count: 1, Evidence: []detonaut.Evidence{{Events: []uint64{2, 3}, Summary: "x: hides"}}}
	r.Findings = []detonaut.Finding{worse, r.Findings[0], low}
	r.Verdict.Reasons = append(r.Verdict.Reasons, detonaut.Reason{Text: "Hides", Finding: "a/worse"}, detonaut.Reason{Text: "3 events were lost"})
	return r
}

// testify gives a witness events 1 to 7.
func testify(x *report.Explanation) *story.Witness {
	w := story.NewWitness(x.Wanted())
	a := behavior.NewAnalysis(w)
	for i := range 7 {
		e := &tape.Event{Seq: uint64(i + 1), Time: int64(i) * 1e9, Kind: tape.FileDelete, PID: 7, File: &tape.File{Path: "/" + nasty}}
		if i == 0 {
			e = &tape.Event{Seq: 1, Kind: tape.ProcessFork, PID: 1, Process: &tape.Process{Child: 7}}
		}
		_ = a.Record(e) // it never fails
	}
	return w
}

func explanation(t *testing.T, r *detonaut.Report, id string) *report.Explanation {
	t.Helper()
	x, err := report.Explain(r, id)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExplain(t *testing.T) {
	hearing := explanation(t, explained(), "")
	if err := hearing.Hear(testify(hearing)); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]*report.Explanation{
		"explain.txt": explanation(t, explained(), ""), "explain-tape.txt": hearing,
		"explain-one.txt": explanation(t, explained(), "a/low"), "explain-hostile.txt": explanation(t, hostile(), ""),
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			x.Text(&b, false)
			golden.Check(t, name, b.Bytes())
			if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("it has what does not print:\n%q", b.String())
			}
		})
	}
}

// TestExplainOrder holds findings to the order of the reasons, those that do not
// count to the end, and the numbers of events to being each there once.
func TestExplainOrder(t *testing.T) {
	x := explanation(t, explained(), "")
	var got []string
	for _, f := range x.Findings {
		got = append(got, f.ID)
	}
	if diff := cmp.Diff([]string{"network/mining-pool", "a/worse", "a/low"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{1, 2, 3, 4, 5, 6, 7}, x.Wanted()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"3 events were lost"}, x.Missed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExplainRefuses(t *testing.T) {
	_, err := report.Explain(explained(), "a/b")
	if !errors.Is(err, detonaut.ErrNotFound) || !strings.Contains(err.Error(), "the report has a/worse, network/mining-pool, a/low") {
		t.Errorf("a finding that is not there: %v", err)
	}
	x := explanation(t, explained(), "")
	if err := x.Hear(story.NewWitness(nil)); !errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("a tape without the events: %v", err)
	}
}

// TestExplainJSON holds the JSON to having what the text has.
func TestExplainJSON(t *testing.T) {
	x := explanation(t, explained(), "a/worse")
	if err := x.Hear(testify(x)); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var back report.Explanation
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Findings) != 1 || back.Findings[0].ID != "a/worse" || !back.Findings[0].Counts || len(back.Findings[0].Events) != 2 ||
		!back.Taped || back.Verdict.Sentence == "" {
		t.Errorf("got %s", b)
	}
}
