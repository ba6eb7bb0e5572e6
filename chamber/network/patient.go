package network

import (
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/nested"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// patience is how long a packet waits for room in the cable.
const patience = 20 * time.Millisecond

// patient is a network card that waits until what it has to send fits into the
// cable. gVisor's own drops it, and then TCP waits for at least 200 ms: where the
// machine allows a socket little memory, a few downloads at once do nothing else.
type patient struct {
	nested.Endpoint
	internet *Internet
	fd       int // of the cable
}

func newPatient(card stack.LinkEndpoint, n *Internet, fd int) stack.LinkEndpoint {
	p := &patient{internet: n, fd: fd}
	p.Init(card, p)
	return p
}

// WritePackets implements stack.LinkWriter.
func (p *patient) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	sent, err := p.Endpoint.WritePackets(pkts)
	for isFull(err) && p.wait() {
		var rest stack.PacketBufferList
		for _, pkt := range pkts.AsSlice()[sent:] {
			rest.PushBack(pkt)
		}
		var more int
		more, err = p.Endpoint.WritePackets(rest)
		sent += more
	}
	return sent, err
}

func isFull(err tcpip.Error) bool {
	_, full := err.(*tcpip.ErrWouldBlock)
	return full
}

// wait waits for room, and tells whether there is any. Once the internet closes
// nobody empties the cable any more.
func (p *patient) wait() bool {
	if p.internet.ctx.Err() != nil {
		return false
	}
	room, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLOUT}}, int(patience.Milliseconds()))
	return room == 1 || err == unix.EINTR
}
