package sentry

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/marshal"
	"gvisor.dev/gvisor/pkg/sentry/socket"

	"github.com/detonaut/detonaut/chamber/tape"
)

const (
	maxAddress  = 128 // bytes of a sockaddr: the longest is a unix socket's 110
	maxPayload  = 512 // bytes of a message that are looked at for a DNS question
	maxMessages = 16  // messages of one sendmmsg that are looked at
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
		ev.Socket.Address = text(ev, c.peer(int32(c.ret)))
		c.emit(ev)
	}
	return map[string]hook{
		"socket": func(c *call) {
			c.run()
			ev := c.event(tape.SocketCreate)
			ev.Socket = &tape.Socket{Family: familyName(int(c.int(0))), Type: typeName(int(c.int(1))), Protocol: c.int(2)}
			if c.err == nil {
				ev.Socket.FD = int32(c.ret)
			}
			c.emit(ev)
		},
		"bind": func(c *call) {
			address := formatAddress(c.bytes(c.addr(1), int(min(c.args[2].Uint(), maxAddress))))
			c.run()
			c.emitOwn(tape.SocketBind, address)
		},
		"listen": func(c *call) {
			c.run()
			c.emitOwn(tape.SocketListen, "")
		},
		"connect": func(c *call) {
			address := formatAddress(c.bytes(c.addr(1), int(min(c.args[2].Uint(), maxAddress))))
			c.run()
			ev := c.event(tape.SocketConnect)
			ev.Socket = c.socket(c.int(0))
			ev.Socket.Address = text(ev, address)
			c.emit(ev)
		},
		"accept": accept, "accept4": accept,
		"sendto": func(c *call) {
			payload := c.bytes(c.addr(1), int(min(c.args[2].SizeT(), maxPayload)))
			address := formatAddress(c.bytes(c.addr(4), int(min(c.args[5].Uint(), maxAddress))))
			c.run()
			c.sent(address, payload, int64(c.args[2].SizeT()))
		},
		"sendmsg":  func(c *call) { m := c.message(c.addr(1)); c.run(); c.sent(m.address, m.payload, m.size) },
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
	ev.Socket.Address = text(ev, own)
	c.emit(ev)
}

// sent reports a message that went to an address, and every DNS question. A
// message without address on a connected socket is a transfer like any other.
func (c *call) sent(address string, payload []byte, size int64) {
	fd := c.int(0)
	explicit := address != ""
	if !explicit {
		address = c.peer(fd)
	}
	ev := c.event(tape.SocketSend)
	ev.Socket = c.socket(fd)
	if strings.HasSuffix(address, dnsPort) {
		ev.Socket.DNS = questions(ev, payload, ev.Socket.Type == "stream")
	}
	if !explicit && len(ev.Socket.DNS) == 0 {
		return
	}
	ev.Socket.Address, ev.Socket.Size = text(ev, address), size
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
	case server && c.syscall == "writev":
		return c.gather(c.addr(1), c.args[2].SizeT())
	}
	return nil
}

// message is what is looked at of one struct msghdr.
type message struct {
	address string
	payload []byte
	size    int64
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
		m.address = formatAddress(c.bytes(addr(name), int(min(binary.NativeEndian.Uint32(b[8:]), maxAddress))))
	}
	m.payload = c.gather(addr(word(b[16:])), uint(word(b[24:])))
	m.size = int64(len(m.payload))
	return m
}

// gather reads the head of what a list of buffers (struct iovec) holds.
func (c *call) gather(a hostarch.Addr, count uint) (out []byte) {
	const size = 16
	for i := range min(count, 16) {
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
	const size = 64 // struct mmsghdr: a msghdr and a length
	var all []message
	for i := range min(c.args[2].Uint(), maxMessages) {
		all = append(all, c.message(c.addr(1)+hostarch.Addr(i*size)))
	}
	c.run()
	for _, m := range all {
		c.sent(m.address, m.payload, m.size)
	}
}

// questions reads the questions of a DNS message; over TCP its length comes
// first.
func questions(ev *tape.Event, b []byte, stream bool) (out []tape.Question) {
	if stream && len(b) > 2 {
		b = b[2:]
	}
	var p dnsmessage.Parser
	if h, err := p.Start(b); err != nil || h.Response {
		return nil
	}
	for len(out) < 4 {
		q, err := p.Question()
		if err != nil {
			break
		}
		name := strings.TrimSuffix(q.Name.String(), ".")
		out = append(out, tape.Question{Name: text(ev, name), Type: strings.TrimPrefix(q.Type.String(), "Type")})
	}
	return out
}

// socket describes the socket behind fd.
func (c *call) socket(fd int32) *tape.Socket {
	s := &tape.Socket{FD: fd}
	c.with(fd, func(sock socket.Socket) {
		family, typ, protocol := sock.Type()
		s.Family, s.Type, s.Protocol = familyName(family), typeName(int(typ)), int32(protocol)
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
			address = formatAddress(marshal.Marshal(a))
		}
	})
	return address
}

func (c *call) peer(fd int32) (address string) {
	c.with(fd, func(s socket.Socket) {
		if a, _, err := s.GetPeerName(c.t); err == nil && a != nil {
			address = formatAddress(marshal.Marshal(a))
		}
	})
	return address
}

// formatAddress writes a sockaddr as the tape has it; empty for none.
func formatAddress(b []byte) string {
	if len(b) < 2 {
		return ""
	}
	port := func() string { return strconv.Itoa(int(binary.BigEndian.Uint16(b[2:]))) }
	switch family := binary.NativeEndian.Uint16(b); {
	case family == unix.AF_INET && len(b) >= 8:
		return net.JoinHostPort(netip.AddrFrom4([4]byte(b[4:8])).String(), port())
	case family == unix.AF_INET6 && len(b) >= 24:
		return net.JoinHostPort(netip.AddrFrom16([16]byte(b[8:24])).String(), port())
	case family == unix.AF_UNIX && len(b) > 2:
		path := string(b[2:])
		if path[0] == 0 { // abstract
			return "@" + strings.TrimRight(path[1:], "\x00")
		}
		path, _, _ = strings.Cut(path, "\x00")
		return path
	case family == unix.AF_UNSPEC || family == unix.AF_UNIX:
		return ""
	default:
		return familyName(int(family))
	}
}

func familyName(f int) string {
	switch f {
	case unix.AF_UNIX:
		return "unix"
	case unix.AF_INET:
		return "inet"
	case unix.AF_INET6:
		return "inet6"
	case unix.AF_NETLINK:
		return "netlink"
	case unix.AF_PACKET:
		return "packet"
	}
	return strconv.Itoa(f)
}

func typeName(t int) string {
	switch t & 0xf { // the rest is SOCK_NONBLOCK and SOCK_CLOEXEC
	case unix.SOCK_STREAM:
		return "stream"
	case unix.SOCK_DGRAM:
		return "dgram"
	case unix.SOCK_RAW:
		return "raw"
	case unix.SOCK_SEQPACKET:
		return "seqpacket"
	}
	return fmt.Sprint(t & 0xf)
}
