package rulepack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
)

func mustMarshal(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func pemFile(tb testing.TB, kind string, der []byte) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "key.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

func TestKeys(t *testing.T) {
	private, err := x509.MarshalPKCS8PrivateKey(keyOf(1))
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(keyOf(1).Public())
	if err != nil {
		t.Fatal(err)
	}
	if k, err := ReadPrivateKey(pemFile(t, "PRIVATE KEY", private)); err != nil || !k.Equal(keyOf(1)) {
		t.Errorf("private: %v", err)
	}
	if k, err := ReadPublicKey(pemFile(t, "PUBLIC KEY", public)); err != nil || !k.Equal(keyOf(1).Public()) {
		t.Errorf("public: %v", err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := x509.MarshalPKIXPublicKey(other.Public())
	if err != nil {
		t.Fatal(err)
	}
	for want, name := range map[string]string{
		`it has "PRIVATE KEY", and should have a public key`: pemFile(t, "PRIVATE KEY", private),
		"it is no key of Ed25519":                            pemFile(t, "PUBLIC KEY", curve),
		"usage":                                              pemFile(t, "PUBLIC KEY", []byte("x")),
		"not found":                                          filepath.Join(t.TempDir(), "gone"),
	} {
		if _, err := ReadPublicKey(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := ReadPrivateKey(pemFile(t, "ENCRYPTED PRIVATE KEY", private)); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("of an encrypted one: got %v", err)
	}
}
