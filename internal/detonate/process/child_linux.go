package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A child is one running chamber.
type child struct {
	cmd    *exec.Cmd
	stdout *output
	stderr *stderr
	grace  time.Duration
	stop   context.CancelFunc // tells it to end, and kills it after the grace
	done   chan outcome       // gets one value when it is gone
}

// An outcome is how a chamber ended: its state, or why that is not known.
type outcome struct {
	state *os.ProcessState
	err   error
}

// start starts the chamber in a process group of its own, so that the keys of
// a terminal do not reach it, and without this process's environment, which
// may hold credentials. It dies when this process dies. It may be silent for
// idle, as a subject that does nothing makes it.
func (s *Sandbox) start(ctx context.Context, idle time.Duration, stdin []byte, args ...string) (*child, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start chamber: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	c := &child{
		cmd:    exec.CommandContext(ctx, s.path, args...),
		stdout: &output{f: r, limit: idle},
		stderr: &stderr{log: s.log},
		grace:  s.grace,
		stop:   stop,
		done:   make(chan outcome, 1),
	}
	c.cmd.Args[0] = program
	c.cmd.Dir = "/"
	c.cmd.Env = environment()
	c.cmd.Stdin = bytes.NewReader(stdin)
	c.cmd.Stdout = w
	c.cmd.Stderr = c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = s.grace

	started := make(chan error, 1)
	go c.live(started)
	err = <-started
	err = errors.Join(err, w.Close())
	if err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("start chamber: %w", err), r.Close())
	}
	return c, nil
}

// live starts the process and waits for its end. The kernel sends a parent
// death signal when the thread that started the child ends, not the process:
// so one goroutine does both, locked to a thread that is there all the while.
func (c *child) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	pid := c.cmd.Process.Pid
	for {
		// WNOWAIT leaves it a zombie, which keeps the number of its group
		// from being given to anybody else before the group is killed.
		err = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	_ = unix.Kill(-pid, unix.SIGKILL) // ESRCH or EPERM of the zombie alone
	c.stdout.exited(c.grace)
	err = c.cmd.Wait()
	out := outcome{state: c.cmd.ProcessState}
	if out.state == nil {
		out.err = err
	}
	c.done <- out
}

// drain drops what the chamber still writes, which must not keep it from
// ending.
func (c *child) drain() { _, _ = io.Copy(io.Discard, c.stdout) }

// wait returns how the chamber ended, when it has, and frees what it held. It
// is called when the end of stdout was read: there is nothing left to do for
// the chamber but to end.
func (c *child) wait() outcome {
	overdue := time.AfterFunc(c.grace, c.stop)
	defer overdue.Stop()
	out := <-c.done
	c.stop()
	out.err = errors.Join(out.err, c.stdout.f.Close())
	return out
}

// environment is what the chamber gets of ours.
func environment() []string {
	var env []string
	for _, name := range []string{"PATH", "TMPDIR", "XDG_RUNTIME_DIR", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, variable+"_") {
			env = append(env, v)
		}
	}
	return env
}

// output is the read end of the chamber's stdout. A read that gets nothing for
// the limit fails with os.ErrDeadlineExceeded. The time runs during reads
// only: a slow sink is no fault of the chamber.
type output struct {
	f *os.File

	mu    sync.Mutex // over changes of the deadline
	limit time.Duration
}

// shorten lowers the limit for the reads to come.
func (o *output) shorten(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.limit = min(o.limit, d)
}

// exited says that the chamber is gone. What is in the pipe can still be read,
// but nobody should be left to hold its other end open.
func (o *output) exited(grace time.Duration) {
	o.shorten(grace)
	_ = o.extend() // for a read under way
}

func (o *output) extend() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.f.SetReadDeadline(time.Now().Add(o.limit))
}

func (o *output) Read(p []byte) (int, error) {
	if err := o.extend(); err != nil {
		return 0, err
	}
	return o.f.Read(p)
}
