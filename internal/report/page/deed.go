package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// speech adds what was said over the network. A connection over which something is known to
// have been said is no card of its own.
func (t *teller) speech() {
	run := t.m.Report.Run
	said := map[string]bool{}
	for i := range run.Requests {
		r := &run.Requests[i]
		host := hostOfURL(r.URL)
		said[spoke(r.PID, host)] = true
		verb := "fetched"
		if r.Sent > 0 || !strings.EqualFold(r.Method, "get") {
			verb = "sent"
		}
		_, rest, _ := strings.Cut(r.URL, "://")
		t.deed(r.PID, card{kind: "network", object: "http " + r.Method + " " + host, label: cmp.Or(rest, r.URL), full: r.Method + " " + r.URL, verbs: []string{verb}, event: r.Event})
	}
	for i := range run.Messages {
		msg := &run.Messages[i]
		host, _ := hostPort(msg.Remote)
		said[spoke(msg.PID, host)] = true
		t.deed(msg.PID, card{kind: "network", object: "message " + msg.Remote, label: cmp.Or(msg.Remote, msg.Protocol), full: messageWords(msg), verbs: []string{msg.Protocol + " " + msg.Verb}, event: msg.Event})
	}
	for i := range run.Baits {
		b := &run.Baits[i]
		host, _ := hostPort(b.Remote)
		if b.Sent {
			t.deed(b.PID, card{kind: "network", object: "bait " + host, label: cmp.Or(b.Remote, b.Place), full: "planted credentials, sent to " + b.Remote, verbs: []string{"sent planted credentials"}, event: b.Event})
		} else {
			t.deed(b.PID, card{kind: "file", object: "bait", label: "planted credentials", full: "planted credential " + b.Name + ", seen in " + b.Place, verbs: []string{"took"}, event: b.Event})
		}
	}
	for i := range run.Rejections {
		r := &run.Rejections[i]
		t.deed(r.PID, card{kind: "network", object: "tls " + r.Name, label: cmp.Or(r.Name, "TLS"), full: "TLS to " + r.Name + ", refused our certificate", verbs: []string{"refused our certificate"}, event: r.Event})
	}
	t.connections(said)
	for i := range run.Listeners {
		l := &run.Listeners[i]
		t.deed(l.PID, card{kind: "network", object: "listen " + l.Address, label: l.Network + " " + l.Address, full: "listens at " + l.Network + " " + l.Address, verbs: []string{"listened at"}, event: l.Event})
	}
}

func spoke(pid int32, host string) string { return fmt.Sprintf("%d %s", pid, strings.ToLower(host)) }

func messageWords(msg *detonaut.Message) string {
	names := make([]string, 0, len(msg.Fields))
	for name := range msg.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	s := msg.Protocol + " " + msg.Verb + " to " + msg.Remote
	for _, name := range names[:min(len(names), 8)] {
		s += " " + name + "=" + msg.Fields[name]
	}
	return s
}

// connections adds those over which nothing else was heard. Many of one process are one card.
func (t *teller) connections(said map[string]bool) {
	run := t.m.Report.Run
	count := map[int32]int{}
	silent := func(c *detonaut.Connection) bool {
		host, port := hostPort(c.Address)
		return !said[spoke(c.PID, cmp.Or(c.Name, host))] && !said[spoke(c.PID, host)] && !(c.Network == "udp" && port == "53")
	}
	for i := range run.Connections {
		count[run.Connections[i].PID] += one(silent(&run.Connections[i]))
	}
	for i := range run.Connections {
		c := &run.Connections[i]
		host, port := hostPort(c.Address)
		to := cmp.Or(c.Name, host)
		if port != "" {
			to += ":" + port
		}
		verb := "connected to"
		if c.Protocol != "" {
			verb = "spoke " + c.Protocol + " to"
		}
		d := card{kind: "network", object: "connect " + to, label: to, full: verb + " " + c.Network + " " + to, verbs: []string{verb}, event: c.Event}
		if n := count[c.PID]; n > maxAlike && silent(c) {
			d.object, d.label = "connect", fmt.Sprintf("%s and %d more", to, n-1)
		}
		if !silent(c) { // what was said is the card; what rests on the connection rests on that
			t.warmSpeech(c, to)
			continue
		}
		t.deed(c.PID, d)
	}
}

// warmSpeech gives what rests on a connection to the card of what was said on it.
func (t *teller) warmSpeech(c *detonaut.Connection, to string) {
	h := t.m.heats[c.Event]
	if h.severity == "" {
		return
	}
	host, _ := hostPort(c.Address)
	i := t.m.process(c.PID, c.Event)
	for _, object := range []string{"message " + to, "message " + c.Address, "http GET " + cmp.Or(c.Name, host), "http POST " + cmp.Or(c.Name, host), "tls " + c.Name} {
		if d := t.deeds[fmt.Sprintf("%d\x00network\x00%s", i, object)]; d != nil {
			d.heat(h)
			return
		}
	}
	if c.Network == "udp" { // a question for a name: the step says which
		return
	}
	t.deed(c.PID, card{kind: "network", object: "connect " + to, label: to, full: "connected to " + to, verbs: []string{"connected to"}, event: c.Event})
}

