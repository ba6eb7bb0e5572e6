//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
)

// late is how long a run may take beyond its time on a machine that is busy
// with others.
const late = time.Minute

// never is the reason of a run that was ended before it began.
const never tape.Reason = "ended before it began"

// An outcome is what is counted of a run.
type outcome struct {
	reason tape.Reason
	events uint64
	lost   uint64
	bytes  int64 // of artifacts
}

// try makes one run and says what was wrong with it, if anything was.
func try(ctx context.Context, sandbox detonate.Sandbox, root string, t trial) (outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if t.EndAfter > 0 {
		defer time.AfterFunc(t.EndAfter, cancel).Stop()
	}
	t.Plan.Image = root
	w, c := &witness{}, &counter{}
	var result detonate.Result
	var err error
	start := time.Now()
	if t.Artifacts {
		result, err = sandbox.Run(ctx, t.Plan, w, c)
	} else {
		result, err = sandbox.Run(ctx, t.Plan, w, nil)
	}
	elapsed := time.Since(start)
	o := outcome{result.End.Reason, w.events, result.End.Dropped, c.bytes}
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) && w.events == 0:
		o.reason = never
		return o, nil
	case err != nil:
		return o, fmt.Errorf("after %s and %d events: %w", elapsed, w.events, err)
	case elapsed > t.Plan.Limits.Duration+late:
		return o, fmt.Errorf("it took %s, with %s allowed", elapsed, t.Plan.Limits.Duration)
	}
	return o, w.judge(result.End, &t.Plan)
}

// witness holds a tape to what a tape is while it comes in, and keeps none of
// it.
type witness struct {
	events uint64
	last   int64
	end    *tape.End
}

// Record refuses what does not belong on a tape.
func (w *witness) Record(ev *tape.Event) error {
	w.events++
	switch {
	case ev.Seq != w.events:
		return fmt.Errorf("event %d has the number %d", w.events, ev.Seq)
	case ev.Time < w.last:
		return fmt.Errorf("event %d is of %d ns, the one before of %d", ev.Seq, ev.Time, w.last)
	case (ev.Kind == tape.RunStart) != (w.events == 1):
		return fmt.Errorf("event %d is %s", ev.Seq, ev.Kind)
	case w.end != nil:
		return fmt.Errorf("event %d is %s, after the end", ev.Seq, ev.Kind)
	}
	w.last, w.end = ev.Time, ev.End
	return nil
}

// judge says what is wrong with a tape that has come to its end.
func (w *witness) judge(end tape.End, p *plan.Plan) error {
	switch {
	case w.end == nil:
		return errors.New("the tape has no end")
	case w.end.Reason != end.Reason || w.end.Events != end.Events:
		return fmt.Errorf("the tape ends with %+v, the run with %+v", *w.end, end)
	case end.Events != w.events:
		return fmt.Errorf("the tape has %d events, and says %d", w.events, end.Events)
	case end.Events > p.Limits.Events:
		return fmt.Errorf("the tape has %d events, with %d allowed", end.Events, p.Limits.Events)
	case end.Dropped != 0:
		return fmt.Errorf("%d events were lost", end.Dropped)
	case end.Reason == tape.Broken:
		return fmt.Errorf("the sandbox failed: %s", end.Detail)
	}
	return nil
}

// counter counts artifacts.
type counter struct{ bytes int64 }

func (c *counter) take(b []byte) error {
	c.bytes += int64(len(b))
	return nil
}

func (c *counter) Capture(b []byte) error { return c.take(b) }
func (c *counter) Record(b []byte) error  { return c.take(b) }
func (c *counter) Blob(b []byte) error    { return c.take(b) }
func (c *counter) Payload(b []byte) error { return c.take(b) }
