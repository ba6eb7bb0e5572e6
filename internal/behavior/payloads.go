package behavior

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of one payload, and of what is remembered to tell who made it.
const (
	maxPlaces  = 16   // paths
	maxBelong  = 32   // events
	maxMakers  = 4    // of them, those that made it
	maxRemnant = 2048 // files and deeds that may still turn out to belong to one
)

// important lists why content is kept, what matters most first: what ran, then
// what somebody wanted gone, then what stayed.
var important = []tape.How{
	tape.Executed, tape.Loaded, tape.Stdin, tape.Code,
	tape.Deleted, tape.Replaced, tape.Truncated, tape.Rewritten, tape.Left,
}

// ran tells whether how is a way to run content.
func ran(how tape.How) bool { return slices.Index(important[:4], how) >= 0 }

// payloads digests the contents that were kept, and what differs from the image
// at the end.
type payloads struct {
	// run are the contents that ran, rest are the others: however many files a
	// subject deletes, they do not push out what it ran.
	run, rest bounded[*detonaut.Payload]
	// privileged and changes are apart for the same reason.
	privileged, changes bounded[detonaut.Change]
	// makers are the events that gave a path the content that it has, pending the
	// payloads whose deed is yet to come.
	makers  recent[[]uint64]
	pending recent[*detonaut.Payload]
}

// add takes an event of the process p.
func (d *payloads) add(e *tape.Event, p *Process) {
	switch {
	case e.Payload != nil:
		d.keep(e, p)
	case e.Change != nil:
		d.change(e)
	case e.File != nil:
		d.file(e)
	case e.Kind == tape.ProcessExec:
		d.deed(e, e.Process.Executable)
		if have, ok := d.run.get(e.Process.SHA256); ok && e.Process.SHA256 != "" && e.Errno == "" {
			belong(have, e.Seq)
		}
	case e.Memory != nil:
		d.deed(e, p.Executable)
	case e.Kind == "call.memfd_create" && e.Errno == "":
		d.makers.put("/memfd:"+e.Call.Args["name"], []uint64{e.Seq})
	}
}

// keep takes a content that was kept.
func (d *payloads) keep(e *tape.Event, p *Process) {
	k := e.Payload
	v := d.content(e)
	if v == nil {
		return
	}
	v.Kept = v.Kept || k.Kept
	if how := cut(string(k.How)); !slices.Contains(v.Hows, how) && len(v.Hows) < len(important) {
		v.Hows = append(v.Hows, how)
	}
	path := cut(k.Path)
	if !slices.Contains(v.Paths, path) && len(v.Paths) < maxPlaces {
		v.Paths = append(v.Paths, path)
	}
	switch made, ok := d.makers.get(path); {
	case k.How == tape.Stdin || k.How == tape.Code:
		belong(v, p.Event) // the program that read it, or made it
	case ok:
		belong(v, made...)
	}
	belong(v, e.Seq)
	if k.How != tape.Left {
		d.pending.put(deedKey(e.PID, path), v)
	}
}

// content finds or makes the entry of e's content; nil if the list is full.
func (d *payloads) content(e *tape.Event) *detonaut.Payload {
	k := e.Payload
	key := k.SHA256
	if key == "" {
		key = k.Path + " " + string(k.How)
	}
	if v, ok := d.run.get(key); ok {
		return v
	}
	list := &d.rest
	if ran(k.How) {
		list = &d.run
	}
	v, known := d.rest.get(key)
	if !known {
		v = &detonaut.Payload{SHA256: cut(k.SHA256), Size: k.Size, Type: cut(k.Type), PID: e.PID}
	} else if list == &d.rest {
		return v
	}
	if !list.put(key, v) {
		return nil
	}
	if known {
		delete(d.rest.m, cut(key))
	}
	return v
}

