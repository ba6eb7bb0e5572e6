package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// Why work ends before it is done.
var (
	errLost     = errors.New("the submission is another's, or nobody's, by now")
	errHandBack = errors.New("the worker ends")
)

// errTooLong is an analysis that went on after its time.
var errTooLong = errors.New("the analysis took too long")

// errPanic is an analysis that panicked.
var errPanic = errors.New("the analysis panicked")

// claim is a submission that is worked at by one goroutine, while another keeps it.
type claim struct {
	w    *Worker
	name string
	s    store.Submission
	log  *slog.Logger
}

// work does a submission. It begins to end when ctx does.
func (c *claim) work(ctx context.Context) {
	work, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	var keeper sync.WaitGroup
	keeper.Go(func() { c.keep(ctx, work, giveUp) })
	defer keeper.Wait()
	defer giveUp(nil)

	t := newTeller(work, c)
	t.tell("state", stateTold{State: store.Running, Attempt: c.s.Attempts})
	a, err := c.analyse(work, t)
	t.close()
	defer func() {
		if err := a.close(); err != nil {
			c.log.Warn("cannot remove what an analysis left", "error", err)
		}
	}()
	if cause := context.Cause(work); cause != nil {
		c.stopped(ctx, cause)
		return
	}
	ended, err := c.end(work, a, err)
	switch cause := context.Cause(work); {
	case err != nil && cause != nil:
		c.stopped(ctx, cause)
	case err != nil:
		// Its lease ends, and another tries.
		c.log.Error("cannot end a submission", "error", err)
	default:
		t.last(context.WithoutCancel(ctx), ended)
	}
}

// analyse calls Analyse, for so long as it may take. A panic in it is a failure of this
// submission.
func (c *claim) analyse(ctx context.Context, t *Teller) (a *Analysis, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.w.o.Limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("an analysis panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			a, err = nil, errPanic
		}
	}()
	a, err = c.w.o.Analyse(ctx, c.s, t)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errTooLong // which is why it lacks what it lacks
	}
	return a, err
}

// keep renews the lease until work ends, and ends it when the lease cannot be renewed, or
// the time is over for which it may go on after ctx.
func (c *claim) keep(ctx, work context.Context, giveUp context.CancelCauseFunc) {
	lease := c.w.o.Lease
	// Some time before the lease ends by our clock nothing may run any more.
	held := time.Now().Add(lease - lease/6)
	// A submission that was cancelled is found out so, too.
	tick := time.NewTicker(min(lease/3, 5*time.Second))
	defer tick.Stop()
	drained := ctx.Done()
	var grace <-chan time.Time
	for {
		select {
		case <-work.Done():
			return
		case <-drained:
			drained, grace = nil, time.After(c.w.o.Grace)
			continue
		case <-grace:
			giveUp(errHandBack)
			return
		case <-time.After(time.Until(held)):
			giveUp(errLost)
			return
		case <-tick.C:
		}
		began := time.Now()
		renewal, cancel := context.WithDeadline(work, held)
		err := c.w.o.Store.Renew(renewal, c.s.ID, c.name, lease)
		cancel()
		switch {
		case err == nil:
			held = began.Add(lease - lease/6)
		case work.Err() != nil:
			return
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound), !time.Now().Before(held):
			giveUp(errLost)
			return
		default:
			c.log.Warn("cannot renew the lease of a submission", "error", err)
		}
	}
}

// stopped ends what was not done: it is handed back, unless it is another's.
func (c *claim) stopped(ctx context.Context, why error) {
	c.log.Info("an analysis is given up", "why", why)
	if !errors.Is(why, errHandBack) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.w.o.Lease/2)
	defer cancel()
	if err := c.w.o.Store.Finish(ctx, c.s.ID, c.name, nil, ""); err != nil && !errors.Is(err, store.ErrConflict) {
		c.log.Error("cannot hand a submission back", "error", err)
	}
}

// end ends a submission with what came of it, and returns what is told then. Until that is
// kept the lease is renewed.
func (c *claim) end(ctx context.Context, a *Analysis, failed error) (stateTold, error) {
	last := c.s.Attempts >= store.MaxAttempts
	if failed != nil {
		c.log.Warn("an analysis failed", "error", failed)
	}
	if a != nil && a.Report != nil && (failed == nil || last || isFinal(failed)) {
		e, err := c.entry(ctx, a)
		if err == nil {
			err = c.persist(ctx, func() error { return c.w.o.Store.Finish(ctx, c.s.ID, c.name, e, "") })
		}
		if err == nil {
			return stateTold{State: store.Done, Digest: e.Report.Image.Digest, Fingerprint: e.Key}, nil
		}
		if ctx.Err() != nil || errors.Is(err, store.ErrConflict) {
			return stateTold{}, err
		}
		c.log.Error("cannot keep a report", "error", err)
		failed = err
	}
	if failed == nil {
		failed = errors.New("the analysis made no report")
	}
	if !last && !isFinal(failed) {
		pause := c.w.o.Pause << min(max(c.s.Attempts-1, 0), 10)
		err := c.persist(ctx, func() error { return c.w.o.Store.Renew(ctx, c.s.ID, c.name, pause) })
		// Nobody renews that: whoever comes first when it ends tries again.
		return stateTold{State: store.Queued, Attempt: c.s.Attempts, Failure: plainly(failed)}, err
	}
	failure := plainly(failed)
	err := c.persist(ctx, func() error { return c.w.o.Store.Finish(ctx, c.s.ID, c.name, nil, failure) })
	return stateTold{State: store.Failed, Failure: failure}, err
}

// entry keeps the artifacts of an analysis, and makes the entry of its report.
func (c *claim) entry(ctx context.Context, a *Analysis) (*store.Entry, error) {
	e := &store.Entry{Report: a.Report, Key: store.Key(a.Report.Fingerprint), Name: a.Name, Blobs: map[string]string{}}
	if a.Artifacts == nil {
		return e, nil
	}
	err := fs.WalkDir(a.Artifacts, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return c.persist(ctx, func() error {
			f, err := a.Artifacts.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			e.Blobs[name], _, err = c.w.o.Blobs.Put(ctx, f)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("keep artifacts: %w", err)
	}
	return e, nil
}

// tries bounds how often the store is asked to keep something before all that led to it is
// done again.
const tries = 6

// hopeless is what the same attempt would not change.
var hopeless = []error{store.ErrConflict, store.ErrNotFound, store.ErrInvalid, fs.ErrNotExist}

// persist does what may fail because a database or a store of blobs is away for a moment.
func (c *claim) persist(ctx context.Context, do func() error) (err error) {
	wait := c.w.o.Poll
	for range tries {
		if err = do(); err == nil || ctx.Err() != nil || slices.ContainsFunc(hopeless, func(e error) bool { return errors.Is(err, e) }) {
			return err
		}
		c.log.Warn("what came of a submission cannot be kept yet", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
			wait *= 2
		}
	}
	return err
}
