package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/egress"
	"github.com/detonaut/detonaut/chamber/plan"
)

// insideCommand is the process inside the namespaces before it is started, and
// the files that are for it alone.
type insideCommand struct {
	cmd   *exec.Cmd
	files []*os.File
}

// newInsideCommand prepares the process. The caller closes it, at the latest
// when the process was started.
func newInsideCommand(p *plan.Plan, image, tape, log *os.File) (*insideCommand, error) {
	c := new(insideCommand)
	planFile, err := memfile("plan", p)
	if err != nil {
		return nil, err
	}
	c.files = append(c.files, planFile)
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
			c.files = append(c.files, r, w)
		}
		return r, w
	}
	outR, outW := pipe()
	errR, errW := pipe()
	if err != nil {
		c.close()
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	c.cmd = &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        []string{insideName},
		Env:         []string{"GOTRACEBACK=" + os.Getenv("GOTRACEBACK")},
		Stdout:      outW,
		Stderr:      errW,
		ExtraFiles:  make([]*os.File, endFD-imageFD),
		SysProcAttr: namespaces(),
	}
	for fd, f := range map[int]*os.File{imageFD: image, planFD: planFile, tapeFD: tape, logFD: log, stdoutFD: outR, stderrFD: errR} {
		c.give(fd, f)
	}
	return c, nil
}

// namespaces are those that the process inside has of its own.
func namespaces() *syscall.SysProcAttr {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = nobody, nobody
	}
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}},
		Credential:  &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: os.Getuid() != 0},
		// An unprivileged user may only map its group after giving up
		// setgroups; root has supplementary groups to drop first.
		GidMappingsEnableSetgroups: os.Getuid() == 0,
		Pdeathsig:                  unix.SIGKILL,
		Setpgid:                    true, // a terminal's ^C is ours to pass on
	}
}

// give makes f the descriptor fd of the process.
func (c *insideCommand) give(fd int, f *os.File) { c.cmd.ExtraFiles[fd-imageFD] = f }

// own gives a file that only the process needs.
func (c *insideCommand) own(fd int, f *os.File, arg string) {
	c.give(fd, f)
	c.files = append(c.files, f)
	if arg != "" {
		c.cmd.Args = append(c.cmd.Args, arg)
	}
}

// options gives the process the files that the command line and the plan name.
func (c *insideCommand) options(o options, p *plan.Plan) error {
	if o.debugLog != "" {
		f, err := openDebugLog(o.debugLog)
		if err != nil {
			return err
		}
		c.own(debugFD, f, debugArg)
		if o.strace {
			c.cmd.Args = append(c.cmd.Args, straceArg)
		}
	}
	if o.artifacts != 0 {
		unix.CloseOnExec(o.artifacts) // it is for one process only
		c.own(artifactsFD, os.NewFile(uintptr(o.artifacts), "artifacts"), artifactsArg+o.want.String())
	}
	if p.Internet.Replay != "" {
		f, err := os.Open(p.Internet.Replay)
		if err != nil {
			return fmt.Errorf("open the record to replay: %w", err)
		}
		c.own(replayFD, f, replayArg)
	}
	return nil
}

// dial serves the process the real network, if the plan is for a live one. The
// function that it returns ends that, and waits for its end.
func (c *insideCommand) dial(p *plan.Plan) (end func(), err error) {
	if p.Network != plan.Live {
		return func() {}, nil
	}
	own, err := egress.OwnPrefixes()
	if err != nil {
		return nil, err
	}
	policy, err := egress.NewPolicy(*p.Internet.Egress, own)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := egress.Pair()
	if err != nil {
		return nil, err
	}
	c.own(egressFD, theirs, "")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		// An inner process that breaks the protocol gets no more answers, and the
		// flows of its tape say so.
		_ = egress.NewServer(policy).Serve(ctx, ours)
	}()
	return func() { cancel(); <-done }, nil
}

// close closes the files that are for the process alone.
func (c *insideCommand) close() {
	for _, f := range c.files {
		f.Close()
	}
	c.files = nil
}

// memfile returns a file that exists in memory only and holds v as JSON.
func memfile(name string, v any) (*os.File, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.WriteAt(b, 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("write memory file: %w", err)
	}
	return f, nil
}
