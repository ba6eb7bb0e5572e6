package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/report/reporttest"
)

func storyOf(r *detonaut.Report) storyGraph { return newModel(View{Report: r}, "").Story }

// TestStoryGolden is the story of an image that fetches a miner, in words.
func TestStoryGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/miner.json")
	if err != nil {
		t.Fatal(err)
	}
	var r detonaut.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	g := storyOf(&r)
	for _, c := range g.Cards {
		fmt.Fprintf(&b, "%-8s %-8s %-26s %-28s %s %q\n", c.ID, c.Parent, c.Label, c.Verb, c.Class, c.Findings)
	}
	for _, c := range g.Chips {
		fmt.Fprintf(&b, "+%d %s\n", c.Count, c.Word)
	}
	for _, l := range g.Lines {
		if strings.Contains(l.Class, "bond") {
			fmt.Fprintf(&b, "bond %s\n", l.D)
		}
	}
	golden.Check(t, "story.txt", b.Bytes())
}

// TestStoryBounds holds every story to its bounds, to adding up, and its cards to a place of
// their own.
func TestStoryBounds(t *testing.T) {
	reports := []*detonaut.Report{reporttest.Large(), reporttest.Hostile("x"), reporttest.Hostile("/a b"), circle(), wide(3000), {}}
	for i := range uint64(8) {
		reports = append(reports, reporttest.Realistic(i))
	}
	for i, r := range reports {
		g := storyOf(r)
		if len(g.Cards) > maxCards || len(g.Cards) != g.Shown || g.Shown > g.Total {
			t.Errorf("%d: %d cards of %d, %d are shown", i, len(g.Cards), g.Total, g.Shown)
		}
		folded := 0
		for _, c := range g.Chips {
			folded += c.Count
		}
		if folded < g.Total-g.Shown {
			t.Errorf("%d: %d are folded, %d are not shown", i, folded, g.Total-g.Shown)
		}
		places := map[[2]int]bool{}
		for _, c := range g.Cards {
			if places[[2]int{c.X, c.Y}] || c.X < 0 || c.Y < 0 || c.X+cardWidth > g.Width || c.Y+cardHeight > g.Height {
				t.Errorf("%d: %s is at %d,%d of %d,%d", i, c.ID, c.X, c.Y, g.Width, g.Height)
			}
			places[[2]int{c.X, c.Y}] = true
		}
	}
}

// TestStoryPath holds what leads to a finding to being shown and marked, however much else
// there is.
func TestStoryPath(t *testing.T) {
	r := wide(3000)
	r.Run.Processes = append(r.Run.Processes, detonaut.Process{PID: 9000, Parent: 2500, Executable: "/tmp/x", Origin: "written", Event: 9000})
	r.Findings = []detonaut.Finding{{ID: "a/b", Title: "Runs it", Severity: detonaut.High, Evidence: []detonaut.Evidence{{Events: []uint64{9000}}}}}
	var found []string
	for _, c := range storyOf(r).Cards {
		if strings.Contains(c.Class, "hot") || strings.Contains(c.Class, "path") {
			found = append(found, c.Label)
		}
	}
	if want := []string{"sh", "p2500", "x"}; !slices.Equal(found, want) {
		t.Errorf("marked are %q, want %q", found, want)
	}
}

// TestCircle holds a tree that is none to being shown: each process once.
func TestCircle(t *testing.T) {
	m := newModel(View{Report: circle()}, "")
	if n := len(m.Lanes.Rows.Rows); n != 3 {
		t.Errorf("%d lanes, want 3", n)
	}
	if n := len(m.Story.Cards); n != 3 {
		t.Errorf("%d cards, want 3", n)
	}
}

// circle is a report in which processes are each other's parents.
func circle() *detonaut.Report {
	return &detonaut.Report{Run: &detonaut.Run{Processes: []detonaut.Process{
		{PID: 1, Parent: 3, Executable: "/a", Event: 1}, {PID: 2, Parent: 1, Executable: "/b", Event: 2}, {PID: 3, Parent: 2, Executable: "/c", Event: 3},
	}}}
}

// wide is a report of a process with many children.
func wide(n int) *detonaut.Report {
	r := &detonaut.Report{Run: &detonaut.Run{Processes: []detonaut.Process{{PID: 1, Executable: "/bin/sh", Event: 1}}}}
	for i := range n {
		pid := int32(i + 2)
		r.Run.Processes = append(r.Run.Processes, detonaut.Process{PID: pid, Parent: 1, Executable: fmt.Sprintf("/bin/p%d", pid), Event: uint64(pid), Start: time.Duration(pid)})
	}
	return r
}

