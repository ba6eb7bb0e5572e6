// Package survey does the jobs of surveys that are not about one image: it lists the
// repositories of their sources, looks what is in those that were chosen, and has the queue fed
// with what there is to do next.
//
// What it is told is kept as it comes: a job may be interrupted anywhere, and goes on where it
// was. Nobody's failure ends a survey: what could not be listed is said of the survey, and what
// could not be looked at has a reason.
package survey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/source"
)

// Options are what an engine works with.
type Options struct {
	Store store.Surveys
	// Open opens the source that a spec names: see [source.Open].
	Open func(spec string) (source.Source, error)
	// Look looks what is in a repository of a survey; it returns what look.Repository does.
	Look func(ctx context.Context, s store.Survey, c store.Candidate) ([]store.Item, store.Reason, error)
	// Ahead is how many jobs of each kind wait in the queue, about; zero is 500. Every is how often
	// it is fed at least; zero is three seconds.
	Ahead int
	Every time.Duration
	// Stint is for how long a list is gone on with before others have their turn; zero is two
	// minutes. Limit bounds one page of it, and the look at one repository; zero is five minutes.
	Stint, Limit time.Duration
	// Pause is how long something rests that failed; it doubles with each time. Zero is 15 seconds.
	Pause time.Duration
	// Log is told of what goes wrong; nil is nobody.
	Log *slog.Logger
}

// Engine does jobs of surveys. Its methods may be called from any goroutine.
type Engine struct {
	o     Options
	ended chan struct{}
}

// New makes an engine.
func New(o Options) *Engine {
	fill(&o.Ahead, 500)
	fill(&o.Every, 3*time.Second)
	fill(&o.Stint, 2*time.Minute)
	fill(&o.Limit, 5*time.Minute)
	fill(&o.Pause, 15*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Engine{o: o, ended: make(chan struct{}, 1)}
}

func fill[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Do does a job of [store.JobList] or [store.JobLook].
func (e *Engine) Do(ctx context.Context, j store.Job) (out store.Outcome) {
	log := e.o.Log.With("survey", j.Survey, "job", j.ID, "attempt", j.Attempt)
	defer e.Ended()
	defer func() {
		if p := recover(); p != nil {
			log.Error("a job of a survey panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			out = store.Outcome{Failure: &store.Failure{Says: "it broke", Detail: fmt.Sprint(p), Pause: e.o.Pause}}
		}
	}()
	s, err := e.survey(ctx, j.Survey)
	if err == nil {
		switch j.Kind {
		case store.JobList:
			out, err = e.list(ctx, s, log)
		case store.JobLook:
			out, err = e.look(ctx, s, j, log)
		default:
			err = fmt.Errorf("%w: a job of kind %s", errors.ErrUnsupported, j.Kind)
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Outcome{} // the survey was dropped
	case err != nil:
		log.Warn("a job of a survey failed", "error", err)
		return store.Outcome{Failure: &store.Failure{
			Says: "something here did not work", Detail: err.Error(), Pause: e.o.Pause, Final: errors.Is(err, errors.ErrUnsupported),
		}}
	}
	return out
}

// survey returns one without its counts.
func (e *Engine) survey(ctx context.Context, name string) (store.Survey, error) {
	all, err := e.o.Store.AllSurveys(ctx)
	if err != nil {
		return store.Survey{}, err
	}
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
	}
	return store.Survey{}, fmt.Errorf("survey %s: %w", name, store.ErrNotFound)
}

// Ended has the queue be fed soon: a job has ended. It does not block.
func (e *Engine) Ended() {
	select {
	case e.ended <- struct{}{}:
	default:
	}
}

// soon is how long the queue is not fed again after it was.
const soon = 250 * time.Millisecond

// Feed feeds the queue until ctx ends, now and then, and when jobs have ended.
func (e *Engine) Feed(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		_, err := e.o.Store.Feed(ctx, e.o.Ahead)
		if ctx.Err() == nil && (err != nil) != failing {
			if failing = err != nil; failing {
				e.o.Log.Error("the queue cannot be fed", "error", err)
			} else {
				e.o.Log.Warn("the queue is fed again")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(soon):
		}
		select {
		case <-ctx.Done():
		case <-e.ended:
		case <-time.After(e.o.Every):
		}
	}
}

// busy is the part of an error that a server is to be left alone for a while.
func busy(err error) (*detonaut.Busy, bool) { return errors.AsType[*detonaut.Busy](err) }

// rest is how long something rests that failed for the nth time, from 1 on.
func (e *Engine) rest(n int) time.Duration { return e.o.Pause << min(max(n-1, 0), 8) }
