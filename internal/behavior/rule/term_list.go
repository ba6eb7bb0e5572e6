package rule

import (
	"slices"
	"strconv"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// listTerm is a term that is a list, of texts or of objects.
type listTerm struct {
	// element is the kind of its objects; empty if it is of texts.
	element string
	open    func(*scene) (opened, bool)
	sure    bool
	from    *origin
}

// opened is the list of one scene.
type opened struct {
	count int
	texts []string
	// Objects lie with their owner.
	owner any
	item  func(any, int) any
}

// loop goes through a list: each element takes the slot of its depth.
type loop struct {
	depth int
	of    listTerm
}

// slot is the element at which a loop is.
type slot struct {
	text   string
	object any
}

func (l *loop) pick(s *scene, o *opened, i int) {
	if o.item == nil {
		s.slots[l.depth].text = o.texts[i]
	} else {
		s.slots[l.depth].object = o.item(o.owner, i)
	}
}

// origin is that of the elements; nil if the list itself depends on a loop.
func (l *loop) origin() *origin {
	if l.of.from == nil || l.of.from.loop != nil {
		return nil
	}
	return &origin{key: l.of.from.key + "[]", loop: l}
}

// list makes the term of an expression that is a list.
func (t *terms) list(e ast.Expr) listTerm {
	switch e.Kind() {
	case ast.IdentKind:
		if t.variable(e.AsIdent()) != nil {
			return listTerm{}
		}
		switch e.AsIdent() {
		case "ancestors":
			return listTerm{element: processType.TypeName(), sure: true, from: &origin{key: "ancestors"}, open: func(s *scene) (opened, bool) {
				p := s.moment.Process
				return opened{count: len(p.Ancestors()), owner: p, item: ancestor}, true
			}}
		case "earlier":
			return listTerm{element: eventType.TypeName(), sure: true, open: func(s *scene) (opened, bool) {
				return opened{count: len(s.earlier), owner: s, item: before}, true
			}}
		}
	case ast.SelectKind:
		return t.listOfField(e.AsSelect())
	default:
	}
	return listTerm{}
}

func ancestor(p any, i int) any             { return p.(*behavior.Process).Ancestors()[i] }
func before(s any, i int) any               { return s.(*scene).earlier[i] }
func headerValue(h any, name string) string { return header(h.(*tape.HTTP), name) }

func (t *terms) listOfField(sel ast.SelectExpr) listTerm {
	of := t.thing(sel.Operand())
	f := t.words.fields[of.kind][sel.FieldName()]
	if of.get == nil || f == nil || sel.IsTestOnly() {
		return listTerm{}
	}
	get, l := of.get, listTerm{sure: of.sure, from: of.from.then("." + sel.FieldName())}
	switch {
	case f.texts != nil:
		l.open = func(s *scene) (opened, bool) {
			x, ok := get(s)
			if !ok {
				return opened{}, false
			}
			all := f.texts(x)
			return opened{count: len(all), texts: all}, true
		}
	case f.item != nil:
		l.element = f.cel.Type.Parameters()[0].TypeName()
		l.open = func(s *scene) (opened, bool) {
			x, ok := get(s)
			if !ok {
				return opened{}, false
			}
			return opened{count: f.count(x), owner: x, item: f.item}, true
		}
	}
	return l
}

// quantifier is list.exists(x, ...) or list.all(x, ...), as CEL writes them out.
func (t *terms) quantifier(c ast.ComprehensionExpr) truthTerm {
	all, each := quantified(c)
	of := t.list(c.IterRange())
	if each == nil || of.open == nil || len(t.scopes) == maxDepth {
		return asks()
	}
	l := &loop{depth: len(t.scopes), of: of}
	t.scopes = append(t.scopes, scopeOf{c.IterVar(), l})
	x := t.truth(each)
	t.scopes = t.scopes[:l.depth]
	if all {
		return not(l.any(not(x)))
	}
	return l.any(x)
}

// quantified tells which of the two c is, and what is asked of each element; nil
// if it is neither.
func quantified(c ast.ComprehensionExpr) (all bool, each ast.Expr) {
	start, step, accu := c.AccuInit(), c.LoopStep(), c.AccuVar()
	if c.HasIterVar2() || start.Kind() != ast.LiteralKind || step.Kind() != ast.CallKind ||
		c.Result().Kind() != ast.IdentKind || c.Result().AsIdent() != accu {
		return false, nil
	}
	first, isBool := start.AsLiteral().(types.Bool)
	call := step.AsCall()
	args := call.Args()
	if !isBool || len(args) != 2 || args[0].Kind() != ast.IdentKind || args[0].AsIdent() != accu {
		return false, nil
	}
	switch {
	case bool(first) && call.FunctionName() == operators.LogicalAnd:
		return true, args[1]
	case !bool(first) && call.FunctionName() == operators.LogicalOr:
		return false, args[1]
	default:
		return false, nil
	}
}

// any tells whether x is so for an element.
func (l *loop) any(x truthTerm) truthTerm {
	if x.is(no) && l.of.sure {
		return x
	}
	open, eval := l.of.open, x.eval
	return truthTerm{sure: l.of.sure && x.sure, toBeYes: l.of.cover(x.toBeYes), eval: func(s *scene) answer {
		list, ok := open(s)
		if !ok {
			return ask
		}
		said := no
		for i := range list.count {
			l.pick(s, &list, i)
			switch eval(s) {
			case yes:
				return yes
			case ask:
				said = ask
			default:
			}
		}
		return said
	}}
}

// cover is that of a term about elements for a term about the list, which asks
// where the list cannot be read.
func (l *listTerm) cover(c cover) cover {
	if !l.sure {
		return nil
	}
	return c
}

// atTerm is what stands between brackets.
type atTerm struct {
	numberTerm
	from string // what it adds to an origin; empty if it is not known
}

func (t *terms) at(e ast.Expr) atTerm {
	a := atTerm{numberTerm: t.number(e)}
	if a.get != nil && a.known {
		i, _ := a.get(nil)
		a.from = "[" + strconv.FormatInt(i, 10) + "]"
	}
	return a
}

// element is where list[at] is, as far as that is known.
func (a *atTerm) element(list *origin) *origin {
	if a.from == "" {
		return nil
	}
	return list.then(a.from)
}

// find opens the list of a scene and says which element it is; it is not ok where
// there is none.
func (a *atTerm) find(l *listTerm, s *scene) (list opened, i int, ok bool) {
	list, ok = l.open(s)
	n, ok2 := a.get(s)
	return list, int(n), ok && ok2 && n >= 0 && n < int64(list.count)
}

// thingAt is list[number].
func (t *terms) thingAt(of, at ast.Expr) thingTerm {
	if t.ast.GetType(of.ID()).Kind() != types.ListKind {
		return thingTerm{}
	}
	l, a := t.list(of), t.at(at)
	if l.open == nil || l.element == "" || a.get == nil {
		return thingTerm{}
	}
	return thingTerm{kind: l.element, from: a.element(l.from), get: func(s *scene) (any, bool) {
		list, i, ok := a.find(&l, s)
		if !ok {
			return nil, false
		}
		return list.item(list.owner, i), true
	}}
}

// textAt is list[number] or map[text].
func (t *terms) textAt(of, at ast.Expr) textTerm {
	if m := t.named(of); m.get != nil {
		if name := t.text(at); name.get != nil {
			return m.entry(name)
		}
		return textTerm{}
	}
	l, a := t.list(of), t.at(at)
	if l.open == nil || l.element != "" || a.get == nil {
		return textTerm{}
	}
	return textTerm{from: a.element(l.from), get: func(s *scene) (string, bool) {
		list, i, ok := a.find(&l, s)
		if !ok {
			return "", false
		}
		return list.texts[i], true
	}}
}

// namedTerm is a term that is a map of texts by name.
type namedTerm struct {
	get  func(*scene) (map[string]string, bool)
	sure bool
	from *origin
}

func (t *terms) named(e ast.Expr) namedTerm {
	if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() {
		return namedTerm{}
	}
	sel := e.AsSelect()
	of := t.thing(sel.Operand())
	f := t.words.fields[of.kind][sel.FieldName()]
	if of.get == nil || f == nil || f.named == nil {
		return namedTerm{}
	}
	get := of.get
	return namedTerm{sure: of.sure, from: of.from.then("." + sel.FieldName()), get: func(s *scene) (map[string]string, bool) {
		x, ok := get(s)
		if !ok {
			return nil, false
		}
		return f.named(x), true
	}}
}

// entry is that of a name; an absent one reads as "".
func (m namedTerm) entry(name textTerm) textTerm {
	if name.known {
		key := name.value()
		return textTerm{sure: m.sure, from: m.from.then("[" + strconv.Quote(key) + "]"), get: func(s *scene) (string, bool) {
			entries, ok := m.get(s)
			return entries[key], ok
		}}
	}
	return textTerm{sure: m.sure && name.sure, get: func(s *scene) (string, bool) {
		entries, ok := m.get(s)
		key, ok2 := name.get(s)
		return entries[key], ok && ok2
	}}
}

// in is "x in list", or "x in map".
func (t *terms) in(x, of ast.Expr) truthTerm {
	if of.Kind() == ast.ListKind {
		return t.inLiteral(x, of.AsList())
	}
	word := t.text(x)
	if word.get == nil {
		return asks()
	}
	if m := t.named(of); m.get != nil {
		return truthTerm{sure: word.sure && m.sure, eval: func(s *scene) answer {
			key, ok := word.get(s)
			entries, ok2 := m.get(s)
			if !ok || !ok2 {
				return ask
			}
			_, found := entries[key]
			return answerOf(found)
		}}
	}
	l := t.list(of)
	if l.open == nil || l.element != "" {
		return asks()
	}
	in := truthTerm{sure: word.sure && l.sure, eval: func(s *scene) answer {
		w, ok := word.get(s)
		list, ok2 := l.open(s)
		if !ok || !ok2 {
			return ask
		}
		return answerOf(slices.Contains(list.texts, w))
	}}
	if word.known && len(t.scopes) < maxDepth {
		each := &loop{depth: len(t.scopes), of: l}
		get := func(s *scene) (string, bool) { return s.slots[each.depth].text, true }
		in.toBeYes = l.cover(each.origin().texts(get, exactly, word.value()))
	}
	return in
}
