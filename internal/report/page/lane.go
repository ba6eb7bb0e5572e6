package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Measures of a lane, in pixels.
const (
	laneWidth  = 520
	laneHeight = 20
	maxDepth   = 12 // of what is shown of the tree
)

// lanes are the processes, as a tree, with what they did when.
type lanes struct {
	Rows  list[laneRow]
	Ticks []tick
}

// tick is a mark on the axis of time.
type tick struct {
	X      int
	Anchor string
	Text   string
}

type laneRow struct {
	*detonaut.Process
	shown
	Element string // id of the row
	Depth   int
	Command string
	Pivot   string
	Others  int
	X, W    int
	Glyphs  []glyph
	Words   string // the lane in words
	Ended   string
	Fold    string
}

// glyph is something that a process did.
type glyph struct {
	Kind  string // "network", "file", "payload"
	D     string // its outline
	Class string
	Title string
}

// Bounds of the lanes of a server's page.
const (
	maxRows   = 60
	maxGlyphs = 24
)

func (m *model) lanes() lanes {
	order := m.tree()
	deeds := m.laneDeeds()
	l := lanes{Ticks: m.ticks()}
	limit := m.limit(maxRows)
	if len(order) > limit {
		order = m.chooseLanes(order, limit)
	}
	l.Rows.Total = len(m.Report.Run.Processes)
	if len(order) < l.Rows.Total && !m.Single {
		l.Rows.All = PartPath(m.Report.Image.Digest, m.Key, "processes")
	}
	for _, n := range order {
		m.ids[m.processID(n.index)] = true
	}
	for _, n := range order {
		l.Rows.Rows = append(l.Rows.Rows, m.laneRow(n, deeds[n.index]))
	}
	return l
}

// node is a process in the tree.
type node struct{ index, depth int }

// tree puts the processes in order: each before its children.
func (m *model) tree() []node {
	ps := m.Report.Run.Processes
	kids := map[int][]int{}
	var roots []int
	for i := range ps {
		up := m.process(ps[i].Parent, ps[i].Event)
		if ps[i].Parent == 0 || up < 0 || up == i {
			roots = append(roots, i)
			continue
		}
		kids[up] = append(kids[up], i)
	}
	early := func(a, b int) int {
		return cmp.Or(cmp.Compare(ps[a].Start, ps[b].Start), cmp.Compare(ps[a].Event, ps[b].Event), cmp.Compare(a, b))
	}
	slices.SortFunc(roots, early)
	for _, list := range kids {
		slices.SortFunc(list, early)
	}
	order := make([]node, 0, len(ps))
	seen := make([]bool, len(ps))
	stack := []node{}
	push := func(list []int, depth int) {
		for _, i := range slices.Backward(list) {
			stack = append(stack, node{i, depth})
		}
	}
	walk := func() {
		for len(stack) > 0 {
			n := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if seen[n.index] {
				continue
			}
			seen[n.index] = true
			order = append(order, n)
			push(kids[n.index], n.depth+1)
		}
	}
	push(roots, 0)
	walk()
	for i := range ps { // those that go in circles
		if !seen[i] {
			push([]int{i}, 0)
			walk()
		}
	}
	return order
}

// chooseLanes leaves those in which something was found and their ancestors, then the first.
func (m *model) chooseLanes(order []node, limit int) []node {
	keep := map[int]bool{}
	mark := func(i int) {
		for n := 0; i >= 0 && !keep[i] && n < maxRows && len(keep) < limit; n++ {
			keep[i] = true
			p := &m.Report.Run.Processes[i]
			i = m.process(p.Parent, p.Event)
		}
	}
	for _, n := range order {
		if p := &m.Report.Run.Processes[n.index]; m.heats[p.Event].severity != "" {
			mark(n.index)
		}
	}
	for _, n := range order {
		if len(keep) < limit {
			keep[n.index] = true
		}
	}
	return slices.DeleteFunc(order, func(n node) bool { return !keep[n.index] })
}

func (m *model) ticks() (all []tick) {
	const parts = 4
	for i := range parts + 1 {
		anchor := "middle"
		switch i {
		case 0:
			anchor = "start"
		case parts:
			anchor = "end"
		}
		all = append(all, tick{X: i * laneWidth / parts, Anchor: anchor, Text: spanOf(m.clock.end * time.Duration(i) / parts)})
	}
	all[0].Text = "0 s"
	return all
}

