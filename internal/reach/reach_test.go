package reach

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
)

func policy(tb testing.TB, o Options) *Policy {
	tb.Helper()
	p, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// listen accepts on loopback and returns the address; accepted counts connections.
func listen(t *testing.T, network, at string) (addr string, accepted chan struct{}) {
	t.Helper()
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	accepted = make(chan struct{}, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- struct{}{}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String(), accepted
}

func TestAllows(t *testing.T) {
	p := policy(t, Options{Allow: []string{"registry.internal", "*.Corp.example", "harbor.lan:5000", "10.1.0.0/16", "192.168.7.7"}})
	for _, tc := range []struct {
		host, addr string
		allowed    bool
	}{
		{"docker.io:443", "1.1.1.1", true},
		{"docker.io:443", "2606:4700::1111", true},
		{"docker.io:443", "::ffff:1.1.1.1", true},
		{"docker.io:443", "10.2.0.1", false},
		{"docker.io:443", "::ffff:10.2.0.1", false},
		{"docker.io:443", "64:ff9b::a02:1", false},
		{"docker.io:443", "2a00::5efe:a00:1", false},
		{"docker.io:443", "169.254.169.254", false},
		{"docker.io:443", "10.1.2.3", true},
		{"docker.io:443", "::ffff:10.1.2.3", true},
		{"docker.io:443", "192.168.7.7", true},
		{"docker.io:443", "192.168.7.8", false},
		{"registry.internal:443", "10.2.0.1", true},
		{"Registry.Internal.:5000", "10.2.0.1", true},
		{"registry.internal.evil.example:443", "10.2.0.1", false},
		{"a.corp.example:443", "10.2.0.1", true},
		{"corp.example:443", "10.2.0.1", false},
		{"notcorp.example:443", "10.2.0.1", false},
		{"harbor.lan:5000", "10.2.0.1", true},
		{"harbor.lan:22", "10.2.0.1", false},
		{"no port", "10.2.0.1", false},
	} {
		err := p.Allows(tc.host, netip.AddrPortFrom(netip.MustParseAddr(tc.addr), 443))
		if tc.allowed && err != nil || !tc.allowed && !errors.Is(err, ErrRefused) {
			t.Errorf("%s at %s: got %v, want allowed %v", tc.host, tc.addr, err, tc.allowed)
		}
	}
}

func TestPorts(t *testing.T) {
	p := policy(t, Options{Allow: []string{"mirror.example:81"}})
	for _, tc := range []struct {
		host    string
		port    uint16
		allowed bool
	}{{"a:80", 80, true}, {"a:443", 443, true}, {"a:5000", 5000, true}, {"a:22", 22, false}, {"a:25", 25, false}, {"a:0", 0, false}, {"mirror.example:81", 81, true}} {
		if err := p.Allows(tc.host, netip.AddrPortFrom(netip.MustParseAddr("1.1.1.1"), tc.port)); (err == nil) != tc.allowed {
			t.Errorf("%s: got %v, want allowed %v", tc.host, err, tc.allowed)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, s := range []string{"", "*", "*.", "https://registry/", "a b", "fe80::1%eth0", "10.0.0.0/33", "a.*.b", "user@host"} {
		if _, err := New(Options{Allow: []string{s}}); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%q: got %v, want ErrUsage", s, err)
		}
	}
}

// TestDialRefuses: nothing arrives at a listener on loopback, however it is written.
func TestDialRefuses(t *testing.T) {
	addr, accepted := listen(t, "tcp", "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(addr)
	for _, host := range []string{"127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::", "::1", "127.1.2.3", "localhost"} {
		c, err := policy(t, Options{}).Dial(t.Context(), "tcp", net.JoinHostPort(host, port))
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v and %v, want ErrRefused", host, c, err)
		}
	}
	if len(accepted) > 0 {
		t.Error("a connection arrived")
	}
	c, err := policy(t, Options{Allow: []string{"127.0.0.1"}}).Dial(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	<-accepted
}

// TestDialNames: of a name with several addresses only those that are allowed are tried, and
// what it means is asked once for each connection, so that it cannot change between.
func TestDialNames(t *testing.T) {
	inner, secret := listen(t, "tcp", "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(inner)
	l, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := 0
	p := policy(t, Options{
		Allow: []string{"127.0.0.2"}, // plays the internet
		Lookup: func(_ context.Context, name string) ([]netip.Addr, error) {
			asked++
			switch name {
			case "both.example.":
				return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}, nil
			case "rebinding.example.":
				if asked%2 == 0 {
					return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
				}
				return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
			case "none.example.":
				return nil, nil
			}
			return nil, errors.New("unexpected name " + name)
		},
	})
	c, err := p.Dial(t.Context(), "tcp", "both.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.RemoteAddr().String(); !strings.HasPrefix(got, "127.0.0.2:") {
		t.Errorf("connected to %s", got)
	}
	_ = c.Close()
	asked = 0
	if c, err = p.Dial(t.Context(), "tcp", "rebinding.example:"+port); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if asked != 1 {
		t.Errorf("asked %d times for one connection", asked)
	}
	if _, err := p.Dial(t.Context(), "tcp", "rebinding.example:"+port); !errors.Is(err, ErrRefused) {
		t.Errorf("rebound: got %v, want ErrRefused", err)
	}
	if _, err := p.Dial(t.Context(), "tcp", "none.example:"+port); err == nil {
		t.Error("a name without addresses is connected to")
	}
	if len(secret) > 0 {
		t.Error("a connection arrived where none may")
	}
}

// FuzzAllows: without an allowance no address is reached that the standard library knows as
// one of no internet, whatever the host is called.
func FuzzAllows(f *testing.F) {
	f.Add("docker.io:443", []byte{127, 0, 0, 1})
	f.Add("[::ffff:7f00:1]:443", netip.MustParseAddr("::ffff:169.254.169.254").AsSlice())
	f.Add("a:1", []byte{1, 1, 1, 1})
	p := policy(f, Options{})
	f.Fuzz(func(t *testing.T, host string, raw []byte) {
		addr, ok := netip.AddrFromSlice(raw)
		if err := p.Allows(host, netip.AddrPortFrom(addr, 443)); err != nil {
			if !errors.Is(err, ErrRefused) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if addr = addr.Unmap(); !ok || addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() || !addr.IsGlobalUnicast() {
			t.Fatalf("%v is allowed", addr)
		}
	})
}
