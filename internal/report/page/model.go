package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// model is what the templates of a report are executed with: the view, and its parts as they
// are shown.
type model struct {
	View
	// Many is set when the page has several reports, and prefix begins the ids of this one.
	Many   bool
	prefix string

	Nav      []section
	Banner   banner
	Identity identity
	Findings findingLists
	Story    storyGraph
	Lanes    lanes
	Attack   []attackRow
	Network  network
	Files    files
	Holes    holes
	Packages packages
	Layers   []layerRow
	Coverage coverage
	// Indicators are by what it can be recognised elsewhere.
	Indicators indicators

	ids      map[string]bool        // of elements
	heats    map[uint64]heat        // what rests on an event
	pids     map[int32][]int        // processes, by their place in the run
	ranOf    map[string]bool        // contents that are processes
	findings map[string]*findingRow // by id
	clock    clock
	found    map[string][]*findingRow // by the SHA-256 of a file
}

// section is one part of the page, as the navigation has it.
type section struct {
	ID, Title string
	// Count is how much is in it; -1 if that cannot be counted.
	Count int
	// Note is said instead of the count.
	Note string
}

// heat is what rests on an event.
type heat struct {
	severity detonaut.Severity
	findings []string
}

// Bounds of the page of a server; a file of its own has the whole lists, up to maxWhole, and a
// page of many reports up to maxOfMany.
const (
	maxWhole  = 5000
	maxOfMany = 100
)

// limit is how many rows of a list are shown, if a page of a server shows so many.
func (m *model) limit(n int) int {
	switch {
	case m.Many:
		return max(n, maxOfMany)
	case m.Single:
		return maxWhole
	}
	return n
}

// list is a part of a longer one.
type list[T any] struct {
	Rows  []T
	Total int
	// All leads to the whole, Part names it; empty if there is none.
	All string
}

// cutList shows n rows of all; the rest is on a page of the part.
func cutList[S, T any](m *model, all []S, n int, part string, row func(*S) T) list[T] {
	n = min(len(all), m.limit(n))
	l := list[T]{Total: len(all), Rows: make([]T, n)}
	for i := range n {
		l.Rows[i] = row(&all[i])
	}
	if n < len(all) && !m.Single {
		l.All = PartPath(m.Report.Image.Digest, m.Key, part)
	}
	return l
}

// Left is how many are not shown.
func (l list[T]) Left() int { return l.Total - len(l.Rows) }

func newModel(v View, prefix string) *model {
	if v.Report == nil {
		v.Report = &detonaut.Report{}
	}
	m := &model{
		View: v, prefix: prefix, Many: prefix != "", ids: map[string]bool{}, heats: map[uint64]heat{}, pids: map[int32][]int{},
		ranOf: map[string]bool{}, findings: map[string]*findingRow{}, found: map[string][]*findingRow{},
	}
	if v.Report.Run == nil {
		m.Report = shallow(v.Report)
	}
	m.index()
	m.Findings = m.findingLists()
	m.Lanes = m.lanes()
	m.Network = m.network()
	m.Files = m.files()
	m.Story = m.story()
	m.Attack = m.attack()
	m.Holes = m.holes()
	m.Packages = m.packages()
	m.Layers = m.layers()
	m.Coverage = m.coverage()
	m.Indicators = m.indicators()
	m.Identity = m.identity()
	m.Banner = m.banner()
	m.Nav = m.sections()
	return m
}

// shallow is r with a run in which nothing is, so that nobody has to look for one.
func shallow(r *detonaut.Report) *detonaut.Report {
	c := *r
	c.Run = &detonaut.Run{}
	return &c
}

// Ran tells whether the subject ran.
func (m *model) Ran() bool {
	run := m.Report.Run
	return run.EndReason != "" || len(run.Processes) > 0
}

// index finds out what rests on what.
func (m *model) index() {
	r := m.Report
	for i := range r.Run.Processes {
		p := &r.Run.Processes[i]
		m.pids[p.PID] = append(m.pids[p.PID], i)
		m.ranOf[p.SHA256] = true
	}
	delete(m.ranOf, "")
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Weakness || f.Suppressed != nil {
			continue
		}
		for _, e := range f.Evidence {
			for _, seq := range e.Events {
				m.warm(seq, f.Severity, f.ID)
			}
		}
	}
	m.clock = newClock(r.Run, r.Coverage.Events)
}

// warm notes that a finding rests on an event.
func (m *model) warm(seq uint64, s detonaut.Severity, id string) {
	h := m.heats[seq]
	if h.severity == "" || s.Rank() > h.severity.Rank() {
		h.severity = s
	}
	if !slices.Contains(h.findings, id) {
		h.findings = append(h.findings, id)
	}
	m.heats[seq] = h
}

// ID is the id of an element of this report.
func (m *model) ID(name string) string { return m.prefix + name }

