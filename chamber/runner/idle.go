package runner

import (
	"time"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

const (
	// lookInterval is how often the sandbox is asked whether anything can still
	// happen, and less often while that does not change. Two answers this far
	// apart, between which nothing happened, end a run.
	lookInterval     = 250 * time.Millisecond
	lookIntervalIdle = time.Second
	// travelInterval is how soon after a jump that could not be made one is tried
	// again.
	travelInterval = 5 * time.Millisecond
	// What the internet is about to do within hold keeps the clocks from being
	// moved on: it speaks to a silent client after some seconds.
	hold = 4 * time.Second
)

// answer is what the sandbox answers, and how many events were on the tape then.
type answer struct {
	tape.End
	events uint64
}

// answered passes on what the sandbox answered. What nobody takes is lost.
func (s *sandbox) answered(end tape.End, events uint64) {
	select {
	case s.answers <- answer{end, events}:
	default:
	}
}

// idle finds out whether anything can still happen in a run, and has its clocks
// moved on where the plan says so. It belongs to one goroutine.
type idle struct {
	box   *sandbox
	rest  func(network bool) bool // whether the sandbox is at rest, or its network, too
	next  *time.Timer             // when to ask
	every time.Duration
	asked bool // and not answered yet

	deadline time.Time
	events   uint64 // at the last answer
	jumps    uint64
	still    time.Time // of the first answer that nothing can happen; zero if it was another
}

func newIdle(s *sandbox, rest func(network bool) bool) *idle {
	i := &idle{box: s, rest: rest, every: lookInterval, deadline: time.Now().Add(s.plan.Limits.Duration)}
	if i.travels() {
		i.every = travelInterval
	}
	i.next = time.NewTimer(i.every)
	if s.plan.Stay && !i.travels() {
		i.next.Stop()
	}
	return i
}

func (i *idle) stop() { i.next.Stop() }

func (i *idle) travels() bool { return i.box.plan.Profile == plan.Time }

// ask asks the sandbox, unless the internet is about to do something.
func (i *idle) ask() {
	if i.pending() {
		i.still = time.Time{}
		i.next.Reset(i.every)
		return
	}
	if i.travels() {
		i.request(wire.Travel)
	} else {
		i.request(wire.Look)
	}
}

func (i *idle) request(r wire.Request) {
	i.asked = i.box.events.Ask(r) == nil // or it is gone, which others notice
}

// pending tells whether the internet is about to do something that the run is to
// wait for.
func (i *idle) pending() bool {
	stuck, soon := time.Duration(0), i.deadline
	if i.travels() {
		stuck, soon = hold, time.Now().Add(hold)
	}
	at, is := i.box.net.pending(stuck)
	return is && at.Before(soon)
}

// take takes an answer, and tells why the run is over; an empty reason means
// that it is not.
func (i *idle) take(a answer) (tape.Reason, string) {
	if !i.asked {
		return "", "" // the first process has ended
	}
	i.asked = false
	if a.Reason == wire.Settled || a.Reason == wire.Still {
		if i.rest(a.Reason == wire.Settled) && !i.pending() {
			i.request(wire.Move)
		} else {
			i.next.Reset(i.every)
		}
		return "", ""
	}
	over, wait := i.judge(a, time.Now())
	switch {
	case over && i.rest(true):
		return a.Reason, a.Detail
	case over:
		i.next.Reset(lookInterval)
	case wait == 0:
		i.ask()
	default:
		i.next.Reset(wait)
	}
	return "", ""
}

// judge tells whether a run is over with an answer that came now, or when to ask
// again.
func (i *idle) judge(a answer, now time.Time) (over bool, wait time.Duration) {
	changed := a.events != i.events
	jumped := a.Jumps != i.jumps
	i.events, i.jumps = a.events, a.Jumps
	switch {
	case jumped:
		// What waits was woken, and may look as if it waited for nothing until it runs.
		i.still = time.Time{}
		return false, 0
	case a.Reason == tape.TravelLimit:
		return true, 0
	case a.Reason != tape.Quiescent || i.box.plan.Stay:
		i.still = time.Time{}
		i.every = paced(i.every, changed, lookInterval, lookIntervalIdle)
		if i.travels() {
			i.every = travelInterval
		}
		return false, i.every
	case changed || i.still.IsZero():
		i.still = now
	case now.Sub(i.still) >= lookInterval:
		return true, 0
	}
	return false, lookInterval
}
