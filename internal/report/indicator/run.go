package indicator

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// maxURL is how long a URL may be, in bytes. A longer one is left out: cut it would be
// another's.
const maxURL = 2000

var ja4Pattern = regexp.MustCompile(`^[0-9a-z]{10}_[0-9a-f]{12}_[0-9a-f]{12}$`)

// network adds whom the subject talked to.
//
// In the simulated internet a name has an address that nobody but us gave it: that is no
// indicator, the name is.
func (c *collection) network(r *detonaut.Run) {
	c.answers = map[string]bool{}
	for _, to := range r.Connections {
		if host, _ := behavior.SplitAddress(to.Address); to.Name != "" && !to.Live {
			c.answers[host] = true
		}
	}
	for _, name := range r.Names {
		c.host(name, "", "name that was looked up")
	}
	for i := range r.Connections {
		to := &r.Connections[i]
		if !fact.Nobody(r, to) {
			c.connection(to)
		}
	}
	for _, q := range r.Requests {
		c.request(q)
	}
	for _, m := range r.Messages {
		c.host(m.Remote, "", "was told "+m.Protocol+" "+m.Verb, m.Event)
		if account := cmp.Or(m.Fields["wallet"], m.Fields["user"]); m.Protocol == "stratum" {
			c.wallet(account, "account that pools were told", m.Event)
		}
	}
	for _, b := range r.Baits {
		if b.Sent {
			c.host(b.Remote, "", "was sent the planted "+b.Name, b.Event)
		}
	}
	for _, rejected := range r.Rejections {
		c.host(rejected.Name, "", "asked for in TLS with a certificate of its own", rejected.Event)
		if ja4Pattern.MatchString(rejected.JA4) {
			c.add(JA4, rejected.JA4, "client of TLS that took no certificate but its own", rejected.Event)
		}
	}
}

func (c *collection) connection(to *detonaut.Connection) {
	if to.Refused == "scan" { // whom a scan tries has nothing to do with it
		return
	}
	seen := "connected to"
	switch {
	case to.Errno != "" || to.Refused != "":
		seen = "connection that failed"
	case to.Protocol != "" && to.TLS:
		seen = "spoken to in " + to.Protocol + " inside TLS"
	case to.Protocol != "":
		seen = "spoken to in " + to.Protocol
	case to.TLS:
		seen = "spoken to in TLS"
	}
	host, port := behavior.SplitAddress(to.Address)
	if to.Protocol == "dns" && port == 53 && len(c.proof.event[to.Event]) == 0 {
		return // anybody may ask a resolver
	}
	if to.Name != "" && (!behavior.IsIP(host) || public(host)) {
		c.host(to.Name, portOf(to.Network, port), seen, to.Event)
	}
	if to.Network == "icmp" {
		seen = "pinged"
	}
	c.host(to.Address, portOf(to.Network, port), seen, to.Event)
}

func portOf(network string, port int) string {
	if p, ok := fact.Clean(store.Port, network+"/"+strconv.Itoa(port)); ok {
		return p
	}
	return ""
}

// host adds a name or an address, with or without a port behind it.
func (c *collection) host(address, port, seen string, events ...uint64) {
	host, number := behavior.SplitAddress(address)
	kind, value, ok := Domain, "", false
	if behavior.IsIP(host) {
		kind = IP
		value, ok = fact.Clean(store.IP, host)
		ok = ok && !c.answers[host] && !c.answers[value] && public(value)
	} else {
		value, ok = domain(host)
	}
	if !ok {
		return
	}
	i := c.add(kind, value, seen, events...)
	if port == "" && number > 0 {
		port = portOf("tcp", number)
	}
	if port != "" {
		i.Ports = append(i.Ports, port)
	}
}

// domain is a name of a host in the world: others are written there as xn--..., and what is
// below "internal" is a cloud's, or a network's at home.
func domain(host string) (string, bool) {
	name, ok := fact.Clean(store.Domain, host)
	ascii := !strings.ContainsFunc(name, func(r rune) bool { return r > 'z' || !isName(r) })
	return name, ok && ascii && !strings.HasSuffix(name, ".internal")
}

// public tells whether an address is another's, and not that of every machine in a cloud.
func public(ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && a.IsGlobalUnicast() && !a.IsPrivate()
}

func (c *collection) request(q detonaut.Request) {
	scheme, _, ok := strings.Cut(q.URL, "://")
	if scheme = strings.ToLower(scheme); !ok || scheme != "http" && scheme != "https" {
		return
	}
	address := behavior.URLAddress(q.URL)
	host, _ := behavior.SplitAddress(address)
	_, named := domain(host)
	if ip, ok := fact.Clean(store.IP, host); !named && (!ok || c.answers[ip] || !public(ip)) {
		return
	}
	c.host(address, "", "sent requests of HTTP", q.Event)
	if value := plainURL(q.URL); len(value) <= maxURL {
		seen := "asked for with " + q.Method
		if q.Sent > 0 {
			seen += ", with " + strconv.FormatInt(q.Sent, 10) + " bytes"
		}
		c.add(URL, value, seen, q.Event)
	}
}

// plainURL is a URL of the characters that one may have (RFC 3986), whatever was sent.
func plainURL(s string) string {
	const also = "-._~:/?#@!$&'()*+,;=%"
	authority := strings.Index(s, "://") + len("://")
	path := len(s)
	if n := strings.IndexAny(s[min(authority, len(s)):], "/?#"); n >= 0 {
		path = authority + n
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		bracket := (c == '[' || c == ']') && i < path // of an address of IPv6
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(also, c) >= 0 || bracket {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
