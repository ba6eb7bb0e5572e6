package measure

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
)

// clean is s as it can be stored, and be shown: what does not print is told by its number. It is
// not longer than n bytes as JSON; what was longer ends in "…".
func clean(s string, n int) string {
	const more = "…"
	var b strings.Builder
	long, keep := 0, 0 // as JSON, so far; bytes of what is kept if more follows
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		var piece string
		switch {
		case r == utf8.RuneError && size == 1:
			piece = fmt.Sprintf(`\x%02x`, s[0])
		case unicode.IsPrint(r):
			piece = s[:size]
		default:
			piece = fmt.Sprintf(`\u%04x`, r)
		}
		s = s[size:]
		for i := range len(piece) {
			long += written(piece[i])
		}
		if long > n {
			return b.String()[:keep] + more
		}
		b.WriteString(piece)
		if long <= n-len(more) {
			keep = b.Len()
		}
	}
	return b.String()
}

// written is how many bytes a byte takes in JSON as encoding/json writes it.
func written(c byte) int {
	switch c {
	case '<', '>', '&':
		return len(`\u003c`)
	case '"', '\\':
		return 2
	}
	return 1
}

// word, severity and category are those of ours: a report that was stored may have any.

func word(w detonaut.Word) detonaut.Word {
	if slices.Contains(detonaut.Words(), w) {
		return w
	}
	return detonaut.Inconclusive
}

func severity(s detonaut.Severity) detonaut.Severity {
	if slices.Contains(detonaut.Severities(), s) {
		return s
	}
	return detonaut.UnknownSeverity
}

func category(c detonaut.Category) detonaut.Category {
	if slices.Contains(detonaut.Categories(), c) {
		return c
	}
	return ""
}

// year is t in UTC and whole seconds, and no time if it is in no year that JSON can say.
func year(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Second)
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t
}

// add is a sum of what is not negative, which stays within its type.
func add[N int | int64](a, b N) N {
	if b < 0 {
		return a
	}
	if int64(a) > math.MaxInt64-int64(b) {
		return N(math.MaxInt64)
	}
	return a + b
}
