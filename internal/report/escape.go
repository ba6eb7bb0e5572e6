package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes s safe to show on one line of a terminal: bytes that are not
// UTF-8 become \xNN; control characters (C0, DEL and C1), bidirectional
// overrides, line separators and everything else that does not print become
// \n, \t, \u00NN ... as in a Go string. A backslash stays as it is: the tape
// already writes bad bytes with one.
func Escape(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		s = s[size:]
	}
	return b.String()
}

func clean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// cut shortens s, which is escaped, to at most n characters. An escape that is
// cut in two shows as harmless letters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)
	return string(runes[:n-1]) + "…"
}

// quoteArgs shows a command line so that its words can be told apart. The
// result is escaped.
func quoteArgs(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		e := Escape(a)
		if e == "" || strings.ContainsAny(e, " \t'\"$`&|;<>()*?#~") {
			e = "'" + strings.ReplaceAll(e, "'", `'\''`) + "'"
		}
		words[i] = e
	}
	return strings.Join(words, " ")
}
