package verdict

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/detonaut/detonaut"
)

// Bounds of a sentence.
const (
	maxClauses = 3
	maxClause  = 120 // bytes
)

// sentence says in plain words why v is what it is: of seen, which are sorted, what
// weighs most; else what was missed first. It is made of our words alone: of
// titles, which rules give, and of phrases.
func (t *table) sentence(v *detonaut.Verdict, seen []sighting, gaps []detonaut.Reason) string {
	switch {
	case len(seen) > 0:
		return join(t.clauses(v, seen))
	case len(gaps) > 0:
		s := "Nothing bad was seen, and not everything was: " + head(gaps[0].Text)
		if more := len(gaps) - 1; more > 0 {
			s += fmt.Sprintf(" (and %d more)", more)
		}
		return s + "."
	default:
		return "Nothing bad was seen, and nothing was missed."
	}
}

// clause is what the sentence says of one finding.
type clause struct {
	text string
	// whole is set when it has a subject of its own.
	whole bool
}

// clauses says the first findings, each category and each deed once. Of a threat that
// is sure it says what that is, of all else what was seen.
func (t *table) clauses(v *detonaut.Verdict, seen []sighting) (clauses []clause) {
	var said []detonaut.Category
	var deeds []string
	grave := v.Word == detonaut.Malicious || v.Word == detonaut.Unwanted
	for i := range seen {
		s := &seen[i]
		sure := s.Confidence == detonaut.Certain || s.Confidence == detonaut.Probable
		switch {
		case len(clauses) == maxClauses:
			return clauses
		case grave && !sure || s.Category != "" && slices.Contains(said, s.Category):
			continue
		case grave && s.Category != "":
			clauses = append(clauses, clause{text: t.threat(v, s)})
			said = append(said, s.Category)
		default:
			c := claim(s.Title)
			if slices.Contains(clauses, c) || slices.Contains(deeds, s.deed()) {
				continue
			}
			clauses = append(clauses, c)
		}
		deeds = append(deeds, s.deed())
	}
	return clauses
}

// threat says what a threat is, and whether the image says so.
func (t *table) threat(v *detonaut.Verdict, s *sighting) string {
	p, known := t.Phrases[s.Category]
	text := p.Does
	switch {
	case !known:
		text = "is a threat"
	case s.held():
		text = "holds " + p.Holds
	}
	var aside []string
	family := s.Family
	if s.Category == v.Category && family == "" {
		family = v.Family
	}
	if plainName.MatchString(family) {
		aside = append(aside, family)
	}
	if _, tool := t.Declares[s.Category]; tool {
		said := "as the image says"
		if s.declared == undeclared {
			said = "which the image does not say"
		}
		aside = append(aside, said)
	}
	if len(aside) > 0 {
		text += " (" + strings.Join(aside, ", ") + ")"
	}
	return text
}

// plainName is a name of a family that can stand in a sentence.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._+/-]{0,39}$`)

// claim makes a clause of a title. Titles of rules begin with what the subject does,
// or with what it is about: "Runs ...", "A server starts ...".
func claim(title string) clause {
	title = printable(title)
	first, _, _ := strings.Cut(title, " ")
	text := title
	_, rest := initial(first)
	word := strings.ToLower(rest) == rest
	if word { // names in capitals stay as they are
		text = recase(title, unicode.ToLower)
	}
	switch {
	case first == "":
		return clause{text: "does what has no name"}
	case slices.Contains([]string{"A", "An", "The", "Its", "Some", "Somebody", "Something"}, first):
		return clause{text, true}
	case word && strings.HasSuffix(rest, "s") && !strings.HasSuffix(rest, "ss"):
		return clause{text: text}
	default:
		return clause{text: "shows signs of " + text}
	}
}

// join makes a sentence of clauses.
func join(clauses []clause) string {
	var b strings.Builder
	for i, c := range clauses {
		text := c.text
		if !c.whole && (i == 0 || clauses[i-1].whole) {
			text = "it " + text
		}
		switch last := i == len(clauses)-1; {
		case i == 0:
			text = recase(text, unicode.ToUpper)
		case !last:
			text = ", " + text
		case len(clauses) == 2 && plain(clauses[0]) && plain(c):
			text = " and " + text
		default:
			text = ", and " + text
		}
		b.WriteString(text)
	}
	return b.String() + "."
}

// plain tells whether a clause goes well with another one and no comma.
func plain(c clause) bool {
	return !c.whole && !strings.Contains(c.text, " and ") && !strings.Contains(c.text, ",")
}

// initial is the first character of s, and what follows.
func initial(s string) (rune, string) {
	r, size := utf8.DecodeRuneInString(s)
	return r, s[size:]
}

// recase changes the first character of s.
func recase(s string, to func(rune) rune) string {
	if s == "" {
		return ""
	}
	r, rest := initial(s)
	return string(to(r)) + rest
}

// head is what a gap begins with: what follows may be somebody else's words.
func head(gap string) string {
	if i := strings.IndexAny(gap, ":;,("); i >= 0 {
		gap = gap[:i]
	}
	if gap = printable(gap); gap == "" {
		return "something was missed"
	}
	return gap
}

// printable is s on one line, bounded, without what a terminal might obey.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return ' '
		}
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	if len(s) > maxClause {
		s = strings.ToValidUTF8(s[:maxClause], "")
	}
	return strings.TrimRight(strings.Join(strings.Fields(s), " "), ". ")
}
