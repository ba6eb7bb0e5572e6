package sentry

import (
	"sync"

	"gvisor.dev/gvisor/pkg/abi/linux"

	"github.com/detonaut/detonaut/chamber/sentry/meaning"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// maxLoads is of how many files it is told that code of them was loaded.
const maxLoads = 1 << 16

// loads are the files of which it was told. The zero value is none.
type loads struct {
	mu   sync.Mutex
	told map[string]bool
}

// first tells whether a file is a new one.
func (l *loads) first(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[path] || len(l.told) == maxLoads {
		return false
	}
	if l.told == nil {
		l.told = make(map[string]bool)
	}
	l.told[path] = true
	return true
}

// mapped tells of a library of the image that becomes code.
func (c *call) mapped(prot, flags, fd int32) {
	if c.err == nil && prot&linux.PROT_EXEC != 0 && flags&linux.MAP_ANONYMOUS == 0 {
		c.loaded(fd, pathOf(c.t, fd))
	}
}

// readAsCode tells of a file of the image that an interpreter reads as code.
func (c *call) readAsCode(where string) {
	if c.err == nil && meaning.IsCode(where) && !isDirectory(c.t, int32(c.ret)) {
		c.loaded(int32(c.ret), where)
	}
}

// loaded tells of a file the first time that code of it is loaded.
func (c *call) loaded(fd int32, where string) {
	if where == "" || !c.tr.loads.first(where) {
		return
	}
	f := c.t.GetFile(fd)
	if f == nil {
		return // another thread has closed it
	}
	defer f.DecRef(c.t)
	if originOf(f) != tape.FromImage {
		return
	}
	ev := c.event(tape.FileLoad)
	ev.File = &tape.File{Path: wire.Text(ev, where), FD: fd}
	c.emit(ev)
}
