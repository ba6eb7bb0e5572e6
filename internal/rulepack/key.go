package rulepack

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/detonaut/detonaut"
)

// maxKey bounds a file with a key, in bytes.
const maxKey = 64 << 10

// Trust says whose packs are taken.
type Trust struct {
	// Keys are those by which a pack may be signed.
	Keys []ed25519.PublicKey
	// Unsigned takes any pack, whoever signed it.
	Unsigned bool
}

// ErrUntrusted is the error of a pack that nobody signed who is trusted.
var ErrUntrusted = errors.New("not trusted")

// verify returns the id of the key that signed a manifest; empty if nobody did and none
// is needed.
func (t Trust) verify(manifest, signature []byte) (string, error) {
	for _, key := range t.Keys {
		if len(signature) == ed25519.SignatureSize && ed25519.Verify(key, manifest, signature) {
			return keyID(key), nil
		}
	}
	switch {
	case t.Unsigned:
		return "", nil
	case signature == nil:
		return "", fmt.Errorf("%w: it is not signed (of a local file, --unsigned takes it all the same)", ErrUntrusted)
	case len(t.Keys) == 0:
		return "", fmt.Errorf("%w: no key is trusted: name the publisher's with --key FILE, or in rules.keys of the configuration", ErrUntrusted)
	case len(signature) != ed25519.SignatureSize:
		return "", fmt.Errorf("%w: pack.sig has %d bytes, and a signature of Ed25519 has %d", ErrUntrusted, len(signature), ed25519.SignatureSize)
	}
	return "", fmt.Errorf("%w: its signature is of none of the trusted keys (%s), or it was changed", ErrUntrusted, ids(t.Keys))
}

func ids(keys []ed25519.PublicKey) (text string) {
	for i, k := range keys {
		if i > 0 {
			text += ", "
		}
		text += keyID(k)
	}
	return text
}

// keyID is how a key is told: the beginning of the SHA-256 of what its PEM file holds.
func keyID(key ed25519.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err) // of this type it can be made
	}
	sum := sha256.Sum256(der)
	return fmt.Sprintf("%x", sum[:8])
}

// ReadPublicKey reads a public key of Ed25519, as openssl pkey -pubout writes it.
func ReadPublicKey(name string) (ed25519.PublicKey, error) {
	block, err := readPEM(name, "PUBLIC KEY", "a public key, as openssl pkey -in KEY.pem -pubout writes it")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(block)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w: %w", name, detonaut.ErrUsage, err)
	}
	ed, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, notEd25519(name)
	}
	return ed, nil
}

// ReadPrivateKey reads a private key of Ed25519, as openssl genpkey -algorithm ed25519
// writes it.
func ReadPrivateKey(name string) (ed25519.PrivateKey, error) {
	block, err := readPEM(name, "PRIVATE KEY", "a private key, as openssl genpkey -algorithm ed25519 writes it")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w: %w", name, detonaut.ErrUsage, err)
	}
	ed, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, notEd25519(name)
	}
	return ed, nil
}

func notEd25519(name string) error {
	return fmt.Errorf("read key %s: %w: it is no key of Ed25519", name, detonaut.ErrUsage)
}

// readPEM reads the one block of a file, which must be of that kind. wanted says what
// would be.
func readPEM(name, kind, wanted string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read key: %w: %w", detonaut.ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", name, err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("read key %s: %w: it has no PEM, and should have %s", name, detonaut.ErrUsage, wanted)
	}
	if block.Type != kind {
		return nil, fmt.Errorf("read key %s: %w: it has %.40q, and should have %s", name, detonaut.ErrUsage, block.Type, wanted)
	}
	return block.Bytes, nil
}
