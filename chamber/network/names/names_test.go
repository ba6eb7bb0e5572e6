package names

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// strings of addresses, for comparing.
func texts(list []netip.Addr) (out []string) {
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

func TestAddresses(t *testing.T) {
	z := New(Options{})
	for name, want := range map[string][]string{
		// The first ones are what these names hash to, in every run.
		"pool.example.com":         {"34.93.125.97", "2a04:4e42:ee2d:7538::3d"},
		"PooL.Example.com.":        {"34.93.125.97", "2a04:4e42:ee2d:7538::3d"},
		"metadata.google.internal": {"169.254.169.254"},
		"kubernetes.default.svc":   {"10.96.0.1"},
		"host.docker.internal":     {"172.17.0.1"},
		"localhost":                {"127.0.0.1", "::1"},
		"one.one.one.one":          {"1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001"},
		"ec2-3-120-4-5.eu-central-1.compute.amazonaws.com":                 {"3.120.4.5"},
		"54-144-1-2.ip.linodeusercontent.com":                              {"54.144.1.2"},
		"2600-3c00-0000-0000-0000-0000-0000-0001.ip.linodeusercontent.com": {"2600:3c00::1"},
	} {
		if diff := cmp.Diff(want, texts(z.Addresses(name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNameOfAddress(t *testing.T) {
	z := New(Options{})
	for _, name := range []string{"evil.example.com", "xmr.pool.example.org", "localhost", "dns.google", "\xff.example.com"} {
		want := name
		if name[0] == 0xff {
			want = `\xff.example.com`
		}
		for _, a := range z.Addresses(name) {
			if got := z.Name(a); got != want {
				t.Errorf("Name(%s) = %q, want %q", a, got, want)
			}
			if a.Is4() {
				if got := z.Name(netip.AddrFrom16(a.As16())); got != want {
					t.Errorf("Name(mapped %s) = %q, want %q", a, got, want)
				}
			}
		}
	}
	if got := z.Name(netip.MustParseAddr("203.0.113.7")); got != "" {
		t.Errorf("an address that nobody asked for has the name %q", got)
	}
	// An address that carries its name in its numbers belongs to who was first.
	a := z.Addresses("evil.example.com")[0]
	z.Addresses(z.pointerOf(a))
	if got := z.Name(a); got != "evil.example.com" {
		t.Errorf("Name(%s) = %q after another asked for it", a, got)
	}
}

// pointerOf is the name that would be made from a.
func (z *Zone) pointerOf(a netip.Addr) string { return New(Options{}).pointer(a) }

func TestAddressesArePublic(t *testing.T) {
	for _, p := range hosting4 {
		for _, f := range fixed {
			for _, a := range f.addrs {
				if p.Contains(a) {
					t.Errorf("%s contains %s, which is %s", p, a, f.name)
				}
			}
		}
		if !public(p.Addr()) {
			t.Errorf("%s is not public", p)
		}
	}
	seen := make(map[netip.Addr]bool)
	z := New(Options{})
	for i := range 20000 {
		for _, a := range z.Addresses(fmt.Sprintf("host%d.example.com", i)) {
			if !public(a) || a.IsPrivate() || !a.IsGlobalUnicast() || fixedName(a) != "" {
				t.Errorf("host%d has %s", i, a)
			}
			if seen[a] {
				t.Errorf("%s was handed out twice", a)
			}
			seen[a] = true
			if a.Is4() && (a.As4()[3] == 0 || a.As4()[3] == math.MaxUint8) {
				t.Errorf("%s is no host", a)
			}
		}
	}
}

func TestReservedIsNotPublic(t *testing.T) {
	for _, s := range []string{
		"0.1.2.3", "10.0.0.2", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1",
		"198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::ffff:8.8.8.8", "fe80::1", "fd00:ec2::254",
		"ff02::1", "2001:db8::1", "2001::1", "2002:808:808::1", "64:ff9b::808:808", "100::1",
	} {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s is public", s)
		}
	}
	if public(netip.Addr{}) || !public(netip.MustParseAddr("8.8.8.8")) || !public(netip.MustParseAddr("2001:4860:4860::8888")) {
		t.Error("public is wrong about public addresses, or about none")
	}
}

func TestBounds(t *testing.T) {
	z := New(Options{})
	first := z.Addresses("first.example.com")
	long := fmt.Sprintf("%0200d", 0)
	last := ""
	for i := 0; len(z.Bounds()) == 0; i++ {
		if i > maxNames {
			t.Fatal("there is no bound")
		}
		last = fmt.Sprintf("%s%d.example.com", long, i)
		z.Addresses(last)
	}
	if diff := cmp.Diff([]string{"names"}, z.Bounds()); diff != "" {
		t.Errorf("bounds (-want +got):\n%s", diff)
	}
	if len(z.byName) > maxNames || z.text > maxText || len(z.byAddr) > 2*maxNames {
		t.Errorf("it holds %d names of %d bytes", len(z.byName), z.text)
	}
	beyond := z.Addresses(last)
	if diff := cmp.Diff(texts(beyond), texts(z.Addresses(last))); diff != "" || len(beyond) != 2 {
		t.Errorf("a name beyond the bound is not stable: %v\n%s", beyond, diff)
	}
	if got := z.Name(first[0]); got != "first.example.com" {
		t.Errorf("the first name is forgotten: %q", got)
	}
}

func TestCollision(t *testing.T) {
	z := New(Options{})
	taken := hashed4("late.example.com", 0)
	z.byAddr[taken] = "early.example.com"
	if got, want := z.Addresses("late.example.com")[0], hashed4("late.example.com", 1); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := z.Name(taken); got != "early.example.com" {
		t.Errorf("%s became %q", taken, got)
	}
}

func TestConcurrently(t *testing.T) {
	z := New(Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				name := fmt.Sprintf("n%d.example.com", i)
				if got := z.Name(z.Addresses(name)[1]); got != name {
					t.Errorf("%q leads back to %q", name, got)
				}
			}
		})
	}
	wg.Wait()
}
