package pki

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A server is the end of one connection that a test serves.
type server struct {
	state tls.ConnectionState
	err   error
	name  string // on the certificate that was shown
}

// serve shakes hands with the next client of l and hears it out.
func serve(ctx context.Context, l net.Listener, a *Authority, o ConfigOptions) (s server) {
	raw, err := l.Accept()
	if err != nil {
		return server{err: err}
	}
	defer raw.Close()
	o.Leaf = func(name string) { s.name = name }
	c := tls.Server(raw, a.Config(o))
	if s.err = c.HandshakeContext(ctx); s.err == nil {
		io.Copy(io.Discard, c)
	}
	s.state = c.ConnectionState()
	return s
}

// meet has a client connect, and returns what the server saw. The client gets
// the address.
func meet(t *testing.T, a *Authority, o ConfigOptions, client func(address string)) server {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan server)
	go func() { done <- serve(t.Context(), l, a, o) }()
	client(l.Addr().String())
	return <-done
}

// sClient connects with OpenSSL, which verifies what it is shown for a name.
func sClient(t *testing.T, ca []byte, name string, flags ...string) func(address string) {
	bundle := file(t, "ca.pem", ca)
	return func(address string) {
		cmd := exec.CommandContext(t.Context(), "openssl", append([]string{
			"s_client", "-connect", address, "-CAfile", bundle,
			"-verify_return_error", "-verify_hostname", name, "-brief",
		}, flags...)...)
		out, err := cmd.CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) {
			t.Fatalf("%v: run testdata/needs.sh test", err)
		}
		t.Logf("%v: %s", err, out)
	}
}

func TestConfigOpenSSL(t *testing.T) {
	a := authority(t)
	const old = "DEFAULT@SECLEVEL=0"
	for _, tc := range []struct {
		name    string
		flags   []string
		version uint16
		suite   string // empty for any
		isRSA   bool
	}{
		{"TLS 1.0", []string{"-tls1", "-cipher", old}, tls.VersionTLS10, "", false},
		{"TLS 1.1", []string{"-tls1_1", "-cipher", old}, tls.VersionTLS11, "", false},
		{"TLS 1.2", []string{"-tls1_2"}, tls.VersionTLS12, "", false},
		{"TLS 1.3", []string{"-tls1_3"}, tls.VersionTLS13, "", false},
		{"RSA key exchange", []string{"-tls1_2", "-cipher", "AES128-SHA"}, tls.VersionTLS12, "TLS_RSA_WITH_AES_128_CBC_SHA", true},
		{"RSA key exchange of TLS 1.0", []string{"-tls1", "-cipher", "AES256-SHA@SECLEVEL=0"}, tls.VersionTLS10, "TLS_RSA_WITH_AES_256_CBC_SHA", true},
		{"ECDHE with RSA only", []string{"-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"}, tls.VersionTLS12, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", true},
		{"TLS 1.3 with RSA only", []string{"-tls1_3", "-sigalgs", "RSA-PSS+SHA256:RSA-PSS+SHA512"}, tls.VersionTLS13, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := meet(t, a, ConfigOptions{}, sClient(t, a.PEM(), "example.com", append(tc.flags, "-servername", "example.com")...))
			if got.err != nil || got.state.Version != tc.version || got.name != "example.com" {
				t.Fatalf("%s with %q, error %v; want %s", tls.VersionName(got.state.Version), got.name, got.err, tls.VersionName(tc.version))
			}
			if suite := tls.CipherSuiteName(got.state.CipherSuite); tc.suite != "" && suite != tc.suite {
				t.Errorf("cipher suite %s, want %s", suite, tc.suite)
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if id := a.leaves.used.Front().Value.(*cached).id; id.useRSA != tc.isRSA {
				t.Errorf("key of RSA: %v, want %v", id.useRSA, tc.isRSA)
			}
		})
	}
}

// goClient connects with crypto/tls.
func goClient(t *testing.T, a *Authority, c *tls.Config) func(address string) {
	if c.RootCAs == nil && a != nil {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AddCert(a.Certificate())
	}
	return func(address string) {
		conn, err := (&tls.Dialer{Config: c}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Logf("client: %v", err)
			return
		}
		conn.Close()
	}
}

func TestConfigSuites(t *testing.T) {
	a := authority(t)
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		t.Run(suite.Name, func(t *testing.T) {
			got := meet(t, a, ConfigOptions{}, goClient(t, a, &tls.Config{
				ServerName: "example.com", CipherSuites: []uint16{suite.ID},
				MaxVersion: suite.SupportedVersions[len(suite.SupportedVersions)-1],
			}))
			if got.err != nil {
				t.Fatal(got.err)
			}
			if got.state.Version != tls.VersionTLS13 && got.state.CipherSuite != suite.ID {
				t.Errorf("cipher suite %s", tls.CipherSuiteName(got.state.CipherSuite))
			}
		})
	}
}

