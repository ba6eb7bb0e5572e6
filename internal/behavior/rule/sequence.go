package rule

import (
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// partial is a sequence that has some steps behind it. The latest event that
// fits a step stands for all of them.
type partial struct {
	who    *behavior.Process // nil for the run
	events []*tape.Event
	first  [1]*tape.Event // room for the events of the first step
	cost   int
}

// awaits tells whether a sequence has come so far that the step is next.
func (st *state) awaits(step int) bool {
	return step == 0 || st.chains != nil && len(st.chains[step-1]) > 0
}

// advance takes the event of the moment as the step of r that it is offered to, if
// it fits.
func (d *detector) advance(r *Rule, st *state, o *offer) {
	if o.step > 0 {
		d.carryOn(r, st, o)
		return
	}
	if st.chains == nil {
		st.chains = make([]map[place]*partial, len(r.steps)-1)
		for j := range st.chains {
			st.chains[j] = make(map[place]*partial)
		}
	}
	d.begin(r, st, o)
}

func (d *detector) begin(r *Rule, st *state, o *offer) {
	if !d.fits(r.steps[0].when, &o.when, st) {
		return
	}
	text, ok := d.textOf(r.steps[0].key, st)
	if !ok {
		return
	}
	k := d.keyOf(st, text)
	if k == nil {
		st.full++
		return
	}
	p := d.scene.moment.Process
	if r.scope == inRun {
		p = nil
	}
	begun := &partial{who: p, first: [1]*tape.Event{d.scene.moment.Event}}
	begun.events = begun.first[:]
	d.keep(st, 0, k, begun)
	d.release(st, k)
}

// carryOn looks for a partial sequence that the event of the moment continues
// as the step that it is offered to. A key that may fail is read only of an event that
// fits, if that can be told without looking back.
func (d *detector) carryOn(r *Rule, st *state, o *offer) {
	i, e, step := o.step, d.scene.moment.Event, &r.steps[o.step]
	fit, known := false, false
	if step.key != nil && !step.key.text.sure && step.skips() {
		if fit, known = d.fits(step.when, &o.when, st), true; !fit {
			return
		}
	}
	text, ok := d.textOf(step.key, st)
	if !ok {
		return
	}
	k := st.keys[text]
	if k == nil {
		return // nothing has this key
	}
	r.scope.places(d.scene.moment.Process, func(who *behavior.Process) bool {
		at := k.at(who)
		p := st.chains[i-1][at]
		if p == nil {
			return true
		}
		if r.within > 0 && time.Duration(e.Time-p.events[0].Time) > r.within {
			d.forget(st, i-1, at)
			return true
		}
		d.scene.earlier = p.events
		if !known { // a condition that looks back is evaluated for each place
			fit = d.fits(step.when, &o.when, st)
			known = step.when == nil || !step.when.looksBack
		}
		if !fit {
			return !known
		}
		events := append(p.events[:len(p.events):len(p.events)], e)
		if i < len(r.steps)-1 {
			d.keep(st, i, k, &partial{who: who, events: events})
		} else if d.hit(r, st, e.N(), events) {
			d.forget(st, i-1, at)
		}
		return false
	})
}

// keep remembers a partial sequence in the place of one there before.
func (d *detector) keep(st *state, i int, k *key, p *partial) {
	p.cost = costOfPlace
	for _, e := range p.events {
		p.cost += sizeOf(e)
	}
	at := k.at(p.who)
	k.users++ // it stays while this takes the place of another
	d.forget(st, i, at)
	if !d.take(st, p.cost) {
		st.full++
		d.leave(st, k)
		return
	}
	st.chains[i][at] = p
}

func (d *detector) forget(st *state, i int, at place) {
	if p := st.chains[i][at]; p != nil {
		delete(st.chains[i], at)
		d.give(st, p.cost)
		d.leave(st, at.key)
	}
}
