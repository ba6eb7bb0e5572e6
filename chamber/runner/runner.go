// Package runner is the life of one sandbox: the namespaces it lives in, its
// limits, the reason it ended, and the tape made of what it sends.
//
// Run is the chamber as the user started it. It puts itself, as Inside, into a
// user, a mount and a PID namespace and then only waits. Inside is the first
// process of that PID namespace and keeps everything it makes on a file system
// of its own: when it dies, for whatever reason, the kernel ends every process
// and forgets every mount and file of the run. Nothing is left to clean up.
package runner

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
)

// insideName is argv[0] of the process inside the namespaces.
const insideName = "detonaut-chamber-inside"

// maxPlan is the most bytes a plan may have: the arguments and environment of
// a Linux process fit.
const maxPlan = 4 << 20

// nobody is the user that the namespace's root is outside of it when the
// chamber is started by root: a process that breaks out finds itself without
// rights.
const nobody = 65534

// Descriptors that Run hands to Inside, from 3 on. 0 is /dev/null; 1 and 2 are
// the subject's, handed on to the sandbox.
const (
	imageFD     = 3 + iota // the EROFS image, read-only
	planFD                 // the plan, as JSON
	tapeFD                 // the tape goes here
	logFD                  // messages for people go here
	stdoutFD               // the read end of 1
	stderrFD               // the read end of 2
	debugFD                // gVisor's own log, if it is kept
	artifactsFD            // what is no event goes here, if it is wanted
	egressFD               // to the process that dials, of a live network
	replayFD               // the record of a live network, if there is one
	endFD                  // the first that is not ours
)

// signalInterval is how often Inside is told to end until it does.
const signalInterval = 100 * time.Millisecond

// Arguments of Inside: which of the files that need not be there are.
const (
	debugArg     = "debug"
	straceArg    = "strace"     // gVisor lists system calls in its log
	artifactsArg = "artifacts=" // and their kinds
	replayArg    = "replay"
)

// ErrUsage is wrapped by errors about the command line.
var ErrUsage = errors.New("usage")

// options are those of the command line.
type options struct {
	// artifacts is the descriptor that artifacts are written to; 0 for none.
	artifacts int
	// want are the kinds of them that are wanted.
	want artifact.Kinds
	// debugLog is a file that gVisor's log is appended to; empty for none. It
	// is made writable for everybody, since the sandbox is nobody.
	debugLog string
	// strace has that log list every system call.
	strace bool
}

func parseOptions(args []string) (o options, err error) {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.debugLog, "debug-log", "", "")
	flags.BoolVar(&o.strace, "strace", false, "")
	flags.IntVar(&o.artifacts, "artifacts", 0, "")
	o.want = artifact.Everything
	flags.Func("want", "", func(s string) (err error) { o.want, err = artifact.ParseKinds(s); return err })
	if err := flags.Parse(args); err != nil {
		return o, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%w: unexpected argument %q", ErrUsage, flags.Arg(0))
	}
	return o, nil
}

// errForbidden is wrapped by errors that say that this machine does not allow
// what the sandbox needs.
var errForbidden = errors.New("this machine does not allow the sandbox")

// ExitCode maps the error of Run or Inside to the exit status of the chamber,
// as its usage lists them.
func ExitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode() // Inside has said why
	case errors.Is(err, ErrUsage):
		return 2
	case errors.Is(err, errForbidden):
		return 3
	default:
		return 1
	}
}

// IsInside tells whether this process is the one inside the namespaces.
func IsInside(args []string) bool { return len(args) > 0 && args[0] == insideName }

// Run reads a plan from stdin, runs its subject and writes the tape to stdout.
// SIGTERM and SIGINT end the run in an orderly way, with a whole tape.
//
// args are the options of the chamber's usage.
func Run(args []string, stdin io.Reader, stdout, stderr *os.File) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	p, err := readPlan(stdin)
	if err != nil {
		return err
	}
	image, err := os.Open(p.Image)
	if err != nil {
		return fmt.Errorf("open image: %w", err)
	}
	defer image.Close()

	// The kernel ends Inside when the thread that started it ends, so that
	// thread must stay ours until then.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	c, err := newInsideCommand(p, image, stdout, stderr)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.options(o, p); err != nil {
		return err
	}
	dialling, err := c.dial(p)
	if err != nil {
		return err
	}
	defer dialling()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	defer signal.Stop(signals)
	err = c.cmd.Start()
	c.close()
	if err != nil {
		return explainStart(err)
	}
	return waitInside(c.cmd, signals)
}

// waitInside returns when Inside has ended, and passes signals on to it as
// SIGTERM.
func waitInside(cmd *exec.Cmd, signals <-chan os.Signal) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var again <-chan time.Time
	for {
		select {
		case <-signals:
			again = time.Tick(signalInterval)
			// If it is gone already, done is about to tell.
			_ = cmd.Process.Signal(unix.SIGTERM)
		case <-again:
			// As the first of its namespace it does not even get a signal for
			// which it has no handler yet.
			_ = cmd.Process.Signal(unix.SIGTERM)
		case err := <-done:
			return insideError(err, again != nil)
		}
	}
}

// exitRuntime is the exit status that Go's runtime gives the first process of
// a namespace for a signal that nobody handles yet.
const exitRuntime = 2

// insideError tells a death by signal, which Inside could not explain itself,
// from an exit status, which it has.
func insideError(err error, told bool) error {
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
	case told && exit.ExitCode() == exitRuntime:
		return errors.New("ended from outside before the run began")
	case exit.ExitCode() < 0:
		return fmt.Errorf("the sandbox's first process died: %s", exit.ProcessState)
	}
	return err
}

func readPlan(r io.Reader) (*plan.Plan, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	if len(b) > maxPlan {
		return nil, fmt.Errorf("read plan: more than %d bytes", maxPlan)
	}
	p := new(plan.Plan)
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return p, nil
}

func openDebugLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fmt.Errorf("open debug log: %w", err)
	}
	if err := f.Chmod(0o666); err != nil {
		f.Close()
		return nil, fmt.Errorf("open debug log: %w", err)
	}
	return f, nil
}

// explainStart says how to allow what the kernel refused.
func explainStart(err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("start the process inside: %w", err)
	}
	return fmt.Errorf("%w: making a user namespace: %w; allow it with those of these that exist here: "+
		"sysctl -w user.max_user_namespaces=15000; sysctl -w kernel.unprivileged_userns_clone=1; "+
		"sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; "+
		"in a container: --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined",
		errForbidden, err)
}
