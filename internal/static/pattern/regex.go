package pattern

import (
	"bytes"
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
type regex struct {
	compiled func() *regexp.Regexp
	// longest is how many bytes what it matches has at most; 0 if there is no end.
	longest int
	// needs are words, with letters in lower case, of which one of each list is in all that
	// it matches: to look for these takes a hundredth of the time.
	needs [][][]byte
}

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
	return regex{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(s) }), longest(tree), needed(tree)}, atoms, nil
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

// around is how far before an atom is looked, and behind: as far as what has the atom in it
// can reach, and a byte more.
func (r regex) around() (before, behind int) {
	if r.longest > 0 && r.longest < reach {
		return r.longest + 1, r.longest + 1
	}
	return reach, 3 * reach
}

// match implements matcher for what never happens: expressions are verified.
func (regex) match(window, int, *atom) (from, to int, ok bool) { return 0, 0, false }

// find tells where in a part of a file the expression is.
func (r regex) find(w window, tell func(from, to int)) {
	if !r.may(w.bytes) {
		return
	}
	// What begins or ends where we cut it may not do so in the file.
	for _, found := range r.compiled().FindAllIndex(w.bytes, -1) {
		if (found[0] > 0 || w.begins) && (found[1] < len(w.bytes) || w.ends) {
			tell(found[0], found[1])
		}
	}
}

// may tells whether a part of a file has all words that must be there.
func (r regex) may(part []byte) bool {
	if len(r.needs) == 0 {
		return true
	}
	var space [4*reach + 2]byte
	lower := space[:len(part)]
	for i, c := range part {
		lower[i] = fold[c]
	}
	return !slices.ContainsFunc(r.needs, func(words [][]byte) bool {
		return !slices.ContainsFunc(words, func(word []byte) bool { return bytes.Contains(lower, word) })
	})
}

// maxNeeds is how many lists of words are looked for.
const maxNeeds = 4

// needed are the lists of words of which one must be there, the longest first.
func needed(re *syntax.Regexp) (needs [][][]byte) {
	for _, part := range parts(re) {
		var words [][]byte
		for _, w := range part {
			if !ascii(w) { // some letters of other alphabets are letters of ASCII in another case
				words = nil
				break
			}
			words = append(words, []byte(folded([]byte(w))))
		}
		if words != nil {
			needs = append(needs, words)
		}
	}
	shortest := func(words [][]byte) int {
		return len(slices.MinFunc(words, func(a, b []byte) int { return len(a) - len(b) }))
	}
	slices.SortStableFunc(needs, func(a, b [][]byte) int { return shortest(b) - shortest(a) })
	if len(needs) < 2 { // it is the atom
		return nil
	}
	return needs[:min(len(needs), maxNeeds)]
}

func ascii(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return c >= utf8.RuneSelf })
}

// longest is how many bytes what matches has at most; 0 if there is no end, or it is far.
func longest(re *syntax.Regexp) (n int) {
	sum := func(times int) int {
		all := 0
		for _, sub := range re.Sub {
			of := longest(sub)
			if of == 0 && !empty(sub) {
				return 0
			}
			if all += of * times; all > reach {
				return 0
			}
		}
		return all
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune) * utf8.UTFMax
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpRepeat:
		return sum(max(re.Max, 0))
	case syntax.OpConcat, syntax.OpCapture, syntax.OpQuest:
		return sum(1)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			of := longest(sub)
			if of == 0 && !empty(sub) {
				return 0
			}
			n = max(n, of)
		}
		return n
	default:
		return 0
	}
}

// empty tells whether what matches has no bytes: the end of a word, or of a line.
func empty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary, syntax.OpEmptyMatch:
		return true
	case syntax.OpConcat, syntax.OpCapture, syntax.OpAlternate, syntax.OpQuest:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !empty(sub) })
	default:
		return false
	}
}

// required are words of which one is in all that matches, in any case; nil if none can be
// told.
func required(re *syntax.Regexp) (words []string) {
	for _, part := range parts(re) {
		if words == nil || rarest(part) > rarest(words) {
			words = part
		}
	}
	return words
}

// parts are lists of words: one of each list is in all that matches.
func parts(re *syntax.Regexp) (all [][]string) {
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return parts(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min < 1 {
			return nil
		}
		return parts(re.Sub[0])
	case syntax.OpConcat:
		return partsOf(re.Sub)
	case syntax.OpAlternate:
		if words := exact(re); words != nil && !slices.Contains(words, "") {
			return [][]string{words}
		}
		var words []string
		for _, sub := range re.Sub {
			of := required(sub)
			if of == nil || len(words)+len(of) > maxAtoms {
				return nil
			}
			words = append(words, of...)
		}
		return [][]string{words}
	default:
		if words := exact(re); words != nil && !slices.Contains(words, "") {
			return [][]string{words}
		}
		return nil
	}
}

// partsOf are the parts of what follow one another. Those that are known to the letter are
// put together: the parser has taken apart what begins alike.
func partsOf(subs []*syntax.Regexp) (all [][]string) {
	run := []string{""}
	flush := func() {
		if !slices.Contains(run, "") {
			all = append(all, run)
		}
		run = []string{""}
	}
	for _, sub := range subs {
		if empty(sub) {
			continue
		}
		if joined := cross(run, exact(sub)); joined != nil {
			run = joined
			continue
		}
		flush()
		if run = exact(sub); run == nil {
			run = []string{""}
			all = append(all, parts(sub)...)
		}
	}
	flush()
	return all
}

// exact are all texts that match, in any case; nil if these are too many.
func exact(re *syntax.Regexp) (words []string) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpLiteral:
		if slices.Contains(re.Rune, utf8.RuneError) { // it matches bytes that are no UTF-8
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCapture:
		return exact(re.Sub[0])
	case syntax.OpConcat:
		words = []string{""}
		for _, sub := range re.Sub {
			if words = cross(words, exact(sub)); words == nil {
				return nil
			}
		}
		return words
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			of := exact(sub)
			if of == nil || len(words)+len(of) > maxAtoms {
				return nil
			}
			words = append(words, of...)
		}
		return words
	default:
		return nil
	}
}

// cross are the texts of one list with those of another behind them; nil if these are too
// many.
func cross(a, b []string) (all []string) {
	if len(a)*len(b) == 0 || len(a)*len(b) > maxAtoms {
		return nil
	}
	for _, x := range a {
		for _, y := range b {
			all = append(all, x+y)
		}
	}
	return all
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
