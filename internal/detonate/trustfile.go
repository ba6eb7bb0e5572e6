package detonate

import (
	"bytes"
	"encoding/json"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/detonaut/detonaut/chamber/plan"
)

// What files of certificates look like.
const (
	minStoreFile = 16 << 10 // bytes of a bundle in a place that is not known
	maxStoreFile = 8 << 20  // bytes of any store
	minBundle    = 10       // certificates in a bundle in a place that is not known
	minHashed    = 3        // names in a hashed directory
	sniffed      = 8 << 10  // bytes that decide whether a file is read on
)

// Lines of PEM, RFC 7468 section 5.1 and OpenSSL's PEM_read_bio_X509_AUX, and
// the first line of a file of p11-kit, which has PEM inside but is none.
var (
	beginPlain   = []byte("-----BEGIN CERTIFICATE-----")
	beginTrusted = []byte("-----BEGIN TRUSTED CERTIFICATE-----")
	endPlain     = []byte("-----END CERTIFICATE-----")
	endTrusted   = []byte("-----END TRUSTED CERTIFICATE-----")
	p11Kit       = []byte("[p11-kit-object-v1]")
)

// mayBePEM tells from the start of a file whether it may be a bundle: there is
// a certificate in it, or comments that one may come after.
func mayBePEM(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	if bytes.Contains(head, beginPlain) || bytes.Contains(head, beginTrusted) {
		return true
	}
	for line := range bytes.Lines(head) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return len(head) > 0
}

// pemFile is what a file has of certificates.
type pemFile struct {
	plain, trusted int
	// ends is set when nothing but comments comes after the last certificate:
	// another one can be added there. It cannot in a program's source that has
	// certificates in a string.
	ends bool
}

// readPEM counts the certificates whose lines begin and end a line of b.
func readPEM(b []byte) (p pemFile) {
	inside := false
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, " \t\r\n")
		switch {
		case bytes.Equal(line, beginPlain):
			p.plain++
			inside, p.ends = true, false
		case bytes.Equal(line, beginTrusted):
			p.trusted++
			inside, p.ends = true, false
		case bytes.Equal(line, endPlain), bytes.Equal(line, endTrusted):
			p.ends, inside = inside, false
		case inside, len(line) == 0, line[0] == '#':
		case bytes.Equal(line, p11Kit):
			return pemFile{}
		default:
			p.ends = false
		}
	}
	return p
}

// bundle tells whether the file is one of many certificates and nothing else.
func (p pemFile) bundle() bool { return p.plain+p.trusted >= minBundle && p.ends }

func (p pemFile) kind() plan.StoreKind {
	if p.trusted > 0 && p.plain == 0 {
		return plan.OpenSSLPEM
	}
	return plan.PEMBundle
}

// mayBeJava tells whether the name of a file is that of a trust store of Java:
// one of the three that every JDK uses, or any key store in what seems to be a
// JDK or says that it is for trust.
func mayBeJava(dir, name string) bool {
	switch name {
	case "cacerts", "jssecacerts", "java-cacerts":
		return true
	}
	switch path.Ext(name) {
	case ".jks", ".p12", ".pfx", ".pkcs12":
		dir, name = strings.ToLower(dir), strings.ToLower(name)
		for _, word := range []string{"java", "jvm", "jdk", "jre"} {
			if strings.Contains(dir, word) {
				return true
			}
		}
		return strings.Contains(name, "trust") || strings.Contains(name, "cacerts")
	}
	return false
}

// javaKind recognises the two formats of a key store of Java: JKS by its magic
// number (sun.security.provider.JavaKeyStore), PKCS #12 by the version 3 that
// every PFX begins with (RFC 7292 section 4).
func javaKind(head []byte) (plan.StoreKind, bool) {
	if bytes.HasPrefix(head, []byte{0xfe, 0xed, 0xfe, 0xed}) {
		return plan.JKS, true
	}
	if len(head) < 2 || head[0] != 0x30 { // SEQUENCE
		return "", false
	}
	length := 2
	if head[1]&0x80 != 0 {
		length += int(head[1] & 0x7f) // of a long form, or 0 of the indefinite one
	}
	if len(head) < length || !bytes.HasPrefix(head[length:], []byte{2, 1, 3}) { // INTEGER 3
		return "", false
	}
	return plan.PKCS12, true
}

// hashedName is a name in OpenSSL's directories of certificates
// (openssl-rehash(1)).
var hashedName = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]$`)

// plainPath returns how many bytes name has in JSON, and whether it is fit for
// a plan: a store of a sane image has a name of printable characters.
func plainPath(name string) (int, bool) {
	if len(name) > maxStorePath || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return 0, false
	}
	b, err := json.Marshal(name)
	return len(b), err == nil
}
