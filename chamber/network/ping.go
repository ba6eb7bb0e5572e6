package network

import (
	"net/netip"
	"slices"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// maxPinged is how many addresses get a flow for their pings.
const maxPinged = 1024

// pings are the flows of ICMP echo, one an address. Its zero value is ready.
type pings struct {
	mu    sync.Mutex
	flows map[[2]netip.Addr]*flow
}

// receiveICMP answers every echo request: the stack itself answers only for
// addresses that it has. It is called on the goroutine of the network card.
func (n *Internet) receiveICMP(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	message := append(append([]byte(nil), pkt.TransportHeader().Slice()...), pkt.Data().AsRange().ToSlice()...)
	local, remote := addrPort(id.RemoteAddress, 0).Addr(), addrPort(id.LocalAddress, 0).Addr()
	var protocol tcpip.TransportProtocolNumber
	switch {
	case local.Is4() && len(message) >= header.ICMPv4MinimumSize && header.ICMPv4(message).Type() == header.ICMPv4Echo:
		protocol = header.ICMPv4ProtocolNumber
		m := header.ICMPv4(message)
		m.SetType(header.ICMPv4EchoReply)
		m.SetChecksum(0)
		m.SetChecksum(^checksum.Checksum(m, 0))
	case local.Is6() && len(message) >= header.ICMPv6MinimumSize && header.ICMPv6(message).Type() == header.ICMPv6EchoRequest:
		protocol = header.ICMPv6ProtocolNumber
		m := header.ICMPv6(message)
		m.SetType(header.ICMPv6EchoReply)
		m.SetChecksum(0)
		m.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{
			Header: m, Src: tcpip.AddrFromSlice(remote.AsSlice()), Dst: tcpip.AddrFromSlice(local.AsSlice()),
		}))
	default:
		return false
	}
	if f := n.icmp.flow(n, local, remote); f != nil {
		f.sent.Add(int64(len(message)))
		f.received.Add(int64(len(message)))
		f.said(message[header.ICMPv4MinimumSize:])
	}
	n.stack.send(remote, local, protocol, message)
	return true
}

func (p *pings) flow(n *Internet, local, remote netip.Addr) *flow {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := [2]netip.Addr{local, remote}
	f := p.flows[key]
	switch {
	case f != nil:
	case len(p.flows) >= maxPinged:
		n.bound("flows")
	default:
		if p.flows == nil {
			p.flows = make(map[[2]netip.Addr]*flow)
		}
		f = n.newFlow("icmp", netip.AddrPortFrom(local, 0), netip.AddrPortFrom(remote, 0))
		f.speaks("ping")
		p.flows[key] = f
	}
	return f
}

// end ends every flow, in their order.
func (p *pings) end(*Internet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	flows := make([]*flow, 0, len(p.flows))
	for _, f := range p.flows {
		flows = append(flows, f)
	}
	finishAll(flows, "closed")
}

// sendUnreachable tells the subject that nobody listens where it sent a
// datagram: an ICMP error with the head of a packet like its own (RFC 792, and
// RFC 4443 section 3.1).
func (t *netstack) sendUnreachable(from, to netip.AddrPort) {
	src, dst := tcpip.AddrFromSlice(to.Addr().AsSlice()), tcpip.AddrFromSlice(from.Addr().AsSlice())
	datagram := header.UDP(make([]byte, header.UDPMinimumSize))
	datagram.Encode(&header.UDPFields{SrcPort: to.Port(), DstPort: from.Port(), Length: header.UDPMinimumSize})
	if from.Addr().Is4() {
		quoted := header.IPv4(make([]byte, header.IPv4MinimumSize))
		quoted.Encode(&header.IPv4Fields{
			TotalLength: header.IPv4MinimumSize + header.UDPMinimumSize, TTL: 1, Protocol: uint8(header.UDPProtocolNumber), SrcAddr: src, DstAddr: dst,
		})
		quoted.SetChecksum(^quoted.CalculateChecksum())
		m := header.ICMPv4(slices.Concat(make([]byte, header.ICMPv4MinimumSize), []byte(quoted), []byte(datagram)))
		m.SetType(header.ICMPv4DstUnreachable)
		m.SetCode(header.ICMPv4PortUnreachable)
		m.SetChecksum(^checksum.Checksum(m, 0))
		t.send(from.Addr(), to.Addr(), header.ICMPv4ProtocolNumber, m)
		return
	}
	quoted := header.IPv6(make([]byte, header.IPv6MinimumSize))
	quoted.Encode(&header.IPv6Fields{
		PayloadLength: header.UDPMinimumSize, TransportProtocol: header.UDPProtocolNumber, HopLimit: 1, SrcAddr: src, DstAddr: dst,
	})
	m := header.ICMPv6(slices.Concat(make([]byte, header.ICMPv6DstUnreachableMinimumSize), []byte(quoted), []byte(datagram)))
	m.SetType(header.ICMPv6DstUnreachable)
	m.SetCode(header.ICMPv6PortUnreachable)
	m.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: m, Src: dst, Dst: src}))
	t.send(from.Addr(), to.Addr(), header.ICMPv6ProtocolNumber, m)
}
