package sentry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/fspath"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/overlay"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/seccheck"
	pb "gvisor.dev/gvisor/pkg/sentry/seccheck/points/points_go_proto"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
	"gvisor.dev/gvisor/pkg/usermem"

	"github.com/detonaut/detonaut/chamber/machine"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/clock"
	"github.com/detonaut/detonaut/chamber/sentry/furnish"
	"github.com/detonaut/detonaut/chamber/tape"
)

// tracer turns what gVisor tells it into events. gVisor calls it on the
// goroutine of the task that acts, with that task as the context.
type tracer struct {
	seccheck.SinkDefaults
	out      *emitter
	detail   plan.Detail
	profile  plan.Profile
	maxTasks int
	program  string // the first command, as the plan has it
	env      []string
	first    atomic.Bool // the first thread was seen
	setup    furnish.Setup
	timing   timing
	clock    *clock.Clock
	payloads *payloads
	scripts  scripts
	face     machine.Face // what the subject is shown of the machine

	before atomic.Pointer[before]
	last   sync.Once // what is left behind is told of
	code   code

	mu sync.Mutex
	// living has the threads that were born and have not died. gVisor lets a
	// clone that fails late die as a thread that nobody saw born.
	living  map[*kernel.Task]bool
	threads map[*kernel.ThreadGroup]int // how many of them, by process
	ports   map[string]int32            // processes that were told of, by type and address
	clocks  map[*kernel.ThreadGroup]*clockCount
}

// active is the tracer of this sandbox; nil before it is booted.
var active atomic.Pointer[tracer]

// Name implements seccheck.Sink.
func (*tracer) Name() string { return sinkName }

// Status implements seccheck.Sink. Nothing is ever dropped.
func (*tracer) Status() seccheck.SinkStatus { return seccheck.SinkStatus{} }

// Stop implements seccheck.Sink.
func (*tracer) Stop() {}

// newEvent returns an event of t.
func newEvent(t *kernel.Task, kind tape.Kind) *tape.Event {
	ids := t.Kernel().TaskSet().Root
	return &tape.Event{Kind: kind, PID: int32(ids.IDOfThreadGroup(t.ThreadGroup())), TID: int32(ids.IDOfTask(t))}
}

// begin takes note of the first thread, when it makes its first system call or
// dies without one. gVisor tells of it before there is a task to look through.
func (tr *tracer) begin(t *kernel.Task) {
	if tr.first.Load() || !tr.first.CompareAndSwap(false, true) {
		return
	}
	tr.born(t, t.ThreadGroup())
	tr.startClock(t)
	tr.furnish(t)
	if tr.detail != plan.Untraced {
		tr.lookBefore(t)
		tr.firstExec(t)
	}
}

// furnish makes the machine of the plan of the sandbox. What cannot be done of it is
// on the tape.
func (tr *tracer) furnish(t *kernel.Task) {
	tr.setup.Install(t, func(store plan.TrustStore, err error) {
		ev := newEvent(t, tape.TrustInstall)
		ev.Trust = &tape.Trust{Path: text(ev, store.Path), Kind: string(store.Kind)}
		if err != nil {
			ev.Trust.Error = text(ev, err.Error())
		}
		if tr.detail != plan.Untraced {
			tr.out.emit(ev)
		}
	})
	tr.setup = furnish.Setup{} // not needed twice, and large
	tr.face.Processors = int(t.Kernel().ApplicationCores())
	furnish.Dress(t, &tr.face)
}

// born counts a new thread of a process, unless it would be one too many.
func (tr *tracer) born(t *kernel.Task, process *kernel.ThreadGroup) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.living) >= tr.maxTasks {
		return false
	}
	tr.living[t] = true
	tr.threads[process]++
	return true
}

// died counts a thread less and tells whether its process ended with it.
func (tr *tracer) died(t *kernel.Task, process *kernel.ThreadGroup) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if !tr.living[t] {
		return false
	}
	delete(tr.living, t)
	tr.threads[process]--
	if tr.threads[process] > 0 {
		return false
	}
	delete(tr.threads, process)
	delete(tr.clocks, process)
	return true
}

// firstExec reports the exec that began the run. gVisor has no point for it.
func (tr *tracer) firstExec(t *kernel.Task) {
	ev := newEvent(t, tape.ProcessExec)
	p := &tape.Process{}
	ev.Process = p
	args, env := argsOf(t)
	fillArgs(ev, args, env)
	path := tr.program
	for _, path = range candidates(tr.program, tr.env) {
		f, err := openAs(t, path)
		if err != nil {
			continue
		}
		p.Executable = text(ev, resolved(t, f.VirtualDentry()))
		p.Origin = originOf(f)
		p.SHA256, p.Interpreter = digest(t, f)
		f.DecRef(t)
		break
	}
	if p.Executable == "" {
		p.Executable = text(ev, path)
	}
	fillTask(t, ev)
	tr.out.emit(ev)
}

