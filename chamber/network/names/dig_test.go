package names

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
)

// listen serves z on one port of loopback, over UDP and TCP, until the test
// ends.
func listen(t *testing.T, z *Zone) (port int) {
	t.Helper()
	stream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = stream.Addr().(*net.TCPAddr).Port
	datagrams, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := stream.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				if err := ServeStream(t.Context(), c, z, "tcp", func([]tape.DNS) {}); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Errorf("serve: %v", err)
				}
			})
		}
	})
	running.Go(func() {
		b := make([]byte, maxMessage)
		for {
			n, from, err := datagrams.ReadFromUDP(b)
			if err != nil {
				return
			}
			if reply, _ := z.Answer(t.Context(), b[:n], "udp"); reply != nil {
				if _, err := datagrams.WriteToUDP(reply, from); err != nil {
					t.Errorf("reply: %v", err)
				}
			}
		}
	})
	t.Cleanup(func() {
		stream.Close()
		datagrams.Close()
		running.Wait()
	})
	return port
}

// TestDig has the real dig ask, and believes what it understands.
func TestDig(t *testing.T) {
	dig, err := exec.LookPath("dig")
	if err != nil {
		t.Fatal("dig (package bind9-dnsutils) is not here: run testdata/needs.sh test")
	}
	z := New(Options{})
	port := listen(t, z)
	a := texts(z.Addresses("example.com"))
	// What dig says with +short is the answer; otherwise the test looks for a
	// part of its whole output.
	for _, tc := range []struct {
		args, short, part string
	}{
		{"+short example.com A", a[0], ""},
		{"+short eXAMPLE.com AAAA +tcp", a[1], ""},
		{"+short example.com MX", "10 mail.example.com.", ""},
		{"+short example.com TXT +bufsize=512", `"v=spf1 mx ~all"`, ""},
		{"+short _sip._tcp.example.com SRV", "0 1 5060 example.com.", ""},
		{"+short example.com NS +tcp +bufsize=4096 +dnssec", "ns1.example.com.\nns2.example.com.", ""},
		{"+short example.com SOA +noedns", "ns1.example.com. hostmaster.example.com. 2025010101 86400 7200 3600000 900", ""},
		{"+short -x " + a[0], "example.com.", ""},
		{"+short -x " + a[1] + " +tcp", "example.com.", ""},
		{"+short -x 198.51.100.1", "", ""},
		{"+short example.com CAA", "", ""},
		{"+short example.com ANY", `"RFC8482" ""`, ""},
		{"example.com A +qr", "", "status: NOERROR"},
		{"EXample.com HTTPS", "", "example.com.\t\t900\tIN\tSOA\tns1.example.com."},
		{"xkqzjvwpqkz.com A", "", "status: NXDOMAIN"},
		{"xkqzjvwpqkz.com A +tcp", "", "com.\t\t\t900\tIN\tSOA\ta.nic.com. hostmaster.com."},
		{"example.com A +bufsize=1400 +dnssec", "", "; EDNS: version: 0, flags: do; udp: 1232"},
		{"example.com A +edns=1 +noednsneg", "", "status: BADVERS"},
		{"version.bind TXT CH", "", "status: REFUSED"},
		{"example.com A +opcode=UPDATE", "", "status: NOTIMP"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			args := append([]string{"-r", "@127.0.0.1", "-p", strconv.Itoa(port), "+tries=1"}, strings.Fields(tc.args)...)
			out, err := exec.CommandContext(t.Context(), dig, args...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got := string(out)
			if strings.Contains(got, "WARNING") || strings.Contains(got, "Warning") {
				t.Errorf("dig complains:\n%s", got)
			}
			if strings.HasPrefix(tc.args, "+short") {
				if diff := cmp.Diff(tc.short, strings.TrimSpace(got)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			} else if !strings.Contains(got, tc.part) {
				t.Errorf("not found: %s\n%s", tc.part, got)
			}
		})
	}
}

// TestResolver has Go's own resolver ask, which is what many subjects use.
func TestResolver(t *testing.T) {
	z := New(Options{})
	server := net.JoinHostPort("127.0.0.1", strconv.Itoa(listen(t, z)))
	var d net.Dialer
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, server)
	}}
	ips, err := r.LookupNetIP(t.Context(), "ip", "pool.example.com.")
	if err != nil || len(ips) != 2 {
		t.Fatalf("got %v, %v", ips, err)
	}
	for _, a := range ips {
		if names, err := r.LookupAddr(t.Context(), a.Unmap().String()); err != nil || !cmp.Equal(names, []string{"pool.example.com."}) {
			t.Errorf("%s is %q, %v", a, names, err)
		}
	}
	var failed *net.DNSError
	if _, err := r.LookupHost(t.Context(), "xkqzjvwpqkz.com."); !errors.As(err, &failed) || !failed.IsNotFound {
		t.Errorf("a name that does not exist: %v", err)
	}
}
