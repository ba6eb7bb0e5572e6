package rule

import (
	"fmt"
	"slices"

	"github.com/google/cel-go/common/types"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// Bounds of one detector.
const (
	// maxEvidence is how many pieces of evidence a finding keeps, and
	// maxEvents how many sequence numbers each of them has.
	maxEvidence = 8
	maxEvents   = 16
)

// detector matches rules against one run.
type detector struct {
	*index
	gaps   []string
	scene  scene
	marks  marks // room for those of one event
	states []state
	budget budget
}

// state is what a detector knows of one rule in one run.
type state struct {
	finding detonaut.Finding
	// told is set once the finding has all the evidence it may have.
	told   bool
	counts map[place]*window
	chains []map[place]*partial // by the number of steps they have behind them, less one
	keys   keys
	held   int // bytes
	// blind is how many events could not be evaluated, full how many were
	// forgotten because of the budget.
	blind, full uint64
	reason      string
}

func newDetector(x *index, image *facts, gaps []string) *detector {
	d := &detector{index: x, gaps: gaps, states: make([]state, len(x.rules)), budget: budget{left: maxState, reserve: reserve}}
	d.scene.image = object{imageType, image}
	return d
}

// Observe offers an event to the rules that it can be for.
func (d *detector) Observe(m behavior.Moment) {
	t := d.table(m.Event.Kind)
	if len(t.offers) == 0 {
		return
	}
	d.scene.set(m)
	if n := len(t.all); n > cap(d.marks) {
		d.marks = make(marks, n)
	}
	marks := d.marks[:len(t.all)]
	t.find(&d.scene, marks)
	for i := marks.next(0); i >= 0; i = marks.next(i + 1) {
		o := &t.offers[i]
		r := d.rules[o.rule]
		if t != &d.rest || r.steps[o.step].wants(m.Event.Kind) {
			d.offer(r, &d.states[o.rule], o)
		}
	}
}

// offer gives the event of the moment to a step of a rule.
func (d *detector) offer(r *Rule, st *state, o *offer) {
	d.scene.earlier = nil
	switch {
	case len(r.steps) > 1:
		if st.awaits(o.step) {
			d.tidy()
			d.advance(r, st, o)
		}
	case !d.fits(r.steps[0].when, &o.when, st):
	case r.count > 0:
		d.tidy()
		d.tally(r, st)
	default:
		d.hit(r, st, d.scene.moment.Event.N(), []*tape.Event{d.scene.moment.Event})
	}
}

// fits evaluates a condition, whose term is t; one that cannot be evaluated does
// not fit, and is remembered as a gap.
func (d *detector) fits(c *condition, t *truthTerm, st *state) bool {
	if c == nil {
		return true
	}
	if a := t.eval(&d.scene); a != ask {
		return a == yes
	}
	v, err := c.eval(&d.scene)
	if err != nil {
		st.blind++
		st.reason = err.Error()
		return false
	}
	return v == types.True
}

// textOf evaluates a condition whose value is text.
func (d *detector) textOf(c *condition, st *state) (string, bool) {
	if c == nil {
		return "", true
	}
	if c.text.get != nil {
		if s, ok := c.text.get(&d.scene); ok {
			return s, true
		}
	}
	v, err := c.eval(&d.scene)
	if err != nil {
		st.blind++
		st.reason = err.Error()
		return "", false
	}
	s, ok := v.(types.String)
	return string(s), ok
}

// hit adds n occurrences to the finding of r, unless r is told to be silent.
func (d *detector) hit(r *Rule, st *state, n uint64, events []*tape.Event) bool {
	for _, u := range r.unless {
		if d.fits(u, &u.truth, st) {
			return false
		}
	}
	f := &st.finding
	f.Count += int(min(n, 1<<31))
	if st.told {
		return true
	}
	summary := summarize(events, d.scene.moment.Process)
	for i := range f.Evidence {
		if e := &f.Evidence[i]; e.Summary == summary {
			if room := maxEvents - len(e.Events); room >= len(events) {
				e.Events = append(e.Events, numbers(events)...)
				st.told = isFull(f)
			}
			return true
		}
	}
	if len(f.Evidence) < maxEvidence {
		f.Evidence = append(f.Evidence, detonaut.Evidence{Events: numbers(events), Summary: summary})
		st.told = isFull(f)
	}
	return true
}

// isFull tells whether no event can become evidence any more.
func isFull(f *detonaut.Finding) bool {
	return len(f.Evidence) == maxEvidence &&
		!slices.ContainsFunc(f.Evidence, func(e detonaut.Evidence) bool { return len(e.Events) < maxEvents })
}

// numbers are the sequence numbers of events, the middle ones left out when
// there are too many.
func numbers(events []*tape.Event) []uint64 {
	var seqs []uint64
	for i, e := range events {
		if i < maxEvents-1 || i == len(events)-1 {
			seqs = append(seqs, e.Seq)
		}
	}
	return seqs
}

// Conclude returns the findings of the rules that fired.
func (d *detector) Conclude() (findings []detonaut.Finding, gaps []string) {
	gaps = slices.Clone(d.gaps)
	for i, r := range d.rules {
		st := &d.states[i]
		if st.finding.Count > 0 {
			f := r.Finding
			f.Techniques = slices.Clone(f.Techniques)
			f.Count, f.Evidence = st.finding.Count, st.finding.Evidence
			findings = append(findings, f)
		}
		if st.blind > 0 {
			gaps = append(gaps, fmt.Sprintf("rule %s could not look at %d events: %s", r.Finding.ID, st.blind, limit(st.reason, 200)))
		}
		if st.full > 0 {
			gaps = append(gaps, fmt.Sprintf("rule %s had to forget %d events: too many to keep in mind", r.Finding.ID, st.full))
		}
	}
	if image, ok := d.scene.image.native.(*facts); ok && image.cut && d.readsImage {
		gaps = append(gaps, "the image says more of itself than rules look at")
	}
	return findings, gaps
}