// take makes an id of name that no other element has.
func (m *model) take(name string) string {
	id := m.prefix + slug(name)
	for n := 2; m.ids[id]; n++ {
		id = fmt.Sprintf("%s%s-%d", m.prefix, slug(name), n)
	}
	m.ids[id] = true
	return id
}

// slug makes of s what can be an id, and a part of an address.
func slug(s string) string {
	const most = 80
	b := []byte(s[:min(len(s), most)])
	for i, c := range b {
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' {
			continue
		}
		b[i] = '-'
	}
	return string(b)
}

// claim makes the element that shows an event the one to which links lead: the first does
// it. It returns the id, which may be empty.
func (m *model) claim(seq uint64) string {
	id := fmt.Sprintf("%sevent-%d", m.prefix, seq)
	if seq == 0 || m.ids[id] {
		return ""
	}
	m.ids[id] = true
	return id
}

// eventRef leads to an event.
type eventRef struct {
	Seq  uint64
	Href string
}

// Event leads to an event: on the tape, if the server has that, else to where this page shows
// it.
func (m *model) Event(seq uint64) eventRef {
	ref := eventRef{Seq: seq}
	id := fmt.Sprintf("%sevent-%d", m.prefix, seq)
	switch {
	case seq == 0:
	case m.Tape:
		ref.Href = EventPath(m.Report.Image.Digest, m.Key, seq)
	case m.ids[id]:
		ref.Href = "#" + id
	}
	return ref
}

// Here leads to where this page shows an event; Href is empty if it does not.
func (m *model) Here(seq uint64) eventRef {
	if id := fmt.Sprintf("%sevent-%d", m.prefix, seq); m.ids[id] {
		return eventRef{seq, "#" + id}
	}
	return m.Event(seq)
}

// processRef leads to a process.
type processRef struct {
	PID        int32
	Name, Href string
}

// process finds the process that had a pid when an event happened.
func (m *model) process(pid int32, seq uint64) int {
	best := -1
	for _, i := range m.pids[pid] {
		if best < 0 || m.Report.Run.Processes[i].Event <= seq {
			best = i
		}
	}
	return best
}

// Process leads to the process that had a pid when an event happened.
func (m *model) Process(pid int32, seq uint64) processRef {
	ref := processRef{PID: pid}
	if i := m.process(pid, seq); i >= 0 {
		ref.Name = programName(&m.Report.Run.Processes[i])
		if id := m.processID(i); m.ids[id] {
			ref.Href = "#" + id
		}
	}
	return ref
}

func (m *model) processID(i int) string { return fmt.Sprintf("%sprocess-%d", m.prefix, i+1) }

// programName is a short name of what a process ran.
func programName(p *detonaut.Process) string {
	s := p.Executable
	if s == "" && len(p.Args) > 0 {
		s = p.Args[0]
	}
	return s[strings.LastIndexByte(s, '/')+1:]
}

// Pivot leads to all images with a fact; it is empty in a file of its own.
func (m *model) Pivot(kind store.Kind, value any) string {
	s := stringOf(value)
	if m.Single || s == "" || len(s) > maxPivot {
		return ""
	}
	return FactPath(kind, s)
}

// maxPivot bounds what is looked for, in bytes.
const maxPivot = 1000

// Others is how many other images a fact was found in; 0 if that is not known.
func (m *model) Others(kind store.Kind, value any) int {
	return max(0, m.Prevalence[store.Fact{Kind: kind, Value: stringOf(value)}]-1)
}

// RuleHref leads to the page of a rule.
func (m *model) RuleHref(id string) string {
	if m.Single || id == "" || len(id) > maxPivot {
		return ""
	}
	return RulePath(id)
}

func (m *model) sections() []section {
	n := &m.Network
	all := []section{
		{"identity", "Image", -1, ""},
		{"findings", "Findings", m.Findings.Deeds.Total, ""},
		{"story", "Story", -1, ""},
		{"processes", "Processes", len(m.Report.Run.Processes), ""},
		{"attack", "ATT&CK", len(m.Attack), ""},
		{"network", "Network", n.Count(), ""},
		{"files", "Files", m.Files.Count(), ""},
		{"vulnerabilities", "Vulnerabilities", m.Holes.Count, ""},
		{"packages", "Packages", m.Packages.List.Total, ""},
		{"secrets", "Secrets", m.Findings.Secrets.Total, ""},
		{"configuration", "Configuration", m.Findings.Config.Total, ""},
		{"coverage", "Coverage", -1, m.Coverage.Word()},
		{"indicators", "Indicators", m.Indicators.Rows.Total, ""},
	}
	if !m.Single {
		all = append(all, section{"related", "Related", len(m.Related), ""})
	}
	events := int(min(m.Report.Coverage.Events, 1<<31))
	all = append(all, section{"downloads", "Downloads", -1, ""}, section{"events", "Events", events, ""})
	if !m.Single {
		all = append(all, section{"link", "Link", -1, ""})
	}
	return all
}
