package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/telemetry"
)

// errTooLong is an analysis that went on after its time.
var errTooLong = errors.New("the analysis took too long")

// errPanic is an analysis that panicked.
var errPanic = errors.New("the analysis panicked")

// errNothing is an analysis without a result.
var errNothing = errors.New("the analysis made no report")

// job is the analysis of an image.
type job struct {
	store.Job
	w   *Worker
	log *slog.Logger
}

func (c *job) do(ctx context.Context) store.Outcome {
	t := newTeller(ctx, c)
	a, err := c.analyse(ctx, t)
	t.close()
	defer func() {
		if err := a.close(); err != nil {
			c.log.Warn("cannot remove what an analysis left", "error", err)
		}
	}()
	if ctx.Err() != nil {
		return store.Outcome{} // which counts for nothing
	}
	return c.outcome(ctx, a, err)
}

// analyse calls Analyse, for so long as it may take. A panic in it is a failure of this job.
func (c *job) analyse(ctx context.Context, t *Teller) (a *Analysis, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.w.o.Limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			stack := debug.Stack()
			c.log.Error("an analysis panicked", "panic", fmt.Sprint(p), "stack", string(stack))
			a, err = nil, fmt.Errorf("%w: %v\n%s", errPanic, p, stack)
		}
	}()
	a, err = c.w.o.Analyse(ctx, c.Job, t)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errTooLong // which is why it lacks what it lacks
	}
	return a, err
}

// outcome keeps what came of an analysis, but for what the store keeps with the job.
func (c *job) outcome(ctx context.Context, a *Analysis, failed error) store.Outcome {
	if later, ok := errors.AsType[*Later](failed); ok {
		return store.Outcome{Later: max(later.For, time.Millisecond), Why: later.Why}
	}
	if busy, ok := errors.AsType[*detonaut.Busy](failed); ok {
		return store.Outcome{Later: max(busy.Wait, time.Millisecond), Why: busy.Error()}
	}
	switch last := c.Attempt >= c.MaxAttempts; {
	case a != nil && a.Known != nil && failed == nil:
		return store.Outcome{Known: a.Known}
	case a != nil && a.Report != nil && (failed == nil || last || isFinal(failed)):
		e, err := c.entry(ctx, a)
		if err == nil {
			return store.Outcome{Entry: e}
		}
		c.log.Error("cannot keep the artifacts of a report", "error", err)
		failed = err
	case failed == nil:
		failed = errNothing
	}
	k := kindOf(failed)
	return store.Outcome{Failure: &store.Failure{Says: k.says, Detail: failed.Error(), Final: k.final, Pause: c.w.o.Pause}}
}

// entry keeps the artifacts of an analysis, and makes the entry of its report.
func (c *job) entry(ctx context.Context, a *Analysis) (*store.Entry, error) {
	e := &store.Entry{Report: a.Report, Key: store.Key(a.Report.Fingerprint), Aim: a.Aim, Name: a.Name, Blobs: map[string]string{}}
	if e.Aim == "" {
		e.Aim = c.Aim
	}
	if a.Artifacts == nil {
		return e, nil
	}
	telemetry.Stage(ctx, telemetry.StageKeep)
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

// tries bounds how often a store of blobs is asked to keep something before all that led to it is
// done again.
const tries = 6

// hopeless is what the same attempt would not change.
var hopeless = []error{store.ErrInvalid, fs.ErrNotExist}

// persist does what may fail because a store of blobs is away for a moment.
func (c *job) persist(ctx context.Context, do func() error) (err error) {
	wait := c.w.o.Poll
	for range tries {
		if err = do(); err == nil || ctx.Err() != nil || slices.ContainsFunc(hopeless, func(e error) bool { return errors.Is(err, e) }) {
			return err
		}
		c.log.Warn("what came of a job cannot be kept yet", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
			wait *= 2
		}
	}
	return err
}
