// Package worker does what was submitted: it claims a submission, has its image analysed,
// tells how far it is, and ends it with a report or a failure.
//
// A claim is a lease. Whoever holds it renews it while it works, and gives up at once when
// it is another's, so that a submission of a process that was killed is done by another,
// and no two do one at the same time. What is acknowledged is in the store: a worker keeps
// nothing that matters, and may be killed at any moment.
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Options are what a worker works with.
type Options struct {
	Store store.Submissions
	Blobs Blobs
	// Analyse analyses the image of a submission, and tells how far it is. It returns what
	// [pipeline.Run] does: an error may come with a report. When ctx ends it is to return
	// soon; what it returns then counts for nothing.
	Analyse func(ctx context.Context, s store.Submission, t *Teller) (*Analysis, error)
	// Concurrency is how many submissions are worked at at once; zero is 1.
	Concurrency int
	// Name is what logs call the worker; empty is the name of this machine. Claims are made
	// under a name that no other process has.
	Name string
	// Lease is for how long a claim lasts that is not renewed: so long a submission waits
	// when its worker was killed. Zero is 30 seconds.
	Lease time.Duration
	// Grace is for how long what runs goes on when the worker is to end; zero is 20 seconds,
	// less than none hands everything back at once.
	Grace time.Duration
	// Limit is how long one analysis may take: a registry may be as slow as it likes. Zero is
	// an hour.
	Limit time.Duration
	// Pause is how long a submission rests that failed and is tried again; it doubles with
	// each attempt. Zero is 30 seconds.
	Pause time.Duration
	// Poll is how often a worker that has nothing to do looks for more; zero is a second.
	Poll time.Duration
	// Now is the clock of what is told; nil is [time.Now].
	Now func() time.Time
	// Log is told of what goes wrong; nil is nobody.
	Log *slog.Logger
}

// Blobs keep artifacts.
type Blobs interface {
	// Put keeps what r has, and returns its SHA-256 in hex and its size.
	Put(ctx context.Context, r io.Reader) (sum string, size int64, err error)
}

// Analysis is what came of an analysis.
type Analysis struct {
	Report *detonaut.Report
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

// Worker works at submissions.
type Worker struct {
	o    Options
	wake chan struct{}
}

// New makes a worker, which does nothing before Run.
func New(o Options) *Worker {
	fill(&o.Concurrency, 1)
	fill(&o.Lease, 30*time.Second)
	fill(&o.Grace, 20*time.Second)
	fill(&o.Limit, time.Hour)
	fill(&o.Pause, 30*time.Second)
	fill(&o.Poll, time.Second)
	if o.Name == "" {
		o.Name, _ = os.Hostname() // only to tell them apart
	}
	o.Name += "-" + rand.Text()[:12]
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
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

// Run works until ctx ends. Then it claims nothing more, and what runs goes on for the
// grace period; what is not done by then is handed back, so that another claims it at once.
// The error is nil then; Run returns no other.
func (w *Worker) Run(ctx context.Context) error {
	var slots sync.WaitGroup
	for i := range w.o.Concurrency {
		// Each has a name of its own: a claim that was lost to a neighbour is lost.
		slots.Go(func() { w.slot(ctx, fmt.Sprintf("%s/%d", w.o.Name, i)) })
	}
	slots.Wait()
	return nil
}

// slot works at one submission after the other.
func (w *Worker) slot(ctx context.Context, name string) {
	for ctx.Err() == nil {
		s, err := w.o.Store.Claim(ctx, name, w.o.Lease)
		switch {
		case err == nil:
			w.Wake() // a neighbour, who may find another
			c := &claim{w: w, name: name, s: *s, log: w.o.Log.With("submission", s.ID, "ref", string(s.Ref), "attempt", s.Attempts)}
			c.work(ctx)
			continue
		case !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil:
			w.o.Log.Error("cannot claim a submission", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-time.After(w.o.Poll):
		}
	}
}
