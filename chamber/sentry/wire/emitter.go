package wire

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/tape"
)

// readerGone is the exit status of a sentry whose reader has gone.
const readerGone = 77

// Batching: events wait this long, or until there are this many bytes of
// them, to go out in one write. A wake-up of the reader costs as much as ten
// events. Only a sentry that dies by itself takes waiting events along, and
// then the run is void anyway.
const (
	batchDelay = 5 * time.Millisecond
	batchBytes = 48 << 10
)

// Endpoint is the sandbox's end of the socket. gVisor's closes when nobody refers to
// it any more, so that the emitter holds on to it.
type Endpoint interface {
	FD() int // the descriptor, which blocks
}

// Emitter numbers, folds and writes events. Its methods may be called from
// any goroutine of the sentry, and block until the reader has room. When that has
// gone they end the sentry.
type Emitter struct {
	end   Endpoint
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
	known map[Transfer]*fold
	// bounds are the names of limits that the subject ran into; over is set
	// when its first process has ended.
	bounds []string
	over   bool
	acted  atomic.Bool // something was done
	// ahead is how far the clocks of the subject were moved on, in jumps steps.
	ahead time.Duration
	jumps uint64
}

// NewEmitter returns the emitter of the sandbox that has that end. There is one to
// a sandbox.
func NewEmitter(end Endpoint) *Emitter {
	e := &Emitter{end: end, base: Monotonic(), zero: time.Now(), folds: make(map[foldKey]*fold), known: make(map[Transfer]*fold)}
	e.ended = e.zero.Add(foldWindow)
	e.enc = tape.NewEncoder(&e.batch)
	e.timer = time.AfterFunc(batchDelay, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.send()
	})
	return e
}

// GiveUp ends the sentry: it must not run on unseen.
func (*Emitter) GiveUp() { os.Exit(readerGone) }

// Serve hands every request of the reader to do, on the goroutine that calls it. It
// ends with the sentry.
func (e *Emitter) Serve(do func(Request)) {
	var b [16]byte
	for {
		n, err := unix.Read(e.end.FD(), b[:])
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
		case err != nil || n == 0:
			e.GiveUp()
		}
		for _, r := range b[:max(n, 0)] {
			do(Request(r))
		}
	}
}

// send writes the batch to the reader, or ends the sentry. The caller holds
// mu: whoever has an event meanwhile waits.
func (e *Emitter) send() {
	for e.batch.Len() > 0 {
		n, err := unix.Write(e.end.FD(), e.batch.Bytes())
		switch err {
		case nil:
			e.batch.Next(n)
		case unix.EINTR, unix.EAGAIN:
		default:
			e.GiveUp()
		}
	}
	e.batch.Reset()
}

// Emit writes ev, or counts it. It owns ev from here on; only Learn is still given
// it.
func (e *Emitter) Emit(ev *tape.Event) {
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

// EmitLast writes ev, the end of a process, after everything that was held
// back. Once the first process has ended, each may be the sandbox's last.
func (e *Emitter) EmitLast(ev *tape.Event) {
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

// Attach writes a piece of a content ahead of its event, at most MaxPiece bytes,
// which are not kept. A large one goes out at once, so that it is not held for long.
// The caller sees to it that the next event of the kind payload.keep is the one that
// it belongs to.
func (e *Emitter) Attach(b []byte) {
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

// Detach takes back what was attached and has no event yet.
func (e *Emitter) Detach() { e.Attach(nil) }

// Jump notes that the clocks of the subject are moved on, for what waits in that.
// What is emitted from then on has it in its Ahead.
func (e *Emitter) Jump(by time.Duration, what string) {
	e.mu.Lock()
	e.ahead += by
	e.jumps++
	e.mu.Unlock()
	e.Emit(&tape.Event{Kind: tape.TimeJump, Jump: &tape.Jump{By: int64(by), For: what}})
}

// Travelled returns how far the clocks were moved on so far, and in how many jumps.
func (e *Emitter) Travelled() (ahead time.Duration, jumps uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ahead, e.jumps
}

// Acted tells whether the subject did anything yet, besides starting and looking
// around.
func (e *Emitter) Acted() bool { return e.acted.Load() }

// Hit notes that the subject ran into the limit of that name.
func (e *Emitter) Hit(limit string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.bounds, limit) {
		e.bounds = append(e.bounds, limit)
		slices.Sort(e.bounds)
	}
}

// Repeat counts one more transfer of n bytes of a kind that is being folded,
// and tells whether it could.
func (e *Emitter) Repeat(key Transfer, n int64) bool {
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

// Learn lets repeat count the transfers that ev, just emitted, is folded into.
func (e *Emitter) Learn(key Transfer, ev *tape.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	k, _ := keyOf(ev)
	if f := e.folds[k]; f != nil && f.held == ev {
		e.known[key] = f
	}
}

// Flush ends the window and answers with the counters.
func (e *Emitter) Flush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closeWindow(time.Now())
	e.answerLocked("", "")
}

// Answer reports the counters, and whether that should be the end of the run:
// reason is empty if it should not.
func (e *Emitter) Answer(reason tape.Reason, detail string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answerLocked(reason, detail)
}

func (e *Emitter) answerLocked(reason tape.Reason, detail string) {
	ev := &tape.Event{Kind: tape.RunEnd, Time: e.base + int64(time.Since(e.zero))}
	ev.End = &tape.End{
		Reason: reason, Detail: Text(ev, detail), Folded: e.saved, Cut: e.cut, Bounds: e.bounds, Ahead: int64(e.ahead), Jumps: e.jumps,
	}
	e.write(ev)
	e.send()
}

// closeWindow writes what was held back. The caller holds mu.
func (e *Emitter) closeWindow(now time.Time) {
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
func (e *Emitter) write(ev *tape.Event) {
	first := e.batch.Len() == 0
	e.seq++
	ev.Seq, ev.Ahead = e.seq, int64(e.ahead)
	if ev.Cut {
		e.cut++
	}
	if err := e.enc.Record(ev); err != nil {
		// Only an event beyond tape.MaxLine: a bound above is wrong. Running
		// on would leave a gap.
		e.GiveUp()
	}
	e.sendLater(first)
}

// sendLater sends the batch when it is due: now if it is large, or else some
// time after the first was put into it. The caller holds mu.
func (e *Emitter) sendLater(first bool) {
	switch {
	case e.batch.Len() >= batchBytes:
		e.send()
	case first:
		e.timer.Reset(batchDelay)
	}
}
