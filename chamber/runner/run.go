package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/tape"
)

// flushInterval is how long an event may wait before it is handed on.
const flushInterval = 50 * time.Millisecond

// settle is how long the sandbox may take to hand over its last events once
// the run is over.
const settle = 5 * time.Second

// run runs the subject to its end and completes the tape. ctx ends the run.
func (s *sandbox) run(ctx context.Context, rec *recorder) error {
	if err := rec.start(time.Now().UnixNano()); err != nil {
		return err
	}
	var readers sync.WaitGroup
	readers.Add(3)
	stdout, stderr := os.NewFile(stdoutFD, "stdout"), os.NewFile(stderrFD, "stderr")
	broken := make(chan error, 3) // the first failure of each reader
	go func() { defer readers.Done(); broken <- rec.copyOutput(tape.OutputStdout, stdout) }()
	go func() { defer readers.Done(); broken <- rec.copyOutput(tape.OutputStderr, stderr) }()
	events := make(chan error, 1)
	go func() { defer readers.Done(); events <- s.readEvents(rec) }()

	end := s.startAndWait(ctx, rec, events, broken)
	mem := end.MaxMemory
	s.destroy()
	closeOwnOutput()
	readers.Wait()
	stdout.Close()
	stderr.Close()
	end.MaxMemory, end.CPU = mem, cpuTime()
	s.explain(&end, rec)
	return rec.end(end)
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
		if err := rec.event(line); err != nil {
			return err
		}
		if line.Kind == tape.RunEnd {
			s.flushed()
		}
	}
}

// startAndWait starts the subject and returns when the run is over, with the
// reason. The sandbox may still be alive then.
func (s *sandbox) startAndWait(ctx context.Context, rec *recorder, events, broken <-chan error) tape.End {
	exited := make(chan error, 1)
	if err := s.cont.Start(s.conf); err != nil {
		return startFailure(err)
	}
	go func() {
		_, err := s.cont.Wait()
		exited <- err
	}()
	deadline := time.NewTimer(s.plan.Limits.Duration)
	defer deadline.Stop()
	flush := time.NewTicker(flushInterval)
	defer flush.Stop()
	watch := time.NewTicker(watchInterval)
	defer watch.Stop()
	mem := memory{pid: s.cont.SandboxPid()}
	mem.sample()

	stop := func(reason tape.Reason, detail string) tape.End {
		s.askFlush(events)
		mem.sample()
		return tape.End{Reason: reason, Detail: detail, MaxMemory: mem.max}
	}
	for {
		select {
		case <-ctx.Done():
			return stop(tape.Killed, "ended from outside")
		case <-deadline.C:
			return stop(tape.TimeLimit, "")
		case <-flush.C:
			if err := rec.flush(); err != nil && !errors.Is(err, errFull) {
				return tape.End{Reason: tape.Broken, Detail: err.Error(), MaxMemory: mem.max}
			}
		case <-watch.C:
			if mem.sample() > s.plan.Limits.Memory {
				return stop(tape.MemoryLimit, fmt.Sprintf("held %d bytes of %d", mem.max, s.plan.Limits.Memory))
			}
		case err := <-events:
			switch {
			case errors.Is(err, errFull):
				return tape.End{Reason: tape.EventLimit, Detail: fmt.Sprintf("%d events", s.plan.Limits.Events), MaxMemory: mem.max}
			case err != nil:
				return tape.End{Reason: tape.Broken, Detail: err.Error(), MaxMemory: mem.max}
			}
			events = nil // the sandbox is gone; exited follows
		case err := <-broken:
			if err != nil {
				return tape.End{Reason: tape.Broken, Detail: err.Error(), MaxMemory: mem.max}
			}
		case <-exited:
			return tape.End{Reason: tape.Exited, MaxMemory: mem.max}
		}
	}
}

// askFlush makes the sandbox hand over what it holds back, and waits for it.
func (s *sandbox) askFlush(events <-chan error) {
	if err := s.events.Flush(); err != nil {
		return // it is gone; what it sent is read
	}
	select {
	case <-s.flushes:
	case <-events:
	case <-time.After(settle):
	}
}

// flushed notes that the sandbox has answered a flush.
func (s *sandbox) flushed() {
	select {
	case s.flushes <- struct{}{}:
	default:
	}
}

// explain completes the end of a run whose first process ended by itself, and
// tells when the sandbox ended without it.
func (s *sandbox) explain(end *tape.End, rec *recorder) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if end.Reason != tape.Exited {
		return
	}
	if rec.exit == nil {
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
		unix.Close(fd)
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
