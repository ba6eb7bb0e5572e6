package names

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Where the names of addresses are (RFC 1035 section 3.5, RFC 3596 section 2.5).
const (
	arpa4 = "in-addr.arpa"
	arpa6 = "ip6.arpa"
)

// hosts is the domain of host names that are made from addresses, as one large
// hosting company has it for both families.
const hosts = ".ip.linodeusercontent.com"

// pointed is the address whose name is asked for by the canonical name of a
// PTR record; the zone is empty if name is no such thing, and the address
// invalid if it is of no single address.
func pointed(name string) (a netip.Addr, zone string) {
	switch {
	case name == arpa4 || strings.HasSuffix(name, "."+arpa4):
		zone = arpa4
	case name == arpa6 || strings.HasSuffix(name, "."+arpa6):
		zone = arpa6
	default:
		return a, ""
	}
	labels := strings.Split(strings.TrimSuffix(strings.TrimSuffix(name, zone), "."), ".")
	slices.Reverse(labels)
	if zone == arpa4 {
		a, _ = netip.ParseAddr(strings.Join(labels, ".")) // refuses leading zeros, as it should
		if !a.Is4() {
			a = netip.Addr{}
		}
		return a, zone
	}
	var b [16]byte
	if len(labels) != 2*len(b) {
		return a, zone
	}
	for i, l := range labels {
		nibble, err := strconv.ParseUint(l, 16, 4)
		if err != nil || len(l) != 1 {
			return a, zone
		}
		b[i/2] = b[i/2]<<4 | byte(nibble)
	}
	return netip.AddrFrom16(b), zone
}

// pointer is the name that a PTR record has for a: the one that it was handed
// out for, or one that is made from it. Addresses that are not public have
// none, save for a few.
func (z *Zone) pointer(a netip.Addr) string {
	switch name := z.name(a.Unmap()); {
	case name != "":
		return name
	case public(a):
		return strings.NewReplacer(".", "-", ":", "-").Replace(a.StringExpanded()) + hosts
	}
	return ""
}

// named is the address from which a host name was made, by us or, in one of
// the ways that everybody knows, by Amazon; invalid if it was from none that is
// public.
func named(name string) (a netip.Addr) {
	host, domain, _ := strings.Cut(name, ".")
	switch {
	case "."+domain == hosts && strings.Count(host, "-") == 7:
		a, _ = netip.ParseAddr(strings.ReplaceAll(host, "-", ":"))
	case "."+domain == hosts:
		a, _ = netip.ParseAddr(strings.ReplaceAll(host, "-", "."))
	case domain == "compute-1.amazonaws.com" || strings.HasSuffix(domain, ".compute.amazonaws.com"):
		if s, ok := strings.CutPrefix(host, "ec2-"); ok {
			a, _ = netip.ParseAddr(strings.ReplaceAll(s, "-", "."))
		}
	}
	if !public(a) {
		return netip.Addr{}
	}
	return a
}
