package egress

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUpstreamTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // connections that say nothing
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	for _, tc := range []struct {
		name     string
		hello    tls.ClientHelloInfo
		roots    *x509.CertPool
		protocol string
		distrust any // a type of error, as for errors.As
	}{
		{"h2", tls.ClientHelloInfo{ServerName: "example.com", SupportedProtos: []string{"h2", "http/1.1"}}, roots, "h2", nil},
		{"http/1.1", tls.ClientHelloInfo{ServerName: "example.com", SupportedProtos: []string{"http/1.1"}}, roots, "http/1.1", nil},
		{"no protocol", tls.ClientHelloInfo{ServerName: "example.com"}, roots, "", nil},
		{"no name", tls.ClientHelloInfo{}, roots, "", nil}, // it is also for 127.0.0.1
		{"another name", tls.ClientHelloInfo{ServerName: "other.example"}, roots, "", &hostname},
		{"unknown authority", tls.ClientHelloInfo{ServerName: "example.com"}, nil, "", &unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			up, distrust, err := upstreamTLS(t.Context(), conn, &tc.hello, tc.roots)
			if err != nil {
				t.Fatal(err)
			}
			if got := up.ConnectionState().NegotiatedProtocol; got != tc.protocol {
				t.Errorf("protocol %q, want %q", got, tc.protocol)
			}
			if tc.distrust == nil && distrust != nil || tc.distrust != nil && !errors.As(distrust, tc.distrust) {
				t.Errorf("distrust: %v, want %T", distrust, tc.distrust)
			}
		})
	}
}

func TestUpstreamTLSFails(t *testing.T) {
	at := listen(t, func(c *net.TCPConn) { c.Write([]byte("220 mail.example ESMTP\r\n")) })
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _, err = UpstreamTLS(t.Context(), conn, &tls.ClientHelloInfo{ServerName: "example.com"})
	if err == nil || !strings.HasPrefix(err.Error(), "shake hands with the real server: ") {
		t.Errorf("got %v", err)
	}
}

// Old servers are met with what they have.
func TestUpstreamTLSOld(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.TLS = &tls.Config{MaxVersion: tls.VersionTLS10, MinVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}
	server.StartTLS()
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	up, _, err := UpstreamTLS(t.Context(), conn, &tls.ClientHelloInfo{ServerName: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	got := []uint16{up.ConnectionState().Version, up.ConnectionState().CipherSuite}
	if diff := cmp.Diff([]uint16{tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
