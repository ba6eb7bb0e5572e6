package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// Why work ends before it is done.
var (
	errLost     = errors.New("the job is another's, or nobody's, by now")
	errHandBack = errors.New("the worker ends")
)

// soon is how far off the time of a job may be that is not put aside for it: those that are are looked
// for less often.
const soon = 5 * time.Second

// patience is for how long one answer of the database is waited for, at least, when a job has ended: a
// lease is not renewed meanwhile.
const patience = 10 * time.Second

// claim is a job that is done by one goroutine, while another renews its lease.
type claim struct {
	w      *work
	job    store.Job
	holder string
	log    *slog.Logger
	// renewing is held by who asks the database about the lease.
	renewing sync.Mutex
	// held is until when nobody else has the job, by the clock of this process.
	held time.Time
}

// work does the job. It begins to end when ctx does.
func (c *claim) work(ctx context.Context) {
	work, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	done := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { c.keep(ctx, done, giveUp) })
	defer keeper.Wait()
	defer close(done)
	defer giveUp(nil)
	o := c.do(work)
	switch cause := context.Cause(work); {
	case cause == nil:
		c.settle(context.WithoutCancel(ctx), o)
	case errors.Is(cause, errHandBack):
		c.log.Info("a job is put back", "why", cause)
		c.putBack(context.WithoutCancel(ctx))
	default:
		c.log.Info("a job is given up", "why", cause)
	}
}

// do calls Do. A panic in it is a failure of this job.
func (c *claim) do(ctx context.Context) (o store.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("a job panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			o = store.Outcome{Failure: &store.Failure{Says: "something broke here", Detail: fmt.Sprintf("panic: %v\n\n%s", p, debug.Stack()), Final: true}}
		}
	}()
	return c.w.o.Do(ctx, c.job)
}

// keep renews the lease until done, and gives up when it cannot be renewed, or the time is over for
// which work may go on after ctx.
func (c *claim) keep(ctx context.Context, done <-chan struct{}, giveUp context.CancelCauseFunc) {
	// A job that was cancelled is found out so, too.
	tick := time.NewTicker(min(c.w.o.Lease/3, 5*time.Second))
	defer tick.Stop()
	drained := ctx.Done()
	var grace <-chan time.Time
	for {
		// Some time before the lease ends by our clock nothing may run any more.
		select {
		case <-done:
			return
		case <-drained:
			drained, grace = nil, time.After(c.w.o.Grace)
			continue
		case <-grace:
			giveUp(errHandBack)
			return
		case <-time.After(time.Until(c.heldUntil())):
			giveUp(errLost)
			return
		case <-tick.C:
		}
		if err := c.renew(context.WithoutCancel(ctx)); errors.Is(err, errLost) {
			giveUp(errLost)
			return
		} else if err != nil {
			c.log.Warn("cannot renew the lease of a job", "error", err)
		}
	}
}

func (c *claim) heldUntil() time.Time {
	c.renewing.Lock()
	defer c.renewing.Unlock()
	return c.held
}

// renew renews the lease. It is lost if it is another's by now, or may be.
func (c *claim) renew(ctx context.Context) error {
	c.renewing.Lock()
	defer c.renewing.Unlock()
	began := time.Now()
	ctx, cancel := context.WithDeadline(ctx, c.held)
	defer cancel()
	err := c.w.s.change(ctx, func(tx session) error {
		return tx.one(ctx, "UPDATE leases SET until = "+c.w.s.dialect.Clock+" + CAST(? AS BIGINT) WHERE job = ? AND holder = ?", int64(c.w.o.Lease), c.job.ID, c.holder)
	})
	switch {
	case err == nil:
		c.held = began.Add(c.w.safe())
	case errors.Is(err, store.ErrNotFound), !time.Now().Before(c.held):
		return errLost
	}
	return err
}

// settle ends the job with what came of it. The database may be away for a moment: whose the job is
// is known there, so it can be tried for longer than it could be worked at.
func (c *claim) settle(ctx context.Context, o store.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.w.o.Lease)
	defer cancel()
	e, err := c.ending(o)
	if err != nil {
		c.log.Error("what came of a job cannot be kept", "error", err)
		e, _ = c.ending(store.Outcome{Failure: &store.Failure{Says: "its report cannot be kept", Detail: err.Error(), Final: true}}) // of which there is no report
	}
	wait := 50 * time.Millisecond
	for {
		try, cancel := context.WithTimeout(ctx, max(c.w.o.Lease/2, patience))
		err := c.end(try, e)
		cancel()
		if err == nil {
			return
		}
		if errors.Is(err, store.ErrConflict) {
			c.log.Info("what came of a job is dropped", "why", err)
			return
		}
		c.log.Warn("what came of a job cannot be kept yet", "error", err)
		select {
		case <-ctx.Done():
			c.log.Error("what came of a job is not kept: it is done again", "error", err)
			return
		case <-time.After(wait):
			wait = min(2*wait, 2*time.Second)
		}
	}
}

// putBack has another do the job.
func (c *claim) putBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.w.o.Lease/2)
	defer cancel()
	err := c.end(ctx, &ending{state: store.JobWaiting, attempt: max(c.job.Attempt-1, 0)})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		c.log.Error("cannot put a job back", "error", err)
	}
}

// ending is what comes of an outcome.
func (c *claim) ending(o store.Outcome) (*ending, error) {
	e := &ending{state: store.JobDone, attempt: c.job.Attempt}
	switch {
	case o.Entry != nil:
		var err error
		e.aim = o.Entry.Aim
		e.parcel, err = c.w.s.parcel(o.Entry)
		return e, err
	case o.Known != nil:
		e.known, e.aim = o.Known, c.job.Aim
	case o.Failure != nil:
		c.log.Warn("a job failed", "says", o.Failure.Says, "detail", o.Failure.Detail)
		e.says, e.text = clean(o.Failure.Says), clean(o.Failure.Detail)
		if e.text == "" {
			e.text = e.says
		}
		if e.text == "" {
			e.text = "it does not say why"
		}
		if e.state = store.JobFailed; !o.Failure.Final && c.job.Attempt < c.job.MaxAttempts {
			e.state, e.after = store.JobLater, o.Failure.Pause<<min(max(c.job.Attempt-1, 0), 10)
		}
	case o.Later > 0:
		c.log.Info("a job has to wait", "why", o.Why, "for", o.Later.String())
		e.state, e.after, e.attempt = store.JobLater, o.Later, max(c.job.Attempt-1, 0)
	}
	if e.state == store.JobLater && e.after <= soon {
		e.state = store.JobWaiting
	}
	return e, nil
}

// end ends the job in a transaction: [store.ErrConflict] if it is another's by now.
func (c *claim) end(ctx context.Context, e *ending) error {
	// The lease must not be renewed meanwhile: it would be missed in the end.
	c.renewing.Lock()
	defer c.renewing.Unlock()
	s := c.w.s
	return s.change(ctx, func(tx session) error {
		// Who removes it has it to the end of the transaction, or it is still there.
		now, err := number(tx.row(ctx, "DELETE FROM leases WHERE job = ? AND holder = ? RETURNING "+s.dialect.Clock, c.job.ID, c.holder))
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: %w", errLost, store.ErrConflict)
		}
		if err != nil {
			return err
		}
		e.at = moment(now)
		e.due = e.at.Add(e.after)
		return s.end(ctx, tx, c.job, *e)
	})
}
