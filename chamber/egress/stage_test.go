package egress

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/detonaut/detonaut/chamber/plan"
)

// listen serves connections on loopback until the test ends.
func listen(t testing.TB, serve func(*net.TCPConn)) netip.AddrPort {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		tasks.Wait()
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// echo sends back what it gets.
func echo(c *net.TCPConn) { io.Copy(c, c) }

var (
	hostAddr  = netip.MustParseAddr("1.1.1.1")
	hostPort  = netip.AddrPortFrom(hostAddr, 80)
	innerAddr = netip.MustParseAddr("10.0.0.1")
)

// staged returns a server under e, with "host.example" at hostPort, where it is
// served by serve, and "inside.example" at a private address, where there is a
// server as well.
func staged(t testing.TB, e plan.Egress, serve func(*net.TCPConn)) *Server {
	t.Helper()
	e.Allow = []string{"*"}
	p, err := NewPolicy(e, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := listen(t, serve)
	return NewStagedServer(p, Stage{
		Names: map[string][]netip.Addr{
			"host.example":   {innerAddr, hostAddr},
			"inside.example": {innerAddr},
			"gone.example":   {netip.MustParseAddr("1.1.1.2")},
		},
		Servers: map[netip.AddrPort]netip.AddrPort{
			hostPort:                          at,
			netip.AddrPortFrom(innerAddr, 80): at,
			netip.AddrPortFrom(hostAddr, 25):  at,
		},
	})
}

// service is a server at work.
type service struct {
	inner  *os.File // for a client, or to be spoken to by hand
	cancel context.CancelFunc
	done   chan struct{} // closed when Serve has returned err
	err    error
}

// serve starts s; it is stopped when the test ends.
func serve(t testing.TB, s *Server) *service {
	t.Helper()
	outer, inner, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := &service{inner: inner, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(v.done)
		v.err = s.Serve(ctx, outer)
	}()
	t.Cleanup(func() {
		cancel()
		inner.Close()
		<-v.done
	})
	return v
}

func (v *service) client(t testing.TB) *Client {
	t.Helper()
	c, err := NewClient(v.inner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// dial connects to hostPort by name.
func dial(t testing.TB, c *Client) net.Conn {
	t.Helper()
	conn, at, err := c.Dial(t.Context(), "host.example", 80)
	if err != nil {
		t.Fatal(err)
	}
	if at != hostPort || conn.RemoteAddr().String() != hostPort.String() {
		t.Errorf("connected to %v (%v), want %v", at, conn.RemoteAddr(), hostPort)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
