package clock

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/ktime"
	sentrytime "gvisor.dev/gvisor/pkg/sentry/time"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// fields are those that gVisor keeps to itself. This file alone reaches into
// them, and knows nothing but their names and types.
type fields struct {
	clocks  field[kernel.Timekeeper, sentrytime.Clocks]
	params  field[kernel.Timekeeper, *kernel.VDSOParamPage]
	offset  field[kernel.Timekeeper, int64] // of CLOCK_MONOTONIC
	boot    field[kernel.Timekeeper, ktime.Time]
	block   field[kernel.Task, *ktime.SampledTimer] // of whatever the task waits in
	alarm   field[kernel.ThreadGroup, *ktime.SampledTimer]
	timers  field[kernel.ThreadGroup, map[linux.TimerID]*kernel.IntervalTimer]
	timerMu mutex[kernel.ThreadGroup]
	signals mutex[kernel.SignalHandlers]
	timer   field[kernel.IntervalTimer, ktime.Timer]
	unsent  field[tcp.Endpoint, int] // bytes that the other end has not acknowledged
}

// findFields fails when gVisor is not the one that this was written for.
func findFields() (f fields, err error) {
	for _, find := range []func() error{
		func() error { return f.clocks.find("clocks") },
		func() error { return f.params.find("params") },
		func() error { return f.offset.find("monotonicOffset") },
		func() error { return f.boot.find("bootTime") },
		func() error { return f.block.find("blockingTimer") },
		func() error { return f.alarm.find("itimerRealTimer") },
		func() error { return f.timers.find("timers") },
		func() error { return f.timerMu.find("timerMu") },
		func() error { return f.signals.find("mu") },
		func() error { return f.timer.find("timer") },
		func() error { return f.unsent.find("sndQueueInfo", "TCPSndBufState", "SndBufUsed") },
	} {
		if err := find(); err != nil {
			return f, err
		}
	}
	return f, nil
}

// A field is one of type F in S, or in a field of that.
type field[S, F any] struct{ offset uintptr }

func (f *field[S, F]) find(path ...string) error {
	in := reflect.TypeFor[S]()
	for _, name := range path {
		found, err := lookup(in, name)
		if err != nil {
			return err
		}
		f.offset += found.Offset
		in = found.Type
	}
	if in != reflect.TypeFor[F]() {
		return unknown(reflect.TypeFor[S](), path[0])
	}
	return nil
}

// of returns the field of s.
func (f field[S, F]) of(s *S) *F { return (*F)(unsafe.Add(unsafe.Pointer(s), f.offset)) }

// A mutex is a field of S of any type that locks.
type mutex[S any] struct{ found reflect.StructField }

func (m *mutex[S]) find(name string) (err error) {
	in := reflect.TypeFor[S]()
	m.found, err = lookup(in, name)
	if err == nil && !reflect.PointerTo(m.found.Type).Implements(reflect.TypeFor[sync.Locker]()) {
		err = unknown(in, name)
	}
	return err
}

func (m mutex[S]) of(s *S) sync.Locker {
	return reflect.NewAt(m.found.Type, unsafe.Add(unsafe.Pointer(s), m.found.Offset)).Interface().(sync.Locker) // find has seen to it
}

func lookup(in reflect.Type, name string) (reflect.StructField, error) {
	f, ok := in.FieldByName(name)
	if !ok || len(f.Index) != 1 {
		return f, unknown(in, name)
	}
	return f, nil
}

func unknown(in reflect.Type, name string) error {
	return fmt.Errorf("find the clocks of gVisor: its %s has another %s than this was written for", in, name)
}

// shifted is the clocks of gVisor, moved on by ahead. It has no field of its
// own, so that whoever holds a pointer to the one holds a pointer to the other.
type shifted struct{ sentrytime.CalibratedClocks }

// shift makes the clocks behind c shifted ones. Only the type of the interface
// changes, in one store: who reads it meanwhile finds the one or the other.
func shift(c *sentrytime.Clocks) error {
	old, ok := (*c).(*sentrytime.CalibratedClocks)
	if !ok {
		return fmt.Errorf("find the clocks of gVisor: they are %T", *c)
	}
	moved := sentrytime.Clocks((*shifted)(unsafe.Pointer(old)))
	atomic.StoreUintptr((*uintptr)(unsafe.Pointer(c)), *(*uintptr)(unsafe.Pointer(&moved)))
	return nil
}
