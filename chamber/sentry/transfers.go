package sentry

import (
	"unsafe"

	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/socket"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// transferHooks see reads, writes and closes, at full detail, and DNS
// questions that are written instead of sent.
func transferHooks() map[string]hook {
	read := func(c *call) { c.transfer(tape.FileRead); c.readScript(false) }
	readv := func(c *call) { c.transfer(tape.FileRead); c.readScript(true) }
	readAt := func(c *call) { c.transfer(tape.FileRead) }
	write := func(c *call) {
		question := c.questionWritten()
		c.transfer(tape.FileWrite)
		if question != nil {
			c.sent("", question, int64(len(question)))
		}
	}
	return map[string]hook{
		"read": read, "pread64": readAt, "readv": readv, "preadv": readAt, "preadv2": readAt,
		"write": write, "pwrite64": write, "writev": write, "pwritev": write, "pwritev2": write,
		"close": func(c *call) { c.transfer(tape.FileClose) },
	}
}

// transfers are the calls that programs make by the million, with what makes
// one of them dull: at normal detail only DNS questions are looked for.
var transfers = map[string]dull{
	"read": unlessScript, "pread64": unlessFull, "readv": unlessScript, "preadv": unlessFull, "preadv2": unlessFull, "close": unlessFull,
	"write": unlessSocket, "writev": unlessSocket, "pwritev2": unlessSocket, "pwrite64": unlessFull, "pwritev": unlessFull,
	"munmap": noWritableCode,
}

func unlessFull(tr *tracer, _ *kernel.Task, _ arch.SyscallArguments) bool {
	return tr.detail != plan.Full
}

func unlessSocket(tr *tracer, t *kernel.Task, args arch.SyscallArguments) bool {
	if tr.detail == plan.Full {
		return false
	}
	f := t.GetFile(args[0].Int())
	if f == nil {
		return true
	}
	defer f.DecRef(t)
	_, ok := f.Impl().(socket.Socket)
	return !ok
}

// transfer makes the call, and reports it at full detail.
func (c *call) transfer(kind tape.Kind) {
	if c.tr.detail != plan.Full {
		c.run()
		return
	}
	fd := c.int(0)
	f := c.t.GetFile(fd)
	if f == nil {
		c.run()
		return
	}
	defer f.DecRef(c.t)
	c.run()
	moved := int64(0)
	if c.err == nil && kind != tape.FileClose {
		moved = int64(c.ret)
	}
	key := wire.Transfer{
		Kind: kind, Process: unsafe.Pointer(c.t.ThreadGroup()), File: unsafe.Pointer(f), Dentry: unsafe.Pointer(f.Dentry()), FD: fd,
	}
	if c.err == nil && c.tr.out.Repeat(key, moved) {
		return
	}
	ev := c.event(kind)
	ev.File = &tape.File{Path: wire.Text(ev, resolved(c.t, f.VirtualDentry())), FD: fd, Size: moved}
	c.emit(ev)
	if c.err == nil {
		c.tr.out.Learn(key, ev)
	}
}
