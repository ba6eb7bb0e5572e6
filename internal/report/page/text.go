package page

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Piece of a text is shown as it is, or as a mark for a character that must not be.
type Piece struct {
	Text string
	Mark bool
}

// Text is a string of the subject as it is shown.
type Text struct {
	Pieces []Piece
	// Full is the whole, if it was cut.
	Full string
}

// maxFull bounds the whole of what was cut, in characters.
const maxFull = 500

// text shows at most n characters of a string of the subject: what is invisible, moves the
// cursor, or turns the direction of text becomes a mark, written as in a string of Go. It
// is escaped for HTML by the template that shows it.
func text(s any, n int) Text {
	str := stringOf(s)
	pieces, whole := pieces(str, n)
	t := Text{Pieces: pieces}
	if !whole {
		t.Full = Plain(str, maxFull)
	}
	return t
}

func stringOf(s any) string {
	if s, ok := s.(string); ok {
		return s
	}
	return fmt.Sprint(s)
}

// Plain is a string of the subject in one piece, cut at n characters, with marks as text:
// for titles, attributes and drawings. It has to be escaped for HTML.
func Plain(s string, n int) string {
	if plain(s) && len(s) <= n {
		return s
	}
	var b strings.Builder
	pieces, whole := pieces(s, n)
	for _, p := range pieces {
		b.WriteString(p.Text)
	}
	if !whole {
		b.WriteString("…")
	}
	return b.String()
}

// pieces takes s apart, up to n characters of what is shown; whole if that is all.
func pieces(s string, n int) (list []Piece, whole bool) {
	if plain(s) {
		if len(s) <= n {
			return []Piece{{Text: s}}, true
		}
		return []Piece{{Text: s[:n]}}, false
	}
	var b strings.Builder
	add := func(mark bool, t string) {
		if b.Len() > 0 && mark {
			list = append(list, Piece{Text: b.String()})
			b.Reset()
		}
		if mark {
			list = append(list, Piece{Text: t, Mark: true})
			return
		}
		b.WriteString(t)
	}
	whole = true
	marks := 0 // combining ones in a row
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if n--; n < 0 {
			whole = false
			break
		}
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		if m := markOf(r, size, s[0]); m != "" {
			add(true, m)
		} else if marks > maxMarks {
			add(true, escaped(r))
		} else {
			add(false, s[:size])
		}
		s = s[size:]
	}
	if b.Len() > 0 {
		list = append(list, Piece{Text: b.String()})
	}
	return list, whole
}

// maxMarks is how many combining characters one letter may have: more reach over other
// lines.
const maxMarks = 3

// markOf is how a character is written that is not shown; empty for one that is.
func markOf(r rune, size int, first byte) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf(`\x%02x`, first)
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case unicode.IsPrint(r) && !blank(r):
		return ""
	}
	return escaped(r)
}

func escaped(r rune) string {
	switch {
	case r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, r)
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// blank are letters that nobody sees.
func blank(r rune) bool {
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0:
		return true
	}
	return unicode.Is(unicode.Variation_Selector, r)
}

// plain tells whether s is of printable ASCII alone.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
