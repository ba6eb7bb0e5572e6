package look

import (
	"cmp"
	"strings"
)

// Compare orders tags by what their names say of their age, the older first: signatures and the like, then words,
// then versions, and "latest" at the end. Numbers count as numbers, and a version comes after its own
// release candidates.
func Compare(a, b string) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), natural(version(a), version(b)), strings.Compare(a, b))
}

func rank(tag string) int {
	switch {
	case tag == latest:
		return 3
	case strings.HasPrefix(tag, "sha256-"): // what is about another manifest
		return 0
	case isDigit(version(tag)):
		return 2
	}
	return 1
}

// version is a tag without the "v" before a number.
func version(tag string) string {
	if rest := strings.TrimLeft(tag, "vV"); len(tag)-len(rest) == 1 && isDigit(rest) {
		return rest
	}
	return tag
}

func isDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// natural compares runs of digits as numbers, and all else byte by byte. Where one ends, the other is newer
// with a further number, and older with words, as those are of what comes before: "1.2" < "1.2.1", "1.2-rc1" < "1.2".
func natural(a, b string) int {
	for a != "" && b != "" {
		if isDigit(a) && isDigit(b) {
			var x, y string
			x, a = digits(a)
			y, b = digits(b)
			if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
				return c
			}
			continue
		}
		if a[0] != b[0] {
			return cmp.Or(cmp.Compare(before(a), before(b)), cmp.Compare(a[0], b[0]))
		}
		a, b = a[1:], b[1:]
	}
	switch {
	case a != "":
		return before(a)
	case b != "":
		return -before(b)
	}
	return 0
}

// before tells whether what follows in a name makes it older (-1) or newer (1) than without.
func before(rest string) int {
	if isDigit(rest) || rest[0] == '.' && isDigit(rest[1:]) {
		return 1
	}
	return -1
}

// digits cuts the digits off, without zeros before them.
func digits(s string) (number, rest string) {
	n := 0
	for n < len(s) && isDigit(s[n:]) {
		n++
	}
	return strings.TrimLeft(s[:n], "0"), s[n:]
}
