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
	// maxIndexed is how many kinds of events the index remembers; the kinds
	// of calls are open.
	maxIndexed = 1024
)

// detector matches rules against one run.
type detector struct {
	rules  []*Rule
	gaps   []string
	index  map[tape.Kind][]offer
	scene  scene
	states []state
	budget budget
}

// offer is a step of a rule that wants a kind of events.
type offer struct {
	rule, step int
}

// state is what a detector knows of one rule in one run.
type state struct {
	finding detonaut.Finding
	counts  map[place]*window
	chains  []map[place]*partial // by the number of steps they have behind them, less one
	// blind is how many events could not be evaluated, full how many were
	// forgotten because of the budget.
	blind, full uint64
	reason      string
}

func newDetector(rules []*Rule, gaps []string) *detector {
	return &detector{
		rules: rules, gaps: gaps, states: make([]state, len(rules)),
		index: make(map[tape.Kind][]offer), budget: budget{left: maxState},
	}
}

// offers lists who wants events of kind. Later steps come first, so that one
// event never is two steps of one sequence.
func (d *detector) offers(kind tape.Kind) []offer {
	if o, ok := d.index[kind]; ok {
		return o
	}
	var offers []offer
	for i, r := range d.rules {
		for j := range slices.Backward(r.steps) {
			if r.steps[j].wants(kind) {
				offers = append(offers, offer{i, j})
			}
		}
	}
	if len(d.index) < maxIndexed {
		d.index[kind] = offers
	}
	return offers
}

// Observe offers an event to the rules of its kind.
func (d *detector) Observe(m behavior.Moment) {
	offers := d.offers(m.Event.Kind)
	if len(offers) == 0 {
		return
	}
	d.scene.set(m)
	for _, o := range offers {
		r, st := d.rules[o.rule], &d.states[o.rule]
		d.scene.earlier = nil
		switch {
		case len(r.steps) > 1:
			d.advance(r, st, o.step)
		case !d.fits(r.steps[0].when, st):
		case r.count > 0:
			d.tally(r, st)
		default:
			d.hit(r, st, m.Event.N(), []*tape.Event{m.Event})
		}
	}
}

// fits evaluates a condition; one that cannot be evaluated does not fit, and
// is remembered as a gap.
func (d *detector) fits(c *condition, st *state) bool {
	if c == nil {
		return true
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
		if d.fits(u, st) {
			return false
		}
	}
	f := &st.finding
	f.Count += int(min(n, 1<<31))
	summary := summarize(events, d.scene.moment.Process)
	for i := range f.Evidence {
		if e := &f.Evidence[i]; e.Summary == summary {
			if room := maxEvents - len(e.Events); room >= len(events) {
				e.Events = append(e.Events, numbers(events)...)
			}
			return true
		}
	}
	if len(f.Evidence) < maxEvidence {
		f.Evidence = append(f.Evidence, detonaut.Evidence{Events: numbers(events), Summary: summary})
	}
	return true
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
	return findings, gaps
}
