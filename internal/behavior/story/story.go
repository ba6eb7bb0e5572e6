// Package story joins what belongs together: the findings about one group of
// processes and about one content, and between them the events that lead from one to
// the next. It was fetched from there, written here, run as that, and connected to
// those.
//
// It adds no claim to those of the findings, and does not judge. It is pure, like
// package behavior: in one pass over the tape it remembers what may become part of a
// story, bounded whatever the tape holds, and tells the stories when the findings are
// known. A bound that is hit leaves steps out, never a finding out of the report.
package story

import (
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// Bounds of what is remembered of one run.
const (
	maxActors  = 16384   // processes; what others do is told of the nearest ancestor among these
	maxDeeds   = 8192    // events that can be told
	maxAlike   = 16      // of them, those of one kind by one process
	maxSpans   = 1 << 17 // how often the tape goes from one process to another
	maxThings  = 256     // contents that ran
	maxChain   = 8       // deeds that lead to one of them, or away with it
	maxFetched = 2048    // contents that were fetched
	maxWritten = 2048    // files of which is known who wrote them; twice as many at most
)

// Teller watches one run, as a [behavior.Detector] that finds nothing itself, and
// tells its stories. It is used by one goroutine.
type Teller struct {
	actors map[uint64]*actor // by the ID of the process
	first  *actor
	last   *actor // who did the event before, for those who do many in a row
	lastID uint64

	spans []span
	deeds map[uint64]*deed
	// reached are those of them that are connections to others, in their order.
	reached []*deed

	// things are contents that ran, by hash or else by path; paths are where they
	// lay, and links the events that belong to one.
	things map[string]*thing
	paths  map[string]*thing
	links  map[uint64]*thing
	// fetched are contents that came over the network, programs those of the image
	// that ran; both by hash.
	fetched  map[string]*deed
	programs map[string]*actor
	// heirs are the only thing that descends from somebody, nil if there are several;
	// made when the stories are told.
	heirs map[*actor]*thing
	// names are those of addresses.
	names map[string]string
	// written and before are who wrote a file last, by path.
	written, before map[string]write
}

var _ behavior.Detector = (*Teller)(nil)

// New makes a teller for one run.
func New() *Teller {
	return &Teller{
		actors: map[uint64]*actor{}, deeds: map[uint64]*deed{}, things: map[string]*thing{}, paths: map[string]*thing{},
		links: map[uint64]*thing{}, fetched: map[string]*deed{}, programs: map[string]*actor{}, names: map[string]string{},
	}
}

// actor is a process.
type actor struct {
	pid    int32
	parent *actor
	// job is the process at the root of what it is part of.
	job *actor
	// thing is what it runs, or descends from something that runs.
	thing   *thing
	program string
	event   uint64 // its first
	fetched *deed  // the last of the first that it did
	alike   map[tape.Kind]int
}

// deed is an event that may become a step.
type deed struct {
	seq  uint64
	kind tape.Kind
	pid  int32
	text string
	path string // of the file that it is about
	// brought is set when that is a program which was written at run time.
	brought bool
	host    string // "host:port" that it is about
}

// write is who wrote a file, and when.
type write struct {
	seq uint64
	by  *actor
}

// span is a number of events by one process: from the first of them to the next span.
type span struct {
	from uint64
	by   *actor
}

// thing is a content that ran, and all that ran in its processes: a tree, whose root
// stands for all.
type thing struct {
	up    *thing
	root  *actor // who ran it first
	sums  []string
	chain []*deed
}

// group is the root of a thing.
func (g *thing) group() *thing {
	for g.up != nil {
		g = g.up
	}
	return g
}

// join makes one thing of two.
func join(a, b *thing) {
	a, b = a.group(), b.group()
	if a == b {
		return
	}
	if b.root.event < a.root.event {
		a, b = b, a
	}
	b.up = a
	a.sums = append(a.sums, b.sums...)
	a.chain = append(a.chain, b.chain...)
}

// Conclude has found nothing and missed nothing.
func (t *Teller) Conclude() ([]detonaut.Finding, []string) { return nil, nil }

// Observe remembers what may matter of an event.
func (t *Teller) Observe(m behavior.Moment) {
	e := m.Event
	who := t.actor(m)
	if n := len(t.spans); n < maxSpans && (n == 0 || t.spans[n-1].by != who) {
		t.spans = append(t.spans, span{e.Seq, who})
	}
	t.note(e, who)
	if e.Errno != "" {
		return
	}
	switch {
	case e.Kind == tape.ProcessExec:
		t.run(e, who)
	case e.Payload != nil:
		t.keep(e, who)
	case e.File != nil:
		t.file(e, who)
	case e.HTTP != nil:
		t.fetch(e, who)
	case e.FlowEnd != nil && e.FlowEnd.Name != "":
		if address := cut(e.FlowEnd.Remote, maxString); len(t.names) < maxFetched {
			t.names[address] = place(e.FlowEnd.Remote, e.FlowEnd.Name)
		}
	case e.Change != nil:
		if g := t.paths[key(e.Change.Path)]; g != nil {
			t.link(e.Seq, g)
		}
	}
}

// actor is who did the event; nil for the run itself. Of a process too many it is the
// nearest ancestor that is known.
func (t *Teller) actor(m behavior.Moment) *actor {
	p := m.Process
	if p.ID == 0 {
		return nil
	}
	if p.ID == t.lastID {
		return t.last
	}
	a := t.actors[p.ID]
	if a == nil {
		a = t.born(m)
	}
	t.last, t.lastID = a, p.ID
	return a
}

func (t *Teller) born(m behavior.Moment) *actor {
	var parent *actor
	for _, p := range m.Process.Ancestors() {
		if parent = t.actors[p.ID]; parent != nil {
			break
		}
	}
	if len(t.actors) >= maxActors {
		if parent == nil {
			return t.first
		}
		return parent
	}
	a := &actor{pid: m.Process.PID, event: m.Event.Seq, program: cut(m.Process.Executable, maxString)}
	a.job, a.parent = a, parent
	if parent != nil {
		a.thing = parent.thing
		if !slices.Contains(supervisors, base(parent.program)) {
			a.job = parent.job
		}
	}
	t.actors[m.Process.ID] = a
	if t.first == nil {
		t.first = a
	}
	return a
}

// supervisors are programs whose children have nothing to do with each other.
var supervisors = []string{
	"catatonit", "docker-init", "dumb-init", "init", "pid1", "runit", "runsv", "runsvdir", "s6-supervise", "s6-svscan", "supervisord", "systemd", "tini",
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// note remembers an event for being told: the first few of a kind by one process.
func (t *Teller) note(e *tape.Event, who *actor) {
	switch {
	case who == nil && e.FlowEnd == nil && e.HTTP == nil && e.Message == nil && e.Bait == nil && e.Change == nil,
		e.Kind == tape.ProcessFork || e.Kind == tape.ProcessExit || e.Output != nil || e.Jump != nil || e.Trust != nil,
		len(t.deeds) >= maxDeeds:
		return
	case who == nil:
		who = t.nobody()
	}
	if who.alike == nil {
		who.alike = map[tape.Kind]int{}
	}
	if n, known := who.alike[e.Kind]; n >= maxAlike || !known && len(who.alike) >= 4*maxAlike {
		return
	}
	who.alike[e.Kind]++
	d := newDeed(e)
	t.deeds[e.Seq] = d
	if e.Kind == tape.SocketConnect && !local(d.host) {
		t.reached = append(t.reached, d)
	}
}

// nobody counts what nobody is known to have done.
func (t *Teller) nobody() *actor {
	a := t.actors[0]
	if a == nil {
		a = new(actor)
		t.actors[0] = a
	}
	return a
}

// newDeed makes a deed of an event.
func newDeed(e *tape.Event) *deed {
	d := &deed{seq: e.Seq, kind: e.Kind, pid: e.PID, text: words(e)}
	switch {
	case e.Kind == tape.ProcessExec:
		d.path, d.brought = cut(e.Process.Executable, maxString), came(e.Process.Origin)
	case e.File != nil && e.Kind == tape.FileRename:
		d.path = cut(e.File.Target, maxString)
	case e.File != nil:
		d.path = cut(e.File.Path, maxString)
	case e.Change != nil:
		d.path = cut(e.Change.Path, maxString)
	case e.Kind == tape.SocketConnect:
		d.host = cut(e.Socket.Address, maxString)
	case e.FlowEnd != nil:
		d.host = place(e.FlowEnd.Remote, e.FlowEnd.Name)
	case e.HTTP != nil:
		d.host = cut(behavior.URLAddress(e.HTTP.URL), maxString)
	}
	return d
}

// came tells whether a program was not in the image.
func came(o tape.Origin) bool { return o == tape.FromWritten || o == tape.FromMemory }

// place is an address, by name if it has one.
func place(address, name string) string {
	if _, port := behavior.SplitAddress(address); name != "" && port >= 0 {
		return cut(name, maxString) + address[strings.LastIndexByte(address, ':'):]
	}
	return cut(address, maxString)
}
