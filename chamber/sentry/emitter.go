package sentry

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/fd"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/vfs"

	"github.com/detonaut/detonaut/chamber/tape"
)

// readerGone is the exit status of a sentry whose reader has gone.
const readerGone = 77

// Folding: of identical events of one process, the first burst in a window
// are written as they happen; the rest are counted and written as one when the
// window ends.
const (
	foldBurst  = 8
	foldWindow = time.Second
	maxFolds   = 4096
)

// Batching: events wait this long, or until there are this many bytes of
// them, to go out in one write. A wake-up of the reader costs as much as ten
// events. Only a sentry that dies by itself takes waiting events along, and
// then the run is void anyway.
const (
	batchDelay = 5 * time.Millisecond
	batchBytes = 48 << 10
)

// emitter numbers, folds and writes events. Its methods may be called from
// any goroutine of the sentry, and block until the reader has room.
type emitter struct {
	fd    *fd.FD
	base  int64     // CLOCK_MONOTONIC at zero
	zero  time.Time // reads the same clock without a system call
	mu    sync.Mutex
	batch bytes.Buffer
	timer *time.Timer // runs while the batch is not empty
	enc   *tape.Encoder
	seq   uint64
	cut   uint64
	saved uint64 // events folded into others
	ended time.Time
	folds map[foldKey]*fold
	known map[transferKey]*fold
	// bounds are the names of limits that the subject ran into; over is set
	// when its first process has ended.
	bounds []string
	over   bool
	acted  atomic.Bool // something was done
	// ahead is how far the clocks of the subject were moved on, in jumps steps.
	ahead time.Duration
	jumps uint64
}

// foldKey is what makes two events identical.
type foldKey struct {
	kind    tape.Kind
	pid     int32
	errno   string
	a, b, c string
	n       int64
}

type fold struct {
	seen uint64
	held *tape.Event // the last that was not written; its Count says how many
}

// transferKey tells that a read or a write is one more of those that a fold
// counts, without spelling out the path. A description alone may be another
// file's by now; one with the same dentry is the same file's.
type transferKey struct {
	kind   tape.Kind
	group  *kernel.ThreadGroup
	file   *vfs.FileDescription
	dentry *vfs.Dentry
	fd     int32
}

func newEmitter(endpoint *fd.FD, base int64) *emitter {
	e := &emitter{fd: endpoint, base: base, zero: time.Now(), folds: make(map[foldKey]*fold), known: make(map[transferKey]*fold)}
	e.ended = e.zero.Add(foldWindow)
	e.enc = tape.NewEncoder(&e.batch)
	e.timer = time.AfterFunc(batchDelay, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.send()
	})
	return e
}

// giveUp ends the sentry.
func (*emitter) giveUp() { os.Exit(readerGone) }

// send writes the batch to the reader, or ends the sentry. The caller holds
// mu: whoever has an event meanwhile waits.
func (e *emitter) send() {
	for e.batch.Len() > 0 {
		n, err := unix.Write(e.fd.FD(), e.batch.Bytes())
		switch err {
		case nil:
			e.batch.Next(n)
		case unix.EINTR, unix.EAGAIN:
		default:
			e.giveUp()
		}
	}
	e.batch.Reset()
}

// emit writes ev, or counts it. It owns ev from here on.
func (e *emitter) emit(ev *tape.Event) {
	key, foldable := keyOf(ev)
	if acts(ev) {
		e.acted.Store(true)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	ev.Time = e.base + int64(now.Sub(e.zero))
	if now.After(e.ended) || len(e.folds) >= maxFolds {
		e.closeWindow(now)
	}
	if foldable {
		f := e.folds[key]
		if f == nil {
			f = new(fold)
			e.folds[key] = f
		}
		f.seen++
		if f.seen > foldBurst {
			ev.Count = 1
			if f.held != nil {
				ev.Count += f.held.Count
				addSizes(ev, f.held)
			}
			f.held = ev
			return
		}
	}
	e.write(ev)
}

// emitLast writes ev, the end of a process, after everything that was held
// back. Once the first process has ended, each may be the sandbox's last.
func (e *emitter) emitLast(ev *tape.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.closeWindow(now)
	ev.Time = e.base + int64(now.Sub(e.zero))
	e.write(ev)
	e.over = e.over || ev.PID == 1
	if e.over {
		e.answerLocked("", "")
	}
}

// attach writes a piece of a content ahead of its event. A large one goes out at
// once, so that it is not held for long.
func (e *emitter) attach(b []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first := e.batch.Len() == 0
	head := [attachHead]byte{attachMark}
	binary.BigEndian.PutUint32(head[1:], uint32(len(b)))
	e.batch.Write(head[:])
	e.batch.Write(b)
	e.sendLater(first)
	if e.batch.Cap() > 4*batchBytes && e.batch.Len() == 0 {
		e.batch = bytes.Buffer{} // room for a piece is not needed for good
	}
}

// detach takes back what was attached since the last event that had anything.
func (e *emitter) detach() { e.attach(nil) }

// jump notes that the clocks of the subject are moved on.
func (e *emitter) jump(by time.Duration, what string) {
	e.mu.Lock()
	e.ahead += by
	e.jumps++
	e.mu.Unlock()
	e.emit(&tape.Event{Kind: tape.TimeJump, Jump: &tape.Jump{By: int64(by), For: what}})
}

// hit notes that the subject ran into the limit of that name.
func (e *emitter) hit(limit string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.bounds, limit) {
		e.bounds = append(e.bounds, limit)
		slices.Sort(e.bounds)
	}
}

