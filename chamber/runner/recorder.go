package runner

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/chamber/version"
)

// outputDelay is how long output waits for older events of the sandbox: some
// times as long as those wait to go out in a batch.
const outputDelay = 20 * time.Millisecond

// errFull is returned by a recorder that has no room for another event.
var errFull = errors.New("the tape is full")

// recorder makes one tape of what the sandbox, its output and the run itself
// tell. Its methods may be called from any goroutine.
type recorder struct {
	plan *plan.Plan

	out *outlet // where w writes to

	mu   sync.Mutex
	w    *bufio.Writer
	enc  *tape.Encoder
	zero int64 // CLOCK_MONOTONIC at run.start
	last int64
	line []byte
	seq  uint64
	err  error // the first failure to write; nothing is written after it
	over bool  // run.end is written

	sent     uint64 // the sandbox's own last sequence number
	dropped  uint64
	counters tape.End     // the sandbox's own
	cut      uint64       // events cut short that are not the sandbox's
	ahead    atomic.Int64 // how far the subject's clocks were moved on
	exit     *tape.Event  // the end of the first process
	output   outputCount
	waiting  []pending // in the order of time
	owners   owners
	baits    *sightings // nil looks for none
	// wake has an element when something waits to be handed on, and stirred is set
	// from then until it is.
	wake    chan struct{}
	stirred bool
}

// outlet is the way to whoever reads the tape.
type outlet struct {
	w    io.Writer
	busy atomic.Bool // a write is under way
}

func (o *outlet) Write(b []byte) (int, error) {
	o.busy.Store(true)
	defer o.busy.Store(false)
	return o.w.Write(b)
}

type outputCount struct{ total, kept int64 }

func newRecorder(w io.Writer, p *plan.Plan) *recorder {
	r := &recorder{plan: p, out: &outlet{w: w}, wake: make(chan struct{}, 1)}
	r.w = bufio.NewWriterSize(r.out, 64<<10)
	r.enc = tape.NewEncoder(r.w)
	return r
}

// start writes run.start.
func (r *recorder) start(wall int64) error {
	p := *r.plan
	p.Image, p.Internet.Replay = "", "" // paths of this machine are no facts about the subject
	r.mu.Lock()
	defer r.mu.Unlock()
	r.zero = wire.Monotonic()
	return r.write(&tape.Event{Kind: tape.RunStart, Start: &tape.Start{
		Version: tape.Version, Chamber: version.String(), Wall: wall, Plan: p,
	}}, r.zero)
}

// event passes on an event of the sandbox, and tells of the baits in it and in the
// content that came with it. Only what the run itself depends on is decoded here.
func (r *recorder) event(l tape.Line, content []byte) error {
	var e *tape.Event
	if l.Kind == tape.RunEnd || l.Kind == tape.ProcessExit || l.Kind == tape.SocketLocal {
		var err error
		if e, err = l.Decode(); err != nil {
			return err
		}
	}
	found := r.baits.in(l, content)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped += l.Seq - min(r.sent+1, l.Seq)
	r.sent = l.Seq
	switch {
	case l.Kind == tape.RunStart:
		return fmt.Errorf("%w: run.start from the sandbox", tape.ErrInvalid)
	case l.Kind == tape.RunEnd:
		r.counters = *e.End
		r.ahead.Store(e.End.Ahead)
		return nil
	case l.Kind == tape.SocketLocal:
		r.owners.learn(e)
		if r.plan.Detail != plan.Full {
			return r.err
		}
	case e != nil && e.PID == 1:
		r.exit = e
	}
	err := r.settleUntil(l.Time)
	if err != nil {
		return err
	}
	if l.Seq, l.Time, err = r.next(l.Kind, l.Time); err != nil {
		return err
	}
	at := r.zero + l.Time
	r.line = l.Append(r.line[:0])
	if err := r.done(writeAll(r.w, r.line)); err != nil {
		return err
	}
	return r.found(found, l.Seq, at)
}

// found writes what was found in the event of that number. The caller holds mu.
func (r *recorder) found(seen []*tape.Event, in uint64, at int64) error {
	for _, e := range seen {
		e.Bait.Event = in
		if err := r.write(e, at); err != nil {
			return err
		}
	}
	return nil
}

// printed records what the subject wrote, up to the plan's bound. It comes at
// once where the sandbox's events come in batches, so it waits for those that
// are older.
func (r *recorder) printed(kind tape.Kind, text string, size int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.output.total += int64(size)
	if r.output.kept+int64(size) > r.plan.Limits.Output {
		return r.err
	}
	r.output.kept += int64(size)
	if n := len(r.waiting); n > 0 {
		// A program that writes a line in ten pieces wrote a line.
		last := r.waiting[n-1].event
		if last.Kind == kind && last.Output.Size+size <= outputChunk {
			last.Output.Text += text
			last.Output.Size += size
			return r.err
		}
	}
	r.wait(&tape.Event{Kind: kind, Output: &tape.Output{Text: text, Size: size}}, nil)
	return r.err
}

