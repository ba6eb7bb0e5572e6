// Package hello reads a client's TLS ClientHello as it came off the wire, and
// fingerprints it. Every byte it reads is hostile.
package hello

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// ErrIncomplete is returned for the beginning of what may become a hello.
var ErrIncomplete = errors.New("incomplete TLS hello")

// ErrInvalid is wrapped by the errors about what will never be a hello.
var ErrInvalid = errors.New("invalid TLS hello")

// Bounds. A record is that of RFC 8446, section 5.1; a hello may have 16 MiB,
// but those of browsers with post-quantum keys have 2 KiB.
const (
	maxRecord = 1 << 14
	maxHello  = 1 << 16
)

// Numbers of TLS that are looked for: RFC 8446, sections 4 and 4.2.
const (
	recordHandshake     = 22
	messageClientHello  = 1
	extServerName       = 0x0000
	extSignatureSchemes = 0x000d
	extALPN             = 0x0010
	extVersions         = 0x002b
	nameHost            = 0
)

// Hello is what a ClientHello says. Lists are in its order and include GREASE;
// the strings are the client's bytes and need not be printable.
type Hello struct {
	// Version is the one of the message; from TLS 1.3 on it says 1.2, and
	// Versions tell.
	Version  uint16
	Versions []uint16
	Ciphers  []uint16
	// Extensions are the numbers of all of them.
	Extensions []uint16
	ServerName string
	ALPN       []string
	// SignatureSchemes are those of the extension signature_algorithms.
	SignatureSchemes []uint16
}

// Parse reads the hello that b begins with, which may be split over records;
// what comes after it is left alone. An error is [ErrIncomplete] or wraps
// [ErrInvalid].
func Parse(b []byte) (Hello, error) {
	message, err := join(b)
	if err != nil {
		return Hello{}, err
	}
	h, ok := parse(message)
	if !ok {
		return Hello{}, fmt.Errorf("%w: it does not fit its lengths", ErrInvalid)
	}
	return h, nil
}

// join returns the body of the handshake message that the records of b begin
// with.
func join(b []byte) ([]byte, error) {
	var joined []byte
	for {
		if len(b) > 0 && b[0] != recordHandshake || len(b) > 1 && b[1] != 3 {
			return nil, fmt.Errorf("%w: it is in no handshake record", ErrInvalid)
		}
		if len(b) < 5 {
			return nil, ErrIncomplete
		}
		size := int(b[3])<<8 | int(b[4])
		if size == 0 || size > maxRecord {
			return nil, fmt.Errorf("%w: a record of %d bytes", ErrInvalid, size)
		}
		b = b[5:]
		whole := len(b) >= size
		joined = append(joined, b[:min(size, len(b))]...)
		switch body, err := message(joined); {
		case !errors.Is(err, ErrIncomplete):
			return body, err
		case !whole:
			return nil, ErrIncomplete
		}
		b = b[size:]
	}
}

// message returns the body of the ClientHello that b begins with.
func message(b []byte) ([]byte, error) {
	if len(b) > 0 && b[0] != messageClientHello {
		return nil, fmt.Errorf("%w: it is message %d", ErrInvalid, b[0])
	}
	if len(b) < 4 {
		return nil, ErrIncomplete
	}
	size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	if size > maxHello {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrInvalid, size, maxHello)
	}
	if len(b)-4 < size {
		return nil, ErrIncomplete
	}
	return b[4 : 4+size], nil
}

// parse reads the body of a ClientHello: RFC 8446, section 4.1.2.
func parse(b []byte) (h Hello, ok bool) {
	s := cryptobyte.String(b)
	var session, ciphers, compressions, extensions cryptobyte.String
	if !s.ReadUint16(&h.Version) || !s.Skip(32) ||
		!s.ReadUint8LengthPrefixed(&session) ||
		!s.ReadUint16LengthPrefixed(&ciphers) || !numbers(ciphers, &h.Ciphers) ||
		!s.ReadUint8LengthPrefixed(&compressions) {
		return h, false
	}
	if s.Empty() {
		return h, true // as before RFC 4366
	}
	if !s.ReadUint16LengthPrefixed(&extensions) || !s.Empty() {
		return h, false
	}
	for !extensions.Empty() {
		var number uint16
		var body cryptobyte.String
		if !extensions.ReadUint16(&number) || !extensions.ReadUint16LengthPrefixed(&body) {
			return h, false
		}
		h.Extensions = append(h.Extensions, number)
		if !h.extension(number, body) {
			return h, false
		}
	}
	return h, true
}

// extension reads one extension, if it is one that is looked at.
func (h *Hello) extension(number uint16, body cryptobyte.String) bool {
	var list cryptobyte.String
	switch number {
	case extServerName:
		return h.serverName(body)
	case extALPN:
		return h.alpn(body)
	case extSignatureSchemes:
		h.SignatureSchemes = nil
		return body.ReadUint16LengthPrefixed(&list) && body.Empty() && numbers(list, &h.SignatureSchemes)
	case extVersions:
		h.Versions = nil
		return body.ReadUint8LengthPrefixed(&list) && body.Empty() && numbers(list, &h.Versions)
	}
	return true
}

// serverName reads RFC 6066, section 3.
func (h *Hello) serverName(body cryptobyte.String) bool {
	var list cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&list) || !body.Empty() {
		return false
	}
	for !list.Empty() {
		var kind uint8
		var name cryptobyte.String
		if !list.ReadUint8(&kind) || !list.ReadUint16LengthPrefixed(&name) {
			return false
		}
		if kind == nameHost {
			h.ServerName = string(name)
		}
	}
	return true
}

// alpn reads RFC 7301, section 3.1.
func (h *Hello) alpn(body cryptobyte.String) bool {
	h.ALPN = nil
	var list cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&list) || !body.Empty() {
		return false
	}
	for !list.Empty() {
		var protocol cryptobyte.String
		if !list.ReadUint8LengthPrefixed(&protocol) {
			return false
		}
		h.ALPN = append(h.ALPN, string(protocol))
	}
	return true
}

// numbers reads all of s as numbers of 16 bits.
func numbers(s cryptobyte.String, to *[]uint16) bool {
	for !s.Empty() {
		var n uint16
		if !s.ReadUint16(&n) {
			return false
		}
		*to = append(*to, n)
	}
	return true
}
