package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
)

// card is one thing in the story: a process, or something that it did.
type card struct {
	kind   string // "process", "network", "file", "payload"
	label  string
	full   string
	verbs  []string
	object string // what it is about: equal ones of a process are one card
	event  uint64
	at     time.Duration // about; -1 if nobody knows
	// severity is that of what rests on it; empty if nothing does.
	severity detonaut.Severity
	findings []string
	process  int  // its place in the run; -1 for a deed
	plain    bool // it is like its parent, and did nothing of note
	count    int

	parent *card
	kids   []*card
	path   bool // it leads to something that was found
	kept   bool
	more   int // below it, that is not shown
	// hidden is set when something was found in some of that.
	hidden bool

	id    string
	x, y  int // of the left middle
	depth int
}

// hot tells whether something was found in it.
func (c *card) hot() bool { return c.severity != "" }

// Bounds of the story.
const (
	maxCards   = 40
	maxContext = 14 // cards in which nothing was found, if something was found in others
	maxCalm    = 24 // cards if nothing was found in any
	maxAlike   = 3  // connections of one process, or processes that are the same, that are a card each
)

// storyGraph is the picture of the story, and the same as a table.
type storyGraph struct {
	Told          []storyRow
	ToldMore      int
	Width, Height int
	Columns       int // at most 9
	Cards         []cardBox
	Chips         []chipBox
	Lines         []line
	Shown, Total  int
	Hot           int
}

type storyRow struct {
	*detonaut.Story
	Text   string
	Steps  []stepRow
	More   int
	Rested []*findingRow
}

type stepRow struct {
	*detonaut.Step
	By processRef
	ID string
}

// Bounds of what is told in words.
const (
	maxTold  = 12
	maxSteps = 24
)

// story tells what happened from the entrypoint to the deed.
func (m *model) story() storyGraph {
	t := &teller{m: m, deeds: map[string]*card{}}
	roots := t.tell()
	t.choose(roots)
	g := draw(roots, t.bonds())
	for _, c := range t.all {
		g.Total++
		if c.kept {
			g.Shown++
			g.Hot += one(c.hot())
		}
	}
	for i := range m.Report.Stories {
		if i == m.limit(maxTold) {
			g.ToldMore = len(m.Report.Stories) - i
			break
		}
		g.Told = append(g.Told, m.storyRow(&m.Report.Stories[i]))
	}
	return g
}

func (m *model) storyRow(s *detonaut.Story) storyRow {
	row := storyRow{Story: s, Text: s.Title}
	for _, id := range s.Findings[:min(len(s.Findings), 12)] {
		if f := m.findings[id]; f != nil {
			row.Rested = append(row.Rested, f)
		}
	}
	for i := range s.Steps {
		if i == maxSteps {
			row.More = len(s.Steps) - i
			break
		}
		st := &s.Steps[i]
		step := stepRow{Step: st, ID: m.claim(st.Event)}
		if st.PID != 0 {
			step.By = m.Process(st.PID, st.Event)
		}
		row.Steps = append(row.Steps, step)
	}
	return row
}

// teller makes the cards.
type teller struct {
	m         *model
	processes []*card
	all       []*card
	deeds     map[string]*card // by process and what they are about
	nobody    *card            // who did what nobody is known to have done
	steps     map[uint64]*detonaut.Step
}

// tell makes a tree of all that is known, and returns its roots.
func (t *teller) tell() (roots []*card) {
	r := t.m.Report
	t.steps = map[uint64]*detonaut.Step{}
	for i := range r.Stories {
		for j := range r.Stories[i].Steps {
			st := &r.Stories[i].Steps[j]
			if t.steps[st.Event] == nil {
				t.steps[st.Event] = st
			}
			if st.Event != 0 {
				for _, id := range st.Findings {
					if f := t.m.findings[id]; f != nil && !f.Weakness {
						t.m.warm(st.Event, f.Severity, id)
					}
				}
			}
		}
	}
	for i := range r.Run.Processes {
		t.process(i)
	}
	for i, c := range t.processes {
		p := &r.Run.Processes[i]
		up := t.m.process(p.Parent, p.Event)
		if p.Parent == 0 || up < 0 || up == i || t.below(t.processes[up], c) {
			roots = append(roots, c)
			continue
		}
		t.hang(c, t.processes[up])
		before := &r.Run.Processes[up]
		c.plain = before.Executable == p.Executable && slices.Equal(before.Args, p.Args)
	}
	t.speech()
	t.contents()
	t.rest()
	if t.nobody != nil {
		roots = append(roots, t.nobody)
	}
	return roots
}

// below tells whether c is among the ancestors of what is to be its parent: a report from
// elsewhere may go in circles.
func (t *teller) below(parent, c *card) bool {
	for n := 0; parent != nil && n <= len(t.processes); n++ {
		if parent == c {
			return true
		}
		parent = parent.parent
	}
	return parent != nil
}

