package rule

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"

	"github.com/detonaut/detonaut/internal/behavior"
)

// manyWords is from how many words on a set is faster than looking at each, and
// fewWords up to how many to look for each is faster than a pattern.
const (
	manyWords = 8
	fewWords  = 24
)

// equal is "a == b".
func (t *terms) equal(a, b ast.Expr) truthTerm {
	switch t.ast.GetType(a.ID()).Kind() {
	case types.StringKind:
		x, y := t.text(a), t.text(b)
		if x.get == nil || y.get == nil {
			return asks()
		}
		if x.known {
			x, y = y, x
		}
		if y.known {
			want := y.value()
			return x.test(func(s string) bool { return s == want }, exactly, want)
		}
		return truthTerm{sure: x.sure && y.sure, eval: func(s *scene) answer {
			v, ok := x.get(s)
			w, ok2 := y.get(s)
			if !ok || !ok2 {
				return ask
			}
			return answerOf(v == w)
		}}
	case types.IntKind:
		return t.compare(operators.Equals, a, b)
	case types.BoolKind:
		return same(t.truth(a), t.truth(b))
	default:
		return asks()
	}
}

func same(x, y truthTerm) truthTerm {
	return truthTerm{sure: x.sure && y.sure, eval: func(s *scene) answer {
		a, b := x.eval(s), y.eval(s)
		if a == ask || b == ask {
			return ask
		}
		return answerOf(a == b)
	}}
}

// test asks whether x holds for a text. Where it does, one of words is in the text
// in that way; without words nothing is known.
func (t textTerm) test(f func(string) bool, h how, words ...string) truthTerm {
	get := t.get
	x := leaf(t.known, func(s *scene) answer {
		v, ok := get(s)
		if !ok {
			return ask
		}
		return answerOf(f(v))
	})
	if !x.known {
		x.sure = t.sure
		if words != nil {
			x.toBeYes = t.from.texts(get, h, words...)
		}
	}
	return x
}

// comparisons are those of two ints.
var comparisons = map[string]func(x, y int64) bool{
	operators.Equals:        func(x, y int64) bool { return x == y },
	operators.Less:          func(x, y int64) bool { return x < y },
	operators.LessEquals:    func(x, y int64) bool { return x <= y },
	operators.Greater:       func(x, y int64) bool { return x > y },
	operators.GreaterEquals: func(x, y int64) bool { return x >= y },
}

// compare compares two ints.
func (t *terms) compare(function string, a, b ast.Expr) truthTerm {
	if t.ast.GetType(a.ID()).Kind() != types.IntKind || t.ast.GetType(b.ID()).Kind() != types.IntKind {
		return asks()
	}
	x, y, f := t.number(a), t.number(b), comparisons[function]
	if x.get == nil || y.get == nil {
		return asks()
	}
	c := leaf(x.known && y.known, func(s *scene) answer {
		v, ok := x.get(s)
		w, ok2 := y.get(s)
		if !ok || !ok2 {
			return ask
		}
		return answerOf(f(v, w))
	})
	if !c.known {
		c.sure = x.sure && y.sure
		if function == operators.Equals && y.known {
			n, _ := y.get(nil)
			c.toBeYes = x.from.numbers(x.get, n)
		}
	}
	return c
}

// inLiteral is "x in [...]".
func (t *terms) inLiteral(x ast.Expr, list ast.ListExpr) truthTerm {
	if len(list.OptionalIndices()) > 0 {
		return asks()
	}
	switch t.ast.GetType(x.ID()).Kind() {
	case types.StringKind:
		return t.inTexts(x, list.Elements())
	case types.IntKind:
		return t.inNumbers(x, list.Elements())
	default:
		return asks()
	}
}

func (t *terms) inTexts(x ast.Expr, elements []ast.Expr) truthTerm {
	of := t.text(x)
	if of.get == nil {
		return asks()
	}
	words, ok := t.texts(elements)
	if ok {
		return of.test(oneOf(words), exactly, words...)
	}
	all := make([]textTerm, len(elements))
	sure := of.sure
	for i, e := range elements {
		if all[i] = t.text(e); all[i].get == nil {
			return asks()
		}
		sure = sure && all[i].sure
	}
	return truthTerm{sure: sure, eval: func(s *scene) answer {
		v, ok := of.get(s)
		found := false
		for i := range all {
			w, ok2 := all[i].get(s)
			ok, found = ok && ok2, found || v == w
		}
		if !ok {
			return ask
		}
		return answerOf(found)
	}}
}

