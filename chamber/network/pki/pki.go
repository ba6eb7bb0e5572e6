// Package pki certifies the simulated internet: a CA made for one run, the
// certificates that it shows for any name, its answers about revocation, and
// the CA's way into the trust stores of an image.
//
// The two sides of the sandbox share it: the chamber holds the [Authority] and
// its key, the sandbox a [Root], which is the certificate alone.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// The CA has a name that nobody else has. It is always the same, so that what
// is found in a memory image or a store can be told from the image's own.
const (
	caOrganization = "Northlane Trust Services"
	caName         = "Northlane Global Root R3"
)

// Hosts and paths that certificates point at, over HTTP. The simulated internet
// answers there with what [Authority.Answer] says.
const (
	OCSPHost = "ocsp.northlane-pki.net"
	CAHost   = "pki.northlane-pki.net"
	CAPath   = "/repository/northlane-global-root-r3.crt"
	CRLPath  = "/repository/northlane-global-root-r3.crl"
)

const day = 24 * time.Hour

// Authority is the CA of one run. Its methods may be called from any
// goroutine.
type Authority struct {
	now    time.Time
	root   Root
	key    *ecdsa.PrivateKey
	config *tls.Config // what all of Config have in common
	crl    func() ([]byte, error)

	// Leaves share their keys: making one of RSA takes a tenth of a second, so
	// that is left until somebody needs it.
	leafKey *ecdsa.PrivateKey
	rsaKey  func() (*rsa.PrivateKey, error)

	mu     sync.Mutex
	leaves cache
}

// New makes a CA for a subject whose clock reads now. Certificates are valid for
// a month before and ten months after it, answers about revocation for a week.
func New(now time.Time) (*Authority, error) {
	a := &Authority{now: now.UTC().Truncate(time.Hour)}
	a.rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	a.crl = sync.OnceValues(a.makeCRL)
	for _, key := range []**ecdsa.PrivateKey{&a.key, &a.leafKey} {
		var err error
		if *key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("make key: %w", err)
		}
	}
	founded := a.now.Truncate(day).Add(-5 * 365 * day)
	template := &x509.Certificate{
		Subject:               pkix.Name{Country: []string{"US"}, Organization: []string{caOrganization}, CommonName: caName},
		NotBefore:             founded,
		NotAfter:              founded.Add(20*365*day - time.Second),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := sign(template, template, a.key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("make CA: %w", err)
	}
	if a.root, err = NewRoot(der); err != nil {
		return nil, err
	}
	if a.config, err = a.newConfig(); err != nil {
		return nil, err
	}
	return a, nil
}

// sign makes a certificate with a random serial number: CA/Browser Forum
// Baseline Requirements, section 7.1, want 64 bits of it.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) ([]byte, error) {
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	serial[0] = serial[0]&0x3f | 0x40 // positive, and of one length
	template.SerialNumber = new(big.Int).SetBytes(serial)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return der, nil
}

// Certificate is the CA's own.
func (a *Authority) Certificate() *x509.Certificate { return a.root.cert }

// PEM is the CA's certificate as one block.
func (a *Authority) PEM() []byte { return a.root.PEM() }

// encode writes one block of PEM.
func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
