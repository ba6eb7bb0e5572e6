package pki

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	encodingasn1 "encoding/asn1"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers of a PKCS #12 store: RFC 7292, and the attribute by which
// Java knows a trusted certificate.
var (
	oidData         = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidCertBag      = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509         = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidFriendlyName = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidJavaTrust    = encodingasn1.ObjectIdentifier{2, 16, 840, 1, 113894, 746875, 1, 1}
	oidAnyPurpose   = encodingasn1.ObjectIdentifier{2, 5, 29, 37, 0}
)

// hashes are those of the code, by object identifier.
var hashes = map[string]func() hash.Hash{
	"1.3.14.3.2.26":          sha1.New,
	"2.16.840.1.101.3.4.2.4": sha256.New224,
	"2.16.840.1.101.3.4.2.1": sha256.New,
	"2.16.840.1.101.3.4.2.2": sha512.New384,
	"2.16.840.1.101.3.4.2.3": sha512.New,
}

// Bounds on what a store asks for. Java writes 100,000 iterations at most; as
// many take some 30 ms for each of the passwords.
const (
	maxIterations = 200_000
	maxSalt       = 256
)

// Tags that package asn1 has no name for.
const bmpString = asn1.Tag(30)

var tagExplicit0 = asn1.Tag(0).ContextSpecific().Constructed()

// store is a PKCS #12 file. Its safes are one after the other, mostly
// encrypted; a code over them, if there is one, has a key made of the password.
type store struct {
	safes []byte // the sequence of them, encoded
	mac   *mac   // nil if there is none
}

// mac is the code over the safes: RFC 7292, section 4 and appendix B.
type mac struct {
	algorithm  []byte // encoded
	hash       func() hash.Hash
	digest     []byte
	salt       []byte
	iterations int
}

// appendPKCS12 adds a safe of its own to a store: a certificate is no secret,
// so that none of the others must be decrypted.
func (r Root) appendPKCS12(old []byte) ([]byte, error) {
	s, err := parsePKCS12(old)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	}
	if bytes.Contains(s.safes, r.cert.Raw) {
		return old, nil
	}
	var key []byte
	if s.mac != nil {
		if key, err = s.mac.find(s.safes); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrStore, err)
		}
	}
	all := cryptobyte.String(s.safes)
	var before cryptobyte.String
	if !all.ReadASN1(&before, asn1.SEQUENCE) || !all.Empty() {
		return nil, fmt.Errorf("%w: its safes are no sequence", ErrStore)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(before)
		addData(b, r.safePKCS12())
	})
	s.safes = b.BytesOrPanic()
	return s.encode(key), nil
}

// parsePKCS12 reads what is not encrypted of a store in DER.
func parsePKCS12(b []byte) (s store, err error) {
	file := cryptobyte.String(b)
	var version int
	var pfx, info, content, safes, macData cryptobyte.String
	var kind encodingasn1.ObjectIdentifier
	if !file.ReadASN1(&pfx, asn1.SEQUENCE) || !file.Empty() ||
		!pfx.ReadASN1Integer(&version) || version != 3 ||
		!pfx.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&kind) ||
		!kind.Equal(oidData) ||
		!info.ReadASN1(&content, tagExplicit0) || !info.Empty() ||
		!content.ReadASN1(&safes, asn1.OCTET_STRING) || !content.Empty() {
		return s, errors.New("no PKCS #12 in DER with data that a password protects")
	}
	s.safes = safes
	if pfx.Empty() {
		return s, nil
	}
	if !pfx.ReadASN1(&macData, asn1.SEQUENCE) || !pfx.Empty() {
		return s, errors.New("damaged end of a PKCS #12")
	}
	s.mac, err = parseMAC(macData)
	return s, err
}

