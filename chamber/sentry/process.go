package sentry

import (
	"encoding/hex"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/seccheck"
	pb "gvisor.dev/gvisor/pkg/sentry/seccheck/points/points_go_proto"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// firstExec reports the exec that began the run. gVisor has no point for it.
func (tr *tracer) firstExec(t *kernel.Task) {
	ev := newEvent(t, tape.ProcessExec)
	p := &tape.Process{}
	ev.Process = p
	args, env := argsOf(t)
	tr.fillArgs(ev, args, env)
	path := tr.program
	for _, path = range candidates(tr.program, tr.env) {
		f, err := openAs(t, path)
		if err != nil {
			continue
		}
		p.Executable = wire.Text(ev, resolved(t, f.VirtualDentry()))
		p.Origin = originOf(f)
		p.SHA256, p.Interpreter = digest(t, f)
		f.DecRef(t)
		break
	}
	if p.Executable == "" {
		p.Executable = wire.Text(ev, path)
	}
	fillTask(t, ev)
	tr.out.Emit(ev)
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
		tr.out.Hit("processes")
		ev.Errno = "EAGAIN"
		ev.Process.Child = 0
		err = unix.EAGAIN
	}
	if tr.detail == plan.Full || tr.detail == plan.Normal && (kind == tape.ProcessFork || err != nil) {
		tr.out.Emit(ev)
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
	p.Executable = wire.Text(ev, strings.TrimSuffix(info.BinaryPath, " (deleted)"))
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
		p.Interpreter = wire.Text(ev, shebang(t, f))
		f.DecRef(t)
	}
	tr.fillArgs(ev, info.Argv, info.Env)
	fillTask(t, ev)
	tr.out.Emit(ev)
	tr.scripts.Began(t.ThreadGroup(), p.Executable, info.Argv, newEvent(t, tape.PayloadKeep))
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
	tr.scripts.End(t.ThreadGroup())
	ev := newEvent(t, tape.ProcessExit)
	tr.memory.Keep(t)
	tr.memory.Forget(t.ThreadGroup())
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
			tr.out.Hit("file_size")
		}
	} else {
		ev.Process.ExitCode = status.ExitStatus()
	}
	tr.out.EmitLast(ev)
	return nil
}

func parentOf(t *kernel.Task) int32 {
	if p := t.Parent(); p != nil {
		return int32(t.Kernel().TaskSet().Root.IDOfThreadGroup(p.ThreadGroup()))
	}
	return 0
}

// fillArgs adds arguments and environment, but for the variables that were planted
// and are handed on as they are: they are ours.
func (tr *tracer) fillArgs(ev *tape.Event, args, env []string) {
	if len(tr.given) > 0 {
		env = slices.DeleteFunc(slices.Clone(env), func(v string) bool { return tr.given[v] })
	}
	ev.Process.Args, ev.Process.ArgCount = wire.List(ev, args)
	ev.Process.Env, ev.Process.EnvCount = wire.List(ev, env)
}

// fillTask adds what the kernel knows of the process that executes.
func fillTask(t *kernel.Task, ev *tape.Event) {
	p := ev.Process
	p.Parent = parentOf(t)
	creds := t.Credentials()
	p.UID, p.GID = uint32(creds.EffectiveKUID), uint32(creds.EffectiveKGID)
	wd := t.FSContext().WorkingDirectory()
	defer wd.DecRef(t)
	p.Dir = wire.Text(ev, resolved(t, wd))
}

// argsOf reads the arguments and environment with which t was started from
// its memory, as /proc does.
func argsOf(t *kernel.Task) (args, env []string) {
	m := t.MemoryManager()
	if m == nil {
		return nil, nil
	}
	read := func(start, end uint64) []string {
		n := min(end-start, 4*wire.MaxListSum)
		if end < start || n == 0 {
			return nil
		}
		b := make([]byte, n)
		k, _ := t.CopyInBytes(addr(start), b)
		return strings.Split(strings.TrimSuffix(string(b[:k]), "\x00"), "\x00")
	}
	return read(uint64(m.ArgvStart()), uint64(m.ArgvEnd())), read(uint64(m.EnvvStart()), uint64(m.EnvvEnd()))
}
