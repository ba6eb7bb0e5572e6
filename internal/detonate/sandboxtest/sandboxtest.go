// Package sandboxtest is the suite that every implementation of
// detonate.Sandbox passes. It holds them to the contract, not to what a
// subject does.
package sandboxtest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
)

// Subject is what the suite wants to run.
type Subject string

// Subjects.
const (
	// Exits ends by itself with status 0 in far less than the time limit.
	Exits Subject = "exits"
	// Endless runs until it is ended, and its time limit is a minute or more.
	Endless Subject = "endless"
	// Missing is a command that does not exist.
	Missing Subject = "missing"
)

// Factory returns a sandbox and the plan by which it runs a subject. It leaves
// nothing in TMPDIR, so it does not use t.TempDir.
type Factory func(t *testing.T, s Subject) (detonate.Sandbox, plan.Plan)

// Test runs the suite. It sets TMPDIR, so the caller must not be parallel.
func Test(t *testing.T, f Factory) {
	cases := []struct {
		name string
		test func(suite)
	}{
		{"exits", suite.exits},
		{"twice", suite.twice},
		{"artifacts", suite.artifacts},
		{"missing command", suite.missing},
		{"canceled before", suite.canceledBefore},
		{"canceled during", suite.canceledDuring},
		{"canceled late", suite.canceledLate},
		{"sink error at the start", func(s suite) { s.sinkError(Endless, tape.RunStart) }},
		{"sink error at the end", func(s suite) { s.sinkError(Exits, tape.RunEnd) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			check := NothingLeft(t)
			c.test(suite{t, f})
			check()
		})
	}
}

// suite is one test of the suite.
type suite struct {
	*testing.T
	newSandbox Factory
}

func (s suite) exits() {
	sandbox, p := s.newSandbox(s.T, Exits)
	r := &recorder{}
	result, err := sandbox.Run(s.Context(), p, r, nil)
	if err != nil {
		s.Fatal(err)
	}
	r.check(s.T, result)
	if result.End.Reason != tape.Exited || result.End.ExitCode != 0 {
		s.Errorf("the run ended with reason %q (%s) and status %d, want %q and 0",
			result.End.Reason, result.End.Detail, result.End.ExitCode, tape.Exited)
	}
	wantPlan := p
	wantPlan.Image = ""
	if diff := cmp.Diff(wantPlan, r.events[0].Start.Plan); diff != "" {
		s.Errorf("the plan on the tape differs from the one given (-given +tape):\n%s", diff)
	}
}

// artifacts runs a subject that need not leave any: asking for them changes
// nothing else.
func (s suite) artifacts() {
	sandbox, p := s.newSandbox(s.T, Exits)
	r, a := &recorder{}, &collector{}
	result, err := sandbox.Run(s.Context(), p, r, a)
	if err != nil {
		s.Fatal(err)
	}
	r.check(s.T, result)
	for _, name := range a.empty {
		s.Errorf("an empty %s was handed over", name)
	}
}

// collector looks at artifacts and keeps none.
type collector struct{ empty []string }

func (c *collector) take(name string, b []byte) error {
	if len(b) == 0 {
		c.empty = append(c.empty, name)
	}
	return nil
}

func (c *collector) Capture(b []byte) error { return c.take("piece of the capture", b) }
func (c *collector) Record(b []byte) error  { return c.take("piece of the record", b) }
func (c *collector) Blob(b []byte) error    { return c.take("body", b) }
func (c *collector) Payload(b []byte) error { return c.take("payload", b) }

// twice shows that a sandbox can be used again, and by two runs at once.
func (s suite) twice() {
	sandbox, p := s.newSandbox(s.T, Exits)
	type outcome struct {
		result detonate.Result
		err    error
	}
	first, second := &recorder{}, &recorder{}
	done := make(chan outcome, 1)
	go func() {
		result, err := sandbox.Run(s.Context(), p, first, nil)
		done <- outcome{result, err}
	}()
	result, err := sandbox.Run(s.Context(), p, second, nil)
	other := <-done
	if err := errors.Join(err, other.err); err != nil {
		s.Fatal(err)
	}
	first.check(s.T, other.result)
	second.check(s.T, result)
}

func (s suite) missing() {
	sandbox, p := s.newSandbox(s.T, Missing)
	r := &recorder{}
	result, err := sandbox.Run(s.Context(), p, r, nil)
	if err != nil {
		s.Fatalf("a command that does not exist is a fact about the subject, but Run says %v", err)
	}
	r.check(s.T, result)
	if result.End.Reason != tape.NotStarted {
		s.Errorf("the run ended with reason %q (%s), want %q", result.End.Reason, result.End.Detail, tape.NotStarted)
	}
}

