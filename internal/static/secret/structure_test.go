package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/static"
)

// TestStructure shows what has the structure of a secret, and what only looks like it.
func TestStructure(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalECPrivateKey(ecKey)
	ec := pemOf(t, "EC PRIVATE KEY", ecDER, err)
	pkcs1 := pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil)
	public, err := x509.MarshalPKIXPublicKey(&ecKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	good, hexes := gitHubToken(), letters(32, "0123456789abcdef")
	broken := good[:10] + string(base62[(strings.IndexByte(base62, good[10])+1)%62]) + good[11:]
	for _, test := range []struct{ show, text, want string }{
		{"a key", pkcs8(t), "secret/private-key"},
		{"a key of RSA", pkcs1, "secret/private-key"},
		{"a key of a curve", "x\n" + ec, "secret/private-key"},
		{"with the ends of lines of another system", strings.ReplaceAll(pkcs1, "\n", "\r\n"), "secret/private-key"},
		{"in JSON", `{"private_key": "` + strings.ReplaceAll(pkcs1, "\n", `\n`) + `"}`, "secret/private-key"},
		{"indented in YAML", "key: |\n  " + strings.ReplaceAll(ec, "\n", "\n  "), "secret/private-key"},
		{"in a program", "k = \"" + strings.ReplaceAll(strings.TrimSpace(ec), "\n", "\\n\" +\n    \"") + "\"", "secret/private-key"},
		{"of OpenSSH", openSSHKey("none"), "secret/private-key"},
		{"of OpenSSH with a passphrase", openSSHKey("aes256-ctr"), "secret/private-key-encrypted"},
		{"with a passphrase", strings.Replace(pkcs1, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1), "secret/private-key-encrypted"},
		{"with a word in it that values are let off for", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n" + letters(60, base62) + "fAlSe" + letters(63, base62) + "\n-----END RSA PRIVATE KEY-----\n", "secret/private-key-encrypted"},
		{"a key cut short", pkcs1[:400] + "\n-----END RSA PRIVATE KEY-----\n", ""},
		{"no key", "-----BEGIN RSA PRIVATE KEY-----\n" + strings.Repeat("EXAMPLE+", 20) + "\n-----END RSA PRIVATE KEY-----\n", ""},
		{"words about keys", "-----BEGIN PRIVATE KEY-----' and '-----END PRIVATE KEY-----' are around it, whatever the kind of the PRIVATE KEY-----", ""},
		{"a token of GitHub", "git clone https://x:" + good + "@github.com/a/b", "secret/github-pat"},
		{"one whose checksum is wrong", "git clone https://x:" + broken + "@github.com/a/b", ""},
		{"a JSON web token", "jwt " + token(`{"alg":"HS256","typ":"JWT"}`, `{"iss":"a","sub":"b","exp":1}`), "secret/jwt"},
		{"that of the documents", "jwt " + token(`{"alg":"HS256","typ":"JWT"}`, `{"sub":"1234567890","name":"John Doe"}`), ""},
		{"not one", "jwt ey" + letters(40, base62) + ".ey" + letters(40, base62) + "." + letters(40, base62), ""},
		{"a key of AWS", "id AKIA" + letters(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), "secret/aws-access-token"},
		{"that of the documents of AWS", "id AKIA" + "IOSFODNN7EXAMPLE", ""},
		{"assigned", "api_key=" + hexes, "secret/generic-api-key"},
		{"a fingerprint", "GPG_KEY=" + letters(40, "0123456789ABCDEF"), ""},
		{"a public key", "key: \"" + base64.StdEncoding.EncodeToString(public) + "\"", ""},
		{"a place in a list", "NextToken: \"" + hexes + "\"", ""},
		{"a name", "kApiTaggedSize = kApiInt32Size;", ""},
		{"a call", "secret_key = get32secretkey8(x)", ""},
		{"on the next line", "api_key=\n" + hexes, ""},
		{"a placeholder", "api_key=your_key_" + hexes, ""},
		{"marked as none", "api_key=" + hexes + " # gitleaks:allow", ""},
		{"a login", "curl -u admin:" + letters(12, base62) + " https://example.com", "secret/curl-auth-user"},
		{"the login of the documents", "curl -u guest:guest https://example.com", ""},
		{"a password of Terraform", "resource \"x\" \"y\" {\n  administrator_login_password = \"" + letters(14, base62[:36]) + "\"\n}", "secret/hashicorp-tf-password"},
	} {
		got := found(t, Analyzer{Salt: salt}, test.text)
		if test.want == "" && len(got) > 0 || test.want != "" && got[test.want] == nil {
			t.Errorf("%s: got %v, want %q", test.show, got, test.want)
		}
	}
}

// TestRandom shows that what tells names from secrets takes few secrets for names.
func TestRandom(t *testing.T) {
	random := seeded(0)
	for _, test := range []struct {
		alphabet string
		length   int
	}{
		{base62, 20}, {base62, 40}, {base62[:36], 32}, {"0123456789abcdef", 32}, {"0123456789abcdefghijklmnopqrstuvwxyz", 20}, {base62 + "+/", 40}, {base62 + "_-", 32},
	} {
		lost := 0 // for 1 of 100
		for range 2000 {
			if value := pick(random, test.length, test.alphabet); placeholder(value) || wordiness(value) >= nameShare {
				lost++
			}
		}
		if lost > 20 {
			t.Errorf("of %d letters of %d: %d of 2000 are taken for names", test.length, len(test.alphabet), lost)
		}
	}
}

func TestKeyStore(t *testing.T) {
	a := Analyzer{}
	for _, test := range []struct {
		show string
		b    []byte
		want int
	}{
		{"a key", keyStoreFile("\x01"), 1},
		{"a key that is encrypted", keyStoreFile("\x02"), 1},
		{"certificates", keyStoreFile("\x03"), 0},
		{"not one", []byte("\x00\x01\x02"), 0},
		{"cut short", keyStoreFile("\x02")[:20], 0},
	} {
		f := file(test.b, static.Place{Path: "/app/key.P12"})
		if f.Type != content.Data || !a.Wants(f) {
			t.Errorf("%s: of type %s, it is not wanted", test.show, f.Type)
		}
		got, err := a.Analyze(t.Context(), f)
		if err != nil || len(got) != test.want {
			t.Errorf("%s: got %v, %v", test.show, got, err)
		}
	}
}