// TestLanes holds processes in which something was found, and their ancestors, to being among
// those that a server shows.
func TestLanes(t *testing.T) {
	r := wide(3000)
	r.Findings = []detonaut.Finding{{ID: "a/b", Severity: detonaut.High, Evidence: []detonaut.Evidence{{Events: []uint64{2900}}}}}
	m := newModel(View{Report: r}, "")
	rows := m.Lanes.Rows
	if len(rows.Rows) != maxRows || rows.Total != 3001 || rows.All == "" {
		t.Errorf("%d of %d lanes, the others are at %q", len(rows.Rows), rows.Total, rows.All)
	}
	i := slices.IndexFunc(rows.Rows, func(l laneRow) bool { return l.PID == 2900 })
	if i < 0 || rows.Rows[i].Heat != detonaut.High || rows.Rows[0].PID != 1 {
		t.Errorf("the process is lane %d of %d", i, len(rows.Rows))
	}
	m = newModel(View{Report: r, Chrome: Chrome{Single: true}}, "")
	if n := len(m.Lanes.Rows.Rows); n != 3001 {
		t.Errorf("%d lanes in a file of its own, want all", n)
	}
}

// TestClock places events between the processes that started before and after them.
func TestClock(t *testing.T) {
	c := newClock(&detonaut.Run{Elapsed: 100, Processes: []detonaut.Process{{Event: 10, Start: 0}, {Event: 20, Start: 50}}}, 40)
	for seq, want := range map[uint64]time.Duration{1: 0, 10: 0, 15: 25, 20: 50, 30: 75, 40: 100, 99: 100} {
		if got, ok := c.at(seq); !ok || got != want {
			t.Errorf("event %d is at %d, %v, want %d", seq, got, ok, want)
		}
	}
	if _, ok := c.at(0); ok {
		t.Error("no event has a time")
	}
}

// BenchmarkWrite writes the page of a large report.
func BenchmarkWrite(b *testing.B) {
	r := reporttest.Large()
	b.ReportAllocs()
	for b.Loop() {
		if err := Write(&bytes.Buffer{}, View{Report: r, Tape: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAlike holds vulnerabilities of packages of one source to being a row, and to adding up.
func TestAlike(t *testing.T) {
	r := reporttest.Large()
	v := detonaut.Vulnerability{ID: "CVE-2026-1", Severity: detonaut.High, Fix: "fixed", Fixed: []string{"2"}, Package: "a", Version: "1"}
	r.Vulnerabilities = nil
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		v.Package = name
		r.Vulnerabilities = append(r.Vulnerabilities, v)
	}
	other := v
	other.Fixed = []string{"3"}
	r.Vulnerabilities = append(r.Vulnerabilities, other)
	h := newModel(View{Report: r}, "").Holes
	if h.Count != 9 || len(h.List.Rows) != 2 || h.List.Total != 2 {
		t.Fatalf("%d in %d rows", h.Count, len(h.List.Rows))
	}
	if row := h.List.Rows[0]; len(row.In) != 1 || len(row.In[0].Names) != maxIn || row.More != 2 {
		t.Errorf("the row is %+v", row)
	}
}

// TestStoryAlike holds processes that are the same to being a few cards, and the others to
// being counted.
func TestStoryAlike(t *testing.T) {
	r := wide(300)
	f := detonaut.Finding{ID: "a/b", Title: "Starts itself again and again", Severity: detonaut.Medium}
	for i := range r.Run.Processes[1:] {
		p := &r.Run.Processes[i+1]
		p.Executable, p.Args = "/app", []string{"app", "drop"}
		if i < 30 {
			f.Evidence = append(f.Evidence, detonaut.Evidence{Events: []uint64{p.Event}})
		}
	}
	r.Findings = []detonaut.Finding{f}
	g := storyOf(r)
	if len(g.Cards) != 1+maxAlike || len(g.Chips) != 1 || g.Chips[0].Count != 300-maxAlike || g.Chips[0].Word != "more" {
		t.Errorf("%d cards, chips %+v", len(g.Cards), g.Chips)
	}
}

// TestStorySum holds a step that sums events up to being told once.
func TestStorySum(t *testing.T) {
	r := wide(1)
	r.Findings = []detonaut.Finding{{ID: "a/b", Title: "Looks around", Severity: detonaut.Medium, Evidence: []detonaut.Evidence{{Events: []uint64{2}}}}}
	r.Stories = []detonaut.Story{{Steps: []detonaut.Step{{Event: 9, PID: 2, Text: "looks around (7 events)", Findings: []string{"a/b"}}}}}
	if n := len(storyOf(r).Cards); n != 2 {
		t.Errorf("%d cards, want those of the processes", n)
	}
	r.Findings[0].Evidence[0].Events = []uint64{9}
	cards := storyOf(r).Cards
	if i := slices.IndexFunc(cards, func(c cardBox) bool { return c.Kind == "many" }); i < 0 || cards[i].Label != "looks around" || cards[i].Verb != "medium · 7 events" {
		t.Errorf("the cards are %+v", cards)
	}
}
