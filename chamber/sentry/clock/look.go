package clock

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"gvisor.dev/gvisor/pkg/sentry/fsimpl/timerfd"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/ktime"
)

// Wait is what is waited for first.
type Wait struct {
	// Due is how long it takes until then; it may be over. Never means that no
	// timer runs.
	Due time.Duration
	// For is the system call that waits, or "timer".
	For string
}

// Never is when a timer that does not run is due.
const Never = time.Duration(1<<63 - 1)

// Next returns the first timer that is due, of any task: those of the calls that
// they wait in, alarms, timers of processes, and descriptors that are timers.
func (c *Clock) Next() Wait {
	k := c.kernel.Load()
	first := Wait{Due: Never}
	wall := []ktime.Clock{k.MonotonicClock(), k.RealtimeClock(), k.MonotonicRawClock()}
	c.each(k, func(t *kernel.Task, timer ktime.Timer) {
		now, s, ok := settingOf(timer)
		// Others count processor time, of which none passes.
		if !ok || !s.Enabled || s.Next.Sub(now) >= first.Due || !slices.Contains(wall, timer.Clock()) {
			return
		}
		first = Wait{Due: s.Next.Sub(now), For: "timer"}
		if t != nil {
			first.For = doing(t)
		}
	})
	return first
}

// settingOf looks at a timer, which fires if it is due. It may be one that is
// about to be destroyed, and nobody's then.
func settingOf(timer ktime.Timer) (now ktime.Time, s ktime.Setting, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	now, s = timer.Get()
	return now, s, true
}

// each visits every timer of k that tasks can wait for; with the task that waits
// in a system call, if that is what it is for.
func (c *Clock) each(k *kernel.Kernel, visit func(*kernel.Task, ktime.Timer)) {
	root := k.TaskSet().Root
	tables := make(map[*kernel.FDTable]bool)
	for _, t := range root.Tasks() {
		if t.ExitState() != kernel.TaskExitNone {
			continue
		}
		place := (*unsafe.Pointer)(unsafe.Pointer(c.fields.block.of(t))) // the task sets it when it begins
		if timer := (*ktime.SampledTimer)(atomic.LoadPointer(place)); timer != nil {
			visit(t, timer)
		}
		c.eachDescriptor(k, t, tables, visit)
	}
	for _, process := range root.ThreadGroups() {
		visit(nil, *c.fields.alarm.of(process))
		c.eachTimer(process, visit)
	}
}

// eachTimer visits the timers that timer_create(2) made.
func (c *Clock) eachTimer(process *kernel.ThreadGroup, visit func(*kernel.Task, ktime.Timer)) {
	timers := c.fields.timerMu.of(process)
	timers.Lock()
	defer timers.Unlock()
	// A process that ends forgets its timers under this lock alone.
	signals := c.fields.signals.of(process.SignalHandlers())
	signals.Lock()
	var all []*kernel.IntervalTimer
	for _, it := range *c.fields.timers.of(process) {
		all = append(all, it)
	}
	signals.Unlock()
	for _, it := range all {
		if timer := *c.fields.timer.of(it); timer != nil {
			visit(nil, timer)
		}
	}
}

// eachDescriptor visits those of the descriptors of t that are timers.
func (c *Clock) eachDescriptor(k *kernel.Kernel, t *kernel.Task, seen map[*kernel.FDTable]bool, visit func(*kernel.Task, ktime.Timer)) {
	ctx := k.SupervisorContext()
	var held []*timerfd.TimerFileDescription
	var release []func()
	t.WithMuLocked(func(t *kernel.Task) {
		table := t.FDTable()
		if table == nil || seen[table] {
			return
		}
		seen[table] = true
		for _, fd := range table.GetFDs(ctx) {
			file, _ := table.Get(fd)
			if file == nil {
				continue
			}
			release = append(release, func() { file.DecRef(ctx) })
			if timer, ok := file.Impl().(*timerfd.TimerFileDescription); ok {
				held = append(held, timer)
			}
		}
	})
	for _, timer := range held {
		visit(nil, descriptor{timer})
	}
	for _, done := range release {
		done()
	}
}

// descriptor is the timer behind a descriptor, to be looked at only.
type descriptor struct{ *timerfd.TimerFileDescription }

func (d descriptor) Get() (ktime.Time, ktime.Setting) { return d.GetTime() }
func (d descriptor) Destroy()                         {}
func (d descriptor) Pause()                           {}
func (d descriptor) Resume()                          {}

func (d descriptor) Set(ktime.Setting, func()) (ktime.Time, ktime.Setting) { return d.GetTime() }

// mostNamed is how many processes Waiting names.
const mostNamed = 8

// Waiting says in words which process waits in which system calls. The names of
// processes are the subject's, and as it made them.
func (c *Clock) Waiting() string {
	root := c.kernel.Load().TaskSet().Root
	calls := make(map[kernel.ThreadID][]string)
	for _, t := range root.Tasks() {
		if t.ExitState() != kernel.TaskExitNone {
			continue
		}
		id := root.IDOfThreadGroup(t.ThreadGroup())
		if call := doing(t); !slices.Contains(calls[id], call) {
			calls[id] = append(calls[id], call)
		}
	}
	ids := make([]kernel.ThreadID, 0, len(calls))
	for id := range calls {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var parts []string
	for i, id := range ids {
		if i == mostNamed {
			parts = append(parts, fmt.Sprintf("and %d more", len(ids)-i))
			break
		}
		slices.Sort(calls[id])
		parts = append(parts, fmt.Sprintf("%s (%d) in %s", nameOf(root, id), id, strings.Join(calls[id], " and ")))
	}
	return strings.Join(parts, ", ")
}

func nameOf(root *kernel.PIDNamespace, id kernel.ThreadID) string {
	if process := root.ThreadGroupWithID(id); process != nil {
		if leader := process.Leader(); leader != nil {
			return leader.Name()
		}
	}
	return "?"
}

// doing is the system call that t waits in.
func doing(t *kernel.Task) (call string) {
	defer func() {
		if recover() != nil {
			call = "exit" // it was about to end, and has
		}
	}()
	if t.TaskGoroutineState() == kernel.TaskGoroutineStopped {
		return "a stop"
	}
	return t.SyscallTable().LookupName(t.Arch().SyscallNo())
}
