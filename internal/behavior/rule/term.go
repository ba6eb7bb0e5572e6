package rule

import (
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"github.com/detonaut/detonaut/chamber/tape"
)

// A term is a part of a condition as a function of Go. CEL says what a condition
// means, and a term says the same without making values of what it reads; where it
// cannot, because CEL would fail or because it does not know the construct, it
// says ask. Answers go together as CEL's do, with its errors in the place of ask:
// "false && error" is false, and so is "no && ask". So whatever is no or yes is
// what CEL would say, and who is asked decides about everything else.

// answer is what a term says of a scene.
type answer int8

// Answers.
const (
	no answer = iota
	yes
	ask
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

func (a answer) not() answer {
	switch a {
	case no:
		return yes
	case yes:
		return no
	default:
		return ask
	}
}

// maxDepth is how deep loops may be, one inside the other, for a term: CEL's, and
// what a term makes of "x in list".
const maxDepth = maxLoops + 1

// truthTerm is a term that is true or not.
type truthTerm struct {
	eval func(*scene) answer
	// known is set if the answer is the same for all scenes, sure if it never is ask.
	known, sure bool
	// Of the atoms in toBeYes one holds wherever the answer is not no, of those in
	// toBeNo wherever it is not yes; nil if nothing is known.
	toBeYes, toBeNo cover
}

// terms makes the terms of one condition.
type terms struct {
	words  *vocabulary
	ast    *ast.AST
	kind   tape.Kind // of all events it is for; empty if they may be of any
	scopes []scopeOf
	*shared
}

// scopeOf is a variable of a loop.
type scopeOf struct {
	name string
	loop *loop
}

// asks is what is said where a term does not know.
func asks() truthTerm { return always(ask) }

// always is the term of a constant.
func always(a answer) truthTerm {
	t := truthTerm{eval: func(*scene) answer { return a }, known: a != ask, sure: a != ask}
	switch a {
	case yes:
		t.toBeNo = cover{}
	case no:
		t.toBeYes = cover{}
	default:
	}
	return t
}

// is tells whether the term is a for all scenes.
func (t *truthTerm) is(a answer) bool { return t.known && t.eval(nil) == a }

// leaf is a term without terms in it. If what it reads is known it is a constant.
func leaf(known bool, eval func(*scene) answer) truthTerm {
	if known {
		return always(eval(nil))
	}
	return truthTerm{eval: eval}
}

// truth makes the term of an expression that is a bool.
func (t *terms) truth(e ast.Expr) truthTerm {
	switch e.Kind() {
	case ast.LiteralKind:
		if b, ok := e.AsLiteral().(types.Bool); ok {
			return always(answerOf(bool(b)))
		}
	case ast.SelectKind:
		return t.truthOfField(e.AsSelect())
	case ast.ComprehensionKind:
		return t.quantifier(e.AsComprehension())
	case ast.CallKind:
		return t.truthOfCall(e.AsCall())
	default:
	}
	return asks()
}

func (t *terms) truthOfCall(call ast.CallExpr) truthTerm {
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		return and(t.truth(args[0]), t.truth(args[1]))
	case operators.LogicalOr:
		return or(t.truth(args[0]), t.truth(args[1]))
	case operators.LogicalNot:
		return not(t.truth(args[0]))
	case operators.Conditional:
		return choose(t.truth(args[0]), t.truth(args[1]), t.truth(args[2]))
	case operators.Equals:
		return t.equal(args[0], args[1])
	case operators.NotEquals:
		return not(t.equal(args[0], args[1]))
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return t.compare(call.FunctionName(), args[0], args[1])
	case operators.In:
		return t.in(args[0], args[1])
	}
	if call.IsMemberFunction() {
		return t.truthOfWord(call.FunctionName(), call.Target(), args)
	}
	return asks()
}

func and(a, b truthTerm) truthTerm {
	switch {
	case a.is(no) || b.is(yes):
		return a
	case b.is(no) || a.is(yes):
		return b
	}
	return truthTerm{
		eval: joined(a.eval, b.eval, no, yes),
		sure: a.sure && b.sure, toBeYes: better(a.toBeYes, b.toBeYes), toBeNo: either(a.toBeNo, b.toBeNo),
	}
}

