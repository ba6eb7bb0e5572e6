package secret

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// An anchor is a set of words of which every match of a rule has one. It is derived
// from the rule's expression, so that the expression is run only around such words.
type anchor struct {
	// words are in lower case. cased are the ways in which they may be written; nil
	// if in any case.
	words []string
	cased map[string]bool
	// before and after are the most bytes that a match has before and after the
	// word; unbounded if there is no such number.
	before, after int
	// boundary is set when no letter, digit or underscore is right before the word.
	boundary bool
	// tail is what must follow the word.
	tail *tail
	// near is set for keywords that matches are near to, but need not have.
	near bool
}

const (
	unbounded = 1 << 30
	maxWords  = 128 // of one anchor
	maxWord   = 64  // bytes
)

// place is where a part of an expression stands in the whole.
type place struct {
	before, after int
	// prefix is what stands right before it, and not in before; nothing if that is
	// not known. boundary is set when no word reaches into the prefix.
	prefix   spelling
	boundary bool
	next     []*syntax.Regexp // what follows
}

// anchors returns the anchors of an expression: every match has a word of at least
// one of them. It returns nil if there are none.
func anchors(expression string) ([]anchor, error) {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return find(re, place{prefix: nothing}), nil
}

func find(re *syntax.Regexp, at place) []anchor {
	if s := spell(re); s.words != nil {
		if at.prefix.then(s).long(2) {
			return []anchor{newAnchor(s, at)}
		}
		return nil
	}
	switch re.Op {
	case syntax.OpCapture:
		return find(re.Sub[0], at)
	case syntax.OpPlus, syntax.OpRepeat:
		if re.Op == syntax.OpRepeat && re.Min == 0 {
			return nil
		}
		_, one := lengths(re.Sub[0])
		_, all := lengths(re)
		at.before, at.prefix, at.boundary = sum(at.before, at.prefix.longest()), nothing, at.boundary && at.prefix.none()
		at.after, at.next = sum(at.after, max(all-one, 0)), nil
		if all == unbounded {
			at.after = unbounded
		}
		return find(re.Sub[0], at)
	case syntax.OpAlternate:
		var all []anchor
		for _, sub := range re.Sub {
			found := find(sub, at)
			if found == nil {
				return nil
			}
			all = append(all, found...)
		}
		return all
	case syntax.OpConcat:
		return findInConcat(re.Sub, at)
	default:
		return nil
	}
}

// findInConcat returns the best anchors that a part has, or several in a row.
func findInConcat(parts []*syntax.Regexp, at place) (best []anchor) {
	offer := func(found []anchor) {
		if found != nil && (best == nil || better(found, best)) {
			best = found
		}
	}
	for i := 0; i < len(parts); {
		whole, j := nothing, i
		for ; j < len(parts); j++ {
			s := whole.then(spell(parts[j]))
			if s.words == nil {
				break
			}
			whole = s
		}
		in := at.within(parts, i, j)
		if in.prefix.then(whole).long(2) {
			offer([]anchor{newAnchor(whole, in)})
		}
		if j < len(parts) {
			in.after, in.next = at.behind(parts[j+1:])
			offer(find(parts[j], in.then(whole)))
		}
		i = j + 1
	}
	return best
}

// within is the place of parts[i:j], whose concatenation is at p.
func (p place) within(parts []*syntax.Regexp, i, j int) place {
	p.after, p.next = p.behind(parts[j:])
	for k, part := range parts[:min(i+1, len(parts))] {
		if part.Op == syntax.OpWordBoundary && p.prefix.none() {
			p.boundary = true // what begins the row may be one itself
		}
		if _, most := lengths(part); k < i && most > 0 {
			p.before = sum(p.before, sum(p.prefix.longest(), most))
			p.prefix, p.boundary = nothing, false
		}
	}
	return p
}

// behind is what follows when parts come before what follows p.
func (p place) behind(parts []*syntax.Regexp) (after int, next []*syntax.Regexp) {
	after = p.after
	for _, part := range parts {
		_, most := lengths(part)
		after = sum(after, most)
	}
	return after, slices.Concat(parts, p.next)
}

// then is the place behind s.
func (p place) then(s spelling) place {
	both := p.prefix.then(s)
	if both.words == nil {
		p.before, p.boundary = sum(p.before, p.prefix.longest()), false
		both = s
	}
	p.prefix = both
	return p
}

// better tells whether a leads to less work than b: what must follow its words, or
// their length, makes them rare; it is known how much before them to look at; they are
// long; they are few.
func better(a, b []anchor) bool {
	aRare, aBounded, aShortest, aCount := rank(a)
	bRare, bBounded, bShortest, bCount := rank(b)
	switch {
	case aRare != bRare:
		return aRare
	case aBounded != bBounded:
		return aBounded
	case aShortest != bShortest:
		return aShortest > bShortest
	}
	return aCount < bCount
}

func rank(all []anchor) (rare, bounded bool, shortest, count int) {
	rare, bounded, shortest = true, true, maxWord
	for i := range all {
		length := maxWord
		for _, w := range all[i].words {
			length = min(length, len(w))
		}
		rare = rare && (all[i].tail != nil || length >= 8)
		bounded = bounded && all[i].before < unbounded
		shortest = min(shortest, length)
		count += len(all[i].words)
	}
	return rare, bounded, shortest, count
}

