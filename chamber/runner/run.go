package runner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// flushInterval is how long an event may wait before it is handed on.
const flushInterval = 50 * time.Millisecond

// settle is how long the sandbox may take to hand over its last events once
// the run is over, apart from the time for which whoever reads the tape keeps it
// waiting, or others the processors.
const settle = 1500 * time.Millisecond

// readerCount is how many goroutines read what the sandbox sends, its events and
// the subject's stdout and stderr, and hand it on.
const readerCount = 4

// run runs the subject to its end and completes the tape. ctx ends the run.
func (s *sandbox) run(ctx context.Context, rec *recorder) error {
	if err := rec.start(time.Now().UnixNano()); err != nil {
		return err
	}
	var readers sync.WaitGroup
	readers.Add(readerCount)
	stdout, stderr := os.NewFile(stdoutFD, "stdout"), os.NewFile(stderrFD, "stderr")
	broken := make(chan error, readerCount) // how each reader of output ended
	go func() { defer readers.Done(); broken <- rec.copyOutput(tape.OutputStdout, stdout) }()
	go func() { defer readers.Done(); broken <- rec.copyOutput(tape.OutputStderr, stderr) }()
	over := make(chan struct{})
	go func() { defer readers.Done(); broken <- rec.flushUntil(over) }()
	events := make(chan error, 1)
	go func() { defer readers.Done(); defer close(s.drained); events <- s.readEvents(rec) }()

	end := s.startAndWait(ctx, rec, events, broken)
	s.net.part()
	close(over)
	used, _ := processes(s.cont.SandboxPid())
	end.CPU = max(end.CPU, used)
	s.destroy()
	closeOwnOutput()
	readers.Wait()
	stdout.Close()
	stderr.Close()
	if !s.net.heardOut() {
		end.Bounds = append(end.Bounds, "held")
	}
	end.Bounds = append(end.Bounds, s.net.close()...) // now that all that can be known of its flows is
	end.CPU = max(end.CPU, cpuTime())
	s.explain(&end, rec, failure(events, broken))
	return rec.end(end)
}

// failure returns an error that one of the readers has left, if any has. All have
// ended.
func failure(events, broken <-chan error) error {
	for range readerCount {
		select {
		case err := <-events:
			if err != nil {
				return err
			}
		case err := <-broken:
			if err != nil {
				return err
			}
		default:
		}
	}
	return nil
}

// brokenBy tells how a run ended whose reader failed.
func brokenBy(err error, p *plan.Plan, end tape.End) tape.End {
	if errors.Is(err, errFull) {
		end.Reason, end.Detail = tape.EventLimit, fmt.Sprintf("%d events", p.Limits.Events)
	} else {
		end.Reason, end.Detail = tape.Broken, err.Error()
	}
	return end
}

// readEvents records the sandbox's events until it is gone. Its error is errFull
// when the tape is, or tells what is wrong with the stream.
func (s *sandbox) readEvents(rec *recorder) error {
	for {
		line, err := s.events.Next()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) || errors.Is(err, unix.ECONNRESET) {
				return nil
			}
			return err
		}
		var content []byte
		if line, content, err = s.keepPayload(line); err != nil {
			return err
		}
		if err := rec.event(line, content); err != nil {
			return err
		}
		if line.Kind == tape.RunEnd {
			s.answered(rec.answer())
		}
	}
}

// keepPayload hands over the content that belongs to an event, if any does, and
// returns it, too. Whether it could be handed over is in the event.
func (s *sandbox) keepPayload(line tape.Line) (_ tape.Line, content []byte, err error) {
	if line.Kind != tape.PayloadKeep {
		return line, nil, nil
	}
	e, err := line.Decode()
	if err != nil {
		return line, nil, err
	}
	content = s.events.Attached()
	if len(content) == 0 {
		return line, nil, nil // it was handed over before, or is not kept
	}
	sum := sha256.Sum256(content)
	if e.Payload.SHA256 != hex.EncodeToString(sum[:]) || !e.Payload.Kept {
		return line, nil, fmt.Errorf("%w: a payload that is not what its event says", tape.ErrInvalid)
	}
	switch err := s.net.out.Payload(sum, content); {
	case err == nil:
		return line, content, nil
	case !errors.Is(err, artifact.ErrFull):
		return line, nil, err
	}
	e.Payload.Kept = false
	var again bytes.Buffer
	if err := tape.NewEncoder(&again).Record(e); err != nil {
		return line, nil, err
	}
	line, err = tape.ParseLine(again.Bytes())
	return line, content, err
}

