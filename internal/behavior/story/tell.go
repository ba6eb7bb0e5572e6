package story

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// Bounds of what is told.
const (
	maxStories  = 10
	maxSteps    = 8
	maxSums     = 16
	maxTold     = 4  // events of one piece of evidence that become steps each
	maxReached  = 3  // connections that no finding is about
	maxCandid   = 64 // things that may become steps
	maxSentence = 400
)

// Tell tells the stories of the run, given its findings: sorted, those of files
// included. It is called once, after the last event.
func (t *Teller) Tell(findings []detonaut.Finding) []detonaut.Story {
	t.settle()
	plots := map[any]*plot{}
	var order []any // of the plots, so that equal tapes tell equal stories
	for i := range findings {
		for j := range findings[i].Evidence {
			e := &findings[i].Evidence[j]
			for _, g := range t.groups(e) {
				if plots[g] == nil {
					plots[g] = &plot{steps: map[uint64]*step{}}
					order = append(order, g)
				}
				plots[g].take(&findings[i], e)
			}
		}
	}
	var stories []detonaut.Story
	for _, g := range order {
		if s, ok := t.tell(g, plots[g]); ok {
			stories = append(stories, s)
		}
	}
	slices.SortStableFunc(stories, func(a, b detonaut.Story) int {
		return cmp.Or(
			b.Severity.Rank()-a.Severity.Rank(), len(b.Findings)-len(a.Findings),
			cmp.Compare(a.Steps[0].Event, b.Steps[0].Event), cmp.Compare(a.PID, b.PID), strings.Compare(a.Title, b.Title),
		)
	})
	return stories[:min(len(stories), maxStories)]
}

// plot is a story in the making: the findings of one group, and their evidence.
type plot struct {
	findings []*detonaut.Finding
	evidence []claim
	steps    map[uint64]*step
	files    []*step // of what was read in files
}

// claim is a piece of evidence and what it is for.
type claim struct {
	finding *detonaut.Finding
	*detonaut.Evidence
}

// step is what may become one of a story.
type step struct {
	deed
	weight   int
	findings []string
	persists bool
}

func (p *plot) take(f *detonaut.Finding, e *detonaut.Evidence) {
	if !slices.Contains(p.findings, f) {
		p.findings = append(p.findings, f)
	}
	p.evidence = append(p.evidence, claim{f, e})
}

// tell makes a story of a plot. There is none of a single mild finding, and none of a
// single finding in a file that nobody ran: that would say nothing new.
func (t *Teller) tell(g any, p *plot) (detonaut.Story, bool) {
	slices.SortStableFunc(p.findings, func(a, b *detonaut.Finding) int {
		return cmp.Or(b.Severity.Rank()-a.Severity.Rank(), b.Confidence.Rank()-a.Confidence.Rank(), strings.Compare(a.ID, b.ID))
	})
	s := detonaut.Story{Severity: p.findings[0].Severity}
	_, file := g.(string)
	if len(p.findings) < 2 && (file || s.Severity.Rank() < detonaut.Medium.Rank()) {
		return s, false
	}
	for _, f := range p.findings {
		s.Findings = append(s.Findings, f.ID)
	}
	switch g := g.(type) {
	case *thing:
		s.PID, s.SHA256 = g.root.pid, slices.Clone(g.sums)
		t.lead(p, g)
	case *actor:
		s.PID = g.pid
	}
	_, thing := g.(*thing)
	for _, c := range p.evidence {
		t.witness(p, c, thing)
	}
	t.name(p)
	t.reach(p, g)
	steps := p.choose()
	for _, c := range p.evidence {
		if c.SHA256 != "" {
			s.SHA256 = append(s.SHA256, c.SHA256)
		}
	}
	slices.Sort(s.SHA256)
	s.SHA256 = slices.Compact(s.SHA256)
	s.SHA256 = slices.Clip(s.SHA256[:min(len(s.SHA256), maxSums)])
	for _, st := range steps {
		s.Steps = append(s.Steps, detonaut.Step{Event: st.seq, PID: st.pid, Text: st.text, Findings: st.findings})
	}
	s.Title = title(steps)
	return s, true
}

// Weights of steps. Those of findings are between.
const (
	weightRun, weightFetch, weightWrite = 75, 74, 73
	weightFile                          = 30
	weightDelete                        = 48
	weightReach                         = 15
)

// lead adds what led to a thing and away with it: it was fetched, written, run,
// deleted.
func (t *Teller) lead(p *plot, g *thing) {
	for _, sum := range g.sums {
		if d := t.fetched[sum]; d != nil && len(p.steps) < maxCandid {
			p.step(d).weight = weightFetch
		}
	}
	first := map[tape.Kind]bool{}
	for _, d := range g.chain {
		weight := map[tape.Kind]int{
			tape.ProcessExec: weightRun, tape.PayloadKeep: weightRun, tape.FileDelete: weightDelete, tape.HTTPExchange: weightFetch,
		}[d.kind]
		weight = cmp.Or(weight, weightWrite)
		if first[d.kind] { // of what ran later the findings tell
			weight = weightFile
		}
		first[d.kind] = true
		st := p.step(d)
		st.weight = max(st.weight, weight)
	}
}

// name names the addresses that have a name.
func (t *Teller) name(p *plot) {
	for _, st := range p.steps {
		if name := t.names[st.host]; name != "" && st.kind == tape.SocketConnect {
			st.text, st.host = strings.Replace(st.text, st.host, name, 1), name
		}
	}
}

