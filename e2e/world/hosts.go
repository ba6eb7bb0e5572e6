//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// log is what came in, line by line.
type log struct {
	mu sync.Mutex
	to io.Writer
}

func (l *log) line(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.to, format+"\n", args...)
}

// serve begins to serve every host at every port; it ends with the process.
func serve(ctx context.Context, out *log) error {
	var config net.ListenConfig
	udp, err := config.ListenPacket(ctx, "udp", router+":53")
	if err != nil {
		return err
	}
	go answerNames(udp, out)
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	site := site(out)
	listen := func(port int) (net.Listener, error) {
		l, err := config.Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
		return listener{l, out}, err
	}
	plain, err1 := listen(80)
	secure, err2 := listen(443)
	if err1 != nil || err2 != nil {
		return fmt.Errorf("%w, %w", err1, err2)
	}
	// Two servers: one of Go's that begins without TLS has no HTTP/2 with it.
	// Both end with the process; whoever is not served says so in its test.
	open := &http.Server{Handler: site, ReadHeaderTimeout: time.Minute}
	go func() { _ = open.Serve(plain) }()
	closed := &http.Server{Handler: site, ReadHeaderTimeout: time.Minute, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go func() { _ = closed.ServeTLS(secure, "", "") }()
	for _, port := range []int{7, 25, 587, 8080} {
		l, err := listen(port)
		if err != nil {
			return err
		}
		go echo(l)
	}
	return nil
}

// listener writes down who comes.
type listener struct {
	net.Listener
	out *log
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.out.line("tcp %s", c.LocalAddr())
	}
	return c, err
}

// echo says again what it hears, and that it is the real one.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.WriteString(c, "the real echo: ")
			_, _ = io.Copy(c, c)
		}()
	}
}

// site is the same on every host: what it says has the host in it.
func site(out *log) http.Handler {
	var visits atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "the real %s at %s, visit %d", r.Host, r.URL.Path, visits.Add(1))
	})
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.RawQuery, http.StatusFound)
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 1<<20)
		for i := range 50 {
			piece[i] = 1
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		out.line("request %s %s://%s%s", r.Method, scheme, r.Host, r.URL.Path)
		mux.ServeHTTP(w, r)
	})
}

// selfSigned is a certificate that nobody trusts.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"example.com"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