// parseMAC reads the fields of a MacData.
func parseMAC(s cryptobyte.String) (*mac, error) {
	m := &mac{iterations: 1}
	var info, digest, salt, algorithm, fields cryptobyte.String
	var id encodingasn1.ObjectIdentifier
	if !s.ReadASN1(&info, asn1.SEQUENCE) ||
		!info.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!info.ReadASN1(&digest, asn1.OCTET_STRING) || !info.Empty() ||
		!s.ReadASN1(&salt, asn1.OCTET_STRING) ||
		!s.Empty() && !s.ReadASN1Integer(&m.iterations) || !s.Empty() {
		return nil, errors.New("damaged MAC of a PKCS #12")
	}
	if m.iterations < 1 || m.iterations > maxIterations || len(salt) > maxSalt {
		return nil, fmt.Errorf("a MAC of %d iterations and %d bytes of salt", m.iterations, len(salt))
	}
	m.algorithm, m.digest, m.salt = algorithm, digest, salt
	if !algorithm.ReadASN1(&fields, asn1.SEQUENCE) || !fields.ReadASN1ObjectIdentifier(&id) {
		return nil, errors.New("damaged MAC algorithm of a PKCS #12")
	}
	if m.hash = hashes[id.String()]; m.hash == nil {
		return nil, fmt.Errorf("a MAC by algorithm %s", id)
	}
	return m, nil
}

// find returns the key of the code over safes, under the first password that
// fits.
func (m *mac) find(safes []byte) ([]byte, error) {
	for _, p := range passwords {
		// As a BMPString it ends with a zero; some leave that out of an empty one.
		candidates := [][]byte{append(utf16BE(p), 0, 0)}
		if p == "" {
			candidates = append(candidates, nil)
		}
		for _, c := range candidates {
			if key := m.key(c); hmac.Equal(m.code(key, safes), m.digest) {
				return key, nil
			}
		}
	}
	return nil, errors.New("a PKCS #12 with a password of its own")
}

// key derives the key from a password: RFC 7292, appendix B.2, for ID 3 and a
// key as long as the hash, for which one round is enough.
func (m *mac) key(password []byte) []byte {
	h := m.hash()
	fill := func(pattern []byte) []byte { // to whole blocks
		var b []byte
		if len(pattern) > 0 {
			size := (len(pattern) + h.BlockSize() - 1) / h.BlockSize() * h.BlockSize()
			b = bytes.Repeat(pattern, size/len(pattern)+1)[:size]
		}
		return b
	}
	h.Write(bytes.Repeat([]byte{3}, h.BlockSize()))
	h.Write(fill(m.salt))
	h.Write(fill(password))
	key := h.Sum(nil)
	for range m.iterations - 1 {
		h.Reset()
		h.Write(key)
		key = h.Sum(key[:0])
	}
	return key
}

func (m *mac) code(key, safes []byte) []byte {
	h := hmac.New(m.hash, key)
	h.Write(safes)
	return h.Sum(nil)
}

// encode writes the store, with a code under key if it has one.
func (s *store) encode(key []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addData(b, s.safes)
		if s.mac == nil {
			return
		}
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(s.mac.algorithm)
				b.AddASN1OctetString(s.mac.code(key, s.safes))
			})
			b.AddASN1OctetString(s.mac.salt)
			if s.mac.iterations != 1 {
				b.AddASN1Int64(int64(s.mac.iterations))
			}
		})
	})
	return b.BytesOrPanic()
}

// safePKCS12 is the contents of a safe with the certificate, as Java writes it:
// a bag with the name of the entry, and the purposes for which it is trusted.
func (r Root) safePKCS12() []byte {
	set := func(b *cryptobyte.Builder, kind encodingasn1.ObjectIdentifier, value func(b *cryptobyte.Builder)) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(kind)
			b.AddASN1(asn1.SET, value)
		})
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidCertBag)
			b.AddASN1(tagExplicit0, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidX509)
					b.AddASN1(tagExplicit0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(r.cert.Raw) })
				})
			})
			b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
				set(b, oidFriendlyName, func(b *cryptobyte.Builder) {
					b.AddASN1(bmpString, func(b *cryptobyte.Builder) { b.AddBytes(utf16BE(r.alias())) })
				})
				set(b, oidJavaTrust, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidAnyPurpose) })
			})
		})
	})
	return b.BytesOrPanic()
}

// addData adds a ContentInfo of unencrypted data.
func addData(b *cryptobyte.Builder, data []byte) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidData)
		b.AddASN1(tagExplicit0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(data) })
	})
}
