package egress

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/plan"
)

// policy allows what is listed, on ports 80 and 443.
func policy(t testing.TB, allow ...string) *Policy {
	t.Helper()
	e := plan.DefaultEgress()
	e.Allow = allow
	e.Refuse = []string{"192.31.196.0/24", "::ffff:192.52.193.0/120"}
	p, err := NewPolicy(e, []netip.Prefix{netip.MustParsePrefix("8.8.4.4/24"), netip.MustParsePrefix("2a00:1450::1/64")})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// verdict is "" for what is allowed, and otherwise the reason.
func verdict(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	if !errors.Is(err, ErrRefused) {
		t.Errorf("%v does not wrap ErrRefused", err)
	}
	return strings.TrimPrefix(err.Error(), "refused: ")
}

func TestReachable(t *testing.T) {
	p := policy(t, "*")
	for reason, addrs := range map[string]string{
		"": "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 198.17.255.255 198.20.0.0 223.255.255.255 192.0.1.1 " +
			"168.63.129.17 ::ffff:1.1.1.1 2606:4700::1111 2a00:1450:0:1::1 2001:200:: 2003:: 2a00::5efe:808:808",
		"no address":                                             "-",
		"the address belongs to an interface":                    "fe80::1%eth0 2606:4700::1111%1 ::ffff:1.1.1.1%lo",
		"the address is a cloud's metadata service":              "169.254.169.254 169.254.170.2 fd00:ec2::254 168.63.129.16 100.100.100.200 192.0.0.192 ::ffff:169.254.169.254",
		"the address is unspecified, or this network":            "0.0.0.0 0.1.2.3 :: ::ffff:0.0.0.0",
		"the address is loopback":                                "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1",
		"the address is private":                                 "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 fc00::1 fdff::1 ::ffff:10.0.0.1",
		"the address is shared by a carrier":                     "100.64.0.1 100.127.255.255",
		"the address is link-local":                              "169.254.0.1 fe80::1 febf::1",
		"the address is site-local":                              "fec0::1 feff::1",
		"the address is multicast":                               "224.0.0.1 239.255.255.255 ff02::1 ff0e::1",
		"the address is for documentation":                       "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff:fff::1",
		"the address is for benchmarks":                          "198.18.0.1 198.19.255.255 2001:2::1",
		"the address is a translated IPv4 address":               "64:ff9b::a9fe:a9fe 64:ff9b::808:808 64:ff9b:1::a00:1 64:ff9b:1:ffff::1",
		"the address is a tunnel to an IPv4 address":             "2001:0:a00:1:: 2002:a00:1:: 2002:808:808:: 192.88.99.1",
		"the address is an IPv4 address in an obsolete form":     "::10.0.0.1 ::8.8.8.8 ::2 ::ffff:0:8.8.8.8",
		"the address is for protocols only":                      "192.0.0.1 192.0.0.171 2001:10::1 2001:1ff::1 2001:4:112::1",
		"the address is for discarding":                          "100::1 100:0:0:1::1",
		"the address is reserved":                                "240.0.0.1 255.255.255.255 5f00::1 4000::1 1::1 200::1 64:ff9b:2::1 fe00::1",
		"the address is on a network of this machine":            "8.8.4.200 2a00:1450::ffff ::ffff:8.8.4.8",
		"the address is one that the operator refuses":           "192.31.196.7 192.52.193.7 ::ffff:192.31.196.1",
		"the address tunnels to an IPv4 address that is refused": "2a00::5efe:a00:1 2a00::200:5efe:a9fe:a9fe 2a00::5efe:808:404",
	} {
		for _, s := range strings.Fields(addrs) {
			addr, _ := netip.ParseAddr(s)
			if got := verdict(t, p.Allows("host.example", addr, 443)); got != reason {
				t.Errorf("%s: got %q, want %q", s, got, reason)
			}
			if got := verdict(t, p.Allows("", addr, 443)); got != reason {
				t.Errorf("%s itself: got %q, want %q", s, got, reason)
			}
		}
	}
}

func TestAllows(t *testing.T) {
	const (
		unlisted     = "the name is not on the list of what is allowed"
		unlistedAddr = "the address is not on the list of what is allowed"
		inwardName   = "the name is not one of the internet"
	)
	list := []string{"Example.com.", "*.example.net", "1.1.1.1", "::ffff:1.0.0.1", "9.9.9.0/24", "2606:4700::/32", "10.0.0.0/8"}
	for _, tc := range []struct {
		name  string
		allow []string
		host  string
		addr  string
		port  uint16
		want  string
	}{
		{"a name", list, "example.com", "8.8.8.8", 443, ""},
		{"in other letters", list, "EXAMPLE.com.", "8.8.8.8", 80, ""},
		{"below a name", list, "www.example.com", "8.8.8.8", 443, unlisted},
		{"ending like a name", list, "evilexample.com", "8.8.8.8", 443, unlisted},
		{"below a star", list, "a.b.example.net", "8.8.8.8", 443, ""},
		{"the star's own name", list, "example.net", "8.8.8.8", 443, unlisted},
		{"ending like a star", list, "evilexample.net", "8.8.8.8", 443, unlisted},
		{"a name at a listed address", list, "other.example", "1.1.1.1", 443, unlisted},
		{"a name at a private address", list, "example.com", "10.0.0.1", 443, "the address is private"},
		{"an address", list, "", "1.1.1.1", 443, ""},
		{"an address as mapped", list, "", "::ffff:1.1.1.1", 443, ""},
		{"an address listed as mapped", list, "", "1.0.0.1", 443, ""},
		{"in a prefix", list, "", "9.9.9.9", 443, ""},
		{"in a prefix of IPv6", list, "", "2606:4700::1", 443, ""},
		{"another address", list, "", "8.8.8.8", 443, unlistedAddr},
		{"a private prefix", list, "", "10.0.0.1", 443, "the address is private"},
		{"another port", list, "example.com", "8.8.8.8", 22, "port 22 is not on the list of what is allowed"},
		{"no port", list, "example.com", "8.8.8.8", 0, "port 0 is not on the list of what is allowed"},
		{"mail", list, "example.com", "8.8.8.8", 25, "port 25 is for mail"},
		{"anything by name", []string{"*"}, "anything.example", "8.8.8.8", 443, ""},
		{"anything by address", []string{"*"}, "", "8.8.8.8", 443, ""},
		{"a machine of the operator", []string{"*"}, "wiki", "8.8.8.8", 443, inwardName},
		{"a domain of the operator", []string{"*"}, "wiki.corp", "8.8.8.8", 443, inwardName},
		{"localhost", []string{"*"}, "localhost.", "8.8.8.8", 443, inwardName},
		{"an address as a name", []string{"*"}, "127.1", "8.8.8.8", 443, "a name that ends in a number"},
		{"a hexadecimal one", []string{"*"}, "0x7f000001", "8.8.8.8", 443, "a name that ends in a number"},
		{"an empty label", []string{"*"}, "a..example", "8.8.8.8", 443, "a name with an empty or long label"},
		{"a long name", []string{"*"}, strings.Repeat("a.", 127) + "example", "8.8.8.8", 443, "an empty name, or a long one"},
		{"a zone", []string{"*"}, "a%eth0.example", "8.8.8.8", 443, "a name with other characters than letters, digits, - and _"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := policy(t, tc.allow...).Allows(tc.host, netip.MustParseAddr(tc.addr), tc.port)
			if got := verdict(t, err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	e := plan.Egress{Allow: []string{"*"}, Ports: []uint16{22, 25, 465, 587, 2525}, Bytes: 1, Connections: 1, Rate: 1}
	p, err := NewPolicy(e, nil)
	if err != nil {
		t.Fatal(err)
	}
	var allowed []uint16
	for port := range uint16(65535) {
		if p.Allows("", netip.MustParseAddr("1.1.1.1"), port) == nil {
			allowed = append(allowed, port)
		}
	}
	if diff := cmp.Diff([]uint16{22}, allowed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNewPolicyRefuses(t *testing.T) {
	for _, e := range []plan.Egress{
		{Allow: []string{""}},
		{Allow: []string{"*."}},
		{Allow: []string{"*.*.example"}},
		{Allow: []string{"a*.example"}},
		{Allow: []string{"https://example.com/"}},
		{Allow: []string{"example.com:443"}},
		{Allow: []string{"fe80::1%eth0"}},
		{Allow: []string{"1.2.3"}},
		{Allow: []string{"1.2.3.0/33"}},
		{Allow: []string{"grüße.example"}},
		{Refuse: []string{"1.2.3.4"}},
	} {
		if _, err := NewPolicy(e, nil); err == nil {
			t.Errorf("%+v makes a policy", e)
		}
	}
}

func TestOwnPrefixes(t *testing.T) {
	own, err := OwnPrefixes()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range own {
		if n != n.Masked() {
			t.Errorf("%v is not masked", n)
		}
	}
}

// FuzzAllows: an address that the widest policy lets through is one that the
// standard library's own tables have nothing against, and so is any IPv4
// address in its tail or after a known prefix.
func FuzzAllows(f *testing.F) {
	for _, s := range []string{"1.1.1.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe", "2a00::5efe:a00:1", "2606:4700::1111"} {
		f.Add("host.example", netip.MustParseAddr(s).AsSlice(), uint16(443))
	}
	f.Add("127.0.0.1", []byte{1, 1, 1, 1}, uint16(25))
	p := policy(f, "*")
	f.Fuzz(func(t *testing.T, name string, raw []byte, port uint16) {
		addr, ok := netip.AddrFromSlice(raw)
		err := p.Allows(name, addr, port)
		if err != nil {
			verdict(t, err)
			return
		}
		if !ok || port != 80 && port != 443 {
			t.Fatalf("%v port %d is allowed", addr, port)
		}
		if _, err := netip.ParseAddr(name); err == nil {
			t.Fatalf("the address %q is allowed as a name", name)
		}
		a := addr.Unmap()
		if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is4In6() || a.Is6() && raw[0]>>5 != 1 {
			t.Fatalf("%v is allowed", addr)
		}
	})
}
