//go:build linux

package product

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is one that goes on until somebody ends it.
type Process struct {
	Name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	once  sync.Once
	state *os.ProcessState
}

// Start starts detonaut, or what before starts it with.
func (p *Product) Start(tb testing.TB, name string, args ...string) *Process {
	tb.Helper()
	return p.StartCommand(tb, name, p.Command(context.WithoutCancel(tb.Context()), args...))
}

// StartCommand starts a command. It is ended with the test, and dies with it if that is killed.
func (p *Product) StartCommand(tb testing.TB, name string, cmd *exec.Cmd) *Process {
	tb.Helper()
	s := &Process{Name: name, cmd: cmd, log: filepath.Join(p.Dir, name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(tb, err)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() { // the signal comes when the thread ends that has started it
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(s.ended)
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // see state
			s.state = cmd.ProcessState
		}
	}()
	must(tb, <-started)
	tb.Cleanup(func() {
		s.Kill()
		if tb.Failed() {
			text, _ := os.ReadFile(s.log)
			tb.Logf("%s said:\n%s", name, text[max(len(text)-4000, 0):])
		}
	})
	return s
}

// Signal sends a signal.
func (s *Process) Signal(sig syscall.Signal) { _ = s.cmd.Process.Signal(sig) }

// Kill kills it and all of its group at once, and waits for that.
func (s *Process) Kill() {
	s.once.Do(func() {
		if pid := s.cmd.Process.Pid; s.Runs() {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	})
	<-s.ended
}

// PID is its number.
func (s *Process) PID() int { return s.cmd.Process.Pid }

// Runs tells whether it has not ended.
func (s *Process) Runs() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Wait waits until it has ended by itself, and returns its exit code.
func (s *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-s.ended:
		return s.state.ExitCode(), nil
	case <-ctx.Done():
		return 0, errors.Join(errors.New(s.Name+" does not end"), ctx.Err())
	}
}

// Said is what it has written.
func (s *Process) Said() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

// Says waits until it has written something, and returns the line from there on.
func (s *Process) Says(tb testing.TB, words string) string {
	tb.Helper()
	for look := time.NewTicker(50 * time.Millisecond); ; <-look.C {
		said := s.Said()
		if _, rest, ok := strings.Cut(said, words); ok {
			line, _, _ := strings.Cut(rest, "\n")
			return line
		}
		if !s.Runs() || tb.Context().Err() != nil {
			tb.Fatalf("%s did not say %q:\n%s", s.Name, words, said)
		}
	}
}
