package pki

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/plan"
)

// edited adds the CA to old twice, which is as often as once, and sees to it
// that old is left alone.
func edited(t *testing.T, r Root, kind plan.StoreKind, old []byte) []byte {
	t.Helper()
	kept := slices.Clone(old)
	changed, err := r.Edit(kind, old)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Edit(kind, changed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(changed, again) {
		t.Error("the second edit changed it again")
	}
	if !bytes.Equal(kept, old) {
		t.Error("the old contents were written to")
	}
	return changed
}

func TestEditPEM(t *testing.T) {
	a, other := authority(t), authority(t)
	block := string(a.PEM())
	for _, tc := range []struct{ name, old, want string }{
		{"none", "", block},
		{"with the last newline", "# x\n" + string(other.PEM()), "# x\n" + string(other.PEM()) + block},
		{"without", "# x", "# x\n" + block},
	} {
		for _, kind := range []plan.StoreKind{plan.PEMBundle, plan.PEMFile, plan.HashedDir} {
			got := string(edited(t, a.root, kind, []byte(tc.old)))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", tc.name, kind, diff)
			}
		}
	}
}

func TestEditTrustedPEM(t *testing.T) {
	a := authority(t)
	got := edited(t, a.root, plan.OpenSSLPEM, []byte("# x\n"))
	want := run(t, "openssl", "x509", "-in", file(t, "ca.pem", a.PEM()), "-trustout", "-setalias", caName,
		"-addtrust", "serverAuth", "-addtrust", "clientAuth", "-addtrust", "codeSigning", "-addtrust", "emailProtection")
	if diff := cmp.Diff("# x\n"+want, string(got)); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
	leaf, err := a.Leaf("example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "openssl", "verify", "-purpose", "sslserver", "-CAfile", file(t, "bundle.pem", got),
		file(t, "leaf.pem", encode("CERTIFICATE", leaf.Certificate[0])))
}

func TestSubjectHash(t *testing.T) {
	certs := map[string][]byte{"ours": authority(t).PEM()}
	t61 := file(t, "t61.cnf", []byte("[req]\nstring_mask = MASK:0x4\ndistinguished_name = name\n[name]\n"))
	for _, subject := range []string{
		"/C=DE/O=  Spaced   Out\tName /CN=MiXeD CaSe",
		"/CN=Bücher ÄÖÜ/emailAddress=Post@Example.COM",
		"/OU=one+CN=two+O=Three/L=four",
		"/CN=x",
	} {
		key := filepath.Join(t.TempDir(), "key")
		run(t, "openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
		certs[subject] = []byte(run(t, "openssl", "req", "-x509", "-utf8", "-key", key, "-subj", subject))
		certs[subject+" in T61"] = []byte(run(t, "openssl", "req", "-config", t61, "-x509", "-utf8", "-key", key, "-subj", subject))
	}
	for subject, cert := range certs {
		want := strings.Fields(run(t, "openssl", "x509", "-in", file(t, "cert.pem", cert), "-noout", "-subject_hash", "-subject_hash_old"))
		block, _ := pem.Decode(cert)
		r, err := NewRoot(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, []string{r.SubjectHash(), r.SubjectHashOld()}); diff != "" {
			t.Errorf("hashes of %s (-want +got):\n%s", subject, diff)
		}
	}
}

// A javaStore is a trust store that keytool makes.
type javaStore struct {
	name, password string
	kind           plan.StoreKind
	flags          []string
}

var javaStores = []javaStore{
	{"JKS", "changeit", plan.JKS, []string{"-storetype", "JKS"}},
	{"JCEKS with another password", "changeme", plan.JKS, []string{"-storetype", "JCEKS"}},
	{"PKCS #12", "changeit", plan.PKCS12, []string{"-storetype", "PKCS12"}},
	{"PKCS #12 of old", "changeit", plan.PKCS12, []string{"-storetype", "PKCS12", "-J-Dkeystore.pkcs12.legacy"}},
	{"PKCS #12 with SHA-512", "changeit", plan.PKCS12, []string{"-storetype", "PKCS12", "-J-Dkeystore.pkcs12.macAlgorithm=HmacPBESHA512"}},
	{"PKCS #12 without password", "changeit", plan.PKCS12, []string{
		"-storetype", "PKCS12",
		"-J-Dkeystore.pkcs12.macAlgorithm=NONE", "-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE",
	}},
}

// keytool runs Java's tool so that it starts as fast as it can.
func keytool(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "keytool", append([]string{"-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"}, args...)...)
}

