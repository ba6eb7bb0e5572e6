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
	cmd       *exec.Cmd
	stdout    *output
	artifacts *output // nil if none are wanted
	stderr    *stderr
	grace     time.Duration
	stop      context.CancelFunc // tells it to end, and kills it after the grace
	done      chan outcome       // gets one value when it is gone
}

// An outcome is how a chamber ended: its state, or why that is not known.
type outcome struct {
	state *os.ProcessState
	err   error
}

// start starts the chamber in a process group of its own, so that the keys of
// a terminal do not reach it, and without this process's environment, which
// may hold credentials. It dies when this process dies. It may be silent for
// idle, as a subject that does nothing makes it. With artifacts it has a pipe
// for them as artifactsFD.
func (s *Sandbox) start(ctx context.Context, idle time.Duration, stdin []byte, artifacts bool, args ...string) (*child, error) {
	c := &child{stderr: &stderr{log: s.log}, grace: s.grace, done: make(chan outcome, 1)}
	theirs, err := c.open(idle, artifacts)
	if err != nil {
		return nil, fmt.Errorf("start chamber: %w", err)
	}
	ctx, c.stop = context.WithCancel(ctx)
	c.cmd = exec.CommandContext(ctx, s.path, args...)
	c.cmd.Args[0] = program
	c.cmd.Dir = "/"
	c.cmd.Env = environment()
	c.cmd.Stdin = bytes.NewReader(stdin)
	c.cmd.Stdout, c.cmd.ExtraFiles = theirs[0], theirs[1:]
	c.cmd.Stderr = c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = s.grace

	started := make(chan error, 1)
	go c.live(started)
	err = errors.Join(<-started, closeFiles(theirs))
	if err != nil {
		c.stop()
		return nil, errors.Join(fmt.Errorf("start chamber: %w", err), c.close())
	}
	return c, nil
}

// open makes the pipes, and returns the chamber's ends of them: stdout, and
// that of the artifacts.
func (c *child) open(idle time.Duration, artifacts bool) ([]*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.stdout = &output{f: r, limit: idle}
	theirs := []*os.File{w}
	if !artifacts {
		return theirs, nil
	}
	if r, w, err = os.Pipe(); err != nil {
		return nil, errors.Join(err, closeFiles(theirs), c.close())
	}
	c.artifacts = &output{f: r, limit: idle}
	return append(theirs, w), nil
}

// outputs are our ends of the pipes.
func (c *child) outputs() []*output {
	if c.artifacts == nil {
		return []*output{c.stdout}
	}
	return []*output{c.stdout, c.artifacts}
}

// close closes our ends of the pipes.
func (c *child) close() error {
	var files []*os.File
	for _, o := range c.outputs() {
		files = append(files, o.f)
	}
	return closeFiles(files)
}

func closeFiles(files []*os.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
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
	for _, o := range c.outputs() {
		o.hurry(c.grace)
	}
	err = c.cmd.Wait()
	out := outcome{state: c.cmd.ProcessState}
	if out.state == nil {
		out.err = err
	}
	c.done <- out
}

// wait returns how the chamber ended, when it has, and frees what it held. It
// is called when all that it wrote was read to its end: there is nothing left
// to do for the chamber but to end.
func (c *child) wait() outcome {
	overdue := time.AfterFunc(c.grace, c.stop)
	defer overdue.Stop()
	out := <-c.done
	c.stop()
	out.err = errors.Join(out.err, c.close())
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

// output is the read end of a pipe from the chamber. A read that gets nothing for
// the limit fails with os.ErrDeadlineExceeded. The time runs during reads
// only: a slow sink is no fault of the chamber.
type output struct {
	f *os.File

	mu    sync.Mutex // over changes of the deadline
	limit time.Duration
}

// hurry lowers the limit: nobody has reason to be silent for long any more, or
// is even there to hold the other end open.
func (o *output) hurry(d time.Duration) {
	o.mu.Lock()
	o.limit = min(o.limit, d)
	o.mu.Unlock()
	_ = o.extend() // for a read under way
}

// drain drops what the chamber still writes, which must not keep it from
// ending.
func (o *output) drain() { _, _ = io.Copy(io.Discard, o) }

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
