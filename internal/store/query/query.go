// Package query is the language in which people search: words, and fields with values.
//
//	verdict:malicious family:xmrig host:evil.example pulls:>1000 after:2026-01-01 sort:worst nginx
//
// A value, or words that belong together, may be in double quotes, in which \ stands before a
// quote and before itself. What is said of one field twice is an alternative, where an image
// has one of it (a verdict, a platform), and else a condition more (a host, a package).
// docs/search.md is for those who use it.
package query

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// Bounds of what is typed.
const (
	MaxLength = 2000 // bytes
	MaxParts  = 40
)

// Error says what is wrong with what was typed, and where. It is a [store.ErrInvalid].
type Error struct {
	// At is where in the text it is, in characters from 1 on; Part is that part of it.
	At   int
	Part string
	// Problem is in plain words, and contains what was typed: escape it.
	Problem string
}

func (e *Error) Error() string {
	return fmt.Sprintf("search: at character %d, %s: %s", e.At, strconv.Quote(e.Part), e.Problem)
}

// Unwrap has all of them be invalid.
func (*Error) Unwrap() error { return store.ErrInvalid }

// part is a word, or a field and its value.
type part struct {
	at     int // byte
	raw    string
	field  string // empty for a word
	value  string
	quoted bool // the value is
}

// Parse reads what was typed. Facts come sorted; Page and Facets are the caller's to add. Its
// errors are *[Error].
func Parse(s string) (store.Query, error) {
	q := store.Query{}
	switch {
	case len(s) > MaxLength:
		return q, &Error{1, cut(s), fmt.Sprintf("it is longer than %d bytes", MaxLength)}
	case !utf8.ValidString(s):
		return q, &Error{1, cut(strings.ToValidUTF8(s, "\uFFFD")), "it is no text in UTF-8"}
	}
	seen := make(map[string]bool)
	for at, n := 0, 1; ; n++ {
		p, next, err := scan(s, at)
		if err == nil && p == nil {
			slices.SortFunc(q.Facts, fact.Compare)
			return q, nil
		}
		if err == nil && n > MaxParts {
			err = fmt.Errorf("there are more than %d words and fields", MaxParts)
		}
		if err == nil {
			err = p.apply(&q, seen)
		}
		if err != nil {
			return store.Query{}, &Error{utf8.RuneCountInString(s[:p.at]) + 1, cut(p.raw), err.Error()}
		}
		at = next
	}
}

// scan reads the part of s behind a byte, and where it ends; nil if there is none. What it
// returns with an error is where that is.
func scan(s string, at int) (p *part, next int, err error) {
	for at < len(s) {
		r, size := utf8.DecodeRuneInString(s[at:])
		if !unicode.IsSpace(r) {
			break
		}
		at += size
	}
	if at == len(s) {
		return nil, at, nil
	}
	p = &part{at: at}
	end := bare(s, at)
	if i := strings.IndexByte(s[at:end], ':'); i > 0 && isName(s[at:at+i]) {
		field, ok := known(strings.ToLower(s[at : at+i]))
		if near := nearest(s[at : at+i]); !ok && near != "" {
			p.raw = s[at:end]
			return p, end, fmt.Errorf("there is no field %q: %q is meant? What is looked for as it stands is put in quotes", s[at:at+i], near)
		}
		if ok {
			p.field = field
			at += i + 1
		}
	}
	if at < len(s) && s[at] == '"' {
		p.quoted = true
		if p.value, end, err = unquote(s, at); err != nil {
			p.raw = s[p.at:end]
			return p, end, err
		}
	} else {
		p.value = s[at:end]
	}
	p.raw = s[p.at:end]
	if end < len(s) {
		if r, _ := utf8.DecodeRuneInString(s[end:]); !unicode.IsSpace(r) {
			return p, end, errors.New("there is a quote in it: all of it is put in quotes, with \\ before a quote")
		}
	}
	return p, end, nil
}

