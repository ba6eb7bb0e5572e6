package pki

import (
	"container/list"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Bounds on leaves. Each takes about 4 KiB.
const (
	maxLeaves = 1024
	maxName   = 253 // of RFC 1035, without the final dot
	maxCommon = 64  // ub-common-name of RFC 5280
)

// nameless is certified where there is no name, or none that can be.
const nameless = "default.invalid"

// validity is below the 398 days after which browsers refuse a certificate.
const validity = 365 * day

// Leaf returns the certificate for a host name or an IP address, with the CA's
// after it, made now or before; whatever name is, there is one. It has a key of
// ECDSA, and of RSA if the client that said hello could not do with the first.
func (a *Authority) Leaf(name string, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return a.leafFor(name, netip.Addr{}, hello)
}

// leafFor is Leaf for an address besides, if that is valid.
func (a *Authority) leafFor(name string, address netip.Addr, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	id := leafID{name: certifiable(name), address: address}
	cert, err := a.leaf(id)
	if err != nil || hello == nil {
		return cert, err
	}
	// Whether it is for the name of this client is not the question.
	anybody := *hello
	anybody.ServerName = ""
	if anybody.SupportsCertificate(cert) == nil {
		return cert, nil
	}
	id.useRSA = true
	return a.leaf(id)
}

func (a *Authority) leaf(id leafID) (*tls.Certificate, error) {
	var key crypto.Signer = a.leafKey
	if id.useRSA {
		k, err := a.rsaKey()
		if err != nil {
			return nil, fmt.Errorf("make RSA key: %w", err)
		}
		key = k
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if cert := a.leaves.get(id); cert != nil {
		return cert, nil
	}
	cert, err := a.mint(id, key)
	if err != nil {
		return nil, fmt.Errorf("certify %q: %w", id.name, err)
	}
	a.leaves.add(id, cert)
	return cert, nil
}

// mint makes a certificate for a name that is certifiable.
func (a *Authority) mint(id leafID, key crypto.Signer) (*tls.Certificate, error) {
	begun := a.now.Truncate(day).Add(-40 * day)
	template := &x509.Certificate{
		NotBefore:             begun,
		NotAfter:              begun.Add(validity - time.Second),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		PolicyIdentifiers:     []asn1.ObjectIdentifier{{2, 23, 140, 1, 2, 1}}, // domain validated
		OCSPServer:            []string{"http://" + OCSPHost},
		IssuingCertificateURL: []string{"http://" + CAHost + CAPath},
		CRLDistributionPoints: []string{"http://" + CAHost + CRLPath},
	}
	if len(id.name) <= maxCommon {
		template.Subject = pkix.Name{CommonName: id.name}
	}
	ip, err := netip.ParseAddr(id.name)
	if err != nil {
		template.DNSNames, ip = []string{id.name}, id.address
	}
	if ip.IsValid() {
		template.IPAddresses = []net.IP{ip.AsSlice()}
	}
	der, err := sign(template, a.root.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.root.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// certifiable returns what a certificate for name is for: an address, a host
// name in lower case, perhaps with "*." before it, or [nameless].
func certifiable(name string) string {
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if len(name) > maxName {
		return nameless
	}
	for label := range strings.SplitSeq(strings.TrimPrefix(name, "*."), ".") {
		// An underscore is no letter of host names, but is in many.
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return nameless
		}
	}
	return name
}

// leafID is what a leaf is found by.
type leafID struct {
	name    string
	address netip.Addr
	useRSA  bool
}

// cache holds the leaves that were used last. The zero value is empty.
type cache struct {
	byID map[leafID]*list.Element // of *cached
	used list.List                // the last one first
}

type cached struct {
	id   leafID
	cert *tls.Certificate
}

// get returns nil if there is none.
func (c *cache) get(id leafID) *tls.Certificate {
	e := c.byID[id]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(*cached).cert
}

// add adds a leaf that is not there, for one that was not used for long.
func (c *cache) add(id leafID, cert *tls.Certificate) {
	if c.byID == nil {
		c.byID = make(map[leafID]*list.Element)
	}
	if len(c.byID) == maxLeaves {
		delete(c.byID, c.used.Remove(c.used.Back()).(*cached).id)
	}
	c.byID[id] = c.used.PushFront(&cached{id, cert})
}
