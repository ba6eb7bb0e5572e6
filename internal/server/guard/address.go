package guard

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how many addresses of X-Forwarded-For are looked at.
const maxHops = 16

// clientAddress is the address that a request comes from: that of the peer or, as long as
// that is a proxy of ours, the one that the proxy says it comes from. What is left of the
// last proxy's word in the header anybody may have written.
func clientAddress(r *http.Request, proxies []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	at := peer.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for n := 0; n < maxHops && len(hops) > 0 && trusted(at, proxies); n++ {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
		if err != nil {
			break
		}
		at, hops = next.Unmap().WithZone(""), hops[:len(hops)-1]
	}
	return at.String()
}

func trusted(a netip.Addr, proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// addressKey is what is counted together: an address, or the network of one of IPv6, of which
// a single customer has 2^64 or more.
func addressKey(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Is4() {
		return text
	}
	p, err := a.Prefix(64)
	if err != nil {
		return text
	}
	return p.String()
}
