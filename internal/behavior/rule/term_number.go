package rule

import (
	"math"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
)

// number makes the term of an expression that is an int.
func (t *terms) number(e ast.Expr) numberTerm {
	switch e.Kind() {
	case ast.LiteralKind:
		if n, ok := e.AsLiteral().(types.Int); ok {
			return numberTerm{get: func(*scene) (int64, bool) { return int64(n), true }, known: true, sure: true}
		}
	case ast.SelectKind:
		sel := e.AsSelect()
		of := t.thing(sel.Operand())
		f := t.words.fields[of.kind][sel.FieldName()]
		if of.get == nil || f == nil || f.number == nil || sel.IsTestOnly() {
			return numberTerm{}
		}
		get, read := of.get, f.number
		return numberTerm{sure: of.sure, from: of.from.then("." + sel.FieldName()), get: func(s *scene) (int64, bool) {
			x, ok := get(s)
			if !ok {
				return 0, false
			}
			return read(x), true
		}}
	case ast.CallKind:
		return t.numberOfCall(e.AsCall())
	default:
	}
	return numberTerm{}
}

func (t *terms) numberOfCall(call ast.CallExpr) numberTerm {
	args := call.Args()
	if f := arithmetic[call.FunctionName()]; f != nil && len(args) == 2 {
		a, b := t.number(args[0]), t.number(args[1])
		if a.get == nil || b.get == nil {
			return numberTerm{}
		}
		known := a.known && b.known && fits(f, a, b)
		return numberTerm{known: known, sure: known || a.sure && divides(call.FunctionName(), b), get: func(s *scene) (int64, bool) {
			x, ok := a.get(s)
			y, ok2 := b.get(s)
			if !ok || !ok2 {
				return 0, false
			}
			return f(x, y)
		}}
	}
	switch call.FunctionName() {
	case operators.Conditional:
		return t.numberChoice(args)
	case overloads.Size:
		of := call.Target()
		if !call.IsMemberFunction() {
			of = args[0]
		}
		return t.size(of)
	}
	if !call.IsMemberFunction() {
		return numberTerm{}
	}
	word, of := numberWords[call.FunctionName()], t.text(call.Target())
	if word == nil || of.get == nil || len(args) != 0 {
		return numberTerm{}
	}
	return of.measure(of.from.then("."+call.FunctionName()+"()"), word)
}

// measure is a number that a text has.
func (t textTerm) measure(from *origin, word func(string) int64) numberTerm {
	get := t.get
	return numberTerm{known: t.known, sure: t.sure, from: from, get: func(s *scene) (int64, bool) {
		x, ok := get(s)
		if !ok {
			return 0, false
		}
		return word(x), true
	}}
}

// numberChoice is "which ? a : b".
func (t *terms) numberChoice(args []ast.Expr) numberTerm {
	which, a, b := t.truth(args[0]), t.number(args[1]), t.number(args[2])
	switch {
	case a.get == nil || b.get == nil:
		return numberTerm{}
	case which.is(yes):
		return a
	case which.is(no):
		return b
	}
	return numberTerm{sure: which.sure && a.sure && b.sure, get: chosen(which.eval, a.get, b.get)}
}

// size is that of a text, in characters, or of a list.
func (t *terms) size(e ast.Expr) numberTerm {
	switch t.ast.GetType(e.ID()).Kind() {
	case types.StringKind:
		if of := t.text(e); of.get != nil {
			return of.measure(nil, length)
		}
	case types.ListKind:
		if of := t.list(e); of.open != nil {
			return numberTerm{sure: of.sure, get: func(s *scene) (int64, bool) {
				l, ok := of.open(s)
				return int64(l.count), ok
			}}
		}
	default:
	}
	return numberTerm{}
}

// arithmetic is what CEL does with two ints; it is not ok where CEL fails.
var arithmetic = map[string]func(x, y int64) (int64, bool){
	operators.Add: func(x, y int64) (int64, bool) {
		sum := x + y
		return sum, (sum > x) == (y > 0)
	},
	operators.Subtract: func(x, y int64) (int64, bool) {
		d := x - y
		return d, (d < x) == (y > 0)
	},
	operators.Multiply: func(x, y int64) (int64, bool) {
		if x == 0 || y == 0 {
			return 0, true
		}
		p := x * y
		return p, p/y == x && !(x == -1 && y == math.MinInt64) && !(y == -1 && x == math.MinInt64)
	},
	operators.Divide: func(x, y int64) (int64, bool) {
		if y == 0 || x == math.MinInt64 && y == -1 {
			return 0, false
		}
		return x / y, true
	},
	operators.Modulo: func(x, y int64) (int64, bool) {
		if y == 0 || x == math.MinInt64 && y == -1 {
			return 0, false
		}
		return x % y, true
	},
}

// fits tells whether f is ok for two numbers that are known.
func fits(f func(x, y int64) (int64, bool), a, b numberTerm) bool {
	x, ok := a.get(nil)
	y, ok2 := b.get(nil)
	if !ok || !ok2 {
		return false
	}
	_, ok = f(x, y)
	return ok
}

// divides tells whether a division by b never fails.
func divides(function string, b numberTerm) bool {
	if !b.known || function != operators.Divide && function != operators.Modulo {
		return false
	}
	n, _ := b.get(nil)
	return n != 0 && n != -1
}
