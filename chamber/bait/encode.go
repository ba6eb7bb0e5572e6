package bait

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// pieceSize is how many characters are looked for at a time. An encoding is cut
// into pieces, of which one is enough: a line that was wrapped, or a part left
// out, breaks one and leaves its neighbours.
const pieceSize = 16

// An encoded mark is one way to write it.
type encoded struct {
	name     string // of the credential
	encoding string
	text     string
}

// encodings lists how a mark may be written where whole bytes are sent.
func encodings(name, mark string) []encoded {
	lower := hex.EncodeToString([]byte(mark))
	wide := make([]byte, 0, 2*len(mark))
	for i := range len(mark) {
		wide = append(wide, mark[i], 0)
	}
	out := []encoded{
		{name, "plain", mark},
		{name, "hex", lower},
		{name, "hex", strings.ToUpper(lower)},
		{name, "reversed", reverse(mark)},
		{name, "rot13", rot13(mark)},
		{name, "utf-16", string(wide)},
	}
	for _, text := range aligned(mark, base64.RawStdEncoding.EncodeToString, 3, 6) {
		out = append(out, encoded{name, "base64", text})
	}
	return out
}

// aligned encodes a mark that begins anywhere in a group of n bytes, without
// the first and last digits, which depend on what is around it too.
func aligned(mark string, encode func([]byte) string, n, bits int) []string {
	out := make([]string, n)
	for before := range out {
		text := encode([]byte(strings.Repeat("\x00", before) + mark))
		first := (8*before + bits - 1) / bits
		last := 8 * (before + len(mark)) / bits
		out[before] = text[first:last]
	}
	return out
}

func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func rot13(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case 'A' <= r && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}

// pieces cuts a text at every pieceSize, and once more from its end.
func pieces(text string) (out []string) {
	for i := 0; i+pieceSize <= len(text); i += pieceSize {
		out = append(out, text[i:i+pieceSize])
	}
	if n := len(text); n > pieceSize && n%pieceSize != 0 {
		out = append(out, text[n-pieceSize:])
	}
	return out
}

// marks calls f for each mark of the set, in the order of All.
func (s *Set) marks(f func(name, mark string)) {
	for _, k := range All {
		for _, mark := range s.byName[k.Name].marks {
			f(k.Name, mark)
		}
	}
}

// needles are the pieces of all encodings.
func (s *Set) needles() map[[pieceSize]byte]Match {
	out := map[[pieceSize]byte]Match{}
	s.marks(func(name, mark string) {
		for _, e := range encodings(name, mark) {
			for _, p := range pieces(e.text) {
				add(out, p, Match{e.name, e.encoding})
			}
		}
	})
	return out
}

// add leaves what is there: a mark as it is comes before any encoding of it.
func add(needles map[[pieceSize]byte]Match, piece string, m Match) {
	key := [pieceSize]byte([]byte(piece))
	if _, ok := needles[key]; !ok {
		needles[key] = m
	}
}

// differences are the pieces of what neighbouring bytes of the marks differ in,
// which an XOR of all with the same byte does not change.
func (s *Set) differences() map[[pieceSize]byte]Match {
	out := map[[pieceSize]byte]Match{}
	s.marks(func(name, mark string) {
		for _, p := range pieces(string(differ(nil, []byte(mark)))) {
			add(out, p, Match{name, "xor"})
		}
	})
	return out
}

// folded writes a text as it survives in a DNS name: without case, and of
// letters and digits only.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return -1
	}, s)
}

// nameEncodings are encodings as a DNS name would have them: base32 too, and
// only one case.
func nameEncodings(name, mark string) []encoded {
	out := encodings(name, mark)
	for _, text := range aligned(mark, base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString, 5, 5) {
		out = append(out, encoded{name, "base32", text})
	}
	return slices.DeleteFunc(out, func(e encoded) bool { return e.encoding == "utf-16" })
}
