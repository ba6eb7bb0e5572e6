package address_test

import (
	"net/netip"
	"testing"

	"github.com/detonaut/detonaut/chamber/address"
)

func TestPublic(t *testing.T) {
	for _, s := range []string{"1.1.1.1", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111"} {
		if err := address.Public(netip.MustParseAddr(s)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{
		"0.0.0.0", "127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "168.63.129.16",
		"224.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
		"fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "4000::1",
	} {
		if err := address.Public(netip.MustParseAddr(s)); err == nil {
			t.Errorf("%s is public", s)
		}
	}
	if address.Public(netip.Addr{}) == nil {
		t.Error("no address is public")
	}
}

func TestNetworks(t *testing.T) {
	n := address.Network(netip.MustParsePrefix("::ffff:10.1.2.3/104"))
	if n.String() != "10.0.0.0/8" {
		t.Errorf("got %v", n)
	}
	if !address.Any([]netip.Prefix{n}, netip.MustParseAddr("::ffff:10.9.9.9")) || address.Any([]netip.Prefix{n}, netip.MustParseAddr("11.0.0.1")) {
		t.Error("a mapped address is not in its network, or another is")
	}
	if within, ok := address.Within(netip.MustParseAddr("2a00::5efe:a00:1")); !ok || within.String() != "10.0.0.1" {
		t.Errorf("got %v, %v", within, ok)
	}
	own, err := address.Own()
	if err != nil || !address.Any(own, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("got %v and %v, want loopback in them", own, err)
	}
}
