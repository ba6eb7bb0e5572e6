package sentry

import (
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/marshal"
	"gvisor.dev/gvisor/pkg/sentry/socket"

	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/tape"
)

// maxPorts bounds how many ports are remembered as told.
const maxPorts = 4096

// tellLocal says whose a socket's own address is, so that what is seen outside
// of the sandbox finds its process. A connection has a new port each time; the
// port of datagrams is told again only when it changes hands.
func (c *call) tellLocal(fd int32) {
	c.with(fd, func(s socket.Socket) {
		family, typ, protocol := s.Type()
		if family != linux.AF_INET && family != linux.AF_INET6 {
			return
		}
		own, _, err := s.GetSockName(c.t)
		if err != nil || own == nil {
			return
		}
		ev := newEvent(c.t, tape.SocketLocal)
		ev.Socket = &tape.Socket{
			FD: fd, Family: decode.Family(family), Type: decode.SocketType(int(typ)), Protocol: int32(protocol),
			Address: decode.Address(marshal.Marshal(own)),
		}
		if stream := typ == linux.SOCK_STREAM; stream && c.syscall == "connect" || !stream && c.tr.changesHands(ev) {
			c.tr.out.Emit(ev)
		}
	})
}

// changesHands tells whether an address was not told of as this process's own.
func (tr *tracer) changesHands(ev *tape.Event) bool {
	key := ev.Socket.Type + " " + ev.Socket.Address
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.ports[key] == ev.PID {
		return false
	}
	if tr.ports == nil || len(tr.ports) >= maxPorts {
		tr.ports = make(map[string]int32)
	}
	tr.ports[key] = ev.PID
	return true
}
