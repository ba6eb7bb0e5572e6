package secret

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/detonaut/detonaut"
)

// keyBlock is a private key in armour, wherever that is: in a file of its own, or in
// a text that quotes and indents it.
var keyBlock = regexp.MustCompile(`(?is)-----BEGIN ([ A-Z0-9_-]{0,100}?)PRIVATE KEY(?: BLOCK)?-----(.*?)-----END`)

// notes are what is between the lines of a quoted key: ends of lines that are written
// out, quotes, and what joins them.
var notes = regexp.MustCompile(`\\+[nr]|["'` + "`" + `][ \t]*[+.\\]?[ \t]*(?:\r?\n[ \t]*)?["'` + "`" + `]?|\\?\r?\n|[ \t,]+`)

// headers are the fields before the body (RFC 1421, RFC 4880).
var headers = regexp.MustCompile(`(?i)(?:^|\n|\\n)[ \t"'>*]*(Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID)[ \t]*:[^\n\\]*`)

// armoured tells what kind of private key a text in armour is; "" if it is none:
// its body must be of the form that its head says.
func armoured(text string) (kind string, encrypted bool) {
	m := keyBlock.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	head, body := strings.ToUpper(strings.TrimSpace(m[1])), m[2]
	encrypted = strings.Contains(body, "ENCRYPTED") || head == "ENCRYPTED"
	body = notes.ReplaceAllString(headers.ReplaceAllString(body, "\n"), "")
	if head == "PGP" {
		// A line that begins with "=" is the checksum of the others.
		if i := strings.LastIndexByte(body, '='); i > 0 && len(body)-i == 5 {
			body = body[:i]
		}
	}
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(body, "="))
	if err != nil {
		return "", false
	}
	switch head {
	case "OPENSSH":
		return openSSH(der)
	case "PGP":
		// A packet with the tag of a secret key (RFC 4880, 4.2 and 5.5.1.3).
		if len(der) < 64 || der[0]&0x80 == 0 || der[0]&0x40 == 0 && der[0]>>2&0xf != 5 || der[0]&0x40 != 0 && der[0]&0x3f != 5 {
			return "", false
		}
		return "PGP", false
	}
	if encrypted && head != "ENCRYPTED" {
		// Of what is encrypted as a whole only the size can be told.
		return head, len(der) >= 32
	}
	if !isKey(der, head == "ENCRYPTED") {
		return "", false
	}
	if head == "" || head == "ENCRYPTED" {
		head = "PKCS #8"
	}
	return head, encrypted
}

// isKey tells whether der is one sequence that begins as a private key: with a version
// and a number, a string of bytes or an algorithm (RFC 5208, RFC 8017 A.1.2, RFC 5915),
// or, if it is encrypted, with an algorithm and a string of bytes (RFC 5208, 6).
func isKey(der []byte, encrypted bool) bool {
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal(der, &whole)
	if err != nil || len(rest) > 0 || whole.Tag != asn1.TagSequence || !whole.IsCompound {
		return false
	}
	var parts []asn1.RawValue
	for rest := whole.Bytes; len(rest) > 0 && len(parts) < 16; {
		var part asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &part); err != nil {
			return false
		}
		parts = append(parts, part)
	}
	if len(parts) < 2 {
		return false
	}
	first, second := parts[0].Tag, parts[1].Tag
	if encrypted {
		return first == asn1.TagSequence && second == asn1.TagOctetString
	}
	return first == asn1.TagInteger && len(parts[0].Bytes) == 1 &&
		(second == asn1.TagInteger || second == asn1.TagOctetString || second == asn1.TagSequence) && len(whole.Bytes) >= 32
}

// openSSH reads as much of PROTOCOL.key of OpenSSH as tells whether it is one.
func openSSH(b []byte) (kind string, encrypted bool) {
	b, ok := bytes.CutPrefix(b, []byte("openssh-key-v1\x00"))
	if !ok {
		return "", false
	}
	next := func() (field []byte) {
		if !ok || len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			ok = false
			return nil
		}
		n := int(binary.BigEndian.Uint32(b))
		field, b = b[4:4+n], b[4+n:]
		return field
	}
	cipher := string(next())
	next() // how the key for it is made of the passphrase
	next()
	if len(b) < 4 || binary.BigEndian.Uint32(b) == 0 {
		return "", false
	}
	b = b[4:]
	next() // the public key
	if private := next(); !ok || len(private) < 16 {
		return "", false
	}
	return "OpenSSH", cipher != "none"
}

// The objects of a PKCS #12 file that matter (RFC 7292): what it is made of, and the
// two kinds of bags that hold a private key.
var (
	oidData = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07")
	oidKey  = []byte("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x01")
	oidBag  = []byte("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02")
)

// keyStore tells whether a file is a PKCS #12 file with a private key in it.
func keyStore(in io.ReaderAt, size int64) ([]detonaut.Finding, error) {
	b := make([]byte, min(size, maxContainer))
	n, err := in.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	b = b[:n]
	head := b[:min(len(b), 64)]
	// A sequence, the version 3, and the object.
	if len(head) == 0 || head[0] != 0x30 || !bytes.Contains(head, []byte("\x02\x01\x03\x30")) || !bytes.Contains(head, oidData) {
		return nil, nil
	}
	at := bytes.Index(b, oidKey)
	if at < 0 {
		at = bytes.Index(b, oidBag)
	}
	if at < 0 {
		return nil, nil
	}
	var all collection
	all.add(pkcs12, detonaut.Evidence{Summary: "a PKCS #12 file with a private key", Offset: int64(at)})
	return all.findings(), nil
}