// made has keytool make the store with a certificate of somebody else.
func (s javaStore) made(t *testing.T) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "cacerts")
	keytool(t, append([]string{
		"-importcert", "-noprompt", "-alias", "debian:other", "-file", file(t, "other.pem", authority(t).PEM()),
		"-keystore", name, "-storepass", s.password,
	}, s.flags...)...)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEditJava(t *testing.T) {
	a := authority(t)
	for _, s := range javaStores {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			changed := edited(t, a.root, s.kind, s.made(t))
			got := keytool(t, "-list", "-rfc", "-keystore", file(t, "cacerts", changed), "-storepass", s.password)
			for _, want := range []string{"contains 2 entries", "Alias name: debian:other", "Alias name: " + a.root.alias()} {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in %s", want, got)
				}
			}
			lines := strings.ReplaceAll(strings.ReplaceAll(got, "\r", ""), "\n", "")
			if !strings.Contains(lines, strings.ReplaceAll(string(a.PEM()), "\n", "")) {
				t.Errorf("not our certificate in %s", got)
			}
			if strings.Count(got, "Entry type: trustedCertEntry") != 2 {
				t.Errorf("not trusted in %s", got)
			}
		})
	}
}

func TestEditRefused(t *testing.T) {
	r := authority(t).root
	jks := emptyJKS("changeit")
	for _, tc := range []struct {
		name string
		kind plan.StoreKind
		old  []byte
	}{
		{"unknown kind", "registry", nil},
		{"too large", plan.PEMBundle, make([]byte, maxStore+1)},
		{"empty JKS", plan.JKS, nil},
		{"short JKS", plan.JKS, jks[:len(jks)-1]},
		{"JKS of version 1", plan.JKS, replaced(jks, 7, 1)},
		{"JKS with too many entries", plan.JKS, replaced(jks, 8, 1)},
		{"JKS of another magic", plan.JKS, replaced(jks, 0, 0)},
		{"JKS with a password of its own", plan.JKS, emptyJKS("s3cret")},
		{"empty PKCS #12", plan.PKCS12, nil},
		{"JKS as PKCS #12", plan.PKCS12, jks},
		{"PKCS #12 with a password of its own", plan.PKCS12, emptyPKCS12(t, "s3cret", 1, "1.3.14.3.2.26")},
		{"PKCS #12 with many iterations", plan.PKCS12, emptyPKCS12(t, "changeit", 1<<30, "1.3.14.3.2.26")},
		{"PKCS #12 with no iterations", plan.PKCS12, emptyPKCS12(t, "changeit", -1, "1.3.14.3.2.26")},
		{"PKCS #12 with MD5", plan.PKCS12, emptyPKCS12(t, "changeit", 1, "1.2.840.113549.2.5")},
		{"PKCS #12 with more after it", plan.PKCS12, append(emptyPKCS12(t, "changeit", 1, "1.3.14.3.2.26"), 0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := r.Edit(tc.kind, tc.old); !errors.Is(err, ErrStore) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestEditPasswords(t *testing.T) {
	r := authority(t).root
	for _, password := range passwords {
		edited(t, r, plan.JKS, emptyJKS(password))
		for hash := range hashes {
			edited(t, r, plan.PKCS12, emptyPKCS12(t, password, 3, hash))
		}
	}
}

// OpenSSL reads what was changed, too.
func TestEditOpenSSL(t *testing.T) {
	a := authority(t)
	for _, password := range []string{"", "changeit"} {
		name := filepath.Join(t.TempDir(), "p12")
		run(t, "openssl", "pkcs12", "-export", "-nokeys", "-in", file(t, "other.pem", authority(t).PEM()), "-out", name, "-passout", "pass:"+password)
		old, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got := run(t, "openssl", "pkcs12", "-in", file(t, "p12", edited(t, a.root, plan.PKCS12, old)), "-nokeys", "-passin", "pass:"+password)
		if !strings.Contains(got, string(a.PEM())) || strings.Count(got, "BEGIN CERTIFICATE") != 2 {
			t.Errorf("with password %q: %s", password, got)
		}
	}
}

func replaced(b []byte, i int, c byte) []byte {
	b = slices.Clone(b)
	b[i] = c
	return b
}

func emptyJKS(password string) []byte {
	b := []byte{0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 0}
	return append(b, digestJKS(password, b)...)
}

// emptyPKCS12 is a store with a code over nothing.
func emptyPKCS12(t testing.TB, password string, iterations int, hash string) []byte {
	t.Helper()
	var id asn1.ObjectIdentifier
	for part := range strings.SplitSeq(hash, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatal(err)
		}
		id = append(id, n)
	}
	algorithm, err := asn1.Marshal(struct{ ID asn1.ObjectIdentifier }{id})
	if err != nil {
		t.Fatal(err)
	}
	m := &mac{algorithm: algorithm, salt: []byte("saltsalt"), iterations: iterations, hash: hashes[hash]}
	s := store{safes: []byte{0x30, 0}, mac: m}
	if m.hash == nil {
		m.hash = hashes["1.3.14.3.2.26"]
	}
	few := *m // those that are too many would take their time here, too
	few.iterations = min(iterations, 9)
	return s.encode(few.key(append(utf16BE(password), 0, 0)))
}

func TestNewRoot(t *testing.T) {
	a := authority(t)
	r, err := NewRoot(a.Certificate().Raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.PEM(), a.PEM()) {
		t.Error("another certificate")
	}
	if _, err := NewRoot([]byte("x")); err == nil {
		t.Error("no error for no certificate")
	}
}