// repeat counts one more transfer of n bytes of a kind that is being folded,
// and tells whether it could.
func (e *emitter) repeat(key transferKey, n int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.known[key]
	if f == nil || time.Now().After(e.ended) {
		return false
	}
	f.held.Count++
	f.held.File.Size += n
	return true
}

// learn lets repeat count the transfers that ev, just emitted, is folded into.
func (e *emitter) learn(key transferKey, ev *tape.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	k, _ := keyOf(ev)
	if f := e.folds[k]; f != nil && f.held == ev {
		e.known[key] = f
	}
}

// flush ends the window and answers with the counters.
func (e *emitter) flush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closeWindow(time.Now())
	e.answerLocked("", "")
}

// answer reports the counters, and whether that should be the end of the run:
// reason is empty if it should not.
func (e *emitter) answer(reason tape.Reason, detail string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answerLocked(reason, detail)
}

func (e *emitter) answerLocked(reason tape.Reason, detail string) {
	ev := &tape.Event{Kind: tape.RunEnd, Time: e.base + int64(time.Since(e.zero))}
	ev.End = &tape.End{
		Reason: reason, Detail: text(ev, detail), Folded: e.saved, Cut: e.cut, Bounds: e.bounds, Ahead: int64(e.ahead), Jumps: e.jumps,
	}
	e.write(ev)
	e.send()
}

// closeWindow writes what was held back. The caller holds mu.
func (e *emitter) closeWindow(now time.Time) {
	held := make([]*tape.Event, 0, len(e.folds))
	for _, f := range e.folds {
		if f.held != nil {
			held = append(held, f.held)
		}
	}
	sortByTime(held)
	for _, ev := range held {
		e.saved += ev.Count - 1
		ev.Time = e.base + int64(now.Sub(e.zero))
		e.write(ev)
	}
	clear(e.folds)
	clear(e.known)
	e.ended = now.Add(foldWindow)
}

// write numbers and writes ev. The caller holds mu.
func (e *emitter) write(ev *tape.Event) {
	first := e.batch.Len() == 0
	e.seq++
	ev.Seq, ev.Ahead = e.seq, int64(e.ahead)
	if ev.Cut {
		e.cut++
	}
	if err := e.enc.Record(ev); err != nil {
		// Only an event beyond tape.MaxLine: a bound above is wrong. Running
		// on would leave a gap.
		e.giveUp()
	}
	e.sendLater(first)
}

// sendLater sends the batch when it is due: now if it is large, or else some
// time after the first was put into it. The caller holds mu.
func (e *emitter) sendLater(first bool) {
	switch {
	case e.batch.Len() >= batchBytes:
		e.send()
	case first:
		e.timer.Reset(batchDelay)
	}
}

// addSizes adds the bytes of an event that ev now stands for too.
func addSizes(ev, old *tape.Event) {
	switch {
	case ev.File != nil && (ev.Kind == tape.FileRead || ev.Kind == tape.FileWrite):
		ev.File.Size += old.File.Size
	case ev.Socket != nil:
		ev.Socket.Size += old.Socket.Size
	case ev.Jump != nil:
		ev.Jump.By += old.Jump.By
	}
}

// keyOf returns what ev is folded by. Events that shape the process tree and
// those that stand for one deed each are never folded.
func keyOf(ev *tape.Event) (foldKey, bool) {
	k := foldKey{kind: ev.Kind, pid: ev.PID, errno: ev.Errno}
	switch {
	case ev.File != nil:
		f := ev.File
		k.a, k.b, k.c, k.n = f.Path, f.Target, f.Flags+f.Attr, int64(f.Mode)
	case ev.Kind == tape.SocketLocal:
		return k, false
	case ev.Socket != nil:
		s := ev.Socket
		k.a, k.b, k.c, k.n = s.Address, s.Family, s.Type, int64(s.Protocol)
		for _, q := range s.DNS {
			k.c += " " + q.Name + " " + q.Type
		}
	case ev.Memory != nil:
		k.a, k.b = ev.Memory.Path, ev.Memory.Call
	case ev.Jump != nil:
		k.a = ev.Jump.For
	case ev.Call != nil:
		k.a = flatten(ev.Call.Args)
	case ev.Kind == tape.ProcessExec && ev.Errno != "":
		k.a = ev.Process.Executable
	case ev.Kind == tape.ProcessFork && ev.Errno != "":
	default:
		return k, false
	}
	return k, true
}