// bare is where a part ends that is not in quotes.
func bare(s string, at int) int {
	if i := strings.IndexFunc(s[at:], func(r rune) bool { return r == '"' || unicode.IsSpace(r) }); i >= 0 {
		return at + i
	}
	return len(s)
}

// isName tells whether s, which is not empty, can be a field.
func isName(s string) bool {
	return s[0] != '-' && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	}) < 0
}

// unquote reads what is between quotes, of which the first is at a byte, and where it ends.
func unquote(s string, at int) (value string, end int, err error) {
	var b strings.Builder
	for i := at + 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), i + 1, nil
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return "", len(s), errors.New("the second quote is missing")
}

// apply adds a part to a query. seen are the fields that were there before.
func (p *part) apply(q *store.Query, seen map[string]bool) error {
	if p.field == "" {
		if !p.quoted && len(p.value) > 1 && p.value[0] == '-' {
			return errors.New("leaving out what has something is not possible; what is looked for as it stands is put in quotes")
		}
		if strings.Trim(p.value, "*") != "" {
			q.Text = append(q.Text, p.value)
		}
		return nil
	}
	f := field(p.field)
	if strings.TrimSpace(p.value) == "" {
		return fmt.Errorf("it has no value, such as %s", f.Example)
	}
	if f.once && seen[f.Name] {
		return fmt.Errorf("%s is there twice", f.Name)
	}
	seen[f.Name] = true
	return f.parse(q, p.value)
}

// cut is the beginning of what was typed.
func cut(s string) string {
	const most = 60
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

// Format writes a query, such that Parse reads the same, but for Page and Facets: of one that
// Parse has read, or to which values of facets and facts of reports were added.
func Format(q store.Query) string {
	var parts []string
	for _, f := range fields() {
		for _, v := range f.format(&q) {
			parts = append(parts, f.Name+":"+quote(v, false))
		}
	}
	for _, word := range q.Text {
		if strings.Trim(word, "*") != "" {
			parts = append(parts, quote(word, true))
		}
	}
	return strings.Join(parts, " ")
}

// quote puts a value in quotes that is none without them; a word also if it could be a field.
func quote(s string, word bool) string {
	plain := s != "" && bare(s, 0) == len(s) && (!word || s[0] != '-' && !strings.Contains(s, ":"))
	if plain {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// parsePulls reads ">1000", ">=1000" or "1000", in which 1k is a thousand and 1M a million.
func parsePulls(q *store.Query, value string) error {
	number, more := value, int64(0)
	if rest, ok := strings.CutPrefix(number, ">="); ok {
		number = rest
	} else if rest, ok := strings.CutPrefix(number, ">"); ok {
		number, more = rest, 1
	}
	factor := int64(1)
	for suffix, by := range map[string]int64{"k": 1000, "m": 1000_000, "b": 1000_000_000} {
		if rest, ok := strings.CutSuffix(strings.ToLower(number), suffix); ok {
			number, factor = rest, by
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || int64(n) > (1<<62)/factor { //nolint:gosec // of 63 bits
		return errors.New("pulls are at least a number: >=1000, >1000, >5M")
	}
	q.MinPulls = int64(n)*factor + more //nolint:gosec // as above
	return nil
}

// parseTime reads a day, which begins at midnight in UTC, or a time.
func parseTime(value string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, value)
	if err != nil {
		t, err = time.Parse(time.RFC3339Nano, strings.ToUpper(value))
	}
	if err != nil || t.UTC().Year() < 0 || t.UTC().Year() > 9999 {
		return time.Time{}, errors.New("it is no day, such as 2026-01-31, and no time, such as 2026-01-31T12:00:00Z")
	}
	return t.UTC(), nil
}

func formatTime(t time.Time) []string {
	switch t = t.UTC(); {
	case t.IsZero():
		return nil
	case t.Equal(t.Truncate(24 * time.Hour)):
		return []string{t.Format(time.DateOnly)}
	default:
		return []string{t.Format(time.RFC3339Nano)}
	}
}
