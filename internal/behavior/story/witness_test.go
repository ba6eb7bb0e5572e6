package story_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/story"
)

func TestWitness(t *testing.T) {
	list := events(
		exec(1, "/entry.sh", tape.FromImage, "", "/bin/sh", "/entry.sh"),
		fork(1, 2), exec(2, "/tmp/x", tape.FromWritten, "", "[kworker]", "-d"),
		fork(2, 3), fork(3, 4), fork(4, 5), fork(5, 6), fork(6, 7),
		file(tape.FileCreate, 7, "/tmp/y"),
		&tape.Event{Kind: tape.FlowEnded, FlowEnd: &tape.Flow{Remote: "203.0.113.9:1"}},
	)
	list[0].Process.Interpreter = "/bin/sh"
	w := story.NewWitness([]uint64{3, 9, 10, 99})
	a := behavior.NewAnalysis(w)
	for _, e := range list {
		_ = a.Record(e) // it never fails
	}
	if r := a.Result(); len(r.Findings) > 0 {
		t.Errorf("a witness found %v", r.Findings)
	}
	var got []story.Testimony
	for seq := range uint64(100) {
		if seen, ok := w.Seen(seq); ok {
			got = append(got, seen)
		}
	}
	x := "/tmp/x as [kworker]"
	want := []story.Testimony{
		{Event: 3, Time: 2 * time.Millisecond, PID: 2, Process: x, Parents: []string{"1 /entry.sh"}, Text: "ran " + x + " -d"},
		{Event: 9, Time: 8 * time.Millisecond, PID: 7, Process: x, Parents: []string{"6 " + x, "5 " + x, "4 " + x, "3 " + x}, Text: "wrote /tmp/y"},
		{Event: 10, Time: 9 * time.Millisecond, Text: "talked to 203.0.113.9:1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
