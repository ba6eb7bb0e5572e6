package rule

import (
	"slices"
	"strings"
)

// A cover is what an index knows a condition by: atoms that are cheap to look up,
// of which one holds wherever the condition might. Where none does the condition
// is no, and need not be looked at. It never is the other way round: that an atom
// holds says nothing.
type cover []atom

// atom is one such thing: a text, or a number, is in a place of the scene. Where
// there is no such place, CEL may fail, and is to be asked.
type atom struct {
	from   *origin
	how    how
	get    func(*scene) (string, bool) // where it is not ok, the atom holds
	text   string
	count  func(*scene) (int64, bool) // in the place of get, for a number
	number int64
}

// how a text is in the one that is looked at.
type how int

// Ways to be in it.
const (
	exactly   how = iota // it is the same
	beginning            // it begins with it
	ending
	within
)

// origin says where in a scene a value is. Those with the same key are the same.
type origin struct {
	key string
	// loop goes through the list of which it is an element; nil for one value.
	loop *loop
}

// then is a part of what is there, or what is made of it.
func (o *origin) then(more string) *origin {
	if o == nil {
		return nil
	}
	return &origin{o.key + more, o.loop}
}

// is tells whether o is a variable.
func (o *origin) is(name string) bool { return o != nil && o.key == name && o.loop == nil }

// texts is the cover of one of words being there.
func (o *origin) texts(get func(*scene) (string, bool), h how, words ...string) cover {
	if o == nil || len(words) > maxAtoms {
		return nil
	}
	c := make(cover, len(words))
	for i, w := range words {
		c[i] = atom{from: o, how: h, get: get, text: w}
	}
	return c
}

// numbers is the cover of one of numbers being there.
func (o *origin) numbers(get func(*scene) (int64, bool), numbers ...int64) cover {
	if o == nil || len(numbers) > maxAtoms {
		return nil
	}
	c := make(cover, len(numbers))
	for i, n := range numbers {
		c[i] = atom{from: o, count: get, number: n}
	}
	return c
}

// maxAtoms is how many atoms a cover has at most.
const maxAtoms = 512

// either is the cover of two conditions of which one must hold.
func either(a, b cover) cover {
	if a == nil || b == nil || len(a)+len(b) > maxAtoms {
		return nil
	}
	return slices.Concat(cover{}, a, b)
}

// better is the cover of two conditions which both must hold: that of either, so
// the one that fewer events pass.
func better(a, b cover) cover {
	switch {
	case a == nil:
		return b
	case b == nil || a.weight() <= b.weight():
		return a
	default:
		return b
	}
}

// useless is the weight of a cover that most events pass: to look it up is in vain.
const useless = 500

// weight estimates how many events pass a cover, and what it costs to look up.
// It is a matter of speed alone.
func (c cover) weight() int {
	most := 0
	var places []string
	for i := range c {
		most = max(most, c[i].weight())
		if !slices.Contains(places, c[i].from.key) {
			places = append(places, c[i].from.key)
		}
	}
	return most + 3*len(places) + len(c)/8
}

// common are fields that have few values, which many events share.
var common = []string{
	".errno", ".flags", ".type", ".family", ".network", ".method", ".origin", ".protocol", ".transport", ".code", ".tls", ".status", ".end", ".how", ".attr",
}

func (a *atom) weight() int {
	n := 0
	switch {
	case a.get != nil && (len(a.text) == 0 || a.text == "no"):
		return 2 * useless // nothing, or anything, or what is not so of most
	case a.how == exactly:
		n = 2
	case len(a.text) == 1:
		n = useless
	case len(a.text) < minRequired:
		n = 50
	case a.how == within:
		n = 10
	default:
		n = 4
	}
	key := a.from.key
	if slices.ContainsFunc(common, func(end string) bool { return strings.HasSuffix(key, end) }) || a.text == "yes" {
		n += 100
	}
	for word, cost := range map[string]int{".domain()": 20, ".host()": 8, ".header(": 10, ".lower()": 4, ".command": 10} {
		if strings.Contains(key, word) {
			n += cost
		}
	}
	return n
}
