package rule

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// shared is what the terms of all conditions have together.
type shared struct {
	// patterns are those that were compiled, by their text.
	patterns map[string]*regexp.Regexp
	// notes are the numbers of what is worked out once for each event, by its origin.
	notes map[string]int
}

func newShared() *shared {
	return &shared{patterns: make(map[string]*regexp.Regexp), notes: make(map[string]int)}
}

// compiled compiles a pattern, or gives the one that was before; nil if it is none.
func (c *shared) compiled(pattern string) *regexp.Regexp {
	if re, ok := c.patterns[pattern]; ok {
		return re
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil
	}
	c.patterns[pattern] = re
	return re
}

// maxNotes is how many notes there are at most.
const maxNotes = 256

// noted makes a text that is dear to work out be worked out once for each event, if it
// is not of a loop.
func (c *shared) noted(from *origin, get func(*scene) (string, bool)) func(*scene) (string, bool) {
	if from == nil || from.loop != nil {
		return get
	}
	n, ok := c.notes[from.key]
	if !ok {
		if n = len(c.notes); n == maxNotes {
			return get
		}
		c.notes[from.key] = n
	}
	return func(s *scene) (string, bool) {
		if n >= len(s.notes) {
			s.notes = append(s.notes, make([]note, n+1-len(s.notes))...)
		}
		at := &s.notes[n]
		if at.moment != s.count {
			at.text, at.ok = get(s)
			at.moment = s.count
		}
		return at.text, at.ok
	}
}

// note is a text of one moment.
type note struct {
	moment uint64
	text   string
	ok     bool
}

// Bounds of the words that a pattern is known by.
const (
	maxRequired = 128 // words
	minRequired = 3   // bytes of the shortest, where there is a choice
)

// required are words of which every text that matches pattern contains one; nil if
// none can be told.
func required(pattern string) []string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	return requiredOf(re)
}

func requiredOf(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		// A byte that is no UTF-8 matches the character that stands for such.
		if re.Flags&syntax.FoldCase != 0 || slices.Contains(re.Rune, utf8.RuneError) {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return requiredOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min < 1 {
			return nil
		}
		return requiredOf(re.Sub[0])
	case syntax.OpAlternate:
		var words []string
		for _, sub := range re.Sub {
			of := requiredOf(sub)
			if of == nil || len(words)+len(of) > maxRequired {
				return nil
			}
			words = append(words, of...)
		}
		return words
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if of := requiredOf(sub); of != nil && (best == nil || rarer(of, best)) {
				best = of
			}
		}
		return best
	default:
		return nil
	}
}

// rarer tells whether words a are in fewer texts than b, by their length.
func rarer(a, b []string) bool {
	x, y := shortest(a), shortest(b)
	if x >= minRequired && y >= minRequired {
		return len(a) < len(b)
	}
	return x > y
}

func shortest(words []string) int {
	return len(slices.MinFunc(words, func(a, b string) int { return len(a) - len(b) }))
}
