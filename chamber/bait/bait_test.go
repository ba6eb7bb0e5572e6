package bait_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/chamber/bait"
)

func newSet(t testing.TB, seed byte) *bait.Set {
	t.Helper()
	return bait.New(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
}

func TestFormats(t *testing.T) {
	token := `eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{342}`
	for name, format := range map[string]string{
		"aws-access-key-id":         `ASIA[Q-Z2-7][A-Z2-7]{15}`,
		"aws-secret-access-key":     `[A-Za-z0-9/+]{40}`,
		"aws-session-token":         `IQoJb3JpZ2luX2VjE[A-Za-z0-9/+]{640}==`,
		"gcp-access-token":          `ya29\.c\.c0AY[\w-]{208}`,
		"gcp-service-account":       `app-[a-z][a-z0-9]{19}@platform-\d{6}\.iam\.gserviceaccount\.com`,
		"gcp-private-key-id":        `[0-9a-f]{40}`,
		"azure-access-token":        token,
		"alibaba-access-key-id":     `STS\.[A-Za-z0-9]{25}`,
		"alibaba-access-key-secret": `[A-Za-z0-9]{44}`,
		"alibaba-security-token":    `CAIS[\w-]{796}`,
		"kubernetes-token":          token,
		"docker-auth":               `[A-Za-z0-9]+=*`,
		"github-token":              `ghp_[A-Za-z0-9]{36}`,
		"npm-token":                 `npm_[A-Za-z0-9]{36}`,
		"ssh-private-key":           `-----BEGIN OPENSSH PRIVATE KEY-----\n[A-Za-z0-9/+=\n]+-----END OPENSSH PRIVATE KEY-----\n`,
		"env-password":              `[A-Za-z0-9]{20}`,

		"aws-profile-key-id":    `AKIA[Q-Z2-7][A-Z2-7]{15}`,
		"aws-profile-secret":    `[A-Za-z0-9/+]{40}`,
		"azure-refresh-token":   `0\.A[\w-]{500,}`,
		"bitcoin-key":           `xprv[1-9A-HJ-NP-Za-km-z]{107}`,
		"docker-config-auth":    `[A-Za-z0-9]+=*`,
		"electrum-key":          `zprv[1-9A-HJ-NP-Za-km-z]{107}`,
		"ethereum-key":          `[0-9a-f]{64}`,
		"firefox-password":      `MDo[A-Za-z0-9+/]{77}`,
		"gcloud-refresh-token":  `1//0[\w-]{100}`,
		"kubeconfig-token":      token,
		"mysql-password":        `[A-Za-z0-9]{24}`,
		"netrc-password":        `[A-Za-z0-9]{24}`,
		"pgpass-password":       `[A-Za-z0-9]{24}`,
		"pypi-token":            `pypi-AgEIcHlwaS5vcmcC[\w-]{150}`,
		"service-account-token": token,
		"env-aws-secret":        `[A-Za-z0-9]{40}`,
		"env-database-password": `[A-Za-z0-9]{24}`,
		"env-github-token":      `ghp_[A-Za-z0-9]{36}`,
		"env-npm-token":         `npm_[A-Za-z0-9]{36}`,
	} {
		for seed := range byte(20) {
			if got := newSet(t, seed).Value(name); !regexp.MustCompile("^" + format + "$").MatchString(got) {
				t.Errorf("%s = %q, want %s", name, got, format)
			}
		}
	}
	if got := len(newSet(t, 1).Names()); got != len(bait.All) {
		t.Errorf("%d names of %d kinds", got, len(bait.All))
	}
}

// What others can read of a credential makes sense to them.
func TestContents(t *testing.T) {
	s := newSet(t, 1)
	if got := bait.Account(s.Value("aws-access-key-id")); !regexp.MustCompile(`^[1-9]\d{11}$`).MatchString(got) {
		t.Errorf("account %q", got)
	}
	// The account of this one is well known from the documents of others.
	if got := bait.Account("ASIAQNZGKIQY56JQ7WML"); got != "029608264753" {
		t.Errorf("account %q of a known id", got)
	}
	for _, name := range []string{"azure-access-token", "kubernetes-token"} {
		for _, part := range strings.Split(s.Value(name), ".")[:2] {
			b, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil || !json.Valid(b) {
				t.Errorf("%s: %q: %v", name, b, err)
			}
		}
	}
	b, err := base64.StdEncoding.DecodeString(s.Value("docker-auth"))
	if err != nil || !regexp.MustCompile(`^cibuild:dckr_pat_\w{27}$`).Match(b) {
		t.Errorf("docker-auth: %q, %v", b, err)
	}
	block, rest := pem.Decode([]byte(s.Value("ssh-private-key")))
	if block == nil || len(rest) > 0 || !bytes.HasPrefix(block.Bytes, []byte("openssh-key-v1\x00")) {
		t.Errorf("ssh-private-key: %v", block)
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		t.Error("a key of OpenSSH is no PKCS #8")
	}
}

func TestOpenSSHReadsTheKey(t *testing.T) {
	command, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Fatalf("%v: run testdata/needs.sh test", err)
	}
	file := filepath.Join(t.TempDir(), "id_ed25519")
	if err := os.WriteFile(file, []byte(newSet(t, 1).Value("ssh-private-key")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), command, "-y", "-f", file).CombinedOutput()
	if err != nil || !bytes.HasPrefix(out, []byte("ssh-ed25519 AAAA")) {
		t.Errorf("%s, %v", out, err)
	}
}