// contents adds payloads and changes on which something rests. Those of payloads that ran are
// told by their processes.
func (t *teller) contents() {
	run := t.m.Report.Run
	for i := range run.Payloads {
		p := &run.Payloads[i]
		where := "memory"
		if len(p.Paths) > 0 {
			where = p.Paths[0]
		}
		if t.ran(where) || t.m.ranOf[p.SHA256] {
			continue
		}
		var seq uint64
		for _, e := range p.Events {
			if seq == 0 || t.m.heats[e].severity.Rank() > t.m.heats[seq].severity.Rank() {
				seq = e
			}
		}
		if f := t.m.found[p.SHA256]; len(f) > 0 && seq != 0 {
			t.m.warm(seq, f[0].Severity, f[0].Rule)
		}
		label := where
		if slices.Contains(p.Hows, "stdin") {
			label = "script from its input"
		}
		t.deed(p.PID, card{kind: "payload", object: where, label: label, full: where + " " + p.Type + " " + p.SHA256, verbs: p.Hows[:min(len(p.Hows), 3)], event: seq})
	}
	for i := range run.Changes {
		c := &run.Changes[i]
		if t.m.heats[c.Event].severity == "" || t.stepped(c.Event) {
			continue
		}
		t.deed(0, card{kind: "file", object: c.Path, label: c.Path, full: c.Path, verbs: []string{changeWord(c.Kind)}, event: c.Event})
	}
}

func changeWord(kind string) string {
	switch kind {
	case "add":
		return "added"
	case "modify":
		return "changed"
	case "remove":
		return "removed"
	}
	return ""
}

// ran tells whether a process ran what was at a path.
func (t *teller) ran(path string) bool {
	return slices.ContainsFunc(t.m.Report.Run.Processes, func(p detonaut.Process) bool { return p.Executable == path && p.Origin != "image" })
}

func (t *teller) stepped(seq uint64) bool { return t.steps[seq] != nil }

// rest adds the steps of stories that no list of the report tells: files above all.
func (t *teller) rest() {
	known := map[uint64]bool{}
	for _, c := range t.all {
		known[c.event] = true
	}
	for i := range t.m.Report.Run.Connections {
		known[t.m.Report.Run.Connections[i].Event] = true
	}
	for i := range t.m.Report.Run.Requests {
		known[t.m.Report.Run.Requests[i].Event] = true
	}
	for i := range t.m.Report.Run.Baits {
		known[t.m.Report.Run.Baits[i].Event] = true
	}
	for i := range t.m.Report.Stories {
		for j := range t.m.Report.Stories[i].Steps {
			st := &t.m.Report.Stories[i].Steps[j]
			if st.Event == 0 || strings.HasPrefix(st.Text, "ran ") {
				if k := t.m.process(st.PID, st.Event); k >= 0 && st.Event != 0 {
					t.processes[k].heat(t.m.heats[st.Event])
				}
				continue
			}
			d := stepCard(st)
			if known[st.Event] && d.kind != "file" || d.kind == "many" && t.told(st) {
				continue
			}
			known[st.Event] = true
			t.deed(st.PID, d)
		}
	}
}

// told tells whether the cards of a process, or what it did, say already what a step sums up.
func (t *teller) told(st *detonaut.Step) bool {
	i := t.m.process(st.PID, st.Event)
	if i < 0 {
		return false
	}
	c := t.actor(i)
	rests := func(c *card) bool {
		return slices.ContainsFunc(st.Findings, func(id string) bool { return slices.Contains(c.findings, id) })
	}
	return rests(c) || slices.ContainsFunc(c.kids, rests)
}

// saying are beginnings of steps that are about the network.
var saying = []string{"asked for the name ", "connected to ", "fetched ", "sent ", "said ", "listened at ", "tried to connect to "}

// stepCard is a step as a card.
func stepCard(st *detonaut.Step) card {
	d := card{kind: "file", object: st.Text, label: st.Text, full: st.Text, event: st.Event}
	if i := strings.LastIndexByte(st.Text, '('); i > 0 && strings.HasSuffix(st.Text, " events)") && strings.IndexByte(st.Text, '/') < 0 {
		d.kind, d.label, d.verbs = "many", strings.TrimSpace(st.Text[:i]), []string{strings.Trim(st.Text[i:], "()")}
		return d
	}
	for _, verb := range saying {
		if rest, ok := strings.CutPrefix(st.Text, verb); ok {
			d.kind, d.label, d.verbs = "network", rest, []string{strings.TrimSpace(verb)}
			return d
		}
	}
	if i := strings.Index(st.Text, " /"); i >= 0 {
		path := st.Text[i+1:]
		path = path[:indexAny(path, " ")]
		verb := strings.TrimSpace(st.Text[:i] + st.Text[i+1+len(path):])
		d.object, d.label, d.verbs = path, path, []string{verb}
	}
	return d
}

// bond joins what is one thing in two places: a file that became a process.
type bond struct{ from, to *card }

func (t *teller) bonds() (all []bond) {
	for _, c := range t.all {
		if !c.kept || c.process < 0 || len(all) == maxCards {
			continue
		}
		p := &t.m.Report.Run.Processes[c.process]
		if p.Origin == "image" {
			continue
		}
		for _, d := range t.all {
			if d.kept && d.process < 0 && d.object == p.Executable && d.event < c.event && p.Executable != "" && d.parent != c {
				all = append(all, bond{d, c})
				break
			}
		}
	}
	return all
}
