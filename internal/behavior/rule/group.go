package rule

import (
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// maxState is how many bytes all rules together may keep of one run.
const maxState = 64 << 20

// budget is what is left of it.
type budget struct {
	left int
	// asked is how often it was asked since the last sweep, held how many
	// things that sweep left.
	asked, held int
}

func (b *budget) take(n int) bool {
	b.asked++
	if n > b.left {
		return false
	}
	b.left -= n
	return true
}

// place is where a rule puts events together: a process (0 is the run) and the
// value of the rule's key.
type place struct {
	process uint64
	key     string
}

// places calls visit for every process whose events p's belong to under s, the
// nearest first, until visit returns false.
func (s scope) places(p *behavior.Process, visit func(process uint64) bool) {
	if s == inRun {
		visit(0)
		return
	}
	if !visit(p.ID) || s == inProcess {
		return
	}
	for _, a := range p.Ancestors() {
		if !visit(a.ID) {
			return
		}
	}
}

// window is the recent events of one place, for a rule with a count.
type window struct {
	entries []entry
	total   int
}

type entry struct {
	event *tape.Event
	value string // of distinct
	n     int
}

// tally counts the event of the moment. A rule that has its number begins
// anew.
func (d *detector) tally(r *Rule, st *state) {
	e := d.scene.moment.Event
	key, ok := d.textOf(r.steps[0].key, st)
	value, ok2 := d.textOf(r.distinct, st)
	if !ok || !ok2 {
		return
	}
	if st.counts == nil {
		st.counts = make(map[place]*window)
	}
	reached := false
	r.scope.places(d.scene.moment.Process, func(process uint64) bool {
		at := place{process, key}
		w := st.counts[at]
		if w == nil {
			if !d.afford(costOf(at)) {
				st.full++
				return false
			}
			w = new(window)
			st.counts[at] = w
		}
		if !d.count(r, w, entry{e, value, int(min(e.N(), maxCount))}) {
			st.full++
		}
		if w.total < r.count {
			return true
		}
		if r.regular > 0 && !regular(w.entries, r.regular) {
			d.shift(w, 1) // the next ones may be
			return true
		}
		if !reached {
			reached = d.hit(r, st, 1, w.events())
		}
		d.drop(w)
		return true
	})
}

// count adds x to w and forgets what is too old. It reports whether x could be
// kept.
func (d *detector) count(r *Rule, w *window, x entry) bool {
	old := 0
	for old < len(w.entries) && r.clock(x.event)-r.clock(w.entries[old].event) > int64(r.within) {
		old++
	}
	d.shift(w, old)
	if r.distinct != nil || r.regular > 0 {
		x.n = 1
	}
	if r.distinct != nil {
		for i := range w.entries {
			if w.entries[i].value == x.value {
				return true
			}
		}
	}
	if !d.afford(costOf(place{}, x.event)) {
		return false
	}
	w.entries = append(w.entries, x)
	w.total += x.n
	return true
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
func (d *detector) shift(w *window, n int) {
	for _, x := range w.entries[:n] {
		d.budget.left += costOf(place{}, x.event)
		w.total -= x.n
	}
	w.entries = w.entries[n:]
}

func (d *detector) drop(w *window) {
	for _, x := range w.entries {
		d.budget.left += costOf(place{}, x.event)
	}
	*w = window{}
}

func (w *window) events() []*tape.Event {
	events := make([]*tape.Event, len(w.entries))
	for i, x := range w.entries {
		events[i] = x.event
	}
	return events
}

// partial is a sequence that has some steps behind it. The latest event that
// fits a step stands for all of them.
type partial struct {
	events []*tape.Event
}

// advance takes the event of the moment as step i of r, if it fits.
func (d *detector) advance(r *Rule, st *state, i int) {
	if st.chains == nil {
		st.chains = make([]map[place]*partial, len(r.steps)-1)
		for j := range st.chains {
			st.chains[j] = make(map[place]*partial)
		}
	}
	if i == 0 {
		if key, ok := d.begin(r, st); ok {
			process := d.scene.moment.Process.ID
			if r.scope == inRun {
				process = 0
			}
			d.keep(st, 0, place{process, key}, []*tape.Event{d.scene.moment.Event})
		}
		return
	}
	if len(st.chains[i-1]) == 0 {
		return
	}
	d.carryOn(r, st, i)
}

func (d *detector) begin(r *Rule, st *state) (string, bool) {
	if !d.fits(r.steps[0].when, st) {
		return "", false
	}
	return d.textOf(r.steps[0].key, st)
}

// carryOn looks for a partial sequence that the event of the moment continues
// as step i.
func (d *detector) carryOn(r *Rule, st *state, i int) {
	e := d.scene.moment.Event
	key, ok := d.textOf(r.steps[i].key, st)
	if !ok {
		return
	}
	r.scope.places(d.scene.moment.Process, func(process uint64) bool {
		at := place{process, key}
		p := st.chains[i-1][at]
		if p == nil {
			return true
		}
		if r.within > 0 && e.Time-p.events[0].Time > int64(r.within) {
			d.forget(st, i-1, at)
			return true
		}
		d.scene.earlier = p.events // the condition may look back, so it is evaluated for each place
		if !d.fits(r.steps[i].when, st) {
			return true
		}
		events := append(p.events[:len(p.events):len(p.events)], e)
		if i < len(r.steps)-1 {
			d.keep(st, i, at, events)
		} else if d.hit(r, st, e.N(), events) {
			d.forget(st, i-1, at)
		}
		return false
	})
}

// keep remembers a partial sequence in the place of one there before.
func (d *detector) keep(st *state, i int, at place, events []*tape.Event) {
	d.forget(st, i, at)
	if !d.afford(costOf(at, events...)) {
		st.full++
		return
	}
	st.chains[i][at] = &partial{events}
}

func (d *detector) forget(st *state, i int, at place) {
	if p := st.chains[i][at]; p != nil {
		d.budget.left += costOf(at, p.events...)
		delete(st.chains[i], at)
	}
}

// afford takes n bytes from the budget, and makes room by forgetting what is
// too old when there is none.
func (d *detector) afford(n int) bool {
	return d.budget.take(n) || d.sweep() && d.budget.take(n)
}

// sweep forgets everything that has become too old to matter. It looks at all
// there is, so it does nothing until it was asked for as many times as there
// are things to look at.
func (d *detector) sweep() bool {
	if d.budget.asked < d.budget.held {
		return false
	}
	now := time.Duration(d.scene.moment.Event.Time)
	d.budget.asked, d.budget.held = 0, 0
	for i, r := range d.rules {
		st := &d.states[i]
		d.expire(r, st, now)
		d.budget.held += len(st.counts)
		for _, chain := range st.chains {
			d.budget.held += len(chain)
		}
	}
	return true
}

// expire forgets what r has held for longer than it may matter.
func (d *detector) expire(r *Rule, st *state, now time.Duration) {
	if r.within == 0 {
		return
	}
	for at, w := range st.counts {
		if n := len(w.entries); n == 0 || now-time.Duration(w.entries[n-1].event.Time) > r.within {
			d.drop(w)
			d.budget.left += costOf(at)
			delete(st.counts, at)
		}
	}
	for j := range st.chains {
		for at, p := range st.chains[j] {
			if now-time.Duration(p.events[0].Time) > r.within {
				d.forget(st, j, at)
			}
		}
	}
}