func TestSetsDiffer(t *testing.T) {
	one, same, other := newSet(t, 1), newSet(t, 1), newSet(t, 2)
	for _, name := range one.Names() {
		if one.Value(name) != same.Value(name) {
			t.Errorf("%s: the same seed gives two values", name)
		}
		if one.Value(name) == other.Value(name) {
			t.Errorf("%s: two seeds give the same value", name)
		}
		if found := one.Find([]byte(other.Value(name))); found != nil {
			t.Errorf("%s: the bait of another run is taken for ours: %v", name, found)
		}
	}
	if one.Value("no-such") != "" {
		t.Error("a value without a name")
	}
}

func TestHome(t *testing.T) {
	s := newSet(t, 1)
	for _, tc := range []struct {
		name, host string
		want       bool
	}{
		{"aws-access-key-id", "169.254.169.254", true},
		{"aws-access-key-id", "[fd00:ec2::254]", true},
		{"aws-access-key-id", "sts.amazonaws.com", true},
		{"aws-session-token", "EC2.eu-west-1.amazonaws.com.", true},
		{"aws-session-token", "bucket.s3.eu-west-1.amazonaws.com", true},
		{"aws-secret-access-key", "169.254.170.2", true},
		{"aws-secret-access-key", "sts.amazonaws.com", false}, // it signs, and stays
		{"aws-session-token", "ec2-192-0-2-1.compute-1.amazonaws.com", false},
		{"aws-session-token", "x.execute-api.eu-west-1.amazonaws.com", false},
		{"aws-session-token", "sts.amazonaws.com.example.net", false},
		{"aws-session-token", "evil-sts.amazonaws.com", false},
		{"gcp-access-token", "storage.googleapis.com", true},
		{"gcp-access-token", ".googleapis.com", false},
		{"gcp-access-token", "metadata.google.internal", true},
		{"azure-access-token", "management.azure.com", true},
		{"azure-access-token", "app.azurewebsites.net", false},
		{"alibaba-security-token", "100.100.100.200", true},
		{"kubernetes-token", "kubernetes.default.svc", true},
		{"kubernetes-token", "192.0.2.1", false},
		{"docker-auth", "index.docker.io", true},
		{"github-token", "api.github.com", false}, // of a file: it is meant for nobody
		{"github-token", "raw.githubusercontent.com", false},
		{"env-password", "", false},
		{"no-such", "169.254.169.254", false},
	} {
		if got := s.Home(tc.name, tc.host); got != tc.want {
			t.Errorf("Home(%q, %q) = %v", tc.name, tc.host, got)
		}
	}
}

// noise is text that looks like what subjects send, without any bait.
func noise(n int) []byte {
	words := strings.Fields("the quick brown request Host: example.net User-Agent: curl/8.5.0 {\"id\":12345} path=/usr/lib/x86_64 <html> x^2 aGVsbG8= 0x1f")
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.Bytes()[:n]
}

func BenchmarkFind(b *testing.B) {
	text, dense := noise(1<<20), make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(dense)
	for _, tc := range []struct {
		name string
		data []byte
	}{{"text", text}, {"random", dense}, {"small", text[:300]}} {
		b.Run(tc.name, func(b *testing.B) {
			s := newSet(b, 1)
			s.Find(tc.data)
			b.SetBytes(int64(len(tc.data)))
			for b.Loop() {
				if found := s.Find(tc.data); found != nil {
					b.Fatal(found)
				}
			}
		})
	}
}

func BenchmarkFindName(b *testing.B) {
	s := newSet(b, 1)
	name := strings.Repeat("abcdefghijklmnopqrstuvwxyz0123456789.", 6)
	s.FindName(name)
	for b.Loop() {
		s.FindName(name)
	}
}

func BenchmarkNew(b *testing.B) {
	b.Run("set", func(b *testing.B) {
		for b.Loop() {
			newSet(b, 1)
		}
	})
	b.Run("first find", func(b *testing.B) {
		for b.Loop() {
			newSet(b, 1).Find([]byte("a text that is longer than a piece"))
		}
	})
	b.Run("first name", func(b *testing.B) {
		for b.Loop() {
			newSet(b, 1).FindName("a-text-that-is-longer-than-a-piece")
		}
	})
}
