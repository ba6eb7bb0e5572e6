package rule

import (
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// window is the recent events of one place, for a rule with a count.
type window struct {
	who     *behavior.Process // nil for the run
	entries []entry
	total   int
	// values are those of distinct that entries have, once they are many.
	values map[string]bool
}

// entry is one event of a window.
type entry struct {
	of *counted
	at int64 // by the clock of the rule
	n  int
}

// counted is an event that is counted, maybe in several windows of one rule.
type counted struct {
	event *tape.Event
	value string // of distinct
	cost  int
	users int // entries that have it
}

// tally counts the event of the moment. A rule that has its number begins
// anew.
func (d *detector) tally(r *Rule, st *state) {
	e := d.scene.moment.Event
	text, ok := d.textOf(r.steps[0].key, st)
	value, ok2 := d.textOf(r.distinct, st)
	if !ok || !ok2 {
		return
	}
	k := d.keyOf(st, text)
	if k == nil {
		st.full++
		return
	}
	x := entry{of: &counted{event: e, value: value}, at: r.clock(e), n: int(min(e.N(), maxCount))}
	x.of.cost = sizeOf(e) + len(value)
	if r.distinct != nil || r.regular > 0 {
		x.n = 1
	}
	told := false
	r.scope.places(d.scene.moment.Process, func(p *behavior.Process) bool {
		w := d.window(st, p, k)
		if w == nil || !d.count(r, st, w, x) {
			st.full++
			return w != nil
		}
		if w.total < r.count {
			return true
		}
		if r.regular > 0 && !regular(w.entries, r.regular) {
			d.shift(st, w, 1) // the next ones may be
			return true
		}
		if !told { // once, whether it is silenced or not
			told = true
			d.hit(r, st, 1, w.events())
		}
		d.drop(st, w)
		return true
	})
	d.release(st, k)
}

// window is that of a process and a key; nil if there is no room for one.
func (d *detector) window(st *state, p *behavior.Process, k *key) *window {
	at := k.at(p)
	if w := st.counts[at]; w != nil {
		return w
	}
	if !d.take(st, costOfPlace) {
		return nil
	}
	if st.counts == nil {
		st.counts = make(map[place]*window)
	}
	w := &window{who: p}
	st.counts[at] = w
	k.users++
	return w
}

// close forgets the window of a place, which is empty.
func (d *detector) close(st *state, at place) {
	delete(st.counts, at)
	d.give(st, costOfPlace)
	d.leave(st, at.key)
}

// count adds x to w and forgets what is too old. It reports whether x could be
// kept.
func (d *detector) count(r *Rule, st *state, w *window, x entry) bool {
	old := 0
	for old < len(w.entries) && x.at-w.entries[old].at > int64(r.within) {
		old++
	}
	d.shift(st, w, old)
	if r.distinct != nil && w.has(x.of.value) {
		return true
	}
	cost := costOfEntry
	if x.of.users == 0 {
		cost += x.of.cost
	}
	if !d.take(st, cost) {
		return false
	}
	x.of.users++
	w.entries = append(w.entries, x)
	w.total += x.n
	if w.values != nil {
		w.values[x.of.value] = true
	}
	return true
}

// has tells whether an entry has a value of distinct.
func (w *window) has(value string) bool {
	if len(w.entries) < manyWords {
		for i := range w.entries {
			if w.entries[i].of.value == value {
				return true
			}
		}
		return false
	}
	if w.values == nil {
		w.values = make(map[string]bool)
		for i := range w.entries {
			w.values[w.entries[i].of.value] = true
		}
	}
	return w.values[value]
}

// clock is the time of e by which a rule tells what comes close together: that of
// the subject, who may have slept between events that clocks were moved on for.
// What comes at even intervals may take as long as it likes by that.
func (r *Rule) clock(e *tape.Event) int64 {
	if r.regular > 0 {
		return e.Time
	}
	return e.Time + e.Ahead
}

// shift forgets the first n entries of w.
func (d *detector) shift(st *state, w *window, n int) {
	for i := range w.entries[:n] {
		x := &w.entries[i]
		w.total -= x.n
		delete(w.values, x.of.value)
		cost := costOfEntry
		if x.of.users--; x.of.users == 0 {
			cost += x.of.cost
		}
		d.give(st, cost)
		*x = entry{} // the list may be in use for long
	}
	w.entries = w.entries[n:]
}

// drop forgets all entries of w.
func (d *detector) drop(st *state, w *window) {
	d.shift(st, w, len(w.entries))
	*w = window{who: w.who}
}

func (w *window) events() []*tape.Event {
	events := make([]*tape.Event, len(w.entries))
	for i, x := range w.entries {
		events[i] = x.of.event
	}
	return events
}
