package sentry

import (
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/mm"

	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// memoryHooks see memory that becomes code.
func memoryHooks() map[string]hook {
	return map[string]hook{
		"mmap": func(c *call) {
			c.run()
			c.mapped(c.args[2].Int(), c.args[3].Int(), c.int(4))
			if !writableCode(c.args[2].Int()) {
				return
			}
			m := &tape.Memory{Call: "mmap", Size: c.args[1].Uint64()}
			if c.err == nil {
				m.Address = uint64(c.ret)
			}
			c.emitMemory(m, c.args[3].Int()&linux.MAP_ANONYMOUS == 0)
		},
		"shmat": func(c *call) {
			c.run()
			if c.args[2].Int()&(linux.SHM_EXEC|linux.SHM_RDONLY) != linux.SHM_EXEC {
				return
			}
			m := &tape.Memory{Call: "shmat"}
			if c.err == nil {
				m.Address = uint64(c.ret)
			}
			c.emitMemory(m, false)
		},
		"mprotect": func(c *call) {
			c.protect()
			if writableCode(c.args[2].Int()) {
				c.emitMemory(&tape.Memory{Call: "mprotect", Address: c.args[0].Uint64(), Size: c.args[1].Uint64()}, false)
			}
		},
		"munmap": (*call).unmap,
	}
}

func writableCode(prot int32) bool {
	const both = linux.PROT_WRITE | linux.PROT_EXEC
	return prot&both == both
}

func (c *call) emitMemory(m *tape.Memory, ofFile bool) {
	ev := c.event(tape.MemoryExec)
	if ofFile {
		m.Path = wire.Text(ev, pathOf(c.t, c.int(4)))
	}
	ev.Memory = m
	if c.err == nil {
		c.tr.memory.Note(m.Address, m.Size)
	}
	c.emit(ev)
}

// protect makes the call, which changes the protection of memory, and keeps what
// it made code.
func (c *call) protect() {
	if c.args[2].Int()&(linux.PROT_EXEC|linux.PROT_WRITE) != linux.PROT_EXEC {
		c.run()
		return
	}
	c.tr.memory.Protect(c.t, c.addr(0), c.args[1].Uint64(), func() bool {
		c.run()
		return c.err == nil
	})
}

// noWritableCode tells that nothing can be lost of what is unmapped.
func noWritableCode(tr *tracer, _ *kernel.Task, args arch.SyscallArguments) bool {
	return !tr.memory.MayHold(args[0].Pointer(), args[1].Uint64())
}

// unmap keeps writable code before it goes.
func (c *call) unmap() {
	c.tr.memory.KeepAt(c.t, c.addr(0), c.args[1].Uint64())
	c.run()
}

// ofMemory is the event of a content of the memory of t. It tells of the program.
func ofMemory(ctx context.Context, t *kernel.Task, space *mm.MemoryManager) *tape.Event {
	ev := newEvent(t, tape.PayloadKeep)
	ev.Payload = &tape.Payload{How: tape.Code}
	if f := space.Executable(); f != nil {
		ev.Payload.Path = wire.Text(ev, resolved(t, f.VirtualDentry()))
		f.DecRef(ctx)
	}
	return ev
}
