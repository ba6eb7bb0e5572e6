package rule

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
)

// textTerm is a term that is text. A get that is nil is no term.
type textTerm struct {
	// get is not ok where CEL must be asked.
	get func(*scene) (string, bool)
	// known is set if it is the same for all scenes, sure if it always is ok.
	known, sure bool
	// from is set if an index may look it up.
	from *origin
}

// numberTerm is a term that is an int.
type numberTerm struct {
	get         func(*scene) (int64, bool)
	known, sure bool
	from        *origin
}

// thingTerm is a term that is an object: a pointer to what its kind says.
type thingTerm struct {
	kind string
	get  func(*scene) (any, bool)
	sure bool
	from *origin
}

func constant(s string) textTerm {
	return textTerm{get: func(*scene) (string, bool) { return s, true }, known: true, sure: true}
}

// value is what a known term is.
func (t *textTerm) value() string {
	s, _ := t.get(nil)
	return s
}

// text makes the term of an expression that is text.
func (t *terms) text(e ast.Expr) textTerm {
	switch e.Kind() {
	case ast.LiteralKind:
		if s, ok := e.AsLiteral().(types.String); ok {
			return constant(string(s))
		}
	case ast.IdentKind:
		if l := t.variable(e.AsIdent()); l != nil && l.of.element == "" {
			depth := l.depth
			return textTerm{
				get:  func(s *scene) (string, bool) { return s.slots[depth].text, true },
				sure: true, from: l.origin(),
			}
		}
	case ast.SelectKind:
		return t.textOfField(e.AsSelect())
	case ast.CallKind:
		return t.textOfCall(e.AsCall())
	default:
	}
	return textTerm{}
}

func (t *terms) textOfField(sel ast.SelectExpr) textTerm {
	if sel.IsTestOnly() {
		return textTerm{}
	}
	name := sel.FieldName()
	if m := t.named(sel.Operand()); m.get != nil {
		return m.entry(constant(name))
	}
	of := t.thing(sel.Operand())
	f := t.words.fields[of.kind][name]
	if of.get == nil || f == nil || f.text == nil {
		return textTerm{}
	}
	if of.from.is("event") && name == "kind" && t.kind != "" {
		return constant(string(t.kind))
	}
	get, read := of.get, f.text
	return textTerm{sure: of.sure, from: of.from.then("." + name), get: func(s *scene) (string, bool) {
		x, ok := get(s)
		if !ok {
			return "", false
		}
		return read(x), true
	}}
}

func (t *terms) textOfCall(call ast.CallExpr) textTerm {
	args := call.Args()
	switch call.FunctionName() {
	case operators.Conditional:
		return t.textChoice(args)
	case operators.Add:
		a, b := t.text(args[0]), t.text(args[1])
		if a.get == nil || b.get == nil {
			return textTerm{}
		}
		return textTerm{sure: a.sure && b.sure, known: a.known && b.known, get: func(s *scene) (string, bool) {
			x, ok := a.get(s)
			y, ok2 := b.get(s)
			return x + y, ok && ok2
		}}
	case operators.Index:
		return t.textAt(args[0], args[1])
	case overloads.TypeConvertString:
		return t.toText(args)
	}
	if !call.IsMemberFunction() {
		return textTerm{}
	}
	if call.FunctionName() == "header" {
		return t.headerOf(call.Target(), args)
	}
	word := textWords[call.FunctionName()]
	of := t.text(call.Target())
	if word == nil || of.get == nil || len(args) != 0 {
		return textTerm{}
	}
	get, from := of.get, of.from.then("."+call.FunctionName()+"()")
	return textTerm{known: of.known, sure: of.sure, from: from, get: t.noted(from, func(s *scene) (string, bool) {
		x, ok := get(s)
		if !ok {
			return "", false
		}
		return word(x), true
	})}
}

// textChoice is "which ? a : b".
func (t *terms) textChoice(args []ast.Expr) textTerm {
	which, a, b := t.truth(args[0]), t.text(args[1]), t.text(args[2])
	switch {
	case a.get == nil || b.get == nil:
		return textTerm{}
	case which.is(yes):
		return a
	case which.is(no):
		return b
	}
	return textTerm{sure: which.sure && a.sure && b.sure, get: chosen(which.eval, a.get, b.get)}
}

// toText is string(x) of an int or of text.
func (t *terms) toText(args []ast.Expr) textTerm {
	if len(args) != 1 {
		return textTerm{}
	}
	switch t.ast.GetType(args[0].ID()).Kind() {
	case types.StringKind:
		return t.text(args[0])
	case types.IntKind:
		n := t.number(args[0])
		if n.get == nil {
			return textTerm{}
		}
		return textTerm{known: n.known, sure: n.sure, get: func(s *scene) (string, bool) {
			x, ok := n.get(s)
			return strconv.FormatInt(x, 10), ok
		}}
	default:
		return textTerm{}
	}
}

// headerOf is request.header(name).
func (t *terms) headerOf(request ast.Expr, args []ast.Expr) textTerm {
	if len(args) != 1 {
		return textTerm{}
	}
	of, name := t.thing(request), t.text(args[0])
	if of.get == nil || name.get == nil {
		return textTerm{}
	}
	var from *origin
	if name.known {
		from = of.from.then(".header(" + strings.ToLower(name.value()) + ")")
	}
	return textTerm{sure: of.sure && name.sure, from: from, get: func(s *scene) (string, bool) {
		x, ok := of.get(s)
		n, ok2 := name.get(s)
		if !ok || !ok2 {
			return "", false
		}
		return headerValue(x, n), true
	}}
}

// thing makes the term of an expression that is an object.
func (t *terms) thing(e ast.Expr) thingTerm {
	switch e.Kind() {
	case ast.IdentKind:
		return t.thingNamed(e.AsIdent())
	case ast.SelectKind:
		sel := e.AsSelect()
		of := t.thing(sel.Operand())
		f := t.words.fields[of.kind][sel.FieldName()]
		if of.get == nil || f == nil || f.object == nil || sel.IsTestOnly() {
			return thingTerm{}
		}
		get, read := of.get, f.object
		return thingTerm{
			kind: f.cel.Type.TypeName(), sure: of.sure, from: of.from.then("." + sel.FieldName()),
			get: func(s *scene) (any, bool) {
				x, ok := get(s)
				if !ok {
					return nil, false
				}
				return read(x), true
			},
		}
	case ast.CallKind:
		if call := e.AsCall(); call.FunctionName() == operators.Index {
			return t.thingAt(call.Args()[0], call.Args()[1])
		}
	default:
	}
	return thingTerm{}
}

func (t *terms) thingNamed(name string) thingTerm {
	if l := t.variable(name); l != nil {
		if l.of.element == "" {
			return thingTerm{}
		}
		depth := l.depth
		return thingTerm{
			kind: l.of.element, sure: true, from: l.origin(),
			get: func(s *scene) (any, bool) { return s.slots[depth].object, true },
		}
	}
	v := thingTerm{sure: true, from: &origin{key: name}}
	switch name {
	case "event":
		v.kind, v.get = eventType.TypeName(), func(s *scene) (any, bool) { return s.moment.Event, true }
	case "process":
		v.kind, v.get = processType.TypeName(), func(s *scene) (any, bool) { return s.moment.Process, true }
	case "parent":
		v.kind, v.get = processType.TypeName(), func(s *scene) (any, bool) { return s.parent.native, true }
	default:
		return thingTerm{}
	}
	return v
}

// length is what size() says of a text.
func length(s string) int64 { return int64(utf8.RuneCountInString(s)) }
