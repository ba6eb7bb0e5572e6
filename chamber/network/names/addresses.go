package names

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
)

// hosting4 are ranges of large hosting companies, in which a server is at home.
// None holds a well-known resolver or an address that clouds use inside.
var hosting4 = []netip.Prefix{
	netip.MustParsePrefix("3.64.0.0/12"),  // Amazon
	netip.MustParsePrefix("20.40.0.0/13"), // Microsoft
	netip.MustParsePrefix("34.64.0.0/10"), // Google
	netip.MustParsePrefix("34.192.0.0/12"),
	netip.MustParsePrefix("35.192.0.0/12"),
	netip.MustParsePrefix("40.112.0.0/13"),
	netip.MustParsePrefix("45.32.0.0/16"), // Vultr
	netip.MustParsePrefix("45.79.0.0/16"), // Linode
	netip.MustParsePrefix("51.68.0.0/16"), // OVH
	netip.MustParsePrefix("52.16.0.0/15"),
	netip.MustParsePrefix("54.36.0.0/16"),
	netip.MustParsePrefix("54.144.0.0/12"),
	netip.MustParsePrefix("95.216.0.0/15"), // Hetzner
	netip.MustParsePrefix("104.16.0.0/13"), // Cloudflare
	netip.MustParsePrefix("116.202.0.0/15"),
	netip.MustParsePrefix("138.197.0.0/16"), // DigitalOcean
	netip.MustParsePrefix("151.101.0.0/16"), // Fastly
	netip.MustParsePrefix("159.65.0.0/16"),
	netip.MustParsePrefix("165.22.0.0/16"),
	netip.MustParsePrefix("172.104.0.0/15"),
}

// hosting6 are the same of IPv6, each a /32.
var hosting6 = []netip.Addr{
	netip.MustParseAddr("2001:41d0::"), // OVH
	netip.MustParseAddr("2600:1900::"), // Google
	netip.MustParseAddr("2600:1f18::"), // Amazon
	netip.MustParseAddr("2600:3c00::"), // Linode
	netip.MustParseAddr("2604:a880::"), // DigitalOcean
	netip.MustParseAddr("2a01:4f8::"),  // Hetzner
	netip.MustParseAddr("2a04:4e42::"), // Fastly
}

// reserved are the ranges that are not public (RFC 6890 and IANA's registries
// that it began), and those of transition, which hide an IPv4 address.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// global6 is all of IPv6 that is handed out for use on the internet.
var global6 = netip.MustParsePrefix("2000::/3")

// public reports whether a can be an address on the internet.
func public(a netip.Addr) bool {
	if !a.Is4() && !global6.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// hashed4 is the address to which a name hashes at a try. Each address of
// hosting4 is as likely as another; those that end in 0 or 255 stand for
// networks, and become their neighbours.
func hashed4(name string, try byte) netip.Addr {
	var total uint64
	for _, p := range hosting4 {
		total += 1 << (32 - p.Bits())
	}
	n := hash(name, '4', try)[0] % total
	for _, p := range hosting4 {
		size := uint64(1) << (32 - p.Bits())
		if n >= size {
			n -= size
			continue
		}
		a := p.Addr().As4()
		binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(a[:])+uint32(n))
		a[3] = min(max(a[3], 1), 254)
		return netip.AddrFrom4(a)
	}
	panic("unreachable: n is less than the sum of the sizes")
}

// hashed6 is the same of IPv6: a network of one of hosting6, and a low number
// in it, as servers have.
func hashed6(name string, try byte) netip.Addr {
	h := hash(name, '6', try)
	a := hosting6[h[0]%uint64(len(hosting6))].As16()
	binary.BigEndian.PutUint32(a[4:], uint32(h[1]))
	a[15] = 1 + byte(h[1]>>32)%254
	return netip.AddrFrom16(a)
}

func hash(name string, family, try byte) [2]uint64 {
	sum := sha256.Sum256(append([]byte{family, try}, name...))
	return [2]uint64{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])}
}
