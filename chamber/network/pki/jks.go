package pki

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// A Java key store: magic, version, count of entries, the entries, and a digest
// (JavaKeyStore.java of OpenJDK). A JCEKS has another magic and more kinds of
// entries, but the same header, digest and trusted certificates.
const (
	magicJKS       = 0xfeedfeed
	magicJCEKS     = 0xcececece
	versionJKS     = 2
	headerJKS      = 12
	trustedCertJKS = 2 // the kind of an entry
	maxEntriesJKS  = 1 << 16
)

// appendJKS adds an entry to the end of a store. Those before it are not looked
// at: the digest says that they are what somebody with the password wrote.
func (r Root) appendJKS(old []byte) ([]byte, error) {
	if len(old) < headerJKS+sha1.Size {
		return nil, fmt.Errorf("%w: too short for a Java key store", ErrStore)
	}
	magic, version, count := binary.BigEndian.Uint32(old), binary.BigEndian.Uint32(old[4:]), binary.BigEndian.Uint32(old[8:])
	if magic != magicJKS && magic != magicJCEKS || version != versionJKS || count >= maxEntriesJKS {
		return nil, fmt.Errorf("%w: no Java key store of version %d with less than %d entries", ErrStore, versionJKS, maxEntriesJKS)
	}
	data, digest := old[:len(old)-sha1.Size], old[len(old)-sha1.Size:]
	i := slices.IndexFunc(passwords, func(p string) bool { return bytes.Equal(digestJKS(p, data), digest) })
	if i < 0 {
		return nil, fmt.Errorf("%w: a Java key store with a password of its own", ErrStore)
	}
	if bytes.Contains(data, r.cert.Raw) {
		return old, nil
	}
	changed := r.entryJKS(slices.Clip(data))
	binary.BigEndian.PutUint32(changed[8:], count+1)
	return append(changed, digestJKS(passwords[i], changed)...), nil
}

// entryJKS appends the entry, which is said to be as old as the certificate.
func (r Root) entryJKS(b []byte) []byte {
	text := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	b = binary.BigEndian.AppendUint32(b, trustedCertJKS)
	b = text(b, r.alias())
	b = binary.BigEndian.AppendUint64(b, uint64(r.cert.NotBefore.UnixMilli()))
	b = text(b, "X.509")
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.cert.Raw)))
	return append(b, r.cert.Raw...)
}

// alias names the entry in a store of Java, in lower case as Java has it.
func (r Root) alias() string {
	name := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, strings.ToLower(r.cert.Subject.CommonName))
	return name[:min(len(name), 64)]
}

// digestJKS is the digest of data under a password.
func digestJKS(password string, data []byte) []byte {
	h := sha1.New()
	h.Write(utf16BE(password))
	h.Write([]byte("Mighty Aphrodite")) // sic
	h.Write(data)
	return h.Sum(nil)
}

func utf16BE(s string) (b []byte) {
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return b
}