// candidates lists the paths at which program may lie, as execvp(3) would try
// them.
func candidates(program string, env []string) []string {
	if strings.Contains(program, "/") {
		return []string{program}
	}
	var out []string
	for _, v := range env {
		if dirs, ok := strings.CutPrefix(v, "PATH="); ok {
			for _, d := range strings.Split(dirs, ":") {
				out = append(out, d+"/"+program)
			}
		}
	}
	return out
}

// Clone implements seccheck.Sink. It refuses more threads than the plan
// allows: unlike RLIMIT_NPROC that holds across users and for root.
func (tr *tracer) Clone(ctx context.Context, _ seccheck.FieldSet, info *pb.CloneInfo) error {
	t, ok := ctx.(*kernel.Task)
	if !ok {
		return nil
	}
	kind := tape.ProcessFork
	if info.Flags&linux.CLONE_THREAD != 0 {
		kind = tape.ProcessThread
	}
	ev := newEvent(t, kind)
	ev.Process = &tape.Process{Child: info.CreatedThreadId}
	var err error
	child := t.Kernel().TaskSet().Root.TaskWithID(kernel.ThreadID(info.CreatedThreadId))
	if child == nil || !tr.born(child, child.ThreadGroup()) {
		tr.out.hit("processes")
		ev.Errno = "EAGAIN"
		ev.Process.Child = 0
		err = unix.EAGAIN
	}
	if tr.detail == plan.Full || tr.detail == plan.Normal && (kind == tape.ProcessFork || err != nil) {
		tr.out.emit(ev)
	}
	return err
}

// Execve implements seccheck.Sink: a program was loaded and is about to run.
func (tr *tracer) Execve(ctx context.Context, _ seccheck.FieldSet, info *pb.ExecveInfo) error {
	t, ok := ctx.(*kernel.Task)
	if !ok {
		return nil
	}
	ev := newEvent(t, tape.ProcessExec)
	ev.Process = &tape.Process{SHA256: hex.EncodeToString(info.BinarySha256)}
	p := ev.Process
	p.Executable = text(ev, strings.TrimSuffix(info.BinaryPath, " (deleted)"))
	switch {
	case info.BinaryInMemfd:
		p.Origin = tape.FromMemory
	case info.BinaryOverlayfsLower && !info.BinaryOverlayfsUpper:
		p.Origin = tape.FromImage
	default:
		p.Origin = tape.FromWritten
	}
	if f, err := openAs(t, info.BinaryPath); err == nil {
		if p.Origin == tape.FromWritten && tr.unchanged(t, f) {
			p.Origin = tape.FromImage
		}
		p.Interpreter = text(ev, shebang(t, f))
		f.DecRef(t)
	}
	fillArgs(ev, info.Argv, info.Env)
	fillTask(t, ev)
	tr.out.emit(ev)
	tr.beganProgram(t, p.Executable, info.Argv)
	return nil
}

// TaskExit implements seccheck.Sink: a thread ends. The process has ended
// when it was the last.
func (tr *tracer) TaskExit(ctx context.Context, _ seccheck.FieldSet, info *pb.TaskExit) error {
	t, ok := ctx.(*kernel.Task)
	if !ok {
		return nil
	}
	tr.begin(t)
	if !tr.died(t, t.ThreadGroup()) {
		return nil
	}
	tr.endScript(t.ThreadGroup())
	ev := newEvent(t, tape.ProcessExit)
	tr.keepCode(t, t, t.MemoryManager(), everywhere)
	tr.code.forget(t.ThreadGroup())
	if ev.PID == 1 {
		tr.exitLast(t)
	} else {
		tr.leaveMounts(t)
	}
	ev.Process = &tape.Process{Parent: parentOf(t)}
	status := unix.WaitStatus(info.ExitStatus)
	if status.Signaled() {
		ev.Process.Signal = unix.SignalName(status.Signal())
		if status.Signal() == unix.SIGXFSZ {
			tr.out.hit("file_size")
		}
	} else {
		ev.Process.ExitCode = status.ExitStatus()
	}
	tr.out.emitLast(ev)
	return nil
}

func parentOf(t *kernel.Task) int32 {
	if p := t.Parent(); p != nil {
		return int32(t.Kernel().TaskSet().Root.IDOfThreadGroup(p.ThreadGroup()))
	}
	return 0
}

