package sentry

import (
	"maps"

	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/meaning"
)

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
		tr.out.Hit("disk")
	case linuxerr.Equals(linuxerr.EFBIG, err):
		tr.out.Hit("file_size")
	}
}
