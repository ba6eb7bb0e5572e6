// Package reach connects to addresses that somebody named whom nobody trusts: the registry
// of a submission and all that it refers to, the receiver of a webhook. It connects to the
// internet, and to nothing of the operator's own network that the operator has not allowed.
//
// What counts is the address that a socket is about to connect to, at the moment when it
// is: not the name, what the name meant a moment ago, or how the address is written.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/address"
)

// ErrRefused is in the error of an address that may not be reached: another attempt would
// end in the same way.
var ErrRefused = errors.New("may not be reached from here")

// Options are whom a [Policy] lets be reached.
type Options struct {
	// Allow are, beside the internet, hosts ("registry.internal", "*.internal", each with
	// any port, or "registry.internal:5000"), addresses and networks ("10.1.0.0/16").
	Allow []string
	// Lookup finds the addresses of a name; nil asks as this machine does.
	Lookup func(ctx context.Context, name string) ([]netip.Addr, error)
	// Timeout bounds connecting to one address; zero is 10 seconds.
	Timeout time.Duration
}

// Policy decides what may be reached. It does not change, and may be used from any
// goroutine.
type Policy struct {
	hosts    []string
	networks []netip.Prefix
	lookup   func(ctx context.Context, name string) ([]netip.Addr, error)
	timeout  time.Duration
}

// New makes a policy. The error is [detonaut.ErrUsage].
func New(o Options) (*Policy, error) {
	p := &Policy{lookup: o.Lookup, timeout: o.Timeout}
	if p.lookup == nil {
		p.lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	if p.timeout == 0 {
		p.timeout = 10 * time.Second
	}
	for _, s := range o.Allow {
		if err := p.allow(s); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Policy) allow(s string) error {
	bad := func() error {
		return fmt.Errorf("%w: %q is no host, HOST:PORT, *.NAME, address or network", detonaut.ErrUsage, s)
	}
	if n, err := netip.ParsePrefix(s); err == nil {
		p.networks = append(p.networks, address.Network(n))
		return nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		if a = a.Unmap(); a.Zone() != "" {
			return bad()
		}
		p.networks = append(p.networks, netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	name, port, err := net.SplitHostPort(s)
	if err != nil {
		name, port = s, "0"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return bad()
	}
	if name = strings.TrimPrefix(name, "*."); name == "" || strings.ContainsAny(name, "*/@ \t:") {
		return bad()
	}
	p.hosts = append(p.hosts, strings.ToLower(s))
	return nil
}

// Allows says whether a socket may connect to an address and port, because of host
// ("name:port" or "address:port"), which somebody named. The error wraps [ErrRefused].
func (p *Policy) Allows(host string, to netip.AddrPort) error {
	if address.Any(p.networks, to.Addr()) || p.allowsHost(host) {
		return nil
	}
	err := public(to.Addr())
	if port := to.Port(); err == nil && port < 1024 && port != 80 && port != 443 {
		// Nobody is to send mail, or look for open doors, from here.
		err = errors.New("the port belongs to another protocol")
	}
	if err != nil {
		return fmt.Errorf("%s: %s %w: %w", host, to, ErrRefused, err)
	}
	return nil
}

func public(addr netip.Addr) error {
	if err := address.Public(addr); err != nil {
		return err
	}
	own, err := address.Own() // which may have changed
	if err != nil {
		return err
	}
	within, tunnel := address.Within(addr)
	if address.Any(own, addr) || tunnel && (address.Any(own, within) || address.Public(within) != nil) {
		return errors.New("the address is on a network of this machine")
	}
	return nil
}

func (p *Policy) allowsHost(host string) bool {
	host = strings.ToLower(host)
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return false
	}
	name = strings.TrimSuffix(name, ".")
	return slices.ContainsFunc(p.hosts, func(allowed string) bool {
		parent, below := strings.CutPrefix(allowed, "*")
		return allowed == host || allowed == name || below && (strings.HasSuffix(name, parent) || strings.HasSuffix(host, parent))
	})
}

// Dial connects to host, "name:port" or "address:port", by TCP: to the first of its
// addresses that may be reached and answers. The error wraps [ErrRefused] if none may be.
func (p *Policy) Dial(ctx context.Context, _, host string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", host, err)
	}
	addrs, err := p.addresses(ctx, host, name)
	if err != nil {
		return nil, err
	}
	var refused, failed error
	for _, a := range addrs {
		c, err := p.connect(ctx, host, net.JoinHostPort(a.String(), port))
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, ErrRefused):
			refused = err
		default:
			failed = err
		}
	}
	switch {
	case failed != nil:
		return nil, failed
	case refused != nil:
		return nil, refused
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// maxAddresses bounds how many addresses of a name are tried.
const maxAddresses = 8

func (p *Policy) addresses(ctx context.Context, host, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a}, nil
	}
	if strings.Contains(name, ".") && !strings.HasSuffix(name, ".") && !p.allowsHost(host) {
		name += "." // which is the whole name: no domain of this machine is appended to it
	}
	addrs, err := p.lookup(ctx, name)
	return addrs[:min(len(addrs), maxAddresses)], err
}

// connect dials an address, never a name: between what was checked and what is connected
// to, nothing is resolved. The socket's own address is checked, right before the system
// call.
func (p *Policy) connect(ctx context.Context, host, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: p.timeout, ControlContext: func(_ context.Context, _, to string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(to)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return p.Allows(host, a)
	}}
	return d.DialContext(ctx, "tcp", addr)
}

// String says what is allowed beside the internet: equal policies say the same.
func (p *Policy) String() string {
	hosts := slices.Sorted(slices.Values(p.hosts))
	networks := make([]string, 0, len(p.networks))
	for _, n := range p.networks {
		networks = append(networks, n.String())
	}
	slices.Sort(networks)
	return fmt.Sprintf("hosts %q, networks %q", hosts, networks)
}
