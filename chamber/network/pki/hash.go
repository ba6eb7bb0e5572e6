package pki

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// SubjectHash is the name, without its final number, under which OpenSSL looks
// for the certificate in a directory: X509_NAME_hash of OpenSSL 1.0.0 and later.
func (r Root) SubjectHash() string {
	sum := sha1.Sum(canonical(r.cert.RawSubject))
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:]))
}

// SubjectHashOld is the same of OpenSSL before 1.0.0.
func (r Root) SubjectHashOld() string {
	sum := md5.Sum(r.cert.RawSubject)
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:]))
}

// visibleString has no name in package asn1.
const visibleString = asn1.Tag(26)

// canonical writes a name so that equal ones have equal bytes, as x509_name_canon
// of OpenSSL's x_name.c does: without the sequence around it, strings in UTF-8
// and in lower case, with single spaces. Strings that are neither ASCII nor
// UTF-8 stay as they are; the name has passed crypto/x509, so what does not
// parse cannot be.
func canonical(name []byte) (all []byte) {
	s := cryptobyte.String(name)
	var sets cryptobyte.String
	s.ReadASN1(&sets, asn1.SEQUENCE)
	for !sets.Empty() {
		var set cryptobyte.String
		if !sets.ReadASN1(&set, asn1.SET) {
			return all
		}
		var attributes [][]byte
		for !set.Empty() {
			var attribute cryptobyte.String
			if !set.ReadASN1(&attribute, asn1.SEQUENCE) {
				return all
			}
			attributes = append(attributes, canonicalAttribute(attribute))
		}
		slices.SortFunc(attributes, bytes.Compare)
		var b cryptobyte.Builder
		b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(slices.Concat(attributes...)) })
		all = append(all, b.BytesOrPanic()...)
	}
	return all
}

// canonicalAttribute writes one type and value.
func canonicalAttribute(s cryptobyte.String) []byte {
	var kind, value cryptobyte.String
	var tag asn1.Tag
	if !s.ReadASN1Element(&kind, asn1.OBJECT_IDENTIFIER) || !s.ReadAnyASN1(&value, &tag) {
		return nil
	}
	text := []byte(value)
	if slices.Contains([]asn1.Tag{asn1.UTF8String, asn1.PrintableString, asn1.IA5String, visibleString}, tag) {
		tag, text = asn1.UTF8String, []byte(lowerASCII(strings.Join(strings.FieldsFunc(string(value), isSpace), " ")))
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(kind)
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(text) })
	})
	return b.BytesOrPanic()
}

func isSpace(r rune) bool { return r == ' ' || '\t' <= r && r <= '\r' }

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