func (m *model) laneRow(n node, deeds []laneDeed) laneRow {
	p := &m.Report.Run.Processes[n.index]
	row := laneRow{
		Process: p, shown: m.shown(p.Event, 0), Element: m.processID(n.index), Depth: min(n.depth, maxDepth), Command: commandOf(p, false),
		Pivot: m.Pivot(store.SHA256, p.SHA256), Others: m.Others(store.SHA256, p.SHA256),
	}
	end := p.End
	if end < p.Start {
		end = m.clock.end
	}
	row.X = int(m.clock.share(p.Start) * laneWidth)
	row.W = max(2, int(m.clock.share(end)*laneWidth)-row.X)
	row.X = min(row.X, laneWidth-row.W)
	row.Ended = "still ran at the end"
	if p.End >= 0 {
		row.Ended = "ended at " + spanOf(p.End)
		if p.Exit != "" {
			row.Ended += " with " + Plain(p.Exit, 20)
		}
	}
	count := map[string]int{}
	for i, d := range deeds {
		count[d.kind]++
		if h := m.heats[d.seq].severity; h != "" && (row.Heat == "" || h.Rank() > row.Heat.Rank()) {
			row.Heat = h
		}
		if i < maxGlyphs {
			row.Glyphs = append(row.Glyphs, m.glyph(d, row.X, row.X+row.W))
		}
	}
	parts := []string{"started at " + spanOf(p.Start), row.Ended}
	for _, kind := range []string{"network", "file", "payload"} {
		if count[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", kind, count[kind]))
		}
	}
	row.Words = strings.Join(parts, ", ")
	return row
}

// laneKind is the kind of a mark in a lane for a kind of a card.
func laneKind(kind string) string {
	if kind == "many" {
		return "file"
	}
	return kind
}

// laneDeed is something that a process did at a time.
type laneDeed struct {
	kind, title string
	seq         uint64
}

// laneDeeds are those of each process, what something rests on first.
func (m *model) laneDeeds() map[int][]laneDeed {
	run := m.Report.Run
	all := map[int][]laneDeed{}
	add := func(pid int32, seq uint64, kind, title string) {
		if i := m.process(pid, seq); i >= 0 && pid != 0 && seq != 0 {
			all[i] = append(all[i], laneDeed{kind, title, seq})
		}
	}
	for i := range run.Connections {
		c := &run.Connections[i]
		add(c.PID, c.Event, "network", cmp.Or(c.Protocol, c.Network)+" "+cmp.Or(c.Name, c.Address))
	}
	for i := range run.Requests {
		add(run.Requests[i].PID, run.Requests[i].Event, "network", run.Requests[i].Method+" "+run.Requests[i].URL)
	}
	for i := range run.Messages {
		add(run.Messages[i].PID, run.Messages[i].Event, "network", run.Messages[i].Protocol+" "+run.Messages[i].Verb)
	}
	for i := range run.Listeners {
		add(run.Listeners[i].PID, run.Listeners[i].Event, "network", "listens at "+run.Listeners[i].Address)
	}
	for i := range run.Payloads {
		p := &run.Payloads[i]
		if len(p.Events) > 0 && len(p.Paths) > 0 {
			add(p.PID, p.Events[0], "payload", p.Paths[0])
		}
	}
	for i := range run.Baits {
		add(run.Baits[i].PID, run.Baits[i].Event, "network", "planted credential "+run.Baits[i].Name)
	}
	known := map[uint64]bool{}
	for _, list := range all {
		for _, d := range list {
			known[d.seq] = true
		}
	}
	for i := range m.Report.Stories {
		for j := range m.Report.Stories[i].Steps {
			st := &m.Report.Stories[i].Steps[j]
			if !strings.HasPrefix(st.Text, "ran ") && !known[st.Event] {
				known[st.Event] = true
				add(st.PID, st.Event, laneKind(stepCard(st).kind), st.Text)
			}
		}
	}
	for i, list := range all {
		slices.SortStableFunc(list, func(a, b laneDeed) int {
			return cmp.Or(-cmp.Compare(m.heats[a.seq].severity.Rank(), m.heats[b.seq].severity.Rank()), cmp.Compare(a.seq, b.seq))
		})
		all[i] = slices.CompactFunc(list, func(a, b laneDeed) bool { return a == b })
	}
	return all
}

// glyph draws what a process did. It did that while it ran: from one place to the other.
func (m *model) glyph(d laneDeed, from, to int) glyph {
	at, _ := m.clock.at(d.seq)
	x := min(max(int(m.clock.share(at)*laneWidth), from), to)
	x = min(max(x, 6), laneWidth-6)
	const y = laneHeight / 2
	g := glyph{Kind: d.kind, Class: "glyph g-" + d.kind, Title: fmt.Sprintf("%s, event %d: %s", d.kind, d.seq, Plain(d.title, 120))}
	switch d.kind {
	case "network":
		g.D = fmt.Sprintf("M%d %dl5 5l-5 5l-5-5z", x, y-5)
	case "payload":
		g.D = fmt.Sprintf("M%d %dl5.5 9h-11z", x, y-5)
	default:
		g.D = fmt.Sprintf("M%d %da4 4 0 1 0 8 0a4 4 0 1 0-8 0z", x-4, y)
	}
	if s := m.heats[d.seq].severity; s != "" {
		g.Class += " hot"
		g.Title = severityClass(s) + ", " + g.Title
	}
	return g
}