// file follows who makes files, and sees what is done to those that were kept.
func (d *payloads) file(e *tape.Event) {
	f := e.File
	lost := f.Path
	if e.Kind == tape.FileRename {
		lost = f.Target
	}
	d.deed(e, lost)
	if e.Errno != "" {
		return
	}
	switch e.Kind {
	case tape.FileCreate:
		d.makers.put(f.Path, []uint64{e.Seq})
	case tape.FileRename, tape.FileLink:
		made, _ := d.makers.get(f.Path)
		d.makers.put(f.Target, append(slices.Clone(made[max(0, len(made)-maxMakers+1):]), e.Seq))
		if e.Kind == tape.FileRename {
			d.makers.drop(f.Path)
		}
	case tape.FileOpen, tape.FileTruncate:
		if e.Kind == tape.FileOpen && !writes(f.Flags) {
			return
		}
		if made, _ := d.makers.get(f.Path); len(made) < maxMakers {
			d.makers.put(f.Path, append(slices.Clone(made), e.Seq))
		}
	case tape.FileDelete:
		d.makers.drop(f.Path)
	default: // what changes no content
	}
}

// deed gives e to the payload that was kept because it was about to be done.
func (d *payloads) deed(e *tape.Event, path string) {
	key := deedKey(e.PID, path)
	if v, ok := d.pending.get(key); ok {
		belong(v, e.Seq)
		d.pending.drop(key)
	}
}

func deedKey(pid int32, path string) string { return strconv.Itoa(int(pid)) + " " + cut(path) }

func belong(v *detonaut.Payload, seqs ...uint64) {
	for _, seq := range seqs {
		if seq != 0 && len(v.Events) < maxBelong && !slices.Contains(v.Events, seq) {
			v.Events = append(v.Events, seq)
		}
	}
}

// setid are the permission bits setuid and setgid.
const setid = 0o6000

func (d *payloads) change(e *tape.Event) {
	c := e.Change
	v := detonaut.Change{
		Kind: strings.TrimPrefix(string(e.Kind), "change."), Path: cut(c.Path), Type: cut(c.Type), Target: cut(c.Target),
		SHA256: cut(c.SHA256), Size: c.Size, Mode: c.Mode, Was: c.Was, Event: e.Seq,
	}
	v.Privileged = Privileged(c)
	list := &d.changes
	if v.Privileged {
		list = &d.privileged
	}
	list.put(v.Path, v)
}

// Privileged tells whether a file gives whoever executes it rights that it did
// not give before: it became setuid or setgid, or was given capabilities.
func Privileged(c *tape.Change) bool {
	return c.Type == "file" && (c.Mode&^c.Was&setid != 0 || c.Capabilities != "")
}

// tell puts what was kept into r.
func (d *payloads) tell(r *detonaut.Run) {
	rank := func(how string) int {
		if i := slices.Index(important, tape.How(how)); i >= 0 {
			return i
		}
		return len(important)
	}
	for _, v := range slices.Concat(flat(&d.run), flat(&d.rest)) {
		slices.SortStableFunc(v.Hows, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
		slices.Sort(v.Paths)
		slices.Sort(v.Events)
		r.Payloads = append(r.Payloads, v)
	}
	slices.SortStableFunc(r.Payloads, func(a, b detonaut.Payload) int {
		return cmp.Or(cmp.Compare(rank(a.Hows[0]), rank(b.Hows[0])), cmp.Compare(a.Events[0], b.Events[0]))
	})
	r.Payloads = r.Payloads[:min(len(r.Payloads), maxListed)]
	others := d.changes.values()
	r.Changes = append(d.privileged.values(), others[:min(len(others), maxListed-len(d.privileged.m))]...)
	slices.SortFunc(r.Changes, func(a, b detonaut.Change) int { return cmp.Compare(a.Path, b.Path) })
}

// full tells which of the lists are not whole.
func (d *payloads) full() (payloads, changes bool) {
	return d.run.full || d.rest.full || len(d.run.m)+len(d.rest.m) > maxListed,
		d.privileged.full || d.changes.full || len(d.privileged.m)+len(d.changes.m) > maxListed
}

// recent is a map that forgets what was put long ago: it has at least the last
// maxRemnant keys, and at most twice as many.
type recent[V any] struct {
	young, old map[string]V
}

func (r *recent[V]) get(key string) (V, bool) {
	key = cut(key)
	v, ok := r.young[key]
	if !ok {
		v, ok = r.old[key]
	}
	return v, ok
}

func (r *recent[V]) drop(key string) {
	key = cut(key)
	delete(r.young, key)
	delete(r.old, key)
}

func (r *recent[V]) put(key string, v V) {
	if len(r.young) >= maxRemnant {
		r.old, r.young = r.young, nil
	}
	if r.young == nil {
		r.young = make(map[string]V)
	}
	r.young[cut(key)] = v
}