func (t *teller) hang(c, parent *card) {
	c.parent = parent
	parent.kids = append(parent.kids, c)
}

func (t *teller) process(i int) {
	p := &t.m.Report.Run.Processes[i]
	c := &card{kind: "process", label: commandOf(p, true), full: commandOf(p, false), event: p.Event, at: p.Start, process: i, object: p.Executable, count: 1}
	switch p.Origin {
	case "written":
		c.kind, c.verbs = "payload", []string{"ran (written)"}
	case "memory":
		c.kind, c.verbs = "payload", []string{"ran (memory)"}
	default:
		c.verbs = []string{"ran"}
	}
	if i == 0 {
		c.verbs = []string{"entrypoint"}
	}
	c.heat(t.m.heats[p.Event])
	t.processes, t.all = append(t.processes, c), append(t.all, c)
}

func (c *card) heat(h heat) {
	if h.severity != "" && (c.severity == "" || h.severity.Rank() > c.severity.Rank()) {
		c.severity = h.severity
	}
	for _, id := range h.findings {
		if !slices.Contains(c.findings, id) {
			c.findings = append(c.findings, id)
		}
	}
}

// deed adds what a process did; equal ones are one card.
func (t *teller) deed(pid int32, d card) {
	i := t.m.process(pid, d.event)
	if pid == 0 {
		i = -1
	}
	key := fmt.Sprintf("%d\x00%s\x00%s", i, d.kind, d.object)
	c := t.deeds[key]
	if c == nil {
		c = &d
		c.at, c.process = -1, -1
		if at, ok := t.m.clock.at(d.event); ok {
			c.at = at
		}
		t.deeds[key] = c
		t.all = append(t.all, c)
		t.hang(c, t.actor(i))
	}
	for _, v := range d.verbs {
		if v != "" && !slices.Contains(c.verbs, v) && len(c.verbs) < 6 {
			c.verbs = append(c.verbs, v)
		}
	}
	c.count++
	c.heat(t.m.heats[d.event])
}

// actor is the card of a process; of none, that of the first.
func (t *teller) actor(i int) *card {
	switch {
	case i >= 0:
		return t.processes[i]
	case len(t.processes) > 0:
		return t.processes[0]
	case t.nobody == nil:
		t.nobody = &card{kind: "process", label: "the image", full: "the image", verbs: []string{"read, not run"}, at: -1, process: -1, count: 1}
		t.all = append(t.all, t.nobody)
	}
	return t.nobody
}

// choose marks what is shown: what something was found in and what leads there, the worst
// first, then what else there is room for.
func (t *teller) choose(roots []*card) {
	left := maxCards
	keep := func(c *card) bool {
		need := 0
		for up := c; up != nil; up = up.parent {
			need += one(!up.kept)
		}
		if need > left {
			return false
		}
		left -= need
		for up := c; up != nil; up = up.parent {
			up.kept = true
		}
		return true
	}
	hot := slices.DeleteFunc(slices.Clone(t.all), func(c *card) bool { return !c.hot() })
	slices.SortStableFunc(hot, func(a, b *card) int {
		return cmp.Or(-cmp.Compare(a.severity.Rank(), b.severity.Rank()), cmp.Compare(a.event, b.event))
	})
	like := map[string]int{}
	enough := func(c *card) bool { // there are others like it
		if c.process < 0 || c.parent == nil || len(c.kids) > 0 {
			return false
		}
		key := fmt.Sprintf("%p %s", c.parent, c.label)
		like[key]++
		return like[key] > maxAlike
	}
	for _, c := range hot {
		if !enough(c) && keep(c) {
			for up := c; up != nil; up = up.parent {
				up.path = true
			}
		}
	}
	if room := maxContext; len(hot) > 0 {
		left = min(left, room)
	} else {
		left = min(left, maxCalm)
	}
	for _, c := range roots {
		if left > 0 {
			keep(c)
		}
	}
	for _, c := range t.context() {
		if left == 0 {
			break
		}
		if !enough(c) {
			keep(c)
		}
	}
	for _, c := range t.all {
		if c.kept {
			continue
		}
		for up := c.parent; up != nil; up = up.parent {
			if up.kept {
				up.more += max(1, c.count)
				up.hidden = up.hidden || c.hot()
				break
			}
		}
	}
}

// context are cards in which nothing was found, those worth most first.
func (t *teller) context() []*card {
	worth := func(c *card) int {
		switch {
		case c.plain && len(c.kids) == 0, c.hot():
			return 0
		case c.parent != nil && c.parent.path:
			return 3
		case c.process >= 0:
			return 2
		}
		return 1
	}
	all := slices.DeleteFunc(slices.Clone(t.all), func(c *card) bool { return c.kept || worth(c) == 0 })
	slices.SortStableFunc(all, func(a, b *card) int { return cmp.Or(-cmp.Compare(worth(a), worth(b)), cmp.Compare(a.event, b.event)) })
	return all
}