func TestConfigName(t *testing.T) {
	a := authority(t)
	for _, tc := range []struct{ option, sni, verified, want string }{
		{"", "example.com", "example.com", "example.com"},
		{"other.example", "example.com", "example.com", "example.com"},
		{"other.example", "", "other.example", "other.example"},
		{"203.0.113.7", "", "203.0.113.7", "203.0.113.7"},
		{"2001:db8::7", "", "2001:db8::7", "2001:db8::7"},
		{"", "", nameless, nameless},
	} {
		sni, ip := []string{"-noservername"}, []string{}
		if tc.sni != "" {
			sni = []string{"-servername", tc.sni}
		}
		if strings.ContainsAny(tc.verified, ":7") {
			ip = []string{"-verify_ip", tc.verified}
		}
		name := tc.verified
		if len(ip) > 0 {
			name = "" // as OpenSSL has it for any
		}
		got := meet(t, a, ConfigOptions{Name: tc.option}, sClient(t, a.PEM(), name, append(sni, ip...)...))
		if got.err != nil || got.name != tc.want {
			t.Errorf("%+v: certificate for %q, error %v", tc, got.name, got.err)
		}
	}
}

// A name that cannot be certified still gets a certificate, and one of ECDSA.
func TestConfigOddName(t *testing.T) {
	a := authority(t)
	got := meet(t, a, ConfigOptions{}, goClient(t, a, &tls.Config{ServerName: "a!b.example", InsecureSkipVerify: true}))
	if got.err != nil || got.name != nameless || a.leaves.used.Front().Value.(*cached).id.useRSA {
		t.Errorf("certificate for %q, error %v", got.name, got.err)
	}
}

func TestConfigProtocols(t *testing.T) {
	a := authority(t)
	for _, tc := range []struct {
		ours, offered []string
		want          string
	}{
		{nil, nil, ""},
		{nil, []string{"h2", "http/1.1"}, "h2"},
		{nil, []string{"http/1.1"}, "http/1.1"},
		{nil, []string{"irc", "http/1.1"}, "http/1.1"},
		{nil, []string{"irc", "xmpp-client"}, "irc"},
		{[]string{"http/1.1"}, []string{"h2", "http/1.1"}, "http/1.1"},
	} {
		var heard []string
		o := ConfigOptions{Protocols: tc.ours, Hello: func(h *tls.ClientHelloInfo) { heard = h.SupportedProtos }}
		got := meet(t, a, o, goClient(t, a, &tls.Config{ServerName: "example.com", NextProtos: tc.offered}))
		if got.err != nil || got.state.NegotiatedProtocol != tc.want {
			t.Errorf("offered %q: %q, error %v", tc.offered, got.state.NegotiatedProtocol, got.err)
		}
		if diff := cmp.Diff(tc.offered, heard); diff != "" {
			t.Errorf("heard (-want +got):\n%s", diff)
		}
	}
}

func TestConfigSession(t *testing.T) {
	a := authority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var keys bytes.Buffer
		o := ConfigOptions{KeyLog: &keys}
		sessions := tls.NewLRUClientSessionCache(1)
		client := &tls.Config{ServerName: "example.com", ClientSessionCache: sessions, MaxVersion: version}
		dial := func(address string) {
			client := client.Clone()
			client.RootCAs = x509.NewCertPool()
			client.RootCAs.AddCert(a.Certificate())
			conn, err := (&tls.Dialer{Config: client}).DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Errorf("client: %v", err)
				return
			}
			defer conn.Close()
			// Half closed, so that the server ends, and its ticket is read.
			conn.(*tls.Conn).CloseWrite()
			io.Copy(io.Discard, conn)
		}
		first, second := meet(t, a, o, dial), meet(t, a, o, dial)
		if first.err != nil || second.err != nil || first.state.DidResume || !second.state.DidResume {
			t.Errorf("%s: resumed %v, then %v; errors %v, %v", tls.VersionName(version),
				first.state.DidResume, second.state.DidResume, first.err, second.err)
		}
		if !strings.Contains(keys.String(), "CLIENT_RANDOM ") && !strings.Contains(keys.String(), "CLIENT_TRAFFIC_SECRET_0 ") {
			t.Errorf("keys %q", keys.String())
		}
	}
}

