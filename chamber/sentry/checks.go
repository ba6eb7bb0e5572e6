package sentry

import (
	"encoding/binary"
	"strconv"
	"time"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/meaning"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// lookHooks see places that tell of a sandbox being looked for without being
// opened.
func lookHooks() map[string]hook {
	look := func(path int) hook {
		return func(c *call) {
			where := c.string(path)
			c.run()
			what := meaning.Reveals(where, func() string { return where })
			if what == "" {
				return
			}
			ev := c.event(tape.FileStat)
			ev.File = &tape.File{Path: wire.Text(ev, where), Reveals: what}
			c.emit(ev)
		}
	}
	return map[string]hook{
		"stat": look(0), "lstat": look(0), "access": look(0), "newfstatat": look(1), "statx": look(1), "faccessat": look(1), "faccessat2": look(1),
	}
}

// looks make dull what does not begin like a place that tells.
var looks = map[string]dull{
	"stat": unlessTelling(0), "lstat": unlessTelling(0), "access": unlessTelling(0), "newfstatat": unlessTelling(1), "statx": unlessTelling(1),
	"faccessat": unlessTelling(1), "faccessat2": unlessTelling(1),
	"clock_gettime": unlessTooMany, "gettimeofday": unlessTooMany, "time": unlessTooMany,
}

// unlessTelling makes dull a look at a path that does not begin like one that
// tells. It is for programs that look at a million files.
func unlessTelling(arg int) dull {
	return func(_ *tracer, t *kernel.Task, args arch.SyscallArguments) bool {
		var head [meaning.HeadSize]byte
		n, err := t.CopyInBytes(args[arg].Pointer(), head[:])
		return err != nil || n < len(head) || !meaning.MayReveal(head)
	}
}

// tooMany calls of a clock within a second are a timing loop: who asks that often
// does so through the vDSO, which no call leaves, unless it wants to know what a
// call costs.
const tooMany = 5000

// calibration is how long after its start gVisor needs to let the vDSO tell the
// time: until then every program asks by real calls.
const calibration = 3 * time.Second

// clockCount counts the calls of one process within a second.
type clockCount struct {
	since time.Time
	calls int
}

// unlessTooMany counts, and is dull but for the call that makes it too many. When
// the vDSO does not work, as in the profile that moves clocks, it counts nothing.
func unlessTooMany(tr *tracer, t *kernel.Task, _ arch.SyscallArguments) bool {
	if tr.profile == plan.Time {
		return true
	}
	now := time.Now()
	if now.Sub(tr.booted) < calibration {
		return true
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	c := tr.clocks[t.ThreadGroup()]
	if c == nil {
		c = &clockCount{since: now}
		tr.clocks[t.ThreadGroup()] = c
	}
	switch {
	case c.calls > tooMany: // told
		return true
	case now.Sub(c.since) > time.Second:
		c.since, c.calls = now, 0
	}
	c.calls++
	return c.calls <= tooMany
}

// longSleep is what a program sleeps at once that hopes to outlast who watches.
const longSleep = time.Minute

// checkHooks adds to hooks what sees other ways to find out about a sandbox: loops
// that take the time, and a long sleep before anything is done.
func checkHooks(hooks map[string]hook) {
	for _, name := range []string{"clock_gettime", "gettimeofday", "time"} {
		around(hooks, name, nil, func(c *call) { c.emitCall(map[string]string{"calls": strconv.Itoa(tooMany)}) })
	}
	for name, arg := range map[string]int{"nanosleep": 0, "clock_nanosleep": 2} {
		around(hooks, name, func(c *call) {
			if b := c.bytes(c.addr(arg), 16); len(b) == 16 && !(arg == 2 && c.int(1)&linux.TIMER_ABSTIME != 0) {
				c.slept(time.Duration(min(binary.NativeEndian.Uint64(b), 1<<32)) * time.Second)
			}
		}, nil)
	}
}

// slept reports a long sleep of a run in which nothing was done yet.
func (c *call) slept(asked time.Duration) {
	if asked < longSleep || c.tr.out.Acted() {
		return
	}
	c.emitCall(map[string]string{"seconds": strconv.FormatInt(int64(asked/time.Second), 10)})
}

// around adds what is done first, and what then, to a hook, which may not be there;
// either may be nil.
func around(hooks map[string]hook, name string, first, then func(c *call)) {
	inner := hooks[name]
	hooks[name] = func(c *call) {
		if first != nil {
			first(c)
		}
		if inner != nil {
			inner(c)
		} else {
			c.run()
		}
		if then != nil {
			then(c)
		}
	}
}
