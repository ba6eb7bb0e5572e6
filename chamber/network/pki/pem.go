package pki

import (
	"bytes"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// appendPEM adds a block to the end of a bundle, on a line of its own.
func appendPEM(old, block []byte) []byte {
	if bytes.Contains(old, block) {
		return old
	}
	changed := slices.Clip(old)
	if len(changed) > 0 && changed[len(changed)-1] != '\n' {
		changed = append(changed, '\n')
	}
	return append(changed, block...)
}

// Purposes of RFC 5280, section 4.2.1.12: id-kp and the number.
const (
	kpServer = 1
	kpClient = 2
	kpCode   = 3
	kpMail   = 4
)

// trustedPEM is the certificate in a block of OpenSSL's own: behind it is what
// it is trusted for and what it is called. X509_CERT_AUX of OpenSSL's x_x509a.c
// is a sequence of the trusted purposes, [0] the rejected ones, an alias, a key
// id and [1] others, all of them optional.
func (r Root) trustedPEM() []byte {
	b := cryptobyte.NewBuilder(bytes.Clone(r.cert.Raw))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, purpose := range []int{kpServer, kpClient, kpCode, kpMail} {
				b.AddASN1ObjectIdentifier([]int{1, 3, 6, 1, 5, 5, 7, 3, purpose})
			}
		})
		b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(r.cert.Subject.CommonName)) })
	})
	return encode("TRUSTED CERTIFICATE", b.BytesOrPanic())
}
