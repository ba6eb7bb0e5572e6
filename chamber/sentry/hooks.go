package sentry

import (
	"fmt"
	"maps"
	"path"
	"strings"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/fspath"
	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/vfs"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/meaning"
	"github.com/detonaut/detonaut/chamber/tape"
)

// call is one system call on its way through a hook.
type call struct {
	tr      *tracer
	t       *kernel.Task
	syscall string
	args    arch.SyscallArguments
	support meaning.Support
	run     func() // executes the call; sets ret and err
	told    bool   // an event of the family "call" tells of it

	ret uintptr
	err error
}

// hook surrounds a system call: it looks, calls c.run once, and reports.
type hook func(c *call)

// dull tells that a call is not worth a look. It is asked before anything is
// allocated: a program may make a million such calls.
type dull func(tr *tracer, t *kernel.Task, args arch.SyscallArguments) bool

// hooks lists every system call that is looked at, by name.
func hooks() map[string]hook {
	all := make(map[string]hook)
	for _, part := range []map[string]hook{execHooks(), openHooks(), fileHooks(), transferHooks(), socketHooks(), memoryHooks(), callHooks(), faceHooks(), lookHooks()} {
		maps.Copy(all, part)
	}
	keepHooks(all)
	checkHooks(all)
	all["umount2"] = unmounting(all["umount2"])
	return all
}

// install wraps the entries of gVisor's system call table. It must run before
// the sandbox boots.
func install(table *kernel.SyscallTable) {
	hooks, skips := hooks(), maps.Clone(transfers)
	maps.Copy(skips, looks)
	for no, entry := range table.Table {
		entry.Fn = wrap(entry, hooks[entry.Name], skips[entry.Name])
		table.Table[no] = entry
	}
	unknown := table.Missing
	table.Missing = func(t *kernel.Task, no uintptr, args arch.SyscallArguments) (uintptr, error) {
		ret, err := unknown(t, no, args)
		tr := active.Load()
		if tr == nil {
			return ret, err
		}
		tr.begin(t)
		if tr.detail != plan.Untraced {
			c := &call{tr: tr, t: t, args: args, ret: ret, err: err}
			c.syscall, c.support = meaning.Missing(no)
			c.emitCall(nil)
		}
		return ret, err
	}
	table.Init()
}

// wrap returns the function of entry with h around it; h and skip may be nil.
func wrap(entry kernel.Syscall, h hook, skip dull) kernel.SyscallFn {
	name, fn, has := entry.Name, entry.Fn, meaning.SupportOf(entry.Name)
	return func(t *kernel.Task, no uintptr, args arch.SyscallArguments) (uintptr, *kernel.SyscallControl, error) {
		tr := active.Load()
		if tr == nil {
			return fn(t, no, args)
		}
		tr.begin(t)
		if tr.detail == plan.Untraced {
			return fn(t, no, args)
		}
		if h == nil || skip != nil && skip(tr, t, args) {
			ret, control, err := fn(t, no, args)
			if tr.noteBound(err); lacks(has, err) {
				(&call{tr: tr, t: t, syscall: name, args: args, err: err, support: has}).lack()
			}
			return ret, control, err
		}
		var control *kernel.SyscallControl
		c := &call{tr: tr, t: t, syscall: name, args: args, support: has}
		c.run = func() { c.ret, control, c.err = fn(t, no, args) }
		h(c)
		tr.noteBound(c.err)
		c.lack()
		return c.ret, control, c.err
	}
}

// noteBound notes the errors that tell of a limit of the plan.
func (tr *tracer) noteBound(err error) {
	switch {
	case err == nil:
	case linuxerr.Equals(linuxerr.ENOSPC, err):
		tr.out.hit("disk")
	case linuxerr.Equals(linuxerr.EFBIG, err):
		tr.out.hit("file_size")
	}
}

// event returns an event of this call with its error.
func (c *call) event(kind tape.Kind) *tape.Event {
	ev := newEvent(c.t, kind)
	ev.Errno = errnoName(c.err)
	return ev
}

// errnoName returns the name of the error of a system call. Those with which
// gVisor restarts a call have none and never reach the subject.
func errnoName(err error) string {
	no := kernel.ExtractErrno(err, 0)
	if no == 0 {
		return ""
	}
	if name := unix.ErrnoName(unix.Errno(no)); name != "" {
		return name
	}
	return fmt.Sprintf("E%d", no)
}

// restarts tells whether the call was interrupted and will be made again.
func (c *call) restarts() bool {
	no := kernel.ExtractErrno(c.err, 0)
	return no >= 512 && no <= 516 // ERESTARTSYS ... ERESTART_RESTARTBLOCK
}

func (c *call) emit(ev *tape.Event) {
	if !c.restarts() {
		c.tr.out.emit(ev)
	}
}

// emitCall reports the call as an event of the family "call".
func (c *call) emitCall(args map[string]string) {
	ev := c.event(tape.Kind(tape.CallPrefix + c.syscall))
	ev.Call = &tape.Call{Unimplemented: lacks(c.support, c.err)}
	c.told = true
	if len(args) > 0 {
		ev.Call.Args = make(map[string]string, len(args))
		for k, v := range args {
			ev.Call.Args[k] = text(ev, v)
		}
	}
	c.emit(ev)
}

