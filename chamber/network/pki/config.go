package pki

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net/netip"
	"slices"
)

// ConfigOptions are what one connection has of its own; the zero value will do.
type ConfigOptions struct {
	// Name is certified to a client that does not say whom it wants: a host
	// name or an IP address.
	Name string
	// Address is certified to such a client too, if it is valid: many want the
	// one, some the other.
	Address netip.Addr
	// Protocols are those of ALPN, the best first; nil is h2 and http/1.1. A
	// client that offers none of them gets its own first.
	Protocols []string
	// KeyLog gets the secrets, in NSS's format.
	KeyLog io.Writer
	// Hello is called with what the client said, and Leaf with the name on the
	// certificate that it is about to be shown. Both on the goroutine of the
	// handshake; Leaf is not called if a session of TLS 1.3 is resumed.
	Hello func(*tls.ClientHelloInfo)
	Leaf  func(name string)
}

// newConfig is what all connections share: every version and cipher suite that
// crypto/tls has, for clients of any age, and one key of session tickets.
func (a *Authority) newConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS10, NextProtos: []string{"h2", "http/1.1"}}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		c.CipherSuites = append(c.CipherSuites, suite.ID)
	}
	var ticket [32]byte
	if _, err := rand.Read(ticket[:]); err != nil {
		return nil, fmt.Errorf("make ticket key: %w", err)
	}
	c.SetSessionTicketKeys([][32]byte{ticket})
	return c, nil
}

// Config returns the configuration of one connection's server side.
func (a *Authority) Config(o ConfigOptions) *tls.Config {
	c := a.config.Clone()
	c.KeyLogWriter = o.KeyLog
	if o.Protocols != nil {
		c.NextProtos = o.Protocols
	}
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name, address := hello.ServerName, netip.Addr{}
		if name == "" {
			name, address = o.Name, o.Address
		}
		cert, err := a.leafFor(name, address, hello)
		if err == nil && o.Leaf != nil {
			o.Leaf(certifiable(name))
		}
		return cert, err
	}
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if o.Hello != nil {
			o.Hello(hello)
		}
		offered := hello.SupportedProtos
		if len(offered) == 0 || slices.ContainsFunc(offered, func(p string) bool { return slices.Contains(c.NextProtos, p) }) {
			return nil, nil // the configuration stays
		}
		own := c.Clone()
		own.NextProtos = offered[:1]
		return own, nil
	}
	return c
}
