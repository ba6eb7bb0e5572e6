package sentry

import (
	"time"

	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/vfs"

	"github.com/detonaut/detonaut/chamber/sentry/difference"
)

// maxHold is how long is waited until the subject stands still. Together with what
// package difference may take, and the reading of what was sent, it stays below the
// two seconds that a run may last longer than its plan says.
const maxHold = 250 * time.Millisecond

// maxFarewell is for how long the internet may take nothing of what the subject said
// last, and maxFarewells for how long it may take some of it: on a machine that is busy
// with others it waits for its turn.
const (
	maxFarewell  = 800 * time.Millisecond
	maxFarewells = 2 * time.Second
)

// lookBefore remembers the file systems as they are. t is the first thread.
func (tr *tracer) lookBefore(t *kernel.Task) {
	b, err := difference.Remember(t, tr.out, tr.payloads)
	if err != nil {
		panic(err) // this gVisor is not the one that it was written for
	}
	tr.before.Store(b)
}

// final tells what the subject leaves behind, once. It returns when that is
// told, and what the subject said is sent, whoever does it.
func (tr *tracer) final(ctx context.Context, b *difference.Before) {
	tr.last.Do(func() {
		tr.memory.KeepAll(ctx, tr.processes())
		tr.scripts.EndAll()
		b.Tell(ctx)
		tr.before.Store(nil) // what goes from now on was told of
		tr.farewell()
	})
}

// farewell waits until the internet has taken what the subject said: with the sandbox
// goes what is still to be sent.
func (tr *tracer) farewell() {
	began, left := time.Now(), tr.clock.Unsent()
	for moved := began; left > 0; <-time.After(pause) {
		now, still := time.Now(), tr.clock.Unsent()
		if still != left {
			moved, left = now, still
		}
		if now.Sub(moved) > maxFarewell || now.Sub(began) > maxFarewells {
			tr.out.Hit("held")
			return
		}
	}
}

// exitLast is final for the last thread of the first process. The other
// processes are held meanwhile, as far as they can be without waiting for them.
func (tr *tracer) exitLast(t *kernel.Task) {
	b := tr.before.Load()
	if b == nil {
		return
	}
	tasks := b.Kernel().TaskSet()
	tasks.BeginExternalStop()
	defer tasks.EndExternalStop()
	tr.final(t, b)
}

// finish holds the subject for good and is final, for the goroutine that answers
// the reader.
func (tr *tracer) finish() {
	b := tr.before.Load()
	if b == nil {
		return // it has not begun, or nothing is told of it
	}
	held := make(chan struct{})
	go func() {
		defer close(held)
		b.Kernel().Pause()
	}()
	select {
	case <-held:
	case <-time.After(maxHold): // it is looked at as it runs on
	}
	tr.final(b.Kernel().SupervisorContext(), b)
}

// unchanged tells whether a file holds what the image has in its place.
func (tr *tracer) unchanged(t *kernel.Task, f *vfs.FileDescription) bool {
	b := tr.before.Load()
	return b != nil && b.Unchanged(t, f)
}
