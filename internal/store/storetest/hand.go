package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// hand is a worker that does with jobs what a test says.
type hand struct {
	t     *testing.T
	jobs  chan held
	wake  chan struct{}
	leave func()
}

// held is a job that a hand has.
type held struct {
	store.Job
	ctx    context.Context //nolint:containedctx // of the job
	answer chan<- store.Outcome
}

// end ends a job.
func (h held) end(o store.Outcome) { h.answer <- o }

// patient is how long a test waits for what comes by itself.
const patient = 2 * time.Minute

// working has a hand work, until leave is called or the test ends. What is zero in o is such that it
// takes one job of each kind after the other, and nobody takes one from it.
func working(t *testing.T, s store.Store, o store.WorkOptions) *hand {
	t.Helper()
	h := &hand{t: t, jobs: make(chan held), wake: make(chan struct{}, 1)}
	if o.Name == "" {
		o.Name = "w"
	}
	if o.Images == 0 && o.Catalogue == 0 {
		o.Images, o.Catalogue = 1, 1
	}
	if o.Lease == 0 {
		o.Lease = time.Hour
	}
	if o.Poll == 0 {
		o.Poll = 20 * time.Millisecond
	}
	o.Wake = h.wake
	ctx, cancel := context.WithCancel(t.Context())
	o.Do = func(work context.Context, j store.Job) store.Outcome {
		answer := make(chan store.Outcome, 1)
		select {
		case h.jobs <- held{j, work, answer}:
		case <-work.Done():
			return store.Outcome{}
		}
		select {
		case o := <-answer:
			return o
		case <-work.Done():
			return store.Outcome{}
		}
	}
	var run sync.WaitGroup
	run.Go(func() {
		if err := s.Work(ctx, o); err != nil {
			t.Errorf("work: %v", err)
		}
	})
	h.leave = func() { cancel(); run.Wait() }
	t.Cleanup(h.leave)
	return h
}

// next waits for a job.
func (h *hand) next() held {
	h.t.Helper()
	select {
	case j := <-h.jobs:
		return j
	case <-time.After(patient):
		h.t.Fatal("there is no job")
		panic("unreachable")
	}
}

// until waits until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !so(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// becomes waits until a submission has a state.
func becomes(t *testing.T, s store.Store, id string, want store.State) *store.Submission {
	t.Helper()
	var v *store.Submission
	until(t, "a submission is "+string(want), func() bool {
		v = got(s.Submission(t.Context(), id))(t)
		return v.State == want
	})
	return v
}

// submitted waits for the job of a submission of a ref.
func (h *hand) submitted(ref string) held {
	h.t.Helper()
	j := h.next()
	if j.Ref != detonaut.Ref(ref) {
		h.t.Fatalf("the next job is of %s, not of %s", j.Ref, ref)
	}
	return j
}

// failed is an outcome that another attempt would not change.
func failed(says string) store.Outcome {
	return store.Outcome{Failure: &store.Failure{Says: says, Detail: "detail of " + says, Final: true}}
}

// done is an outcome with a report.
func done(e store.Entry) store.Outcome { return store.Outcome{Entry: &e} }

// serving has a worker do all jobs of a store in one way, until stop.
func serving(ctx context.Context, s store.Store, name string, do func(store.Job) store.Outcome) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- s.Work(ctx, store.WorkOptions{
			Name: name, Images: 4, Catalogue: 1, Lease: time.Hour, Poll: 5 * time.Millisecond, Grace: patient,
			Do: func(_ context.Context, j store.Job) store.Outcome { return do(j) },
		})
	}()
	return func() error { cancel(); return errors.Join(<-ended) }
}