// wait has an event that happens now wait for its place. The caller holds mu.
func (r *recorder) wait(e *tape.Event, by *network.Origin) {
	e.Ahead = r.ahead.Load()
	r.waiting = append(r.waiting, pending{wire.Monotonic(), e, by})
	r.stir()
}

// stir has what waits handed on in a while. The caller holds mu.
func (r *recorder) stir() {
	if r.stirred {
		return
	}
	r.stirred = true
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// answer is what the sandbox answered last, and how many events there were by
// then.
func (r *recorder) answer() (tape.End, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counters, r.seq
}

// end writes run.end; end has the reason and what it cost. Nothing is written
// after it.
func (r *recorder) end(end tape.End) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.settleUntil(math.MaxInt64)
	switch {
	case errors.Is(err, errFull):
		end = brokenBy(err, r.plan, end)
	case err != nil:
		return err
	}
	end.Events = r.seq + 1
	end.Dropped = r.dropped
	end.Folded, end.Cut = r.counters.Folded, r.counters.Cut+r.cut
	end.Ahead, end.Jumps = r.counters.Ahead, r.counters.Jumps
	end.Bounds = append(slices.Clone(r.counters.Bounds), end.Bounds...)
	end.Output, end.OutputCut = r.output.total, r.output.total-r.output.kept
	end.Bounds = append(end.Bounds, r.baits.bounds()...)
	if end.OutputCut > 0 {
		end.Bounds = append(end.Bounds, "output")
	}
	slices.Sort(end.Bounds)
	end.Bounds = slices.Compact(end.Bounds)
	if err := r.write(&tape.Event{Kind: tape.RunEnd, Ahead: r.ahead.Load(), End: &end}, wire.Monotonic()); err != nil && !errors.Is(err, errFull) {
		return err
	}
	r.over = true
	return r.flushLocked()
}

// write numbers and writes e, which happened at the given monotonic time. The
// caller holds mu.
func (r *recorder) write(e *tape.Event, at int64) (err error) {
	if e.Seq, e.Time, err = r.next(e.Kind, at); err != nil {
		return err
	}
	if e.Cut {
		r.cut++
	}
	return r.done(r.enc.Record(e))
}

// next returns the number and the time on the tape of an event that is about
// to be written.
func (r *recorder) next(kind tape.Kind, at int64) (seq uint64, t int64, err error) {
	switch {
	case r.err != nil:
		return 0, 0, r.err
	case r.over:
		return 0, 0, errors.New("write tape: it has ended")
	case r.seq+1 >= r.plan.Limits.Events && kind != tape.RunEnd:
		return 0, 0, errFull
	}
	r.stir()
	r.seq++
	r.last = max(r.last, at-r.zero)
	return r.seq, r.last, nil
}

// done keeps the first failure to write.
func (r *recorder) done(err error) error {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("write tape: %w", err)
	}
	return r.err
}

func writeAll(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

// stalled tells whether the reader of the tape has it waiting, or a search for
// baits.
func (r *recorder) stalled() bool { return r.out.busy.Load() || r.baits.searching() }

// flushUntil hands on what is buffered, a while after there is something, until
// it is over. It may block as long as nobody reads the tape, for which no limit of
// the subject waits.
func (r *recorder) flushUntil(over <-chan struct{}) error {
	soon := time.NewTimer(flushInterval)
	defer soon.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-r.wake:
			soon.Reset(flushInterval)
		case <-soon.C:
			if err := r.flush(); err != nil && !errors.Is(err, errFull) {
				return err
			}
		}
	}
}

// flush hands on what is buffered.
func (r *recorder) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.settleUntil(wire.Monotonic() - int64(outputDelay))
	r.stirred = false
	if len(r.waiting) > 0 {
		r.stir()
	}
	return errors.Join(err, r.flushLocked())
}

func (r *recorder) flushLocked() error {
	if r.err != nil {
		return r.err
	}
	return r.done(r.w.Flush())
}

// outputChunk is how many bytes of output one event holds at most. Escaped as
// JSON they stay below tape.MaxLine.
const outputChunk = 16 << 10

// copyOutput records all that comes from pipe, until its end. It goes on
// reading when nothing is kept any more: a subject must not block on its
// output.
func (r *recorder) copyOutput(kind tape.Kind, pipe *os.File) error {
	buf := make([]byte, outputChunk)
	kept := 0 // bytes of a character whose end has not come yet
	for {
		n, err := pipe.Read(buf[kept:])
		n += kept
		whole := n
		if err == nil {
			whole -= partialRune(buf[:n])
		}
		if whole > 0 {
			if err := r.printed(kind, decode.Printable(string(buf[:whole])), whole); err != nil && !errors.Is(err, errFull) {
				return err
			}
		}
		kept = copy(buf, buf[whole:n])
		if errors.Is(err, io.EOF) {
			return nil // the last writer has closed it
		}
		if err != nil {
			return fmt.Errorf("read the subject's output: %w", err)
		}
	}
}

// partialRune returns how many bytes at the end of b begin a character that
// they do not finish.
func partialRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