// joined is both of two conditions, or either: the one that decides does, and the
// second is not evaluated if the first does.
func joined(x, y func(*scene) answer, decides, other answer) func(*scene) answer {
	return func(s *scene) answer {
		first := x(s)
		if first == decides {
			return decides
		}
		if second := y(s); second != other {
			return second
		}
		return first
	}
}

// chosen is what one of two says, as a condition has it; unknown while that is.
func chosen[V any](which func(*scene) answer, a, b func(*scene) (V, bool)) func(*scene) (V, bool) {
	return func(s *scene) (v V, ok bool) {
		switch which(s) {
		case yes:
			return a(s)
		case no:
			return b(s)
		default:
			return v, false
		}
	}
}

func or(a, b truthTerm) truthTerm {
	switch {
	case a.is(yes) || b.is(no):
		return a
	case b.is(yes) || a.is(no):
		return b
	}
	return truthTerm{
		eval: joined(a.eval, b.eval, yes, no),
		sure: a.sure && b.sure, toBeYes: either(a.toBeYes, b.toBeYes), toBeNo: better(a.toBeNo, b.toBeNo),
	}
}

func not(a truthTerm) truthTerm {
	if a.known {
		return always(a.eval(nil).not())
	}
	eval := a.eval
	return truthTerm{eval: func(s *scene) answer { return eval(s).not() }, sure: a.sure, toBeYes: a.toBeNo, toBeNo: a.toBeYes}
}

// choose is "which ? a : b". CEL fails if it cannot tell which.
func choose(which, a, b truthTerm) truthTerm {
	switch {
	case which.is(yes):
		return a
	case which.is(no):
		return b
	}
	x, y, z := which.eval, a.eval, b.eval
	t := truthTerm{
		eval: func(s *scene) answer {
			switch x(s) {
			case yes:
				return y(s)
			case no:
				return z(s)
			default:
				return ask
			}
		},
		sure: which.sure && a.sure && b.sure,
	}
	if which.sure {
		t.toBeYes = either(better(which.toBeYes, a.toBeYes), better(which.toBeNo, b.toBeYes))
		t.toBeNo = either(better(which.toBeYes, a.toBeNo), better(which.toBeNo, b.toBeNo))
	} else {
		// Where which asks, a and b may say what they like.
		t.toBeYes = either(which.toBeYes, better(which.toBeNo, b.toBeYes))
		t.toBeNo = either(which.toBeYes, better(which.toBeNo, b.toBeNo))
	}
	return t
}

func (t *terms) truthOfField(sel ast.SelectExpr) truthTerm {
	of := t.thing(sel.Operand())
	f := t.words.fields[of.kind][sel.FieldName()]
	if of.get == nil || f == nil {
		return asks()
	}
	read, from := f.truth, of.from.then("."+sel.FieldName())
	if sel.IsTestOnly() {
		read, from = f.isSet, of.from.then(".has("+sel.FieldName()+")")
	}
	if read == nil {
		return asks()
	}
	return flag(from, of, read)
}

// flag is a term that reads whether something is so of a thing.
func flag(from *origin, of thingTerm, read func(any) bool) truthTerm {
	get := of.get
	f := truthTerm{sure: of.sure, eval: func(s *scene) answer {
		x, ok := get(s)
		if !ok {
			return ask
		}
		return answerOf(read(x))
	}}
	word := func(s *scene) (string, bool) {
		switch f.eval(s) {
		case yes:
			return "yes", true
		case no:
			return "no", true
		default:
			return "", false
		}
	}
	f.toBeYes = from.texts(word, exactly, "yes")
	f.toBeNo = from.texts(word, exactly, "no")
	return f
}

// variable finds the loop that a name is the variable of.
func (t *terms) variable(name string) *loop {
	for _, s := range slices.Backward(t.scopes) {
		if s.name == name {
			return s.loop
		}
	}
	return nil
}
