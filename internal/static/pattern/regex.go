package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode/utf8"
)

// reach is how far a regular expression is looked for before its atom, and behind it.
// What is looked at has a length of four times that, and is not looked at again for atoms
// in the middle of it: however many there are, a byte is looked at twice.
const reach = 1 << 10

// maxProgram is how many instructions a regular expression may have.
const maxProgram = 2000

// regex is compiled when one of its atoms is found: most are never.
type regex struct{ compiled func() *regexp.Regexp }

func compileRegex(s string) (matcher, []atom, error) {
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, nil, err
	}
	words := required(tree)
	if words == nil {
		return nil, nil, errors.New("has no text that must be in what it matches")
	}
	var atoms []atom
	for _, w := range words {
		from, to, score := best([]byte(w))
		if score == 0 {
			return nil, nil, errShort
		}
		if a := (atom{bytes: folded([]byte(w[from:to]))}); !slices.Contains(atoms, a) {
			atoms = append(atoms, a)
		}
	}
	return regex{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(s) })}, atoms, nil
}

// checkRegex refuses an expression that would take long to match.
func checkRegex(s string) error {
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return err
	}
	if len(program.Inst) > maxProgram {
		return fmt.Errorf("has %d instructions, at most %d", len(program.Inst), maxProgram)
	}
	return nil
}

func (r regex) match(w window, at int, _ *atom, tell func(from, to int)) (until int) {
	low, high := max(at-reach, 0), min(at+3*reach, len(w.bytes))
	// What begins or ends where we cut it may not do so in the file.
	first, last := low == 0 && w.begins, high == len(w.bytes) && w.ends
	for _, found := range r.compiled().FindAllIndex(w.bytes[low:high], maxPlaces) {
		from, to := low+found[0], low+found[1]
		if (from > low || first) && (to < high || last) {
			tell(from, to)
		}
	}
	return at + 2*reach
}

// required are words of which one is in all that matches, in any case; nil if none can be
// told.
func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if slices.Contains(re.Rune, utf8.RuneError) { // it matches bytes that are no UTF-8
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min < 1 {
			return nil
		}
		return required(re.Sub[0])
	case syntax.OpAlternate:
		var words []string
		for _, sub := range re.Sub {
			of := required(sub)
			if of == nil || len(words)+len(of) > maxAtoms {
				return nil
			}
			words = append(words, of...)
		}
		return words
	case syntax.OpConcat:
		var found []string
		for _, sub := range re.Sub {
			if of := required(sub); of != nil && (found == nil || rarest(of) > rarest(found)) {
				found = of
			}
		}
		return found
	default:
		return nil
	}
}

// rarest is how seldom the most frequent of some words is.
func rarest(words []string) int {
	least := 1 << 30
	for _, w := range words {
		_, _, score := best([]byte(w))
		least = min(least, score)
	}
	return least
}