// lack reports a call that gVisor lacks, unless its hook has done so.
func (c *call) lack() {
	if !c.told && lacks(c.support, c.err) {
		c.emitCall(nil)
	}
}

// lacks tells whether err, of a call of which gVisor has that much, means that it does
// not have it.
func lacks(has meaning.Support, err error) bool {
	return err != nil && has.Lacks(linuxerr.Equals(linuxerr.ENOSYS, err))
}

func (c *call) int(i int) int32          { return c.args[i].Int() }
func (c *call) addr(i int) hostarch.Addr { return c.args[i].Pointer() }

// string reads a string argument; empty if it cannot be read.
func (c *call) string(i int) string { return c.stringAt(c.addr(i)) }

func (c *call) stringAt(a hostarch.Addr) string {
	if a == 0 {
		return ""
	}
	s, err := c.t.CopyInString(a, linux.PATH_MAX)
	if err != nil {
		return ""
	}
	return s
}

// bytes reads n bytes at a; fewer if there are fewer.
func (c *call) bytes(a hostarch.Addr, n int) []byte {
	b := make([]byte, n)
	n, _ = c.t.CopyInBytes(a, b)
	return b[:n]
}

func addr(a uint64) hostarch.Addr { return hostarch.Addr(a) }

// resolved returns the path of vd from the sandbox's first root.
func resolved(t *kernel.Task, vd vfs.VirtualDentry) string {
	p, err := t.Kernel().VFS().PathnameWithDeleted(t, vfs.VirtualDentry{}, vd)
	if err != nil {
		return ""
	}
	if vd.Dentry().IsDead() {
		p = strings.TrimSuffix(p, " (deleted)")
	}
	return p
}

// pathOf returns the resolved path of an open descriptor; empty if there is
// none.
func pathOf(t *kernel.Task, fd int32) string {
	f := t.GetFile(fd)
	if f == nil {
		return ""
	}
	defer f.DecRef(t)
	return resolved(t, f.VirtualDentry())
}

// noDir is the index of a missing directory argument.
const noDir = -1

// name resolves the path argument i, relative to the directory argument dir,
// up to its last component, which need not exist and is not followed.
func (c *call) name(dir, i int) string {
	p := c.string(i)
	parent, last := splitName(p)
	if last == "" || last == "." || last == ".." {
		return c.object(dir, i)
	}
	vd, ok := c.lookup(dir, parent)
	if !ok {
		return c.lexical(dir, p)
	}
	defer vd.DecRef(c.t)
	return path.Join(resolved(c.t, vd), last)
}

// splitName splits a path before its last component. The rest is not cleaned:
// what ".." means depends on the symlinks before it.
func splitName(p string) (parent, last string) {
	p = strings.TrimRight(p, "/")
	i := strings.LastIndexByte(p, '/') + 1
	if parent, last = p[:i], p[i:]; parent == "" {
		parent = "."
	}
	return parent, last
}

// object resolves the path argument i entirely, final symlink included. An
// empty path is the directory argument itself.
func (c *call) object(dir, i int) string {
	p := c.string(i)
	if p == "" && dir != noDir {
		return pathOf(c.t, c.int(dir))
	}
	vd, ok := c.lookup(dir, p)
	if !ok {
		return c.lexical(dir, p)
	}
	defer vd.DecRef(c.t)
	return resolved(c.t, vd)
}

// exists tells whether the path argument names something.
func (c *call) exists(dir, i int) bool {
	vd, ok := c.lookup(dir, c.string(i))
	if ok {
		vd.DecRef(c.t)
	}
	return ok
}

// lookup finds the dentry that p names. The caller drops the reference.
func (c *call) lookup(dir int, p string) (vfs.VirtualDentry, bool) {
	root := c.t.FSContext().RootDirectory()
	defer root.DecRef(c.t)
	start, ok := c.start(dir, p, root)
	if !ok {
		return vfs.VirtualDentry{}, false
	}
	defer start.DecRef(c.t)
	k := c.t.Kernel()
	vd, err := k.VFS().GetDentryAt(c.t, auth.NewRootCredentials(k.RootUserNamespace()),
		&vfs.PathOperation{Root: root, Start: start, Path: fspath.Parse(p), FollowFinalSymlink: true}, &vfs.GetDentryOptions{})
	return vd, err == nil
}

// start returns where the resolution of p starts, with a reference.
func (c *call) start(dir int, p string, root vfs.VirtualDentry) (vfs.VirtualDentry, bool) {
	switch {
	case strings.HasPrefix(p, "/"):
		root.IncRef()
		return root, true
	case dir == noDir || c.int(dir) == linux.AT_FDCWD:
		return c.t.FSContext().WorkingDirectory(), true
	}
	f := c.t.GetFile(c.int(dir))
	if f == nil {
		return vfs.VirtualDentry{}, false
	}
	defer f.DecRef(c.t)
	vd := f.VirtualDentry()
	vd.IncRef()
	return vd, true
}

// lexical joins p to its start without looking: what is left for a path that
// does not resolve.
func (c *call) lexical(dir int, p string) string {
	root := c.t.FSContext().RootDirectory()
	defer root.DecRef(c.t)
	start, ok := c.start(dir, p, root)
	if !ok {
		return path.Clean(p)
	}
	defer start.DecRef(c.t)
	return path.Join(resolved(c.t, start), p)
}
