package rule

import (
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/detonaut/detonaut/chamber/tape"
)

// An index finds the steps of rules that an event can be. It has a table of steps
// for each kind of events; what of a table an event does not pass by its cover is
// not looked at, so that an event costs what the rules that can match it cost,
// however many there are. It is immutable, and safe for any number of goroutines.
type index struct {
	rules []*Rule
	// tables are of the kinds that are known, and of those that rules name. Others
	// are calls, which only a family can want: those have the table for the rest.
	tables map[tape.Kind]*table
	rest   table
	// reads tells that a rule looks at the facts of the image.
	readsImage bool

	mu     sync.Mutex
	shared *shared
	room   int // of maxCells
}

// maxCells is how many entries all tries of an index have at most, of 4 bytes, and
// cellsOfAtom how many an atom counts as. Steps whose atoms find no room are looked
// at for all events of their kind.
const (
	maxCells    = 4 << 20
	cellsOfAtom = 16
)

// table is the index of one kind, made when the first such event comes.
type table struct {
	kind   tape.Kind
	once   sync.Once
	offers []offer
	// all are the offers that no cover keeps an event from.
	all     marks
	lookups []lookup
}

// offer is a step of a rule that wants events of a kind.
type offer struct {
	rule, step int
	// when is the condition for events of this kind, as far as a term knows it.
	when truthTerm
}

// lookup is one place of a scene, and what is looked for there.
type lookup struct {
	from  *origin
	get   func(*scene) (string, bool)
	words map[string][]uint16
	// lengths and firsts are those of words: most texts are told from them by that.
	lengths uint64
	firsts  [256]bool
	tries   []*trie
	count   func(*scene) (int64, bool)
	counts  map[int64][]uint16
	// all are the offers that look here.
	all []uint16
}

// marks is a set of the offers of a table.
type marks []uint64

func (m marks) add(offers []uint16) {
	for _, o := range offers {
		m[o/64] |= 1 << (o % 64)
	}
}

// next is the first marked offer from i on; -1 if there is none.
func (m marks) next(i int) int {
	for w := i / 64; w < len(m); w++ {
		if left := m[w] >> (i % 64); left != 0 {
			return i + bits.TrailingZeros64(left)
		}
		i = (w + 1) * 64
	}
	return -1
}

func newIndex(rules []*Rule, all *shared) *index {
	x := &index{rules: rules, tables: make(map[tape.Kind]*table), shared: all, room: maxCells}
	for _, k := range tape.Kinds() {
		x.tables[k] = &table{kind: k}
	}
	for _, r := range rules {
		x.readsImage = x.readsImage || r.readsImage
		for i := range r.steps {
			for _, k := range r.steps[i].kinds {
				if kind := tape.Kind(k); !strings.HasSuffix(k, "*") && x.tables[kind] == nil {
					x.tables[kind] = &table{kind: kind}
				}
			}
		}
	}
	return x
}

// table is that of a kind.
func (x *index) table(kind tape.Kind) *table {
	t := x.tables[kind]
	if t == nil {
		t = &x.rest
	}
	t.once.Do(func() { x.fill(t) })
	return t
}

// fill makes a table. Later steps of a rule come first, so that one event never is
// two steps of one sequence.
func (x *index) fill(t *table) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, r := range x.rules {
		for j := range slices.Backward(r.steps) {
			s := &r.steps[j]
			if t.kind == "" && !s.isOpen() || t.kind != "" && !s.wants(t.kind) {
				continue
			}
			o := offer{rule: i, step: j, when: always(yes)}
			if s.when != nil {
				o.when = s.when.truthFor(t.kind, x.shared)
			}
			if !o.when.is(no) || !s.skips() {
				t.offers = append(t.offers, o)
			}
		}
	}
	t.all = make(marks, (len(t.offers)+63)/64)
	b := builder{index: x, table: t, at: make(map[string]int)}
	b.build()
}

// skips tells whether an event that does not fit s is nothing to it. One that looks
// back reads its key before its condition, and that may fail.
func (s *step) skips() bool {
	return s.key == nil || s.key.text.sure || s.when == nil || !s.when.looksBack
}

// find marks the offers that the event of a scene can be for.
func (t *table) find(s *scene, marks marks) {
	copy(marks, t.all)
	for i := range t.lookups {
		l := &t.lookups[i]
		loop := l.from.loop
		if loop == nil {
			l.look(s, marks)
			continue
		}
		list, ok := loop.of.open(s)
		for i := 0; ok && i < list.count; i++ {
			loop.pick(s, &list, i)
			l.look(s, marks)
		}
	}
}

func (l *lookup) look(s *scene, marks marks) {
	if l.count != nil {
		if n, ok := l.count(s); ok {
			marks.add(l.counts[n])
		} else {
			marks.add(l.all)
		}
		return
	}
	v, ok := l.get(s)
	if !ok {
		marks.add(l.all)
		return
	}
	if l.lengths>>min(len(v), 63)&1 != 0 && (v == "" || l.firsts[v[0]]) {
		marks.add(l.words[v])
	}
	for _, t := range l.tries {
		t.find(v, marks)
	}
}

// builder makes the lookups of a table.
type builder struct {
	*index
	*table
	at    map[string]int // the lookup of an origin
	words []map[how][]word
}

func (b *builder) build() {
	for i := range b.offers {
		o := &b.offers[i]
		c := o.when.toBeYes
		n := len(c) * cellsOfAtom
		if c == nil || c.weight() >= useless || n > b.room || !b.rules[o.rule].steps[o.step].skips() {
			b.all.add([]uint16{uint16(i)})
			continue
		}
		b.room -= n
		for j := range c {
			b.place(&c[j], uint16(i))
		}
	}
	for i, words := range b.words {
		for _, h := range []how{beginning, ending, within} {
			b.trie(&b.lookups[i], h, words[h])
		}
	}
}

// place puts an atom of an offer where it is looked up.
func (b *builder) place(a *atom, o uint16) {
	key := a.from.key
	if a.count != nil {
		key += " number"
	}
	i, ok := b.at[key]
	if !ok {
		i = len(b.lookups)
		b.at[key] = i
		b.lookups = append(b.lookups, lookup{from: a.from, get: a.get, count: a.count})
		b.words = append(b.words, make(map[how][]word))
	}
	l := &b.lookups[i]
	l.all = addOffer(l.all, o)
	switch {
	case a.count != nil:
		if l.counts == nil {
			l.counts = make(map[int64][]uint16)
		}
		l.counts[a.number] = addOffer(l.counts[a.number], o)
	case a.how == exactly:
		if l.words == nil {
			l.words = make(map[string][]uint16)
		}
		l.words[a.text] = addOffer(l.words[a.text], o)
		l.lengths |= 1 << min(len(a.text), 63)
		if a.text != "" {
			l.firsts[a.text[0]] = true
		}
	default:
		b.words[i][a.how] = append(b.words[i][a.how], word{a.text, o})
	}
}

func addOffer(list []uint16, o uint16) []uint16 {
	if n := len(list); n > 0 && list[n-1] == o {
		return list
	}
	return append(list, o)
}

// trie adds one of words to l, if there is room for it.
func (b *builder) trie(l *lookup, h how, words []word) {
	if len(words) == 0 {
		return
	}
	if n := cells(words); n <= b.room {
		b.room -= n
		l.tries = append(l.tries, newTrie(h, words))
		return
	}
	for _, w := range words {
		b.all.add([]uint16{w.offer})
	}
}
