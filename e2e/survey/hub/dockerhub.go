package hub

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// DockerHub is a hub under the names of the real one: a proxy, behind which there is nothing else.
// Whoever uses it, and trusts its authority, speaks to "hub.docker.com" and "registry-1.docker.io", with
// TLS, as everybody does.
type DockerHub struct {
	listener net.Listener
	proxy    *http.Server
	server   *http.Server
	inner    *inner
	serves   sync.WaitGroup
}

// NewDockerHub serves a hub so. The certificate of its authority is written to a file.
func NewDockerHub(h *Hub, authority string) (*DockerHub, error) {
	certificate, err := mint(authority)
	if err != nil {
		return nil, err
	}
	listing, registry := h.Listing(), h.Registry()
	d := &DockerHub{inner: &inner{conns: make(chan net.Conn), ended: make(chan struct{})}}
	d.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Host == hosts[0] {
			listing.ServeHTTP(w, req)
			return
		}
		registry.ServeHTTP(w, req)
	})}
	d.proxy = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(d.connect)}
	if d.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil { //nolint:noctx // there is no context yet
		return nil, fmt.Errorf("serve Docker Hub: %w", err)
	}
	secret := tls.NewListener(d.inner, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	d.serves.Go(func() { _ = d.server.Serve(secret) })    // until Close
	d.serves.Go(func() { _ = d.proxy.Serve(d.listener) }) // until Close
	return d, nil
}

// hosts are the names under which it is known.
var hosts = []string{"hub.docker.com", "registry-1.docker.io", "index.docker.io", "auth.docker.io", "docker.io"}

// Environment has a program use it.
func (d *DockerHub) Environment(authority string) []string {
	return []string{"HTTPS_PROXY=http://" + d.listener.Addr().String(), "SSL_CERT_FILE=" + authority, "NO_PROXY=localhost,127.0.0.1"}
}

// Close ends it.
func (d *DockerHub) Close() {
	_ = d.proxy.Close()
	_ = d.server.Close()
	_ = d.inner.Close()
	d.serves.Wait()
}

// connect has who wants to be connected to one of the hosts be connected.
func (d *DockerHub) connect(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodConnect {
		http.Error(w, "there is nothing else", http.StatusBadGateway)
		return
	}
	c, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := c.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = c.Close()
		return
	}
	select {
	case d.inner.conns <- begun{c, buffered.Reader}:
	case <-d.inner.ended:
		_ = c.Close()
	}
}

// begun is a connection of which something may have been read already.
type begun struct {
	net.Conn
	r *bufio.Reader
}

func (b begun) Read(p []byte) (int, error) { return b.r.Read(p) }

// inner is a listener of connections that come from elsewhere.
type inner struct {
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func (i *inner) Accept() (net.Conn, error) {
	select {
	case c := <-i.conns:
		return c, nil
	case <-i.ended:
		return nil, net.ErrClosed
	}
}

func (i *inner) Close() error {
	i.once.Do(func() { close(i.ended) })
	return nil
}

func (i *inner) Addr() net.Addr { return &net.TCPAddr{} }

// mint makes an authority, whose certificate it writes to a file, and a certificate for the hosts.
func mint(file string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("mint a certificate: %w", err)
	}
	// It is its own authority.
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a hub that never was"}, DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err == nil {
		err = os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	}
	if err != nil {
		return tls.Certificate{}, errors.Join(fmt.Errorf("mint a certificate: %w", err))
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
