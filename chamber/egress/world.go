package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// A world is where names and addresses are. check is to be called with the
// address that a socket is about to connect to.
type world interface {
	lookup(ctx context.Context, name string) ([]netip.Addr, error)
	connect(ctx context.Context, addr netip.AddrPort, check func(netip.AddrPort) error) (*net.TCPConn, error)
}

// internet is the real one, as this machine sees it.
type internet struct{ resolver net.Resolver }

func (w *internet) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	// With its dot the name is whole: no search domain of this machine is
	// appended to what the subject asks for.
	addrs, err := w.resolver.LookupNetIP(ctx, "ip", name+".")
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	case errors.As(err, &dns) && dns.IsTimeout:
		return nil, fmt.Errorf("look up %s: no answer in time", name)
	case err != nil:
		// The text would name this machine's name servers.
		return nil, fmt.Errorf("look up %s: the name servers fail", name)
	}
	return addrs, nil
}

func (w *internet) connect(ctx context.Context, addr netip.AddrPort, check func(netip.AddrPort) error) (*net.TCPConn, error) {
	return connect(ctx, addr, check)
}

// connect dials an address, never a name: between what was checked and what is
// connected to, nothing is resolved. The socket's own address is checked all
// the same, right before the system call.
func connect(ctx context.Context, addr netip.AddrPort, check func(netip.AddrPort) error) (*net.TCPConn, error) {
	d := net.Dialer{
		KeepAlive: -1, // what is idle ends by itself
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrRefused, err)
			}
			return check(to)
		},
	}
	c, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// Stage is an internet for tests: its hosts are servers on this machine's
// loopback, and it leads nowhere else.
type Stage struct {
	// Names are the addresses of its hosts.
	Names map[string][]netip.Addr
	// Servers are where an address and port of it is really listened on.
	Servers map[netip.AddrPort]netip.AddrPort
}

// NewStagedServer returns a Server of which all is as in that of NewServer, the
// policy's view of the staged addresses included, but for where they are.
func NewStagedServer(p *Policy, s Stage) *Server { return newServer(p, s) }

func (s Stage) lookup(_ context.Context, name string) ([]netip.Addr, error) {
	addrs, ok := s.Names[name]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return addrs, nil
}

func (s Stage) connect(ctx context.Context, addr netip.AddrPort, check func(netip.AddrPort) error) (*net.TCPConn, error) {
	server, ok := s.Servers[addr]
	if !ok {
		return nil, fmt.Errorf("connect to %s: %w", addr, syscall.ECONNREFUSED)
	}
	return connect(ctx, server, func(to netip.AddrPort) error {
		if to != server || !to.Addr().IsLoopback() {
			return fmt.Errorf("%w: a stage is on loopback", ErrRefused)
		}
		return check(addr)
	})
}

// past interrupts whatever waits on a connection.
var past = time.Unix(1, 0)
