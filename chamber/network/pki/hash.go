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
// and in lower case, with single spaces. A BMPString or UniversalString,
// of which there are none, stays as it is; the name has passed crypto/x509, so what does not
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
	text := string(value)
	switch tag {
	case asn1.T61String:
		text = latin1(value)
	case asn1.UTF8String, asn1.PrintableString, asn1.IA5String, visibleString:
	default:
		return attributeOf(kind, tag, text)
	}
	return attributeOf(kind, asn1.UTF8String, lowerASCII(strings.Join(strings.FieldsFunc(text, isSpace), " ")))
}

func attributeOf(kind []byte, tag asn1.Tag, text string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(kind)
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
	})
	return b.BytesOrPanic()
}

// latin1 is what OpenSSL takes a T61String for.
func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
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
