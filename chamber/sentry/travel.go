package sentry

import (
	"fmt"
	"time"

	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/sentry/kernel"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/clock"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

const (
	// stillness is for how long no task may have run for a run to be over.
	stillness = 50 * time.Millisecond
	// A jump needs as much as it takes a task that was woken to run; after packets as
	// much as the runtime of Go takes, at most 10 ms, to see that one of its processors
	// has work and its thread is in a system call.
	pause        = time.Millisecond
	networkPause = 25 * time.Millisecond
	// patience is how long Travel waits for tasks that run.
	patience = 50 * time.Millisecond
	// worthwhile is the shortest wait that is left out.
	worthwhile = 20 * time.Millisecond
)

// day is 24 hours.
const day = 24 * time.Hour

// timing is what the sandbox knows of time, of the plan.
type timing struct {
	Uptime   time.Duration `json:"uptime"`
	Duration time.Duration `json:"duration"`
	Travel   plan.Travel   `json:"travel"` // zero if clocks are not moved on
	began    time.Time
}

// startClock begins the time of the subject, of which t is the first thread.
func (tr *tracer) startClock(t *kernel.Task) {
	tr.timing.began = time.Now()
	if err := tr.clock.Start(t.Kernel(), tr.timing.Uptime, tr.timing.Travel != plan.Travel{}); err != nil {
		log.Warningf("%v", err)
		tr.out.GiveUp() // it must not run by clocks that are not the plan's
	}
}

// look tells whether nothing can happen any more before the run is over.
func (tr *tracer) look() (tape.Reason, string) {
	if !tr.clock.Idle(stillness) || tr.clock.Connecting() {
		return "", ""
	}
	if wait := tr.clock.Next(); time.Now().Add(min(wait.Due, tr.timing.Duration)).Before(tr.timing.began.Add(tr.timing.Duration)) {
		return "", ""
	}
	return tape.Quiescent, tr.clock.Waiting()
}

// journey is what is between a request to travel and the word that all is at rest. It
// belongs to the goroutine that answers requests.
type journey struct {
	rest    *clock.Rest // nil if nobody waits for that word
	packets uint64      // those of the network then
	settled uint64      // and when it was last known to be at rest
}

// travel makes ready to move the clocks on. What the network does it cannot see all of,
// nor whether a task that was woken waits for its turn on a busy machine: it asks back
// whether all is at rest.
func (tr *tracer) travel() {
	j := &tr.journey
	if j.rest != nil {
		j.rest.End() // nobody gave the word
	}
	if j.rest = tr.settles(); j.rest == nil {
		tr.out.Answer("", "")
		return
	}
	switch j.packets = tr.clock.Packets(); {
	case j.packets == j.settled:
		tr.out.Answer(wire.Still, "")
	case j.rest.Lasts(networkPause):
		tr.out.Answer(wire.Settled, "")
	default:
		tr.out.Answer("", "")
	}
}

// move moves the clocks on to the next timer that is due, unless something happened
// since travel asked, or else may happen before. It answers first, so that what the
// subject does then is known to be of that time.
func (tr *tracer) move() {
	j := &tr.journey
	rest := j.rest
	j.rest = nil
	if rest == nil || !rest.End() || tr.clock.Packets() != j.packets {
		tr.out.Answer("", "")
		return
	}
	j.settled = j.packets
	wait := tr.clock.Next()
	ahead, jumps := tr.out.Travelled()
	left := time.Duration(tr.timing.Travel.Days)*day - ahead
	switch {
	case wait.Due < worthwhile:
		tr.out.Answer("", "")
	case wait.Due <= left && jumps < uint64(tr.timing.Travel.Jumps):
		tr.out.Jump(wait.Due, wait.For)
		tr.out.Answer("", "")
		tr.clock.Move(wait.Due)
	case tr.clock.Connecting():
		tr.out.Answer("", "")
	case wait.Due == clock.Never || jumps == 0:
		tr.out.Answer(tape.Quiescent, tr.clock.Waiting())
	default:
		tr.out.Answer(tape.TravelLimit, fmt.Sprintf("%s in %d jumps; %s", ahead, jumps, tr.clock.Waiting()))
	}
}

// settles waits until no task runs, for a while, and returns the rest that began
// then; nil if there was none.
func (tr *tracer) settles() *clock.Rest {
	for late := time.Now().Add(patience); time.Now().Before(late); <-time.After(pause / 2) {
		rest := tr.clock.Rest()
		switch {
		case !rest.Lasts(pause):
		case tr.clock.Blocked():
			rest.End()
		default:
			return rest
		}
	}
	return nil
}