// step is the step of a deed.
func (p *plot) step(d *deed) *step {
	st := p.steps[d.seq]
	if st == nil {
		st = &step{deed: *d}
		p.steps[d.seq] = st
	}
	return st
}

// witness adds the events that a finding rests on: of those that show the same, the
// first. One event of many that differ says nothing; then it is the claim that does.
func (t *Teller) witness(p *plot, c claim, thing bool) {
	weight := 10 * c.finding.Severity.Rank()
	var shown []*deed
	for _, seq := range c.Events {
		d := t.known(seq)
		if d != nil && !slices.ContainsFunc(shown, func(o *deed) bool { return o.text == d.text && o.pid == d.pid }) {
			shown = append(shown, d)
		}
	}
	switch n := len(c.Events); {
	case c.SHA256 != "":
		p.read(c)
		for _, d := range shown {
			if !thing && strings.HasPrefix(string(d.kind), "file.") && len(p.steps) < maxCandid {
				st := p.step(d)
				st.weight = max(st.weight, weightReach)
			}
		}
		return
	case n == 0:
		return
	case len(shown) == 0 || len(shown) > maxTold:
		last := &deed{seq: c.Events[n-1], text: said(c.finding, n)}
		if a := t.owner(last.seq); a != nil {
			last.pid = a.pid
		}
		shown = []*deed{last}
	}
	for i, d := range shown {
		if len(p.steps) >= maxCandid && p.steps[d.seq] == nil {
			return
		}
		w := weight
		if i < len(shown)-1 {
			w -= 15 // the last one decided
		}
		p.step(d).support(c.finding, w)
	}
}

// known is the deed of an event; nil if it was not noted.
func (t *Teller) known(seq uint64) *deed {
	if d := t.deeds[seq]; d != nil {
		return d
	}
	if g := t.links[seq]; g != nil {
		for _, d := range g.group().chain {
			if d.seq == seq {
				return d
			}
		}
	}
	return nil
}

// support makes a step part of the evidence of f.
func (s *step) support(f *detonaut.Finding, weight int) {
	s.weight = max(s.weight, weight)
	if !slices.Contains(s.findings, f.ID) {
		s.findings = append(s.findings, f.ID)
	}
	s.persists = s.persists || strings.HasPrefix(f.ID, "persistence/")
}

// read adds what was read in a file.
func (p *plot) read(c claim) {
	text := cut(c.Path, maxString)
	if text == "" {
		text = "a file"
	}
	text += ": " + said(c.finding, 1)
	for _, st := range p.files {
		if st.text == text {
			st.support(c.finding, 0)
			return
		}
	}
	if len(p.files) < maxSteps {
		st := &step{deed: deed{text: text, path: c.Path}}
		st.support(c.finding, 10*c.finding.Severity.Rank())
		p.files = append(p.files, st)
	}
}

// reach adds to whom the processes of a group talked, where no finding tells: all of
// a thing, and of a job those that findings are about.
func (t *Teller) reach(p *plot, g any) {
	about := map[*actor]bool{}
	for _, c := range p.evidence {
		for _, seq := range c.Events {
			about[t.owner(seq)] = true
		}
	}
	known := map[string]bool{}
	for _, st := range p.steps {
		known[st.host] = true
	}
	n := 0
	for _, d := range t.reached {
		if n == maxReached || !t.does(g, d.seq, about) {
			continue
		}
		host := cmp.Or(t.names[d.host], d.host)
		if known[host] || known[d.host] {
			continue
		}
		known[host] = true
		if st := p.step(d); len(st.findings) == 0 {
			st.text, st.host, st.weight = strings.Replace(d.text, d.host, host, 1), host, weightReach
			n++
		}
	}
}

// does tells whether an event is of a thing, or of a job and by one of these.
func (t *Teller) does(g any, seq uint64, about map[*actor]bool) bool {
	a := t.owner(seq)
	switch g := g.(type) {
	case *thing:
		return a != nil && a.thing != nil && a.thing.group() == g
	case *actor:
		return a != nil && a.thing == nil && a.job == g && about[a]
	default:
		return false
	}
}

// local tells whether an address is on the machine, or a name server.
func local(address string) bool {
	_, port := behavior.SplitAddress(address)
	return behavior.Loopback(address) || port == 53
}

// choose picks the steps of a story: the weightiest, in the order of the tape. What
// was read in files comes first.
func (p *plot) choose() []*step {
	var all []*step
	for _, seq := range slices.Sorted(maps.Keys(p.steps)) {
		all = fold(all, p.steps[seq])
	}
	all = append(all, p.files...)
	slices.SortStableFunc(all, func(a, b *step) int { return b.weight - a.weight })
	all = all[:min(len(all), maxSteps)]
	slices.SortStableFunc(all, func(a, b *step) int { return cmp.Compare(a.seq, b.seq) })
	for _, st := range all {
		slices.Sort(st.findings)
	}
	return all
}

// fold adds a step, unless one before says the same.
func fold(all []*step, st *step) []*step {
	for _, have := range all {
		if have.text == st.text && have.pid == st.pid {
			have.weight = max(have.weight, st.weight)
			have.persists = have.persists || st.persists
			for _, id := range st.findings {
				if !slices.Contains(have.findings, id) {
					have.findings = append(have.findings, id)
				}
			}
			return all
		}
	}
	return append(all, st)
}
