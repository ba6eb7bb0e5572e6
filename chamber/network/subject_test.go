package network_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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

	"github.com/detonaut/detonaut/chamber/bait"
	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/tape"
)

// subject is a machine with a TCP/IP stack of its own on the far end of the
// cable: what a sandbox is, without one.
type subject struct {
	*network.Internet
	tb    testing.TB
	stack *stack.Stack
	near  *os.File
	far   *os.File

	mu     sync.Mutex
	events []*tape.Event
	bounds []string
	closed bool
}

// newSubject plugs a subject into an internet of o, which lacks only where
// events go. Both end with the test.
func newSubject(tb testing.TB, o network.Options) *subject {
	tb.Helper()
	s := &subject{tb: tb}
	began := time.Now()
	o.Baits = bait.New(rand.Reader)
	o.Elapsed = func() int64 { return int64(time.Since(began)) }
	o.Record = func(e *tape.Event, by network.Origin) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			tb.Errorf("an event after Close: %s", e.Kind)
		}
		if e.Flow != by.Flow {
			tb.Errorf("event of flow %d comes from flow %d", e.Flow, by.Flow)
		}
		s.events = append(s.events, e)
	}
	near, far, err := network.Cable()
	if err != nil {
		tb.Fatal(err)
	}
	// As of the far end, a copy of the near one stays open while cards use it.
	fd, err := unix.Dup(int(near.Fd()))
	if err != nil {
		tb.Fatal(err)
	}
	s.near = os.NewFile(uintptr(fd), "near")
	if s.Internet, err = network.New(near, o); err != nil {
		tb.Fatal(err)
	}
	s.far = far
	s.plug(far)
	return s
}

func (s *subject) plug(far *os.File) {
	s.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{arp.NewProtocol, ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
	})
	gateway := tcpip.LinkAddress(net.HardwareAddr{0x02, 0x42, 0x5b, 0x0e, 0x1c, 0x9d})
	card, err := fdbased.New(&fdbased.Options{
		FDs: []int{int(far.Fd())}, MTU: network.MTU, EthernetHeader: true, Address: "\x02\x42\xac\x11\x00\x02", PacketDispatchMode: fdbased.RecvMMsg,
		RXChecksumOffload: true, TXChecksumOffload: true, GSOMaxSize: network.SegmentBytes, ProcessorsPerChannel: 2, // see newStack
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := s.stack.CreateNIC(1, card); err != nil {
		s.tb.Fatal(err)
	}
	for _, a := range []struct {
		p          tcpip.NetworkProtocolNumber
		own, other string
		bits       int
	}{{ipv4.ProtocolNumber, "172.17.0.2", "172.17.0.1", 16}, {ipv6.ProtocolNumber, "fd5d:8a4e:31c7:1::2", "fd5d:8a4e:31c7:1::1", 64}} {
		own, other := tcpip.AddrFromSlice(netip.MustParseAddr(a.own).AsSlice()), tcpip.AddrFromSlice(netip.MustParseAddr(a.other).AsSlice())
		err := s.stack.AddProtocolAddress(1, tcpip.ProtocolAddress{Protocol: a.p, AddressWithPrefix: tcpip.AddressWithPrefix{Address: own, PrefixLen: a.bits}},
			stack.AddressProperties{})
		if err == nil {
			err = s.stack.AddStaticNeighbor(1, a.p, other, gateway)
		}
		if err != nil {
			s.tb.Fatal(err)
		}
		all := header.IPv4EmptySubnet
		if a.p == ipv6.ProtocolNumber {
			all = header.IPv6EmptySubnet
		}
		s.stack.AddRoute(tcpip.Route{Destination: all, Gateway: other, NIC: 1})
	}
	s.tb.Cleanup(func() {
		s.close()
		s.stack.Close()
		_ = s.stack.RemoveNIC(1) // it is there
		s.near.Close()
		far.Close()
	})
}

// close ends the internet and returns the bounds that were reached.
func (s *subject) close() []string {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if !closed {
		bounds := s.Close()
		s.mu.Lock()
		s.closed, s.bounds = true, bounds
		s.mu.Unlock()
	}
	return s.bounds
}

// dial connects to an address, or to a name that it looks up first.
func (s *subject) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		found, err := s.resolver().LookupNetIP(ctx, "ip4", host)
		if err != nil {
			return nil, err
		}
		addr = found[0].Unmap()
	}
	to, err := netip.ParseAddrPort(net.JoinHostPort(addr.String(), port))
	if err != nil {
		return nil, err
	}
	full := tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFromSlice(addr.AsSlice()), Port: to.Port()}
	protocol := ipv4.ProtocolNumber
	if addr.Is6() {
		protocol = ipv6.ProtocolNumber
	}
	if network == "udp" {
		return gonet.DialUDP(s.stack, nil, &full, protocol)
	}
	return gonet.DialContextTCP(ctx, s.stack, full, protocol)
}

func (s *subject) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return s.dial(ctx, network[:3], "8.8.8.8:53")
	}}
}

// trust is a pool with the run's CA.
func (s *subject) trust() *x509.CertPool {
	ca, err := x509.ParseCertificate(s.Certificate())
	if err != nil {
		s.tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool
}

// client is an HTTP client of the subject that trusts the CA.
func (s *subject) client() *http.Client {
	t := &http.Transport{DialContext: s.dial, TLSClientConfig: &tls.Config{RootCAs: s.trust()}, ForceAttemptHTTP2: true}
	s.tb.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}

// seen are the events of a kind so far; after close all of them.
func (s *subject) seen(kind tape.Kind) (events []*tape.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

// flow is the one flow to a remote address's port.
func (s *subject) flow(port int) *tape.Flow {
	s.tb.Helper()
	suffix := fmt.Sprintf(":%d", port)
	var found *tape.Flow
	for _, e := range s.seen(tape.FlowEnded) {
		if f := e.FlowEnd; len(f.Remote) > len(suffix) && f.Remote[len(f.Remote)-len(suffix):] == suffix {
			if found != nil {
				s.tb.Fatalf("two flows to port %d", port)
			}
			found = f
		}
	}
	if found == nil {
		s.tb.Fatalf("no flow to port %d", port)
	}
	return found
}

// forget drops the events so far: a benchmark makes many.
func (s *subject) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = nil
}
