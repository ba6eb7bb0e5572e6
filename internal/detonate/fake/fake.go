// Package fake is a sandbox that runs nothing: it replays a tape.
//
// It stands in for the chamber wherever a test is not about running.
package fake

import (
	"context"
	"errors"
	"fmt"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
)

// Sandbox replays a tape whatever the plan. The plan of a run is put into the
// run.start that it replays; the events themselves stay as they are. The zero
// value is not useful.
type Sandbox struct {
	// Path is a tape in a file. If it is empty, Events are replayed.
	Path string
	// Events are in the order of a tape, and are shared by all runs. A list that lacks run.end is a
	// subject that never ends: the run lasts until its context ends.
	Events []*tape.Event
	// Artifacts hands over what a run leaves besides its tape, when that is
	// wanted; nil leaves nothing. It is called before the tape is replayed.
	Artifacts func(artifact.Sink) error
	// Err, if not nil, is returned by every Run: the machine cannot run
	// anything.
	Err error
}

var _ detonate.Sandbox = (*Sandbox)(nil)

// Run replays the tape to sink.
func (s *Sandbox) Run(ctx context.Context, p plan.Plan, sink tape.Sink, artifacts artifact.Sink) (_ detonate.Result, err error) {
	if err := ctx.Err(); err != nil {
		return detonate.Result{}, fmt.Errorf("replay tape: %w", err)
	}
	if s.Err != nil {
		return detonate.Result{}, s.Err
	}
	if s.Path == "" && len(s.Events) == 0 {
		return detonate.Result{}, ErrEmpty
	}
	next := fromList(s.Events)
	if s.Path != "" {
		r, openErr := detonate.OpenTape(s.Path)
		if openErr != nil {
			return detonate.Result{}, openErr
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		next = r.Next
	}
	if s.Artifacts != nil && artifact.Wanted(artifacts) != 0 {
		if err := s.Artifacts(artifacts); err != nil {
			return detonate.Result{}, fmt.Errorf("hand over artifacts: %w", err)
		}
	}
	p.Image, p.Internet.Replay = "", ""
	return replay(ctx, p, next, sink)
}

func replay(ctx context.Context, p plan.Plan, next func() (*tape.Event, error), sink tape.Sink) (detonate.Result, error) {
	var last tape.Event
	for {
		ev, err := next()
		switch {
		case errors.Is(err, errEndless):
			<-ctx.Done()
		case err != nil:
			return detonate.Result{}, err
		}
		if ctx.Err() != nil && last.Seq > 0 && (ev == nil || ev.Kind != tape.RunEnd) {
			end := &tape.End{Reason: tape.Killed, Events: last.Seq + 1}
			ev = &tape.Event{Seq: last.Seq + 1, Time: last.Time, Kind: tape.RunEnd, End: end}
		}
		if ev.Start != nil {
			withPlan := *ev.Start
			withPlan.Plan = p
			copied := *ev
			copied.Start = &withPlan
			ev = &copied
		}
		if err := sink.Record(ev); err != nil {
			return detonate.Result{}, fmt.Errorf("record event %d: %w", ev.Seq, err)
		}
		if ev.Kind == tape.RunEnd {
			return detonate.Result{End: *ev.End}, nil
		}
		last = *ev
	}
}

// ErrEmpty is the error of a Sandbox that was given no tape.
var ErrEmpty = errors.New("no events to replay")

var errEndless = errors.New("a tape without run.end")

func fromList(events []*tape.Event) func() (*tape.Event, error) {
	return func() (*tape.Event, error) {
		if len(events) == 0 {
			return nil, errEndless
		}
		ev := events[0]
		events = events[1:]
		return ev, nil
	}
}