func TestRejected(t *testing.T) {
	a, stranger := authority(t), authority(t)
	pinned := func(_ [][]byte, _ [][]*x509.Certificate) error { return errors.New("not the one") }
	for _, tc := range []struct {
		name   string
		client func(address string)
		want   bool
	}{
		{"OpenSSL with TLS 1.2", sClient(t, stranger.PEM(), "example.com", "-tls1_2"), true},
		{"OpenSSL with TLS 1.3", sClient(t, stranger.PEM(), "example.com", "-tls1_3"), true},
		{"OpenSSL with another name", sClient(t, a.PEM(), "example.org"), true},
		{"Go", goClient(t, stranger, &tls.Config{ServerName: "example.com"}), true},
		{"Go, pinned", goClient(t, a, &tls.Config{ServerName: "example.com", VerifyPeerCertificate: pinned}), true},
		{"no TLS", func(address string) {
			if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
				io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
				c.Close()
			}
		}, false},
		{"no common cipher suite", goClient(t, a, &tls.Config{
			ServerName: "example.com", MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{0x1234},
		}), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := meet(t, a, ConfigOptions{Name: "example.com"}, tc.client)
			if got.err == nil {
				t.Fatal("no error")
			}
			if rejected := Rejected(got.err, got.name != ""); rejected != tc.want {
				t.Errorf("rejected: %v, want %v; error %v", rejected, tc.want, got.err)
			}
		})
	}
}

func TestRejectedError(t *testing.T) {
	remote := func(alert tls.AlertError) error { return &net.OpError{Op: "remote error", Err: alert} }
	local := func(alert tls.AlertError) error { return &net.OpError{Op: "local error", Err: alert} }
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	for _, tc := range []struct {
		err         error
		shown, want bool
	}{
		{nil, true, false},
		{remote(48), true, true},
		{remote(48), false, true},  // it says so
		{remote(70), false, false}, // protocol_version
		{remote(40), true, true},   // handshake_failure
		{local(20), true, true},
		{local(20), false, false},
		{local(40), true, false},
		{io.EOF, true, true},
		{io.EOF, false, false},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), true, true},
		{reset, true, true},
		{reset, false, false},
		{context.DeadlineExceeded, true, false},
		{&net.OpError{Op: "read", Err: context.DeadlineExceeded}, true, false},
		{net.ErrClosed, true, false},
		{errors.New("tls: no cipher suite supported by both client and server"), true, false},
	} {
		if got := Rejected(tc.err, tc.shown); got != tc.want {
			t.Errorf("Rejected(%v, %v) = %v", tc.err, tc.shown, got)
		}
	}
}

// The key of RSA is made when it is needed, and once.
func TestRSAKey(t *testing.T) {
	a := authority(t)
	made := 0
	key := a.rsaKey
	a.rsaKey = func() (*rsa.PrivateKey, error) { made++; return key() }
	if meet(t, a, ConfigOptions{}, goClient(t, a, &tls.Config{ServerName: "a.example"})); made != 0 {
		t.Error("a key that nobody needs")
	}
	var keys []*rsa.PrivateKey
	for _, name := range []string{"a.example", "b.example"} {
		if got := meet(t, a, ConfigOptions{}, goClient(t, a, &tls.Config{
			ServerName: name, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		})); got.err != nil {
			t.Fatal(got.err)
		}
		cert, err := a.leaf(leafID{name: name, useRSA: true})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, cert.PrivateKey.(*rsa.PrivateKey))
	}
	if keys[0] != keys[1] || keys[0].N.BitLen() != 2048 {
		t.Error("two keys, or short ones")
	}
}
