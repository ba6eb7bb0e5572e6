package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/address"
	"github.com/detonaut/detonaut/chamber/plan"
)

// mailPorts are never dialled: a run sends no spam (submission and relay, and
// the unofficial 2525 that providers offer beside them).
var mailPorts = []uint16{25, 465, 587, 2525}

// Policy decides what a live run may reach. It does not change and may be used
// from any goroutine.
type Policy struct {
	any      bool
	names    []string
	suffixes []string // each with its leading dot
	prefixes []netip.Prefix

	ports  []uint16
	refuse []netip.Prefix
	own    []netip.Prefix

	bounds plan.Egress
}

// NewPolicy makes the policy of e on a machine whose own networks are own; see
// OwnPrefixes.
func NewPolicy(e plan.Egress, own []netip.Prefix) (*Policy, error) {
	p := &Policy{ports: e.Ports, bounds: e}
	if len(p.ports) == 0 {
		p.ports = []uint16{80, 443}
	}
	for _, n := range own {
		p.own = append(p.own, address.Network(n))
	}
	for _, s := range e.Refuse {
		n, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("make policy: refuse %q: %w", s, err)
		}
		p.refuse = append(p.refuse, address.Network(n))
	}
	for _, s := range e.Allow {
		if err := p.allow(s); err != nil {
			return nil, fmt.Errorf("make policy: allow %q: %w", s, err)
		}
	}
	return p, nil
}

// allow adds one entry of the plan.
func (p *Policy) allow(s string) error {
	if s == "*" {
		p.any = true
		return nil
	}
	if n, err := netip.ParsePrefix(s); err == nil {
		p.prefixes = append(p.prefixes, address.Network(n))
		return nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		if a.Zone() != "" {
			return errors.New("an address with a zone")
		}
		p.prefixes = append(p.prefixes, netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	parent, below := strings.CutPrefix(s, "*.")
	name, err := parseName(parent)
	switch {
	case err != nil:
		return fmt.Errorf("no name, %q with a name, address, prefix or %q: %w", "*.", "*", err)
	case below:
		p.suffixes = append(p.suffixes, "."+name)
	default:
		p.names = append(p.names, name)
	}
	return nil
}

// Allows says whether addr may be connected to at port because the subject
// asked for name; an empty name stands for a subject that asked for the
// address itself. An error wraps [ErrRefused].
func (p *Policy) Allows(name string, addr netip.Addr, port uint16) error {
	if err := p.allowsPort(port); err != nil {
		return err
	}
	if name != "" {
		if err := p.AllowsName(name); err != nil {
			return err
		}
	} else if err := p.allowsAddr(addr); err != nil {
		return err
	}
	return p.reachable(addr)
}

// AllowsName says whether name may be asked for at all. Whatever it resolves
// to has still to be allowed. The inner process can hold the names within TLS
// and HTTP to it: a server's neighbour is not allowed because the server is.
func (p *Policy) AllowsName(name string) error {
	name, err := parseName(name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if inward(name) {
		return fmt.Errorf("%w: the name is not one of the internet", ErrRefused)
	}
	if p.any || slices.Contains(p.names, name) {
		return nil
	}
	if slices.ContainsFunc(p.suffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
		return nil
	}
	return fmt.Errorf("%w: the name is not on the list of what is allowed", ErrRefused)
}

func (p *Policy) allowsAddr(addr netip.Addr) error {
	addr = addr.Unmap()
	if p.any || slices.ContainsFunc(p.prefixes, func(n netip.Prefix) bool { return n.Contains(addr) }) {
		return nil
	}
	return fmt.Errorf("%w: the address is not on the list of what is allowed", ErrRefused)
}

func (p *Policy) allowsPort(port uint16) error {
	switch {
	case slices.Contains(mailPorts, port):
		return fmt.Errorf("%w: port %d is for mail", ErrRefused, port)
	case port == 0 || !slices.Contains(p.ports, port):
		return fmt.Errorf("%w: port %d is not on the list of what is allowed", ErrRefused, port)
	}
	return nil
}

// OwnPrefixes returns the networks that this machine's interfaces are on.
func OwnPrefixes() ([]netip.Prefix, error) { return address.Own() }
