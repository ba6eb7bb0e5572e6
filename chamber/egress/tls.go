package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// handshakeTime bounds UpstreamTLS.
const handshakeTime = 15 * time.Second

// UpstreamTLS agrees on TLS with the real server before anything is agreed on
// with the subject, with the name and the protocols of the subject's hello, so
// that the subject can be shown the same. It runs in the inner process: the
// server's bytes are hostile as well.
//
// The server's certificates are no condition: the subject decides about those
// that it is shown. distrust says why this machine would not have believed
// them; nil if it would. If the hello has no name, they are held to the address
// of conn.
//
// The caller closes the connection that is returned, which closes conn; after
// an error it closes conn.
func UpstreamTLS(ctx context.Context, conn net.Conn, hello *tls.ClientHelloInfo) (upstream *tls.Conn, distrust, err error) {
	return upstreamTLS(ctx, conn, hello, nil)
}

// upstreamTLS takes the roots to believe; nil are those of this machine.
func upstreamTLS(ctx context.Context, conn net.Conn, hello *tls.ClientHelloInfo, roots *x509.CertPool) (upstream *tls.Conn, distrust, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	config := TLSConfig()
	config.ServerName, config.NextProtos = hello.ServerName, hello.SupportedProtos
	upstream = tls.Client(conn, config)
	if err := upstream.HandshakeContext(ctx); err != nil {
		return nil, nil, fmt.Errorf("shake hands with the real server: %w", err)
	}
	name := hello.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(conn.RemoteAddr().String())
	}
	return upstream, verify(upstream.ConnectionState().PeerCertificates, name, roots), nil
}

// TLSConfig is that of a client of the real internet: it takes any certificate.
func TLSConfig() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, CipherSuites: allSuites()}
}

// allSuites are those that Go advises against as well: old servers have no
// other, and whom to talk to is the subject's choice.
func allSuites() (ids []uint16) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ids = append(ids, s.ID)
	}
	return ids
}

func verify(chain []*x509.Certificate, name string, roots *x509.CertPool) error {
	if len(chain) == 0 {
		return errors.New("no certificate")
	}
	o := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(o)
	return err
}
