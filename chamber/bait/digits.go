package bait

import (
	"bytes"
	"encoding/hex"
	"iter"
)

// Digits in a row are taken for base64 or hexadecimal from this many on.
// Shorter encodings of a mark are found as such.
const minRun = 64

// minLine is how long a line of base64 is at least, when it goes on in the next.
const minLine = 40

// minEscapes is how many escapes make it worth to resolve them.
const minEscapes = 8

// A digitRun is a long row of digits, wrapped or not.
type digitRun struct {
	encoding string // "hex" or "base64"
	decode   func(limit int) []byte
}

// digit values: of base64 in both alphabets, and none.
const none = 0xff

func digit(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A'
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26
	case '0' <= c && c <= '9':
		return c - '0' + 52
	case c == '+' || c == '-':
		return 62
	case c == '/' || c == '_':
		return 63
	}
	return none
}

func hexadecimal(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// digitRuns finds the rows in data. It looks at the last byte first that a row
// must have, and steps over what cannot be one.
func digitRuns(data []byte) iter.Seq[digitRun] {
	return func(yield func(digitRun) bool) {
		for i := 0; i+minLine <= len(data); {
			last := i + minLine - 1
			for last >= i && digit(data[last]) != none {
				last--
			}
			if last >= i {
				i = last + 1
				continue
			}
			end := endOfRun(data, i)
			if end-i >= minRun {
				if run, ok := newDigitRun(data[i:end]); ok && !yield(run) {
					return
				}
			}
			i = end
		}
	}
}

// endOfRun follows a row that begins at i over the ends of its lines.
func endOfRun(data []byte, i int) int {
	for line := i; ; {
		for i < len(data) && digit(data[i]) != none {
			i++
		}
		next := i
		for next < len(data) && next < i+2 && (data[next] == '\r' || data[next] == '\n') {
			next++
		}
		if next == i || i-line < minLine || next == len(data) || digit(data[next]) == none {
			return i
		}
		line, i = next, next
	}
}

// newDigitRun tells what a row is. It begins where a gzip header does, if there
// is one: what comes before may be part of a path. A row with the characters of
// both alphabets of base64 is all path.
func newDigitRun(run []byte) (_ digitRun, ok bool) {
	run = run[max(0, bytes.Index(run, []byte("H4sI"))):]
	if bytes.ContainsAny(run, "+/") && bytes.ContainsAny(run, "-_") {
		return digitRun{}, false
	}
	for _, c := range run {
		if !hexadecimal(c) && c != '\r' && c != '\n' {
			return digitRun{"base64", func(limit int) []byte { return decodeBase64(run, limit) }}, true
		}
	}
	return digitRun{"hex", func(limit int) []byte { return decodeHex(run, limit) }}, true
}

// decodeBase64 decodes a row in groups of four digits from its start.
func decodeBase64(run []byte, limit int) []byte {
	out := make([]byte, 0, min(limit, len(run)*3/4+3))
	group, digits := uint32(0), 0
	for _, c := range run {
		d := digit(c)
		if d == none {
			continue // the end of a line
		}
		group, digits = group<<6|uint32(d), digits+1
		if digits%4 != 0 {
			continue
		}
		if len(out)+3 > limit {
			return out
		}
		out = append(out, byte(group>>16), byte(group>>8), byte(group))
	}
	switch digits % 4 {
	case 2: // 12 bits
		out = append(out, byte(group>>4))
	case 3: // 18 bits
		out = append(out, byte(group>>10), byte(group>>2))
	}
	return out[:min(len(out), limit)]
}

func decodeHex(run []byte, limit int) []byte {
	run = bytes.Join(bytes.Fields(run), nil)
	run = run[:min(len(run)&^1, 2*limit)]
	out := make([]byte, len(run)/2)
	n, _ := hex.Decode(out, run) // digits only
	return out[:n]
}

// escaped tells whether it is worth to resolve the escapes of data. In what is
// no text a few come about by chance.
func escaped(data []byte) bool {
	want := minEscapes
	if binaryStart(data) {
		want = max(want, len(data)/1024)
	}
	for _, lead := range []byte{'%', '\\'} {
		for rest := data; want > 0; {
			i := bytes.IndexByte(rest, lead)
			if i < 0 {
				break
			}
			_, n := escape(rest[i:])
			if n > 0 {
				want--
			}
			rest = rest[i+max(n, 1):]
		}
	}
	return want == 0
}

// escape reads %41, \x41 or \u0041 at the start of b, and how long it is; 0 if
// there is none.
func escape(b []byte) (c byte, size int) {
	n := 1
	switch {
	case b[0] == '%':
	case bytes.HasPrefix(b, []byte(`\x`)):
		n = 2
	case bytes.HasPrefix(b, []byte(`\u00`)):
		n = 4
	default:
		return 0, 0
	}
	var out [1]byte
	if len(b) < n+2 {
		return 0, 0
	}
	if _, err := hex.Decode(out[:], b[n:n+2]); err != nil {
		return 0, 0
	}
	return out[0], n + 2
}

// unescape resolves all escapes, and leaves everything else.
func unescape(data []byte, limit int) []byte {
	out := make([]byte, 0, min(limit, len(data)))
	for len(data) > 0 && len(out) < limit {
		c, n := byte(0), 0
		if data[0] == '%' || data[0] == '\\' {
			c, n = escape(data)
		}
		if n == 0 {
			c, n = data[0], 1
		}
		out, data = append(out, c), data[n:]
	}
	return out
}