// startAndWait starts the subject and returns when the run is over, with the
// reason. The sandbox may still be alive then.
func (s *sandbox) startAndWait(ctx context.Context, rec *recorder, events, broken <-chan error) tape.End {
	exited := make(chan struct{})
	if err := s.cont.Start(s.conf); err != nil {
		return startFailure(err)
	}
	debug.FreeOSMemory() // what booting took: a run may idle for long, beside many others
	// Not the container's Wait: whoever destroys that takes its sandbox away, also
	// before this goroutine has begun.
	box := s.cont.Sandbox
	go func() {
		defer close(exited)
		// How it ended, the sandbox's events tell; whether it did, this.
		_, _ = box.Wait(s.cont.ID)
	}()
	deadline := time.NewTimer(s.plan.Limits.Duration)
	defer deadline.Stop()
	use := newUsage(s)
	defer use.stop()
	idle := newIdle(s, func(network bool) bool { return atRest(use.mem.pid, s.net, network) })
	defer idle.stop()

	stop := func(reason tape.Reason, detail string) tape.End {
		yield(use.mem.pid)
		held := s.askFlush(rec, idle, use)
		end := use.end(reason, detail)
		if !held {
			end.Bounds = []string{"held"}
		}
		return end
	}
	for {
		select {
		case <-ctx.Done():
			return stop(tape.Killed, "ended from outside")
		case <-deadline.C:
			return stop(tape.TimeLimit, "")
		case <-use.processes.C:
			use.lookAtProcesses()
		case <-use.watch.C:
			if use.lookAtMemory() {
				return stop(tape.MemoryLimit, fmt.Sprintf("held %d bytes of %d", use.mem.max, s.plan.Limits.Memory))
			}
		case <-idle.next.C:
			idle.ask()
		case a := <-s.answers:
			if reason, detail := idle.take(a); reason != "" {
				return stop(reason, detail)
			}
		case err := <-events:
			if err != nil {
				return brokenBy(err, s.plan, use.end("", ""))
			}
			events = nil // the sandbox is gone; exited follows
		case err := <-broken:
			if err != nil {
				return brokenBy(err, s.plan, use.end("", ""))
			}
		case <-exited:
			return use.end(tape.Exited, "")
		}
	}
}

// askFlush makes the sandbox hold the subject, tell what it leaves behind and hand
// over what it holds back, and tells whether it has. The subject runs on until it
// is held, so nothing waits any longer when it is a quarter above its memory. The
// time is not counted for which the tape's reader, or a search for baits, has the
// sandbox waiting: that is ours, and the events are there; nor is that for which it
// waits for a processor. The network listens for a moment only.
func (s *sandbox) askFlush(rec *recorder, idle *idle, use *usage) bool {
	if err := s.events.Ask(wire.Finish); err != nil {
		return true // it is gone; what it sent is read
	}
	enough := time.NewTimer(settle)
	defer enough.Stop()
	unheard := time.NewTimer(maxTold)
	defer unheard.Stop()
	turn := newQueue(use.mem.pid, maxQueue)
	watch := time.NewTicker(watchInterval)
	defer watch.Stop()
	for {
		select {
		case <-s.answers:
			if !idle.asked {
				return true
			}
			idle.asked = false // that was of the request before
		case <-s.drained: // it is gone, or what it sent was no event
			return true
		case <-unheard.C:
			if more := s.net.hush(); more != 0 {
				unheard.Reset(more)
			}
		case <-enough.C:
			more := turn.grant()
			if more == 0 {
				return false
			}
			enough.Reset(more)
		case <-watch.C:
			if rec.stalled() {
				enough.Reset(settle)
			}
			if limit := s.plan.Limits.Memory; use.mem.sample()-limit > max(limit/4, 64<<20) {
				return false
			}
		}
	}
}

// explain completes the end of a run whose first process ended by itself, and
// tells when the sandbox ended without it. failed is the failure of a reader: all
// that was sent must have been read, or nothing is known of the end.
func (s *sandbox) explain(end *tape.End, rec *recorder, failed error) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if end.Reason == tape.NotStarted && rec.exit != nil {
		// gVisor failed at something after the start; the subject ran.
		end.Reason, end.Detail = tape.Exited, ""
	}
	switch {
	case end.Reason != tape.Exited:
		return
	case failed != nil:
		*end = brokenBy(failed, s.plan, *end)
		return
	case rec.exit == nil:
		end.Reason, end.Detail = tape.Broken, "the sandbox died before its first process did"
		return
	}
	end.ExitCode, end.Signal = rec.exit.Process.ExitCode, rec.exit.Process.Signal
	if end.Signal != "" {
		end.Reason = tape.Signalled
	}
}

// startFailure tells a command that cannot be executed from a sandbox that is
// broken. gVisor gives both as text.
func startFailure(err error) tape.End {
	msg := err.Error()
	for _, ours := range []string{"no such file", "not found", "permission denied", "exec format", "not a directory", "is a directory", "failed to load", "too many levels"} {
		if strings.Contains(msg, ours) {
			return tape.End{Reason: tape.NotStarted, Detail: lastPart(msg)}
		}
	}
	return tape.End{Reason: tape.Broken, Detail: "starting the subject: " + msg}
}

// lastPart drops the parts of a message that tell of gVisor's insides.
func lastPart(msg string) string {
	if _, after, ok := strings.Cut(msg, "creating process: "); ok {
		return after
	}
	return msg
}

// closeOwnOutput closes our copies of the subject's stdout and stderr, so that
// their readers see the end of it.
func closeOwnOutput() {
	for _, fd := range []int{1, 2} {
		_ = unix.Close(fd) // ours since the start
	}
}

// cpuTime returns the processor time of this process and of all that it has
// waited for, in nanoseconds.
func cpuTime() int64 {
	var total int64
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if unix.Getrusage(who, &u) == nil {
			total += u.Utime.Nano() + u.Stime.Nano()
		}
	}
	return total
}
