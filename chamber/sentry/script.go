package sentry

import (
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/pipe"
	"gvisor.dev/gvisor/pkg/sentry/socket"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/fileless"
)

// unlessScript makes a read dull at normal detail, unless an interpreter reads
// its script.
func unlessScript(tr *tracer, t *kernel.Task, args arch.SyscallArguments) bool {
	return tr.detail != plan.Full && !tr.scripts.Reads(t.ThreadGroup(), args[0].Int())
}

// readScript gathers what a read has returned, if it is of a script.
func (c *call) readScript(vector bool) {
	fd := c.int(0)
	if c.err != nil || !c.tr.scripts.Reads(c.t.ThreadGroup(), fd) || !c.streams(fd) {
		return
	}
	if c.ret == 0 {
		c.tr.scripts.End(c.t.ThreadGroup())
		return
	}
	b := make([]byte, min(int(c.ret), fileless.MaxScript))
	var n int
	if vector {
		n = c.scattered(b)
	} else {
		n, _ = c.t.CopyInBytes(c.addr(1), b)
	}
	c.tr.scripts.Add(c.t.ThreadGroup(), b[:n], int(c.ret) > n)
}

// streams tells whether a descriptor is of a pipe or a socket. What is read
// from a file is kept with the file.
func (c *call) streams(fd int32) bool {
	f := c.t.GetFile(fd)
	if f == nil {
		return false
	}
	defer f.DecRef(c.t)
	switch f.Impl().(type) {
	case *pipe.VFSPipeFD, socket.Socket:
		return true
	default:
		return false
	}
}

// scattered reads the first bytes of what a list of buffers (struct iovec) was
// filled with.
func (c *call) scattered(b []byte) (n int) {
	vectors, err := c.t.CopyInIovecs(c.addr(1), int(c.int(2)))
	for ; err == nil && !vectors.IsEmpty() && n < len(b); vectors = vectors.Tail() {
		part := vectors.Head()
		m, err := c.t.CopyInBytes(part.Start, b[n:][:min(uint64(len(b)-n), uint64(part.Length()))])
		if n += m; err != nil {
			break
		}
	}
	return n
}
