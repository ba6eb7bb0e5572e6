package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/detonaut/detonaut/chamber/plan"
)

// maxStore is the most bytes of a trust store that is changed. The largest in
// use has 300 KiB.
const maxStore = 16 << 20

// ErrStore is wrapped by every error about the contents of a trust store.
var ErrStore = errors.New("trust store that cannot be changed")

// Root is the certificate of the run's CA, without its key.
type Root struct {
	cert *x509.Certificate
	pem  []byte
}

// NewRoot keeps der.
func NewRoot(der []byte) (Root, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return Root{}, fmt.Errorf("parse the CA's certificate: %w", err)
	}
	return Root{cert, encode("CERTIFICATE", der)}, nil
}

// PEM is the certificate as one block.
func (r Root) PEM() []byte { return bytes.Clone(r.pem) }

// Edit returns the contents of a trust store with the certificate added, and
// old itself if it is there already. All else stays as it is: nothing is
// decrypted, sorted or dropped. An error wraps [ErrStore].
func (r Root) Edit(kind plan.StoreKind, old []byte) ([]byte, error) {
	if len(old) > maxStore {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrStore, len(old), maxStore)
	}
	switch kind {
	case plan.PEMBundle, plan.PEMFile, plan.HashedDir:
		return appendPEM(old, r.pem), nil
	case plan.OpenSSLPEM:
		return appendPEM(old, r.trustedPEM()), nil
	case plan.JKS:
		return r.appendJKS(old)
	case plan.PKCS12:
		return r.appendPKCS12(old)
	}
	return nil, fmt.Errorf("%w: no kind %q", ErrStore, kind)
}

// passwords are those of trust stores: Java's own, that of some guides, and
// none.
var passwords = []string{"changeit", "changeme", ""}
