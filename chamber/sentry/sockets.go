package sentry

import (
	"encoding/binary"
	"strings"

	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/marshal"
	"gvisor.dev/gvisor/pkg/sentry/socket"

	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

const (
	maxAddress  = 128  // bytes of a sockaddr: the longest is a unix socket's 110
	maxPayload  = 512  // bytes of a message that are looked at for a DNS question
	maxBuffers  = 16   // buffers of a message that are looked at
	maxMessages = 1024 // messages of one sendmmsg: gVisor takes no more
	dnsPort     = ":53"
)

func socketHooks() map[string]hook {
	accept := func(c *call) {
		c.run()
		if c.err != nil {
			return // nobody came
		}
		ev := c.event(tape.SocketAccept)
		ev.Socket = c.socket(int32(c.ret))
		ev.Socket.Address = wire.Text(ev, c.peer(int32(c.ret)))
		c.emit(ev)
	}
	return map[string]hook{
		"socket": func(c *call) {
			c.run()
			ev := c.event(tape.SocketCreate)
			ev.Socket = &tape.Socket{Family: decode.Family(int(c.int(0))), Type: decode.SocketType(int(c.int(1))), Protocol: c.int(2)}
			if c.err == nil {
				ev.Socket.FD = int32(c.ret)
			}
			c.emit(ev)
		},
		"bind": func(c *call) {
			address := decode.Address(c.bytes(c.addr(1), int(min(c.args[2].Uint(), maxAddress))))
			c.run()
			c.emitOwn(tape.SocketBind, address)
		},
		"listen": func(c *call) {
			c.run()
			c.emitOwn(tape.SocketListen, "")
		},
		"connect": func(c *call) {
			address := decode.Address(c.bytes(c.addr(1), int(min(c.args[2].Uint(), maxAddress))))
			c.run()
			c.tellLocal(c.int(0))
			ev := c.event(tape.SocketConnect)
			ev.Socket = c.socket(c.int(0))
			ev.Socket.Address = wire.Text(ev, address)
			c.emit(ev)
		},
		"accept": accept, "accept4": accept,
		"sendto": func(c *call) {
			payload := c.bytes(c.addr(1), int(min(c.args[2].SizeT(), maxPayload)))
			address := decode.Address(c.bytes(c.addr(4), int(min(c.args[5].Uint(), maxAddress))))
			c.run()
			c.sent(address, payload, int64(c.args[2].SizeT()))
		},
		"sendmsg": func(c *call) {
			m := c.message(c.addr(1))
			c.run()
			if c.err == nil {
				m.size = int64(c.ret)
			}
			c.sent(m.address, m.payload, m.size)
		},
		"sendmmsg": sendmmsg,
	}
}

// emitOwn reports a deed on the socket's own address: the one it got, or the
// one it asked for where it got none.
func (c *call) emitOwn(kind tape.Kind, asked string) {
	ev := c.event(kind)
	ev.Socket = c.socket(c.int(0))
	own := asked
	if c.err == nil {
		if a := c.own(c.int(0)); a != "" {
			own = a
		}
	}
	ev.Socket.Address = wire.Text(ev, own)
	c.emit(ev)
}

// sent reports a message that went to an address, and every DNS question. A
// message without address on a connected socket is a transfer like any other.
func (c *call) sent(address string, payload []byte, size int64) {
	fd := c.int(0)
	c.tellLocal(fd)
	explicit := address != ""
	if !explicit {
		address = c.peer(fd)
	}
	ev := c.event(tape.SocketSend)
	ev.Socket = c.socket(fd)
	if strings.HasSuffix(address, dnsPort) {
		ev.Socket.DNS = decode.Questions(payload, ev.Socket.Type == "stream")
	}
	if !explicit && len(ev.Socket.DNS) == 0 {
		return
	}
	ev.Socket.Address, ev.Socket.Size = wire.Text(ev, address), size
	c.emit(ev)
}

// questionWritten returns the head of what is about to be written to a name
// server: resolvers use write and writev on a connected socket. It returns nil
// for any other write.
func (c *call) questionWritten() []byte {
	server := false
	c.with(c.int(0), func(socket.Socket) { server = strings.HasSuffix(c.peer(c.int(0)), dnsPort) })
	switch {
	case server && c.syscall == "write":
		return c.bytes(c.addr(1), int(min(c.args[2].SizeT(), maxPayload)))
	case server && (c.syscall == "writev" || c.syscall == "pwritev2"):
		return c.gather(c.addr(1), c.args[2].SizeT())
	}
	return nil
}

// message is what is looked at of one struct msghdr.
type message struct {
	address string
	payload []byte
	size    int64 // of what was looked at, until more is known
}

// message reads a struct msghdr of a 64-bit machine.
func (c *call) message(a hostarch.Addr) (m message) {
	const size = 56
	b := c.bytes(a, size)
	if len(b) < size {
		return m
	}
	word := binary.NativeEndian.Uint64
	if name := word(b); name != 0 {
		m.address = decode.Address(c.bytes(addr(name), int(min(binary.NativeEndian.Uint32(b[8:]), maxAddress))))
	}
	m.payload = c.gather(addr(word(b[16:])), uint(word(b[24:])))
	m.size = int64(len(m.payload))
	return m
}

// gather reads the head of what a list of buffers (struct iovec) holds.
func (c *call) gather(a hostarch.Addr, count uint) (out []byte) {
	const size = 16
	for i := range min(count, maxBuffers) {
		b := c.bytes(a+hostarch.Addr(i*size), size)
		if len(b) < size || len(out) >= maxPayload {
			break
		}
		n := min(binary.NativeEndian.Uint64(b[8:]), uint64(maxPayload-len(out)))
		out = append(out, c.bytes(addr(binary.NativeEndian.Uint64(b)), int(n))...)
	}
	return out
}

func sendmmsg(c *call) {
	const (
		size   = 64 // struct mmsghdr: a msghdr,
		length = 56 // and how many bytes of it were sent
	)
	header := func(i int) hostarch.Addr { return c.addr(1) + hostarch.Addr(i*size) }
	all := make([]message, min(c.args[2].Uint(), maxMessages))
	for i := range all {
		all[i] = c.message(header(i))
	}
	c.run()
	for i, m := range all {
		if b := c.bytes(header(i)+length, 4); c.err == nil && i < int(c.ret) && len(b) == 4 {
			m.size = int64(binary.NativeEndian.Uint32(b))
		}
		c.sent(m.address, m.payload, m.size)
	}
}

// socket describes the socket behind fd.
func (c *call) socket(fd int32) *tape.Socket {
	s := &tape.Socket{FD: fd}
	c.with(fd, func(sock socket.Socket) {
		family, typ, protocol := sock.Type()
		s.Family, s.Type, s.Protocol = decode.Family(family), decode.SocketType(int(typ)), int32(protocol)
	})
	return s
}

func (c *call) with(fd int32, do func(socket.Socket)) {
	f := c.t.GetFile(fd)
	if f == nil {
		return
	}
	defer f.DecRef(c.t)
	if s, ok := f.Impl().(socket.Socket); ok {
		do(s)
	}
}

func (c *call) own(fd int32) (address string) {
	c.with(fd, func(s socket.Socket) {
		if a, _, err := s.GetSockName(c.t); err == nil && a != nil {
			address = decode.Address(marshal.Marshal(a))
		}
	})
	return address
}

func (c *call) peer(fd int32) (address string) {
	c.with(fd, func(s socket.Socket) {
		if a, _, err := s.GetPeerName(c.t); err == nil && a != nil {
			address = decode.Address(marshal.Marshal(a))
		}
	})
	return address
}
