package room

import (
	"fmt"
	"time"
)

// Needs are what one analysis is expected to take, in bytes of memory.
type Needs struct {
	// Waiting is that of one whose subject runs: its sandbox, and what the subject uses.
	Waiting int64
	// Computing is what pulling or reading an image takes besides.
	Computing int64
	// Reserve is left to everybody else on this machine.
	Reserve int64
}

// Bounds of needs, from docs/performance.md: an idle run has 30 MB, reading a large image takes
// some 110 MB more than the process has anyway.
const (
	idle      = 32 << 20
	computing = 256 << 20
)

// NeedsOf are those of runs in which a subject may have so much memory, of which most use little.
func NeedsOf(subject, reserve int64) Needs {
	return Needs{Waiting: idle + subject/16, Computing: computing, Reserve: reserve}
}

// Limits are what a room keeps to, whatever happens.
type Limits struct {
	// Most is how many analyses there may be in it.
	Most int
	// Slots is how many may compute at once, and Pulls how many pull besides, which wait for the
	// network half of the time.
	Slots, Pulls int
	Needs        Needs
}

// many bounds how many analyses there are for each processor: their images have to be pulled
// and read, and more than these cannot wait by the time the first are done.
const many = 64

// LimitsOf are those of a machine. most is how many are wanted; 0 is what the machine bears.
func LimitsOf(m Machine, n Needs, most int) Limits {
	l := Limits{Most: most, Slots: max(m.CPUs, 1), Needs: n}
	l.Pulls = l.Slots
	if m.Memory > 0 {
		// On a small machine little is left for others.
		l.Needs.Reserve = min(n.Reserve, m.Memory/8)
	}
	if most > 0 {
		return l
	}
	l.Most = 4 * l.Slots // where nothing is known of the memory
	if m.Memory > 0 {
		free := m.Memory - l.Needs.Reserve - int64(l.Slots+l.Pulls)*n.Computing
		l.Most = int(min(free/max(n.Waiting, 1), int64(many*l.Slots)))
	}
	l.Most = max(l.Most, 1)
	return l
}

// Load is what is in a room.
type Load struct {
	// Inside are all. Of them Leaving were asked to leave, Computing pull or compute, and Young
	// have not yet taken what they will.
	Inside, Leaving, Computing, Young int
	// Strained is for how long memory has been short.
	Strained time.Duration
}

// Decision is how many more may enter, and how many of the youngest have to leave.
type Decision struct {
	Admit, Shed int
	// Why is the reason where nobody may enter; Strained tells that memory is short.
	Why      string
	Strained bool
}

// When memory is short: the share of ten seconds in which somebody, and in which everybody,
// waited for it, in percent; and the part of all of it that is left.
const (
	somePressure = 20
	fullPressure = 5
	fewLeft      = 16 // one in so many
	hardlyLeft   = 32
)

// patience is how long memory may be short before analyses have to leave, and before more do:
// what those had is not free at once, and pressure is a mean.
const patience = 5 * time.Second

// Decide is a pure function.
func (l Limits) Decide(m Machine, now Load) Decision {
	if d, short := l.strained(m, now); short {
		return d
	}
	free := l.Most - now.Inside
	if free <= 0 {
		return Decision{Why: fmt.Sprintf("%d analyses are running, which is the most", now.Inside)}
	}
	if m.Memory <= 0 {
		return Decision{Admit: free}
	}
	spare := m.Available - l.Needs.Reserve - int64(now.Young)*l.Needs.Waiting - int64(now.Computing)*l.Needs.Computing
	n := int(min(int64(free), spare/max(l.Needs.Waiting+l.Needs.Computing, 1)))
	switch {
	case n > 0:
		return Decision{Admit: n}
	case now.Inside == 0:
		return Decision{Admit: 1} // or nothing would ever be done here
	}
	return Decision{Why: fmt.Sprintf("%d MB of memory are left, and spoken for", m.Available>>20)}
}

// strained decides when memory is short. One analysis stays: the limits of its own run bound it.
func (l Limits) strained(m Machine, now Load) (d Decision, short bool) {
	few := m.Memory > 0 && m.Available < m.Memory/fewLeft
	switch {
	case few:
		d.Why = fmt.Sprintf("only %d of %d MB of memory are left", m.Available>>20, m.Memory>>20)
	case m.Full >= fullPressure:
		d.Why = fmt.Sprintf("everything waited for memory %.0f %% of the time", m.Full)
	case m.Some >= somePressure:
		d.Why = fmt.Sprintf("something waited for memory %.0f %% of the time", m.Some)
	default:
		return d, false
	}
	d.Strained = true
	hardly := m.Memory > 0 && m.Available < m.Memory/hardlyLeft
	stay := now.Inside - now.Leaving
	if stay < 2 || now.Strained < patience && !(hardly && now.Strained == 0) {
		return d, true
	}
	d.Shed = 1
	if few {
		d.Shed = int((m.Memory/fewLeft-m.Available)/max(l.Needs.Waiting, 1)) + 1
	}
	d.Shed = min(d.Shed, max(stay/2, 1))
	return d, true
}