func (s suite) canceledBefore() {
	sandbox, p := s.newSandbox(s.T, Endless)
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	r := &recorder{}
	_, err := sandbox.Run(ctx, p, r, nil)
	if !errors.Is(err, context.Canceled) {
		s.Errorf("Run with a context that has ended: error %v, want %v", err, context.Canceled)
	}
	if len(r.events) != 0 {
		s.Errorf("%d events of a run that never was", len(r.events))
	}
}

func (s suite) canceledDuring() {
	sandbox, p := s.newSandbox(s.T, Endless)
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	r := &recorder{on: func(ev *tape.Event) error {
		if ev.Kind == tape.RunStart {
			cancel()
		}
		return nil
	}}
	result, err := sandbox.Run(ctx, p, r, nil)
	if err != nil {
		s.Fatalf("a run that its caller ends is no error, but Run says %v", err)
	}
	r.check(s.T, result)
	if result.End.Reason != tape.Killed {
		s.Errorf("the run ended with reason %q (%s), want %q", result.End.Reason, result.End.Detail, tape.Killed)
	}
}

// canceledLate ends the context when the run has ended by itself.
func (s suite) canceledLate() {
	sandbox, p := s.newSandbox(s.T, Exits)
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	r := &recorder{on: func(ev *tape.Event) error {
		if ev.Kind == tape.RunEnd {
			cancel()
		}
		return nil
	}}
	result, err := sandbox.Run(ctx, p, r, nil)
	if err != nil {
		s.Fatalf("the tape was whole when the context ended, but Run says %v", err)
	}
	r.check(s.T, result)
}

func (s suite) sinkError(subject Subject, at tape.Kind) {
	sandbox, p := s.newSandbox(s.T, subject)
	want := errors.New("the disk is full")
	r := &recorder{}
	r.on = func(ev *tape.Event) error {
		if r.refused {
			s.Errorf("event %d came after one that the sink refused", ev.Seq)
		}
		if ev.Kind == at {
			r.refused = true
			return want
		}
		return nil
	}
	if _, err := sandbox.Run(s.Context(), p, r, nil); !errors.Is(err, want) {
		s.Errorf("Run says %v, want the error of the sink", err)
	}
	if !r.refused {
		s.Errorf("there was no %s", at)
	}
}

// recorder keeps a tape.
type recorder struct {
	events  []*tape.Event
	on      func(*tape.Event) error
	refused bool
}

func (r *recorder) Record(ev *tape.Event) error {
	r.events = append(r.events, ev)
	if r.on != nil {
		return r.on(ev)
	}
	return nil
}

// check holds a whole tape to the contract.
func (r *recorder) check(t *testing.T, result detonate.Result) {
	t.Helper()
	if len(r.events) < 2 {
		t.Fatalf("%d events, want run.start and run.end at least", len(r.events))
	}
	var last tape.Event
	for i, ev := range r.events {
		if want := uint64(i) + 1; ev.Seq != want {
			t.Fatalf("event %d has sequence number %d", want, ev.Seq)
		}
		if ev.Time < last.Time {
			t.Fatalf("event %d is earlier than the one before: %d < %d", ev.Seq, ev.Time, last.Time)
		}
		if (ev.Kind == tape.RunStart) != (i == 0) || (ev.Kind == tape.RunEnd) != (i == len(r.events)-1) {
			t.Fatalf("event %d of %d is %s", ev.Seq, len(r.events), ev.Kind)
		}
		last = *ev
	}
	if diff := cmp.Diff(*last.End, result.End); diff != "" {
		t.Errorf("Result.End differs from run.end (-tape +result):\n%s", diff)
	}
	if got, want := result.End.Events, uint64(len(r.events)); got != want {
		t.Errorf("run.end counts %d events, the tape has %d", got, want)
	}
	if result.End.Dropped != 0 {
		t.Errorf("%d events were lost", result.End.Dropped)
	}
	start := r.events[0].Start
	if start.Version != tape.Version || start.Chamber == "" || start.Wall <= 0 {
		t.Errorf("run.start has version %d, chamber %q and wall %d", start.Version, start.Chamber, start.Wall)
	}
	if start.Plan.Image != "" {
		t.Errorf("run.start shows where the image lies: %q", start.Plan.Image)
	}
}