func fillArgs(ev *tape.Event, args, env []string) {
	ev.Process.Args, ev.Process.ArgCount = list(ev, args)
	ev.Process.Env, ev.Process.EnvCount = list(ev, env)
}

// fillTask adds what the kernel knows of the process that executes.
func fillTask(t *kernel.Task, ev *tape.Event) {
	p := ev.Process
	p.Parent = parentOf(t)
	creds := t.Credentials()
	p.UID, p.GID = uint32(creds.EffectiveKUID), uint32(creds.EffectiveKGID)
	wd := t.FSContext().WorkingDirectory()
	defer wd.DecRef(t)
	p.Dir = text(ev, resolved(t, wd))
}

// argsOf reads the arguments and environment with which t was started from
// its memory, as /proc does.
func argsOf(t *kernel.Task) (args, env []string) {
	m := t.MemoryManager()
	if m == nil {
		return nil, nil
	}
	read := func(start, end uint64) []string {
		n := min(end-start, 4*maxListSum)
		if end < start || n == 0 {
			return nil
		}
		b := make([]byte, n)
		k, _ := t.CopyInBytes(addr(start), b)
		return strings.Split(strings.TrimSuffix(string(b[:k]), "\x00"), "\x00")
	}
	return read(uint64(m.ArgvStart()), uint64(m.ArgvEnd())), read(uint64(m.EnvvStart()), uint64(m.EnvvEnd()))
}

// openAs opens a program of the subject for reading, with the sandbox's own
// rights, as seen by t. What cannot be executed is none.
func openAs(t *kernel.Task, path string) (*vfs.FileDescription, error) {
	root := t.FSContext().RootDirectory()
	defer root.DecRef(t)
	start := t.FSContext().WorkingDirectory()
	defer func() { start.DecRef(t) }()
	if strings.HasPrefix(path, "/") { // gVisor starts where it is told to
		start.DecRef(t)
		start = root
		start.IncRef()
	}
	k := t.Kernel()
	return k.VFS().OpenAt(t, auth.NewRootCredentials(k.RootUserNamespace()),
		&vfs.PathOperation{Root: root, Start: start, Path: fspath.Parse(path), FollowFinalSymlink: true}, programOptions())
}

// programOptions open regular files that may be executed, and never wait.
func programOptions() *vfs.OpenOptions {
	return &vfs.OpenOptions{Flags: linux.O_RDONLY | linux.O_NONBLOCK, FileExec: true}
}

func originOf(f *vfs.FileDescription) tape.Origin {
	if overlay.IsOnLower(f.Dentry()) && !overlay.IsCopiedUp(f.Dentry()) {
		return tape.FromImage
	}
	return tape.FromWritten
}

// digest hashes a file from its start. It returns no hash for one that is too
// long or cannot be read.
func digest(t *kernel.Task, f *vfs.FileDescription) (sum, interpreter string) {
	interpreter = shebang(t, f)
	h := sha256.New()
	buf := make([]byte, 64<<10)
	for off := int64(0); off < maxHash; {
		n, err := f.PRead(t, usermem.BytesIOSequence(buf), off, vfs.ReadOptions{})
		h.Write(buf[:n])
		off += n
		if errors.Is(err, io.EOF) || (err == nil && n == 0) {
			return hex.EncodeToString(h.Sum(nil)), interpreter
		}
		if err != nil {
			return "", interpreter
		}
	}
	return "", interpreter
}

// shebang returns what the #! line of a script names; empty for what is none.
func shebang(t *kernel.Task, f *vfs.FileDescription) string {
	var b [256]byte // as much as Linux reads of it
	n, _ := f.PRead(t, usermem.BytesIOSequence(b[:]), 0, vfs.ReadOptions{})
	line, ok := strings.CutPrefix(string(b[:n]), "#!")
	if !ok {
		return ""
	}
	line, _, _ = strings.Cut(line, "\n")
	return strings.TrimSpace(line)
}

// tryExec tells with which error an execution is going to fail because of its
// file; nil if it is not. gVisor reports only those that succeed.
func (c *call) tryExec(dir, path int) error {
	p := c.string(path)
	root := c.t.FSContext().RootDirectory()
	defer root.DecRef(c.t)
	start, ok := c.start(dir, p, root)
	if !ok {
		return unix.EBADF
	}
	defer start.DecRef(c.t)
	f, err := c.t.Kernel().VFS().OpenAt(c.t, c.t.Credentials(),
		&vfs.PathOperation{Root: root, Start: start, Path: fspath.Parse(p), FollowFinalSymlink: true}, programOptions())
	if err != nil {
		return err
	}
	f.DecRef(c.t)
	return nil
}
