// Package address tells addresses of the internet from all others: those of this machine
// and its networks, and those with which one of them can be reached in a roundabout way.
//
// It imports the standard library only. What connects on behalf of somebody who is not
// trusted asks it with the address that a socket is about to connect to.
package address

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// A block is a range of addresses that is not of the internet.
type block struct {
	prefix netip.Prefix
	what   string
}

// special are what IANA's registries do not call globally reachable
// (IPv4 and IPv6 Special-Purpose Address Space, as of 2025-10; RFC 6890 and
// RFC 8190), multicast, what tunnels to an IPv4 address of the sender's choice,
// and where clouds keep the credentials of a machine. The first that fits names
// the reason. Parsed on demand.
var special = sync.OnceValue(func() (all []block) {
	for _, group := range []struct {
		what     string
		prefixes []string
	}{
		{"a cloud's metadata service", []string{
			"169.254.169.254/32", "169.254.170.2/32", // EC2 and most others; ECS
			"fd00:ec2::254/128", "fd20:ce::254/128", // EC2; Google
			"168.63.129.16/32",   // Azure's, a public address
			"100.100.100.200/32", // Alibaba
			"192.0.0.192/32",     // Oracle
		}},
		{"unspecified, or this network", []string{"0.0.0.0/8", "::/128"}},
		{"loopback", []string{"127.0.0.0/8", "::1/128"}},
		{"private", []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}},
		{"shared by a carrier", []string{"100.64.0.0/10"}},
		{"link-local", []string{"169.254.0.0/16", "fe80::/10"}},
		{"site-local", []string{"fec0::/10"}}, // RFC 3879
		{"multicast", []string{"224.0.0.0/4", "ff00::/8"}},
		{"for documentation", []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"}},
		{"for benchmarks", []string{"198.18.0.0/15", "2001:2::/48"}},
		{"a translated IPv4 address", []string{"64:ff9b::/96", "64:ff9b:1::/48"}},                      // RFC 6052, RFC 8215
		{"a tunnel to an IPv4 address", []string{"2001::/32", "2002::/16", "192.88.99.0/24"}},          // Teredo, 6to4 and its relays
		{"an IPv4 address in an obsolete form", []string{"::/96", "::ffff:0:0/96", "::ffff:0:0:0/96"}}, // compatible, mapped, SIIT
		{"for protocols only", []string{"192.0.0.0/24", "2001::/23"}},
		{"for discarding", []string{"100::/64", "100:0:0:1::/64"}},
		{"reserved", []string{"240.0.0.0/4", "5f00::/16"}}, // limited broadcast included
	} {
		for _, p := range group.prefixes {
			all = append(all, block{netip.MustParsePrefix(p), group.what})
		}
	}
	return all
})

// globalUnicast is all that IANA has given out of IPv6 (RFC 4291, section 2.4).
var globalUnicast = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20}), 3)

// Public says why addr is none of the internet; nil if nothing speaks against it.
func Public(addr netip.Addr) error {
	switch {
	case !addr.IsValid():
		return errors.New("no address")
	case addr.Zone() != "":
		return errors.New("the address belongs to an interface")
	}
	addr = addr.Unmap() // the kernel connects to the IPv4 address within
	for _, b := range special() {
		if b.prefix.Contains(addr) {
			return fmt.Errorf("the address is %s", b.what)
		}
	}
	if addr.Is6() && !globalUnicast.Contains(addr) {
		return errors.New("the address is reserved")
	}
	return nil
}

// Within is the IPv4 address in an interface identifier of ISATAP, to which addr tunnels
// (RFC 5214, section 6.1: 0000:5efe or, if it is global, 0200:5efe).
func Within(addr netip.Addr) (within netip.Addr, ok bool) {
	b := addr.As16()
	if addr.Is4() || b[8]&^2 != 0 || b[9] != 0 || b[10] != 0x5e || b[11] != 0xfe {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(b[12:])), true
}

// Any tells whether addr is in one of the networks, as [Network] returns them.
func Any(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap()
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Network returns n without the bits beyond its length, and as one of IPv4 if it
// is one of addresses mapped from there: that is how addresses are compared.
func Network(n netip.Prefix) netip.Prefix {
	if n.Addr().Is4In6() && n.Bits() >= 96 {
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.Masked()
}

// Own returns the networks that this machine's interfaces are on.
func Own() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this machine's networks: %w", err)
	}
	var own []netip.Prefix
	for _, a := range addrs {
		n, err := netip.ParsePrefix(a.String())
		if err != nil {
			return nil, fmt.Errorf("list this machine's networks: %w", err)
		}
		own = append(own, Network(n))
	}
	return own, nil
}
