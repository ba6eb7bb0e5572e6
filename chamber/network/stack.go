package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const nicID = 1

// Bounds of the stack. The buffers of all flows together are what a subject
// that reads nothing can make us hold.
const (
	maxFlows      = 2048      // TCP flows at once
	maxHandshakes = 512       // of them, those not yet established
	tcpBuffer     = 128 << 10 // bytes, each way
)

// netstack is the TCP/IP stack that plays everybody but the subject.
type netstack struct {
	stack   *stack.Stack
	link    *os.File
	subject tcpip.LinkAddress // of the subject's card
}

// newStack makes a stack on the near end of a socket pair, which it owns.
func newStack(link *os.File, n *Internet) (_ *netstack, err error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{arp.NewProtocol, ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
	})
	t := &netstack{stack: s, link: link, subject: tcpip.LinkAddress(hardwareAddress(n.opts.MAC))}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	sack := tcpip.TCPSACKEnabled(true)
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: tcpBuffer, Max: tcpBuffer}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: tcpBuffer, Max: tcpBuffer}
	linger := tcpip.TCPTimeWaitTimeoutOption(time.Second)
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &receive, &send, &linger} {
		if terr := s.SetTransportProtocolOption(tcp.ProtocolNumber, option); terr != nil {
			return nil, fmt.Errorf("set TCP option: %s", terr)
		}
	}
	card, err := fdbased.New(&fdbased.Options{
		FDs: []int{int(link.Fd())}, MTU: MTU, EthernetHeader: true, Address: tcpip.LinkAddress(gatewayMAC),
		PacketDispatchMode: fdbased.RecvMMsg,
		// With one processor, packets would be served by who reads them, and whom
		// the stack waits for with its lock held when the card is unplugged.
		ProcessorsPerChannel: 2,
		// The bytes never leave this machine's memory.
		RXChecksumOffload: true, TXChecksumOffload: true, GSOMaxSize: segmentBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("make network card: %w", err)
	}
	card = newPatient(card, n, int(link.Fd()))
	if n.capture != nil {
		card = newTap(card, n.capture)
	}
	// Whoever hears from the card must be there before it is plugged in.
	forward := tcp.NewForwarder(s, tcpBuffer, maxHandshakes, n.acceptTCP)
	s.SetTransportProtocolHandler(tcp.ProtocolNumber, forward.HandlePacket)
	s.SetTransportProtocolHandler(udp.ProtocolNumber, n.receiveUDP)
	s.SetTransportProtocolHandler(icmp.ProtocolNumber4, n.receiveICMP)
	s.SetTransportProtocolHandler(icmp.ProtocolNumber6, n.receiveICMP)
	n.stack = t
	if terr := s.CreateNIC(nicID, card); terr != nil {
		return nil, fmt.Errorf("plug in network card: %s", terr)
	}
	return t, t.address()
}

// address gives the card the gateway's addresses, and has it take packets to
// all others.
func (t *netstack) address() error {
	for _, a := range []struct {
		protocol tcpip.NetworkProtocolNumber
		gateway  netip.Prefix
		subject  netip.Addr
	}{{ipv4.ProtocolNumber, gateway4, subject4.Addr()}, {ipv6.ProtocolNumber, gateway6, subject6.Addr()}} {
		err := t.stack.AddProtocolAddress(nicID, tcpip.ProtocolAddress{Protocol: a.protocol, AddressWithPrefix: tcpip.AddressWithPrefix{
			Address: tcpip.AddrFromSlice(a.gateway.Addr().AsSlice()), PrefixLen: a.gateway.Bits(),
		}}, stack.AddressProperties{})
		if err == nil {
			err = t.stack.AddStaticNeighbor(nicID, a.protocol, tcpip.AddrFromSlice(a.subject.AsSlice()), t.subject)
		}
		if err != nil {
			return fmt.Errorf("address network card: %s", err)
		}
	}
	// A source address that the subject forged is answered like any other: the
	// answer goes to the one machine that there is.
	gateway := func(a netip.Addr) tcpip.Address { return tcpip.AddrFromSlice(a.AsSlice()) }
	t.stack.SetRouteTable([]tcpip.Route{
		{Destination: prefix(gateway4.Masked()), NIC: nicID},
		{Destination: prefix(gateway6.Masked()), NIC: nicID},
		{Destination: header.IPv4EmptySubnet, NIC: nicID, Gateway: gateway(subject4.Addr())},
		{Destination: header.IPv6EmptySubnet, NIC: nicID, Gateway: gateway(subject6.Addr())},
	})
	if err := t.stack.SetPromiscuousMode(nicID, true); err != nil {
		return fmt.Errorf("open network card to all: %s", err)
	}
	if err := t.stack.SetSpoofing(nicID, true); err != nil {
		return fmt.Errorf("let network card speak for all: %s", err)
	}
	return nil
}

func prefix(p netip.Prefix) tcpip.Subnet {
	return tcpip.AddressWithPrefix{Address: tcpip.AddrFromSlice(p.Addr().AsSlice()), PrefixLen: p.Bits()}.Subnet()
}

// close ends every connection and unplugs the card, whose far end must still be
// open. It does not wait for connections that are in the middle of closing.
func (t *netstack) close() {
	t.stack.Close()
	_ = t.stack.RemoveNIC(nicID) // if it was never plugged in
	t.link.Close()
}

// abort ends the connections of which the stack knows, those that are in the
// middle of beginning among them.
func (t *netstack) abort() {
	for _, e := range t.stack.RegisteredEndpoints() {
		e.Abort()
	}
}

// overrun tells whether more connections began at once than maxHandshakes: the
// packets of the others were dropped without a word.
func (t *netstack) overrun() bool { return t.stack.Stats().TCP.ForwardMaxInFlightDrop.Value() > 0 }

// acceptTCP is called for every connection that the subject begins, on a
// goroutine of its own.
func (n *Internet) acceptTCP(r *tcp.ForwarderRequest) {
	id := r.ID()
	f := n.newFlow("tcp", addrPort(id.RemoteAddress, id.RemotePort), addrPort(id.LocalAddress, id.LocalPort))
	if !n.enter(f) {
		r.Complete(true)
		return
	}
	defer n.leave(f)
	if reason := n.refuse(f); reason != "" {
		r.Complete(true)
		f.finish("refused", reason)
		return
	}
	defer n.open.Add(-1)
	var queue waiter.Queue
	endpoint, terr := r.CreateEndpoint(&queue)
	r.Complete(terr != nil)
	if terr != nil {
		f.finish("half-open", "")
		return
	}
	n.serveTCP(f, &conn{Conn: gonet.NewTCPConn(&queue, endpoint), flow: f})
}

// refuse tells why a connection is not accepted; empty if it is, and then it
// counts as open.
func (n *Internet) refuse(f *flow) string {
	if !n.scans.accept(f.remote, f.name, time.Now()) {
		return "scan"
	}
	if n.open.Add(1) > maxFlows {
		n.open.Add(-1)
		n.bound("flows")
		return "flows"
	}
	return ""
}

func addrPort(a tcpip.Address, port uint16) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(a.AsSlice()) // 4 or 16 bytes: the stack's own
	return netip.AddrPortFrom(addr.Unmap(), port)
}

// reset tells whether err is the other side's reset.
func reset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Err != nil && (op.Err.Error() == (&tcpip.ErrConnectionReset{}).String() ||
		op.Err.Error() == (&tcpip.ErrConnectionAborted{}).String())
}
