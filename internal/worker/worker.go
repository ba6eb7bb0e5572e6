// Package worker does jobs: it has the image of one analysed, tells how far that is if somebody
// asked for it, keeps the artifacts, and says what came of it.
//
// Whose a job is, and that what comes of it is kept once, is the store's: see [store.Jobs]. A
// worker keeps nothing that matters, and may be killed at any moment.
package worker

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Options are what a worker works with.
type Options struct {
	Store Store
	Blobs Blobs
	// Analyse analyses the image of a job, and tells how far it is. It returns what
	// [pipeline.Run] does: an error may come with a report. When ctx ends it is to return
	// soon; what it returns then counts for nothing.
	Analyse func(ctx context.Context, j store.Job, t *Teller) (*Analysis, error)
	// Other does jobs that are not about one image; nil is nobody who does, and none is taken.
	Other func(ctx context.Context, j store.Job) store.Outcome
	// Around is what is done around each job; nil is nothing.
	Around func(do func(context.Context, store.Job) store.Outcome) func(context.Context, store.Job) store.Outcome
	// Concurrency is how many images are analysed at once, and Catalogue how many other jobs run;
	// zero is 1.
	Concurrency, Catalogue int
	// Vacant is how many more images may be taken now: see [store.WorkOptions].
	Vacant func() int
	// Name is what lists and logs call the worker; empty is the name of this machine.
	Name string
	// Lease is for how long a job is this worker's that it does not renew: so long one waits
	// when its worker was killed. Zero is 30 seconds.
	Lease time.Duration
	// Grace is for how long what runs goes on when the worker is to end; zero is 20 seconds,
	// less than none puts everything back at once.
	Grace time.Duration
	// Limit is how long one analysis may take: a registry may be as slow as it likes. Zero is
	// an hour.
	Limit time.Duration
	// Pause is how long a job rests that failed and is tried again; it doubles with each attempt.
	// Zero is 30 seconds.
	Pause time.Duration
	// Poll is how often a worker that has nothing to do looks for more; zero is a second.
	Poll time.Duration
	// Now is the clock of what is told; nil is [time.Now].
	Now func() time.Time
	// Log is told of what goes wrong; nil is nobody.
	Log *slog.Logger
}

// Store is what a worker wants of [store.Store].
type Store interface {
	Work(ctx context.Context, o store.WorkOptions) error
	AddProgress(ctx context.Context, id string, told []store.Progress) error
}

// Blobs keep artifacts.
type Blobs interface {
	// Put keeps what r has, and returns its SHA-256 in hex and its size.
	Put(ctx context.Context, r io.Reader) (sum string, size int64, err error)
}

// Analysis is what came of an analysis.
type Analysis struct {
	Report *detonaut.Report
	// Known is a report that there was before, so that there is no other.
	Known *store.Known
	// Aim is [store.Aim] of the analysis; empty is that of its job.
	Aim string
	// Name is that of the image in its registry.
	Name store.Name
	// Artifacts are the files of its run, by the names of [store.Entry]; nil for none.
	Artifacts fs.FS
	// Close frees them; nil for nothing to free. The worker calls it.
	Close func() error
}

func (a *Analysis) close() error {
	if a == nil || a.Close == nil {
		return nil
	}
	return a.Close()
}

// Later is an error of what cannot be done now, and is no failure: a registry has asked for a rest.
type Later struct {
	For time.Duration
	Why string
}

// Error implements error.
func (l *Later) Error() string { return "not before " + l.For.String() + " from now: " + l.Why }

// Worker does jobs.
type Worker struct {
	o    Options
	wake chan struct{}
}

// New makes a worker, which does nothing before Run.
func New(o Options) *Worker {
	fill(&o.Concurrency, 1)
	fill(&o.Catalogue, 1)
	fill(&o.Lease, 30*time.Second)
	fill(&o.Grace, 20*time.Second)
	fill(&o.Limit, time.Hour)
	fill(&o.Pause, 30*time.Second)
	fill(&o.Poll, time.Second)
	if o.Name == "" {
		o.Name, _ = os.Hostname() // only to tell them apart
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Other == nil {
		o.Catalogue = 0
	}
	return &Worker{o: o, wake: make(chan struct{}, 1)}
}

func fill[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Wake has a worker that waits look for something to do now. It does not block.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends. Then it takes nothing more, and what runs goes on for the
// grace period; what is not done by then is put back, so that another takes it at once.
// The error is nil then.
func (w *Worker) Run(ctx context.Context) error {
	do := w.do
	if w.o.Around != nil {
		do = w.o.Around(do)
	}
	return w.o.Store.Work(ctx, store.WorkOptions{
		Name: w.o.Name, Images: w.o.Concurrency, Catalogue: w.o.Catalogue, Vacant: w.o.Vacant, Do: do,
		Lease: w.o.Lease, Grace: w.o.Grace, Poll: w.o.Poll, Wake: w.wake, Log: w.o.Log,
	})
}

func (w *Worker) do(ctx context.Context, j store.Job) store.Outcome {
	if j.Kind != store.JobImage {
		return w.o.Other(ctx, j)
	}
	c := &job{w: w, Job: j, log: w.o.Log.With("job", j.ID, "submission", j.Submission, "survey", j.Survey, "ref", string(j.Ref), "attempt", j.Attempt)}
	return c.do(ctx)
}