func newAnchor(s spelling, at place) anchor {
	s = at.prefix.then(s)
	a := anchor{before: at.before, after: at.after, boundary: at.boundary, tail: newTail(at.next)}
	for _, w := range s.words {
		a.words = append(a.words, strings.ToLower(w))
		a.boundary = a.boundary && isWord(w[0])
	}
	slices.Sort(a.words)
	a.words = slices.Compact(a.words)
	if !s.folded {
		a.cased = map[string]bool{}
		for _, w := range s.words {
			a.cased[w] = true
		}
	}
	return a
}

// A spelling is every text that a part of an expression matches; words is nil if
// those are too many. If it is folded they are matched in any case.
type spelling struct {
	words  []string
	folded bool
}

// nothing is the empty text.
var nothing = spelling{words: []string{""}}

func (s spelling) none() bool { return len(s.words) == 1 && s.words[0] == "" }

func (s spelling) longest() (n int) {
	for _, w := range s.words {
		n = max(n, len(w))
	}
	return n
}

// long tells whether every text has at least n bytes.
func (s spelling) long(n int) bool {
	return s.words != nil && !slices.ContainsFunc(s.words, func(w string) bool { return len(w) < n })
}

// then is what s and t match one after the other.
func (s spelling) then(t spelling) spelling {
	if t.words == nil || len(s.words)*len(t.words) > maxWords {
		return spelling{}
	}
	both := spelling{folded: s.folded || t.folded}
	for _, a := range s.words {
		for _, b := range t.words {
			if len(a)+len(b) > maxWord {
				return spelling{}
			}
			both.words = append(both.words, a+b)
		}
	}
	return both
}

func spell(re *syntax.Regexp) spelling {
	switch re.Op {
	case syntax.OpLiteral:
		return spelling{[]string{string(re.Rune)}, re.Flags&syntax.FoldCase != 0}.ascii()
	case syntax.OpCharClass:
		var s spelling
		for i := 0; i < len(re.Rune); i += 2 {
			lo, hi := re.Rune[i], re.Rune[i+1]
			if folds(lo, hi) {
				continue
			}
			if len(s.words)+int(hi-lo) >= 16 {
				return spelling{}
			}
			for r := lo; r <= hi; r++ {
				s.words = append(s.words, string(r))
			}
		}
		return s.ascii()
	case syntax.OpCapture:
		return spell(re.Sub[0])
	case syntax.OpConcat:
		s := spelling{words: []string{""}}
		for _, sub := range re.Sub {
			if s = s.then(spell(sub)); s.words == nil {
				return s
			}
		}
		return s
	case syntax.OpAlternate:
		var s spelling
		for _, sub := range re.Sub {
			t := spell(sub)
			if t.words == nil || len(s.words)+len(t.words) > maxWords {
				return spelling{}
			}
			s = spelling{append(s.words, t.words...), s.folded || t.folded}
		}
		return s
	case syntax.OpQuest:
		s := spell(re.Sub[0])
		if s.words != nil {
			s.words = append([]string{""}, s.words...)
		}
		return s
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return nothing
	default:
		return spelling{}
	}
}

// ascii is s if it is of ASCII only, else nothing.
func (s spelling) ascii() spelling {
	for _, w := range s.words {
		for i := range len(w) {
			if w[i] >= 0x80 {
				return spelling{}
			}
		}
	}
	return s
}

// folds tells whether a range of runes is the Kelvin sign or the long s: a class
// of letters in any case has them. They are not looked for.
func folds(lo, hi rune) bool { return lo == hi && (lo == '\u212a' || lo == '\u017f') }

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func sum(a, b int) int { return min(a+b, unbounded) }

// lengths returns the fewest and the most bytes that re matches.
func lengths(re *syntax.Regexp) (least, most int) {
	switch re.Op {
	case syntax.OpLiteral:
		n := len(string(re.Rune))
		return n, n
	case syntax.OpCharClass:
		widest := 1
		for i := 0; i < len(re.Rune); i += 2 {
			if !folds(re.Rune[i], re.Rune[i+1]) {
				widest = max(widest, len(string(re.Rune[i+1])))
			}
		}
		return 1, widest
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, 4
	case syntax.OpCapture:
		return lengths(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			l, m := lengths(sub)
			least, most = sum(least, l), sum(most, m)
		}
		return least, most
	case syntax.OpAlternate:
		least = unbounded
		for _, sub := range re.Sub {
			l, m := lengths(sub)
			least, most = min(least, l), max(most, m)
		}
		return least, most
	case syntax.OpQuest:
		_, most = lengths(re.Sub[0])
		return 0, most
	case syntax.OpStar, syntax.OpPlus:
		least, _ = lengths(re.Sub[0])
		if re.Op == syntax.OpStar {
			least = 0
		}
		return least, unbounded
	case syntax.OpRepeat:
		l, m := lengths(re.Sub[0])
		if re.Max < 0 || m == unbounded {
			return l * re.Min, unbounded
		}
		return l * re.Min, m * re.Max
	default: // between characters
		return 0, 0
	}
}
