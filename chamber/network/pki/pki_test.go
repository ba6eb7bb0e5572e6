package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func authority(t testing.TB) *Authority {
	t.Helper()
	a, err := New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// run returns what a command of the system says, on either stream.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: run testdata/needs.sh test", err)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func file(t *testing.T, name string, b []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestNew(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	var all []*x509.Certificate
	for range 2 {
		a, err := New(now)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a.Certificate())
	}
	if !bytes.Equal(all[0].RawSubject, all[1].RawSubject) {
		t.Error("two runs have CAs of different names")
	}
	if all[0].SerialNumber.Cmp(all[1].SerialNumber) == 0 || bytes.Equal(all[0].SubjectKeyId, all[1].SubjectKeyId) {
		t.Error("two runs have CAs with one serial number or key")
	}
	if c := all[0]; !c.IsCA || c.NotBefore.After(now.AddDate(-4, 0, 0)) || c.NotAfter.Before(now.AddDate(10, 0, 0)) {
		t.Errorf("CA from %v to %v", c.NotBefore, c.NotAfter)
	}
}

func TestLeaf(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	a, err := New(now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	label := strings.Repeat("a", 63)
	for name, want := range map[string]string{
		"example.com":        "example.com",
		"Example.COM.":       "example.com",
		"203.0.113.7":        "203.0.113.7",
		"2001:db8::7":        "2001:db8::7",
		"[2001:db8::7]":      "2001:db8::7",
		"::ffff:203.0.113.7": "203.0.113.7",
		"fe80::1%eth0":       "fe80::1",
		"_dmarc.example.com": "_dmarc.example.com",
		"*.example.com":      "*.example.com",
		label + "." + label:  label + "." + label,
		"":                   nameless,
		"*":                  nameless,
		"a.*.example":        nameless,
		"a..b":               nameless,
		"a b":                nameless,
		"bücher.example":     nameless,
		"a\x00b":             nameless,
		label + "a":          nameless,
		strings.Repeat("a.", 99) + strings.Repeat("a", 60): nameless,
	} {
		cert, err := a.Leaf(name, nil)
		if err != nil {
			t.Errorf("Leaf(%q): %v", name, err)
			continue
		}
		var names []string
		for _, ip := range cert.Leaf.IPAddresses {
			names = append(names, ip.String())
		}
		names = append(names, cert.Leaf.DNSNames...)
		if diff := cmp.Diff([]string{want}, names); diff != "" {
			t.Errorf("names of Leaf(%q) (-want +got):\n%s", name, diff)
		}
		if days := cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore) / day; days > 398 {
			t.Errorf("valid for %d days", days)
		}
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); err != nil {
			t.Errorf("verify the leaf for %q: %v", name, err)
		}
		if len(cert.Certificate) != 2 || !bytes.Equal(cert.Certificate[1], a.Certificate().Raw) {
			t.Errorf("chain of %d", len(cert.Certificate))
		}
		if _, ok := cert.Leaf.PublicKey.(*ecdsa.PublicKey); !ok {
			t.Errorf("key of %T", cert.Leaf.PublicKey)
		}
	}
}

func TestLeafOnce(t *testing.T) {
	a := authority(t)
	leaf := func(name string) string {
		t.Helper()
		cert, err := a.Leaf(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.SerialNumber.String()
	}
	first := leaf("a.example")
	other := leaf("b.example")
	for i := range maxLeaves - 1 {
		leaf(fmt.Sprintf("%d.example", i))
		leaf("A.example") // stays in use
	}
	if got := leaf("a.example"); got != first {
		t.Error("a certificate in use was made again")
	}
	if got := leaf("b.example"); got == other {
		t.Error("a certificate was kept that was not used for long")
	}
	if got := len(a.leaves.byID); got != maxLeaves || a.leaves.used.Len() != maxLeaves {
		t.Errorf("%d leaves, and %d in order; want %d", got, a.leaves.used.Len(), maxLeaves)
	}
}