func (t *terms) inNumbers(x ast.Expr, elements []ast.Expr) truthTerm {
	of := t.number(x)
	numbers := make([]int64, len(elements))
	for i, e := range elements {
		n := t.number(e)
		if of.get == nil || n.get == nil || !n.known {
			return asks()
		}
		numbers[i], _ = n.get(nil)
	}
	in := leaf(of.known, func(s *scene) answer {
		v, ok := of.get(s)
		if !ok {
			return ask
		}
		return answerOf(slices.Contains(numbers, v))
	})
	if !in.known {
		in.sure, in.toBeYes = of.sure, of.from.numbers(of.get, numbers...)
	}
	return in
}

// texts are those of expressions, if all of them are known. It never is nil then.
func (t *terms) texts(elements []ast.Expr) (words []string, ok bool) {
	words = make([]string, len(elements))
	for i, e := range elements {
		x := t.text(e)
		if x.get == nil || !x.known {
			return nil, false
		}
		words[i] = x.value()
	}
	return words, true
}

// oneOf tells whether a text is one of words.
func oneOf(words []string) func(string) bool {
	if len(words) < manyWords {
		return func(s string) bool { return slices.Contains(words, s) }
	}
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return func(s string) bool { return set[s] }
}

// truthOfWord is x.word(args).
func (t *terms) truthOfWord(function string, target ast.Expr, args []ast.Expr) truthTerm {
	if function == "is" && len(args) == 1 {
		return t.role(target, args[0])
	}
	of := t.text(target)
	if of.get == nil {
		return asks()
	}
	if f := truthWords[function]; f != nil && len(args) == 0 {
		return of.test(f, exactly)
	}
	if len(args) != 1 {
		return asks()
	}
	if function == "under" {
		return t.under(of, args[0])
	}
	word := t.text(args[0])
	if word.get == nil {
		return asks()
	}
	switch function {
	case overloads.Contains:
		return of.relate(word, strings.Contains, within)
	case overloads.StartsWith:
		return of.relate(word, strings.HasPrefix, beginning)
	case overloads.EndsWith:
		return of.relate(word, strings.HasSuffix, ending)
	case overloads.Matches:
		return t.matches(of, word)
	default:
		return asks()
	}
}

// relate asks for the word in a text.
func (t textTerm) relate(word textTerm, f func(s, word string) bool, h how) truthTerm {
	if word.known {
		w := word.value()
		return t.test(func(s string) bool { return f(s, w) }, h, w)
	}
	return truthTerm{sure: t.sure && word.sure, eval: func(s *scene) answer {
		v, ok := t.get(s)
		w, ok2 := word.get(s)
		if !ok || !ok2 {
			return ask
		}
		return answerOf(f(v, w))
	}}
}

// under is path.under(dir) or path.under([dir, ...]).
func (t *terms) under(of textTerm, arg ast.Expr) truthTerm {
	elements := []ast.Expr{arg}
	if arg.Kind() == ast.ListKind {
		if len(arg.AsList().OptionalIndices()) > 0 {
			return asks()
		}
		elements = arg.AsList().Elements()
	}
	dirs, ok := t.texts(elements)
	if !ok {
		return asks()
	}
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { return dir == "" }) // nothing is below it
	starts := make([]string, len(dirs))
	for i, dir := range dirs {
		starts[i] = strings.TrimSuffix(dir, "/")
	}
	return of.test(func(s string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool { return under(s, dir) })
	}, beginning, starts...)
}

// matches is text.matches(pattern).
func (t *terms) matches(of, pattern textTerm) truthTerm {
	if !pattern.known {
		return asks()
	}
	re := t.compiled(pattern.value())
	if re == nil {
		return asks()
	}
	words := required(pattern.value())
	switch n := len(words); {
	case n == 0:
		return of.test(re.MatchString, within)
	case n > fewWords:
		return of.test(re.MatchString, within, words...)
	}
	// To look for the words costs a fraction of the pattern.
	return of.test(func(s string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s, w) }) && re.MatchString(s)
	}, within, words...)
}

// role is process.is(role).
func (t *terms) role(process, role ast.Expr) truthTerm {
	of, word := t.thing(process), t.text(role)
	if of.get == nil || of.kind != processType.TypeName() || word.get == nil || !word.known {
		return asks()
	}
	want := word.value()
	return flag(of.from.then(".is("+want+")"), of, func(p any) bool { return p.(*behavior.Process).Role() == want })
}
