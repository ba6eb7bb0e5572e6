package story

import (
	"path"
	"slices"

	"github.com/detonaut/detonaut/chamber/tape"
)

// run notes which content a process runs from now on.
func (t *Teller) run(e *tape.Event, who *actor) {
	x := e.Process
	if who == nil {
		return
	}
	who = who.itself(e)
	who.program = cut(x.Executable, maxString)
	sum, file := x.SHA256, x.Executable
	if !came(x.Origin) {
		if x.SHA256 != "" && len(t.programs) < 4*maxThings && t.programs[x.SHA256] == nil {
			t.programs[x.SHA256] = who
		}
		if sum, file = "", t.script(x); file == "" {
			return
		}
	}
	if g := t.begin(sum, file, who); g != nil {
		t.chain(g, newDeed(e))
	}
}

// itself is the process of e, when a stands for one too many to be known: what that
// runs is not what its ancestor does.
func (a *actor) itself(e *tape.Event) *actor {
	if a.pid == e.PID {
		return a
	}
	return &actor{pid: e.PID, parent: a, job: a.job, thing: a.thing, event: e.Seq}
}

// interpreters run the script that they are given.
var interpreters = []string{
	"ash", "bash", "busybox", "dash", "ksh", "lua", "node", "perl", "php", "python", "python2", "python3", "ruby", "sh", "zsh",
}

// script is the file that an interpreter of the image was given, if it was written
// while the subject ran.
func (t *Teller) script(x *tape.Process) string {
	if !slices.Contains(interpreters, base(x.Executable)) {
		return ""
	}
	for _, arg := range x.Args[min(len(x.Args), 1):min(len(x.Args), 4)] {
		if _, ok := t.writer(path.Join("/", x.Dir, arg)); ok && !path.IsAbs(arg) {
			return path.Join("/", x.Dir, arg)
		}
		if _, ok := t.writer(path.Clean(arg)); ok && path.IsAbs(arg) {
			return path.Clean(arg)
		}
	}
	return ""
}

// keep takes contents that run without being executed: libraries, and scripts that
// come through a pipe. Of those that are a thing already it notes what happens to them.
func (t *Teller) keep(e *tape.Event, who *actor) {
	p := e.Payload
	if p.SHA256 == "" {
		return
	}
	if who != nil {
		who = who.itself(e)
	}
	g := t.things[p.SHA256]
	switch at := t.paths[key(p.Path)]; {
	case who != nil && (p.How == tape.Loaded || p.How == tape.Stdin):
		file := p.Path
		if p.How == tape.Stdin {
			file = "" // that of the interpreter
		}
		if g = t.begin(p.SHA256, file, who); g != nil {
			t.chain(g, newDeed(e))
		}
	case g == nil && at != nil && len(at.sums) == 0: // a script of which only the path was known
		at.sums = []string{p.SHA256}
		t.things[p.SHA256] = at
		t.link(e.Seq, at)
	case g != nil:
		t.link(e.Seq, g)
	}
}

// begin notes that a process runs a content, and returns the thing that it is; nil if
// there are too many.
func (t *Teller) begin(sum, file string, who *actor) *thing {
	id := sum
	if id == "" {
		id = key(file)
	}
	g := t.things[id]
	if g == nil {
		if len(t.things) >= maxThings {
			return nil
		}
		g = &thing{root: who}
		if sum != "" {
			g.sums = []string{sum}
		}
		t.things[id] = g
		if w, ok := t.writer(file); ok {
			d := &deed{seq: w.seq, kind: tape.FileCreate, text: "wrote " + cut(file, maxString), path: cut(file, maxString)}
			if w.by != nil {
				d.pid = w.by.pid
			}
			t.chain(g, d)
			if w.by != nil && w.by.fetched != nil && t.fetched[sum] == nil {
				t.chain(g, w.by.fetched) // who unpacks while it fetches writes other bytes than came
			}
		}
	}
	if file != "" && len(t.paths) < 4*maxThings {
		t.paths[key(file)] = g
	}
	if who.thing != nil {
		join(who.thing, g)
	}
	who.thing = g
	return g
}

// chain makes a deed part of the story of a thing.
func (t *Teller) chain(g *thing, d *deed) {
	r := g.group()
	alike := func(o *deed) bool { return o.seq == d.seq || o.text == d.text && o.pid == d.pid }
	if len(r.chain) < maxChain && !slices.ContainsFunc(r.chain, alike) {
		r.chain = append(r.chain, d)
	}
	t.link(d.seq, g)
}

// link makes an event one of a thing's.
func (t *Teller) link(seq uint64, g *thing) {
	if len(t.links) < maxDeeds {
		t.links[seq] = g
	}
}

// file follows who writes files, and sees the end of those that ran.
func (t *Teller) file(e *tape.Event, who *actor) {
	f := e.File
	switch e.Kind {
	case tape.FileCreate:
		t.wrote(f.Path, e.Seq, who)
	case tape.FileRename, tape.FileLink:
		t.wrote(f.Target, e.Seq, who)
	case tape.FileOpen, tape.FileTruncate, tape.FileWrite:
		if w, ok := t.writer(f.Path); (!ok || w.by != who) && (e.Kind != tape.FileOpen || writes(f.Flags)) {
			t.wrote(f.Path, e.Seq, who)
		}
	case tape.FileChmod:
		if g := t.paths[key(f.Path)]; g != nil {
			t.link(e.Seq, g)
		}
	case tape.FileDelete:
		if g := t.paths[key(f.Path)]; g != nil {
			t.chain(g, newDeed(e))
		}
	default:
	}
}

// key bounds a path that is remembered.
func key(file string) string { return cut(file, 2*maxString) }

// wrote remembers who wrote a file, and forgets what was written long ago.
func (t *Teller) wrote(file string, seq uint64, who *actor) {
	if len(t.written) >= maxWritten {
		t.before, t.written = t.written, nil
	}
	if t.written == nil {
		t.written = map[string]write{}
	}
	t.written[key(file)] = write{seq, who}
}

func (t *Teller) writer(file string) (write, bool) {
	w, ok := t.written[key(file)]
	if !ok {
		w, ok = t.before[key(file)]
	}
	return w, ok
}

// fetch remembers where a content came from.
func (t *Teller) fetch(e *tape.Event, who *actor) {
	b := e.HTTP.ResponseBody
	if b == nil || b.Size == 0 {
		return
	}
	if d := t.deeds[e.Seq]; d != nil && who != nil && e.HTTP.Status < 300 {
		who.fetched = d
	}
	if len(t.fetched) < maxFetched && t.fetched[b.SHA256] == nil {
		t.fetched[b.SHA256] = newDeed(e)
	}
}
