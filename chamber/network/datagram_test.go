package network_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/tape"
)

// packet dials host by UDP and returns the connection.
func (s *subject) packet(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := s.dial(t.Context(), "udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// The time of the internet is that of the run.
func TestNTP(t *testing.T) {
	for _, server := range []string{"203.0.113.1:123", "[2001:db8::123]:123"} {
		s := newSubject(t, network.Options{})
		c := s.packet(t, server)
		if _, err := c.Write(append([]byte{0x23}, make([]byte, 47)...)); err != nil {
			t.Fatal(err)
		}
		var answer [48]byte
		if _, err := io.ReadFull(c, answer[:]); err != nil {
			t.Fatal(err)
		}
		const since1900 = 2208988800 // seconds until 1970 (RFC 5905, figure 4)
		at := time.Unix(int64(binary.BigEndian.Uint32(answer[40:]))-since1900, 0)
		if d := time.Since(at); d < -time.Minute || d > time.Minute {
			t.Errorf("%s: the time is %s", server, at)
		}
		s.close()
		if f := s.flow(123); f.Protocol != "ntp" || f.Sent != 48 || f.Received != 48 || f.Network != "udp" {
			t.Errorf("flow = %+v", f)
		}
	}
}

// HTTP/3 is seen and refused at once, so that its client tries TCP.
func TestQUIC(t *testing.T) {
	for _, server := range []string{"203.0.113.1:443", "[2001:db8::1]:443"} {
		s := newSubject(t, network.Options{})
		to := netip.MustParseAddrPort(server)
		protocol := ipv4.ProtocolNumber
		if to.Addr().Is6() {
			protocol = ipv6.ProtocolNumber
		}
		var queue waiter.Queue
		entry, ready := waiter.NewChannelEntry(waiter.EventErr)
		queue.EventRegister(&entry)
		e, terr := s.stack.NewEndpoint(udp.ProtocolNumber, protocol, &queue)
		if terr != nil {
			t.Fatal(terr)
		}
		if terr := e.Connect(tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFromSlice(to.Addr().AsSlice()), Port: to.Port()}); terr != nil {
			t.Fatal(terr)
		}
		hello := append([]byte{0xc3, 0, 0, 0, 1, 8}, make([]byte, 1200)...)
		if _, terr := e.Write(bytes.NewReader(hello), tcpip.WriteOptions{}); terr != nil {
			t.Fatal(terr)
		}
		select {
		case <-ready:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: it was not refused", server)
		}
		if _, refused := e.LastError().(*tcpip.ErrConnectionRefused); !refused {
			t.Errorf("%s: it is not refused", server)
		}
		e.Close()
		s.close()
		if f := s.flow(443); f.Protocol != "quic" || f.Received != 0 {
			t.Errorf("flow = %+v", f)
		}
	}
}

// Every address answers a ping.
func TestPing(t *testing.T) {
	s := newSubject(t, network.Options{})
	for _, c := range []struct {
		transport tcpip.TransportProtocolNumber
		network   tcpip.NetworkProtocolNumber
		to        string
		request   []byte
		reply     byte
	}{
		{icmp.ProtocolNumber4, ipv4.ProtocolNumber, "\x01\x02\x03\x04", []byte("\x08\x00\x00\x00\x00\x01\x00\x01data"), 0},
		{icmp.ProtocolNumber6, ipv6.ProtocolNumber, "\x26\x06\x28\x00\x02\x20\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05", []byte("\x80\x00\x00\x00\x00\x01\x00\x01data"), 129},
	} {
		var queue waiter.Queue
		entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents)
		queue.EventRegister(&entry)
		e, err := s.stack.NewEndpoint(c.transport, c.network, &queue)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(bytes.NewReader(c.request), tcpip.WriteOptions{To: &tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFromSlice([]byte(c.to))}}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ready:
		case <-time.After(30 * time.Second):
			t.Fatalf("%x does not answer", c.to)
		}
		var got bytes.Buffer
		if _, err := e.Read(&got, tcpip.ReadOptions{}); err != nil {
			t.Fatal(err)
		}
		if b := got.Bytes(); b[0] != c.reply || string(b[8:]) != "data" {
			t.Errorf("%x answers %x", c.to, b)
		}
		e.Close()
	}
	s.close()
	n := 0
	for _, e := range s.seen(tape.FlowEnded) {
		if f := e.FlowEnd; f.Network == "icmp" && f.Protocol == "ping" && f.Sent == f.Received {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d flows of pings, want 2", n)
	}
}

// A name has the same answer by UDP, TCP, TLS and HTTPS, and the tape knows
// which way it was asked.
func TestTransports(t *testing.T) {
	s := newSubject(t, network.Options{})
	ask := func(name string, dial func(ctx context.Context) (net.Conn, error)) string {
		t.Helper()
		r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
		found, err := r.LookupNetIP(t.Context(), "ip4", "same.example.com")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return found[0].String()
	}
	got := []string{
		ask("udp", func(ctx context.Context) (net.Conn, error) { return s.dial(ctx, "udp", "9.9.9.9:53") }),
		ask("tcp", func(ctx context.Context) (net.Conn, error) { return s.dial(ctx, "tcp", "9.9.9.9:53") }),
		ask("tls", func(ctx context.Context) (net.Conn, error) {
			c, err := s.dial(ctx, "tcp", "9.9.9.9:853")
			if err != nil {
				return nil, err
			}
			return tls.Client(c, &tls.Config{RootCAs: s.trust(), ServerName: "dns.quad9.net"}), nil
		}),
		overHTTPS(t, s, "same.example.com."),
	}
	if slices.Compact(slices.Clone(got))[0] != got[3] || len(slices.Compact(slices.Clone(got))) != 1 {
		t.Errorf("answers differ: %v", got)
	}
	s.close()
	var ways []string
	for _, e := range s.seen(tape.DNSAnswer) {
		if e.DNS.Name == "same.example.com" {
			ways = append(ways, e.DNS.Transport)
		}
	}
	slices.Sort(ways)
	if ways = slices.Compact(ways); !slices.Equal(ways, []string{"https", "tcp", "tls", "udp"}) {
		t.Errorf("it was asked by %v", ways)
	}
}

func overHTTPS(t *testing.T, s *subject, name string) string {
	t.Helper()
	question := dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	query, err := (&dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true}, Questions: []dnsmessage.Question{question}}).Pack()
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://1.1.1.1/dns-query", bytes.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/dns-message")
	response, err := s.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := errors.Join(m.Unpack(b)); err != nil || len(m.Answers) == 0 {
		t.Fatalf("answer %x: %v", b, err)
	}
	a, ok := m.Answers[0].Body.(*dnsmessage.AResource)
	if !ok {
		t.Fatalf("answer %v", m.Answers[0])
	}
	return net.IP(a.A[:]).String()
}
