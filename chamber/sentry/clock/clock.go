// Package clock knows what the tasks of a sandbox wait for and until when, and
// moves its clocks: back to a machine that has been up for days, and on to the
// moment at which the next of them wakes.
//
// gVisor tells of neither, so the package looks into its kernel (fields.go).
// There is one kernel to a process. Nothing here trusts a task to keep still
// while it is looked at: what is found is what held for a moment.
package clock

import (
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/ktime"
	sentrytime "gvisor.dev/gvisor/pkg/sentry/time"
)

// Clock is the clocks of this process's kernel. Its methods may be called from
// any goroutine.
type Clock struct {
	fields fields
	kernel atomic.Pointer[kernel.Kernel] // nil until the subject has begun
}

// New fails when gVisor is another version than the package knows.
func New() (*Clock, error) {
	f, err := findFields()
	if err != nil {
		return nil, err
	}
	return &Clock{fields: f}, nil
}

// ahead is how many nanoseconds the clocks were moved on.
var ahead atomic.Int64

// GetTime implements sentrytime.Clocks.
func (s *shifted) GetTime(c sentrytime.ClockID) (int64, error) {
	now, err := s.CalibratedClocks.GetTime(c)
	return now + ahead.Load(), err
}

// Update implements sentrytime.Clocks. It calls no clock ready, so that the vDSO
// reads none of them by itself: what it knows of them would soon be past.
func (s *shifted) Update(parked bool) sentrytime.UpdateResult {
	s.CalibratedClocks.Update(parked)
	return sentrytime.UpdateResult{}
}

// Start has the machine be up for that long already, and its clocks be such as
// Move can move, if movable. It is called once, before the subject has read any.
func (c *Clock) Start(k *kernel.Kernel, uptime time.Duration, movable bool) error {
	keeper := k.Timekeeper()
	// What the vDSO has been told is told again, and who keeps time meanwhile
	// waits.
	params := *c.fields.params.of(keeper)
	keeper.Pause()
	defer keeper.Resume(params)
	if movable {
		if err := shift(c.fields.clocks.of(keeper)); err != nil {
			return err
		}
	}
	atomic.AddInt64(c.fields.offset.of(keeper), int64(uptime))
	*c.fields.boot.of(keeper) = keeper.BootTime().Add(-uptime)
	c.kernel.Store(k)
	return nil
}

// Move moves every clock on, and wakes whoever has waited for it. Start has made
// them movable.
func (c *Clock) Move(by time.Duration) {
	ahead.Add(int64(by))
	k := c.kernel.Load()
	k.Timekeeper().AfterFunc(0, func() {}) // has the timers of the network look at the clock
	c.each(k, func(_ *kernel.Task, timer ktime.Timer) { settingOf(timer) })
}

// Idle tells that no task runs, nor does for that long.
func (c *Clock) Idle(quiet time.Duration) bool {
	r := c.Rest()
	return r.Lasts(quiet) && r.End() && !c.Blocked()
}

// Blocked tells that a task waits for what is not its own to wait for, like a page of
// a file, and is going to run.
func (c *Clock) Blocked() bool { return c.kernel.Load().BlockedTasks() != 0 }
