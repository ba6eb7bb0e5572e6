package sentry

import (
	"gvisor.dev/gvisor/pkg/abi/linux"

	"github.com/detonaut/detonaut/chamber/tape"
)

// memoryHooks see memory that becomes code.
func memoryHooks() map[string]hook {
	return map[string]hook{
		"mmap": func(c *call) {
			c.run()
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
		m.Path = text(ev, pathOf(c.t, c.int(4)))
	}
	ev.Memory = m
	if c.err == nil {
		c.tr.code.note(m.Address, m.Size)
	}
	c.emit(ev)
}
