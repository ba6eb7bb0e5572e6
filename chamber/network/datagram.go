package network

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/detonaut/detonaut/chamber/network/service"
	"github.com/detonaut/detonaut/chamber/network/web"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds on datagrams.
const (
	maxExchanges  = 4096 // that are remembered at once; the oldest ends
	maxAnswering  = 256  // that are being answered at once; more are dropped
	maxMessages   = 64   // of one exchange that are written down
	exchangeQuiet = 15 * time.Second
	dnsPort       = 53
	hops          = 57 // of a packet that has come a long way
)

// datagrams are the exchanges of UDP. There is no connection: an answer is one
// packet, made by hand. Its zero value is ready.
type datagrams struct {
	mu        sync.Mutex
	exchanges map[[2]netip.AddrPort]*exchange
	answering int
	running   sync.WaitGroup
}

type exchange struct {
	*flow
	last time.Time
}

// receiveUDP is called for every datagram, on the goroutine of the network
// card, which must not wait.
func (n *Internet) receiveUDP(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	local, remote := addrPort(id.RemoteAddress, id.RemotePort), addrPort(id.LocalAddress, id.LocalPort)
	payload := pkt.Data().AsRange().ToSlice()
	d := &n.datagrams
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answering >= maxAnswering || n.ctx.Err() != nil {
		n.bound("datagrams")
		return true
	}
	f := d.exchange(n, local, remote)
	d.answering++
	d.running.Go(func() {
		defer func() {
			if recover() != nil {
				n.bound("servers")
			}
			d.mu.Lock()
			d.answering--
			d.mu.Unlock()
		}()
		n.answerDatagram(f, payload)
	})
	return true
}

// exchange returns the flow between two addresses. The caller holds mu.
func (d *datagrams) exchange(n *Internet, local, remote netip.AddrPort) *flow {
	key := [2]netip.AddrPort{local, remote}
	now := time.Now()
	if x := d.exchanges[key]; x != nil && now.Sub(x.last) < exchangeQuiet {
		x.last = now
		return x.flow
	}
	if d.exchanges == nil {
		d.exchanges = make(map[[2]netip.AddrPort]*exchange)
	}
	if len(d.exchanges) >= maxExchanges {
		d.sweep(now)
	}
	if old := d.exchanges[key]; old != nil {
		old.finish("timeout", "")
	}
	x := &exchange{n.newFlow("udp", local, remote), now}
	d.exchanges[key] = x
	return x.flow
}

// sweep ends the exchanges that are quiet, and if there are none, all: there
// are too many to be conversations.
func (d *datagrams) sweep(now time.Time) {
	for _, quiet := range []time.Duration{exchangeQuiet, 0} {
		for key, x := range d.exchanges {
			if now.Sub(x.last) >= quiet {
				x.finish("timeout", "")
				delete(d.exchanges, key)
			}
		}
		if len(d.exchanges) < maxExchanges {
			return
		}
	}
}

// end waits for the answers under way and ends every exchange, in their order.
func (d *datagrams) end(*Internet) {
	d.running.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	flows := make([]*flow, 0, len(d.exchanges))
	for _, x := range d.exchanges {
		flows = append(flows, x.flow)
	}
	finishAll(flows, "open")
}

func (n *Internet) answerDatagram(f *flow, payload []byte) {
	f.sent.Add(int64(len(payload)))
	var reply []byte
	if f.remote.Port() == dnsPort {
		f.speaks("dns")
		f.searched()
		reply = n.answerDNS(f, payload, "udp")
	} else {
		f.said(payload)
		var protocol string
		reply, protocol = service.Datagram(f.remote.Port(), payload, n.seenAs(f.local), n.now(), func(m tape.Message, cut bool) {
			if f.messages.Add(1) > maxMessages {
				return // a flood says nothing new; its bytes are counted
			}
			n.record(f, &tape.Event{Kind: tape.MessageReceive, Cut: cut, Message: &m})
		})
		if protocol != "" {
			f.speaks(protocol)
		}
		if protocol == "quic" {
			// At once, so that a client of HTTP/3 tries TCP instead.
			n.stack.sendUnreachable(f.remote, f.local)
		}
	}
	if len(reply) > 0 {
		f.received.Add(int64(len(reply)))
		n.stack.sendUDP(f.remote, f.local, reply)
	}
}

// seenAs is how the world sees a subject behind its router.
func (n *Internet) seenAs(local netip.AddrPort) netip.AddrPort {
	if local.Addr().Is4() {
		return netip.AddrPortFrom(netip.MustParseAddr(web.PublicAddress), local.Port())
	}
	return local
}

// answerDNS answers one query and writes down what was asked.
func (n *Internet) answerDNS(f *flow, query []byte, transport string) []byte {
	ctx, cancel := context.WithTimeout(n.ctx, 10*time.Second)
	defer cancel()
	reply, answers := n.zone.Answer(ctx, query, transport)
	n.recordDNS(f, answers)
	return reply
}

func (n *Internet) recordDNS(f *flow, answers []tape.DNS) {
	for _, a := range answers {
		n.recordBaits(f, "", "dns-name", n.baits.FindName(a.Name))
		n.record(f, &tape.Event{Kind: tape.DNSAnswer, DNS: &a})
	}
}

// sendUDP sends the subject a datagram. What is longer than a packet is cut:
// nobody here answers at length by UDP.
func (t *netstack) sendUDP(from, to netip.AddrPort, payload []byte) {
	payload = payload[:min(len(payload), MTU-header.IPv6MinimumSize-header.UDPMinimumSize)]
	b := make([]byte, header.UDPMinimumSize+len(payload))
	datagram := header.UDP(b)
	datagram.Encode(&header.UDPFields{SrcPort: from.Port(), DstPort: to.Port(), Length: uint16(len(b))})
	copy(b[header.UDPMinimumSize:], payload)
	src, dst := tcpip.AddrFromSlice(from.Addr().AsSlice()), tcpip.AddrFromSlice(to.Addr().AsSlice())
	pseudo := header.PseudoHeaderChecksum(header.UDPProtocolNumber, src, dst, uint16(len(b)))
	datagram.SetChecksum(^datagram.CalculateChecksum(checksum.Checksum(payload, pseudo)))
	t.send(from.Addr(), to.Addr(), header.UDPProtocolNumber, b)
}

// send sends the subject an IP packet.
func (t *netstack) send(from, to netip.Addr, protocol tcpip.TransportProtocolNumber, payload []byte) {
	src, dst := tcpip.AddrFromSlice(from.AsSlice()), tcpip.AddrFromSlice(to.AsSlice())
	var packet []byte
	number := ipv4.ProtocolNumber
	if from.Is4() {
		packet = make([]byte, header.IPv4MinimumSize, header.IPv4MinimumSize+len(payload))
		ip := header.IPv4(packet)
		ip.Encode(&header.IPv4Fields{
			TotalLength: uint16(len(packet) + len(payload)), TTL: hops, Protocol: uint8(protocol), SrcAddr: src, DstAddr: dst,
		})
		ip.SetChecksum(^ip.CalculateChecksum())
	} else {
		number = ipv6.ProtocolNumber
		packet = make([]byte, header.IPv6MinimumSize, header.IPv6MinimumSize+len(payload))
		header.IPv6(packet).Encode(&header.IPv6Fields{
			PayloadLength: uint16(len(payload)), TransportProtocol: protocol, HopLimit: hops, SrcAddr: src, DstAddr: dst,
		})
	}
	// A card that is unplugged loses it, as cards do.
	_ = t.stack.WritePacketToRemote(nicID, t.subject, number, buffer.MakeWithData(append(packet, payload...)))
}
