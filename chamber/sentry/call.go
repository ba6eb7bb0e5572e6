package sentry

import (
	"fmt"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"

	"github.com/detonaut/detonaut/chamber/sentry/meaning"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
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
		c.tr.out.Emit(ev)
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
			ev.Call.Args[k] = wire.Text(ev, v)
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
