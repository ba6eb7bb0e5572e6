package static_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
)

// joint reads files together, and is limited.
type joint struct {
	finds
	all   func(context.Context, []static.File) []static.Outcome
	state detonaut.State
	why   string
}

func (j joint) AnalyzeAll(ctx context.Context, files []static.File) []static.Outcome {
	return j.all(ctx, files)
}

func (j joint) Lack() (detonaut.State, string) { return j.state, j.why }

// TestJoint gives files to one that reads them together, beside one that does not.
func TestJoint(t *testing.T) {
	var mu sync.Mutex
	var calls []int
	bare := true
	together := joint{finds{name: "together"}, func(ctx context.Context, files []static.File) (all []static.Outcome) {
		mu.Lock()
		calls = append(calls, len(files))
		mu.Unlock()
		for _, f := range files {
			bare = bare && f.Places == nil
			found, err := words.analyze(ctx, f)
			for i := range found {
				found[i].ID = "together/" + found[i].Evidence[0].Summary
			}
			all = append(all, static.Outcome{Found: found, Err: err})
		}
		return all
	}, detonaut.Complete, ""}
	var files []static.File
	for i := range 300 {
		files = append(files, file(fmt.Sprintf("a w%d", i), static.Place{Path: "/x"}))
	}
	got, err := static.Run(t.Context(), list(files...), []static.Analyzer{words, together}, static.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range calls {
		sum += n
	}
	if sum != 300 || len(calls) > 6 || slices.Max(calls) > 128 || !bare {
		t.Errorf("it was called for %v files", calls)
	}
	i := slices.IndexFunc(got.Findings, func(f detonaut.Finding) bool { return f.ID == "together/a" })
	if i < 0 || got.Findings[i].Count != 300 || got.Findings[i].Evidence[0].Path != "/x" || len(got.Findings) != 602 {
		t.Errorf("got %d findings, want 602, and that of a of all files", len(got.Findings))
	}
	if diff := cmp.Diff([]detonaut.Stage{{Name: "words", State: detonaut.Complete}, {Name: "together", State: detonaut.Complete}}, got.Stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

// TestJointSizes shows that large files are not read together.
func TestJointSizes(t *testing.T) {
	var calls []int
	together := joint{finds{name: "together"}, func(_ context.Context, files []static.File) []static.Outcome {
		calls = append(calls, len(files))
		return make([]static.Outcome, len(files))
	}, detonaut.Complete, ""}
	var files []static.File
	for _, size := range []int64{40 << 20, 30 << 20, 10 << 20, 60 << 20} {
		f := file("a")
		f.Size = size
		files = append(files, f)
	}
	if _, err := static.Run(t.Context(), list(files...), []static.Analyzer{together}, static.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(calls)
	if diff := cmp.Diff([]int{1, 1, 2}, calls); diff != "" {
		t.Errorf("it was called for (-want +got):\n%s", diff)
	}
}

// TestJointTrouble shows what becomes of files that were not read, and of analyzers that
// know that they find too little.
func TestJointTrouble(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		show  string
		all   func(context.Context, []static.File) []static.Outcome
		state detonaut.State
		why   string
		want  detonaut.Stage
		fails bool
	}{
		{"one is slow", func(context.Context, []static.File) []static.Outcome {
			return []static.Outcome{{}, {Err: fmt.Errorf("too much: %w", context.DeadlineExceeded)}}
		}, detonaut.Complete, "", detonaut.Stage{State: detonaut.Partial, Reason: "files not read to their end, for lack of time: 1"}, false},
		{"one fails", func(context.Context, []static.File) []static.Outcome {
			return []static.Outcome{{Err: broken}, {}}
		}, detonaut.Complete, "", detonaut.Stage{State: detonaut.Failed, Reason: "file " + hash("a") + ": broken"}, true},
		{"one is forgotten", func(context.Context, []static.File) []static.Outcome {
			return make([]static.Outcome, 1)
		}, detonaut.Complete, "", detonaut.Stage{State: detonaut.Failed, Reason: "file " + hash("b") + ": nothing came of it"}, true},
		{
			"a panic", func(context.Context, []static.File) []static.Outcome { panic("oops") },
			detonaut.Complete, "",
			detonaut.Stage{State: detonaut.Failed, Reason: "file " + hash("a") + ": panic: oops; file " + hash("b") + ": panic: oops"},
			true,
		},
		{
			"limited", func(context.Context, []static.File) []static.Outcome { return make([]static.Outcome, 2) },
			detonaut.Partial, "rules left out: 3",
			detonaut.Stage{State: detonaut.Partial, Reason: "rules left out: 3"},
			false,
		},
		{
			"unable", func(context.Context, []static.File) []static.Outcome { return make([]static.Outcome, 2) },
			detonaut.Failed, "install it",
			detonaut.Stage{State: detonaut.Failed, Reason: "install it"},
			true,
		},
	} {
		a := joint{finds{name: "together"}, test.all, test.state, test.why}
		got, err := static.Run(t.Context(), list(file("a"), file("b")), []static.Analyzer{a}, static.Options{Workers: 1})
		test.want.Name = "together"
		if diff := cmp.Diff([]detonaut.Stage{test.want}, got.Stages); diff != "" || (err != nil) != test.fails {
			t.Errorf("%s: %v (-want +got):\n%s", test.show, err, diff)
		}
	}
}

// TestJointInterrupted shows that nobody is called when there is no time.
func TestJointInterrupted(t *testing.T) {
	a := joint{finds{name: "together"}, func(context.Context, []static.File) []static.Outcome {
		t.Error("it was called")
		return nil
	}, detonaut.Complete, ""}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := static.Run(ctx, list(file("a"), file("b")), []static.Analyzer{a}, static.Options{})
	if err != nil || got.Stages[0].Reason != "files not read, because it was interrupted: 2" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestMissing shows that what cannot be had fails, and says why.
func TestMissing(t *testing.T) {
	m := static.Missing{Analyzer: "engine", Err: errors.New("no engine: install it")}
	got, err := static.Run(t.Context(), list(file("a")), []static.Analyzer{m, words}, static.Options{})
	want := []detonaut.Stage{{Name: "engine", State: detonaut.Failed, Reason: "no engine: install it"}, {Name: "words", State: detonaut.Complete}}
	if diff := cmp.Diff(want, got.Stages); diff != "" || err == nil || len(got.Findings) != 1 {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
