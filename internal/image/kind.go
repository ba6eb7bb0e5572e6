package image

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// magics are first bytes that name a format. KindText and KindData are for what
// has none of them.
var magics = []struct {
	offset int
	bytes  string
	kind   Kind
}{
	{0, "\x7fELF", KindELF},
	{0, "#!", KindScript},
	{0, "\x00asm", KindWasm},
	{0, "PK\x03\x04", KindZip},
	{0, "PK\x05\x06", KindZip}, // empty
	{0, "\xcf\xfa\xed\xfe", KindMachO},
	{0, "\xce\xfa\xed\xfe", KindMachO},
	{0, "\xfe\xed\xfa\xce", KindMachO},
	{0, "\xfe\xed\xfa\xcf", KindMachO},
	{0, "SQLite format 3\x00", KindSQLite},
	{0, "\x1f\x8b", KindArchive},
	{0, "\x28\xb5\x2f\xfd", KindArchive},
	{0, "\xfd7zXZ\x00", KindArchive},
	{0, "7z\xbc\xaf\x27\x1c", KindArchive},
	{0, "Rar!\x1a\x07", KindArchive},
	{0, "BZh", KindArchive},
	{0, "!<arch>\n", KindArchive},
	{257, "ustar", KindArchive},
	{0, "MZ", KindPE},
}

// kindOf judges the content of a regular file by its first bytes.
func kindOf(head []byte) Kind {
	if len(head) == 0 {
		return KindEmpty
	}
	for _, m := range magics {
		if len(head) >= m.offset && bytes.HasPrefix(head[m.offset:], []byte(m.bytes)) {
			return m.kind
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe")) && len(head) >= 8:
		// Java and the Mach-O of several architectures share these. What
		// follows is Java's version (45 and up) or their number.
		if binary.BigEndian.Uint32(head[4:]) < 45 {
			return KindMachO
		}
		return KindJava
	case isText(head):
		return KindText
	}
	return KindData
}

// isText allows for a character that is cut at the end.
func isText(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(head)
		}
		head = head[n:]
	}
	return true
}
