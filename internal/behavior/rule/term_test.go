package rule

import (
	"bytes"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/cel-go/cel"

	"github.com/detonaut/detonaut/chamber/tape"
)

// constructs are conditions of all sorts, those of which CEL fails among them.
var constructs = []string{
	"event.file.path == '/tmp/x' || event.file.target != '/tmp/x'", "'/tmp/x' == event.file.path", "event.file.path == event.file.target",
	"event.file.path in ['/tmp/x', '/', ''] || event.kind in ['file.open']", "event.file.path in [event.file.target, 'a' + 'b']",
	"event.file.path in ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', '/tmp/x']", "event.pid in [1, 2, 3]", "event.pid in [event.tid]", "!(event.pid in [1, 2])",
	"event.pid > 2 && event.pid <= 5", "event.pid < 2 ? event.tid == 0 : event.file.size >= 64", "event.pid != 3", "event.file.mode / 64 % 2 == 1",
	"event.file.mode / event.pid == 1", "event.file.size % (event.pid - 2) == 0", "event.file.size + event.file.size > 0", "event.file.size * event.file.size == 4096",
	"event.file.size - event.file.fd < 0", "9223372036854775807 + event.pid > 0", "9223372036854775807 + 1 > event.pid", "1 / 0 == event.pid || event.pid == 1",
	"process.args[1] == 'sh'", "process.args.size() > 1 && process.args[0].base() in ['sh', 'curl']", "process.args.size() > 0 && process.args[process.args.size() - 1] == 'sh'",
	"process.args[0].size() == 2 || process.args[event.pid] == 'sh'", "process.args[-1] == 'sh'", "ancestors[0].is('shell') || ancestors[1].pid == 1", "ancestors.size() > 0 && !ancestors[0].serves",
	"process.args.size() > 1 && process.args[1].under(['/tmp', '/usr']) && process.args[0].startsWith('s')", "ancestors[1].executable.port() == 80", "ancestors[0].serves",
	"process.args.size() > 1 && process.args[1] == 'sh'", "process.args[0] != '' || event.pid == 1", "process.args[1] == 'x' && event.pid == 1",
	"process.args[1] == 'x' ? event.pid == 1 : event.file.path == '/'", "!(process.args[1] == 'x')", "size(process.args) == 2 && size(event.file.path) == 1",
	"process.args.exists(a, a == 'sh' || a.contains('/usr'))", "process.args.all(a, a.startsWith('s'))", "!process.args.exists(a, a.endsWith('l'))",
	"process.args.exists(a, process.args[1] == a)", "process.args.exists_one(a, a == 'sh')", "process.args.filter(a, a == 'sh').size() == 1",
	"process.args.map(a, a + 'x')[0] == 'shx'", "process.args.exists(event, event == 'sh')", "process.args.all(a, process.args[1] == a)",
	"ancestors.exists(a, a.is('shell'))", "ancestors.size() > 1 && ancestors[1].executable != ''", "ancestors[0].name == 'sh'", "ancestors.exists(a, 'sh' in a.args)",
	"ancestors.exists(a, a == parent)", "parent == process", "process.is('shell') == process.serves", "process.serves != parent.serves", "process.is(event.errno)",
	"event.socket.dns.exists(q, q.name.lower().endsWith('.example'))", "event.socket.dns[0].name != ''", "event.http.headers.exists(h, h.name.lower() == 'x')",
	"event.http.header('x') == '' && event.http.header(event.errno) == ''", "event.call.args.option == 'sh' || event.call.args['x'] != ''",
	"event.call.args[event.errno] == ''", "'x' in event.call.args", "event.errno in event.message.fields", "has(event.call.args.x)", "event.call.args.size() == 0",
	"has(event.file) ? event.file.sensitive : has(event.http.body)", "'processes' in event.end.bounds", "'sh' in process.args", "event.errno in process.args",
	"event.file.path.under('/tmp')", "event.file.path.under(['/', ''])", "event.file.path.under([event.file.target])", "event.file.path.under('/usr/')", "!event.file.path.under(['/usr', '/tmp'])",
	"event.file.path.matches('^/(tmp|usr)/') || event.file.path.matches('(?i)CURL')", "event.file.path.matches('\ufffd')", "event.file.path.matches('(curl|wget)+|sh$')",
	"event.file.path.matches('x*')", "matches(event.file.path, 'usr')", "event.file.path.startsWith(event.file.target)", "event.file.path.contains('') && event.file.path.endsWith('')",
	"event.socket.address.host() == '10.0.0.1' || event.socket.address.port() in [80, 443]", "event.socket.address.loopback() && !event.socket.address.private()",
	"event.http.url.host().domain() in ['a.example', 'b.example']", "event.http.url.path() == '/x' && event.http.url.host().ip()", "string(event.pid) == '1' || string(event.errno) == ''",
	"(event.pid == 1 ? event.file.path : event.file.target) == '/'", "(event.pid == 1 ? 1 : 2) == event.pid", "(process.args[0] == '' ? 'a' : 'b') == 'a'", "event.file.path + event.file.target == '//'",
	"event.kind.startsWith('file.') ? event.file.reveals != '' : event.errno == 'ENOENT'", "event.kind == 'file.open' || event.pid == 1", "event.kind == 'file.open' && event.kind != 'x'",
	"true || process.args[9] == ''", "false && process.args[9] == ''", "process.args[9] == '' || true", "process.args[9] == '' && false", "event.errno == event.errno",
	"image.name.base() == 'app' && image.labels.maintainer != 'x'", "image.cmd.exists(c, c.contains('serve')) || 'PATH' in image.env", "'80/tcp' in image.exposed_ports",
	"event.t > 5 && event.flow == 0", "event.file.uid == -1", "event.file.uid == 0 || event.file.gid == -(1)", "event.cut || event.file.removed", "event.process.arg_count > event.process.args.size()",
	"[1, 2].exists(n, n == event.pid)", "'abc'.size() == 3 && 'ü'.size() == 1", "event.file.path.size() == 2", "duration('1s') == duration(event.errno)", "int(event.errno) == 1",
}

// groups are rules that put events together, with keys and conditions that may fail.
var groups = []string{
	"in: run\nsequence:\n  - {on: [file.*], key: event.file.path}\n  - {on: [process.exec, file.open], key: 'process.args[1]', when: event.process.origin == 'image'}",
	"in: run\nsequence:\n  - {on: [file.*]}\n  - {on: [call.*, process.exec], when: \"'sh' in earlier[0].process.args || earlier[0].file.path == event.file.path\"}",
	"sequence:\n  - {on: [process.*]}\n  - {on: [process.*], when: \"'sh' in earlier[1].process.args\"}\n  - {on: [file.*], when: 'earlier.exists(e, e.kind == event.kind)'}",
	"sequence:\n  - {on: [process.*]}\n  - {on: [file.*]}\n  - {on: [file.*], when: \"earlier[1].process.args.exists(a, a == '') || event.file.path == '/'\"}",
	"sequence:\n  - {on: [process.*]}\n  - {on: [file.*], when: \"earlier[1].process.args.exists(a, a == '' && event.file.path == '/')\"}",
	"sequence:\n  - {on: [process.*]}\n  - {on: [file.*], when: \"earlier[1].process.args.exists(a, false)\"}",
	"in: run\nsequence:\n  - {on: [file.*], key: event.file.path}\n  - {on: [file.*], key: 'process.args[1]', when: \"event.file.path == '/tmp/x' && earlier.size() == 1\"}",
	"in: run\nsequence:\n  - {on: [file.*, process.*], key: process.executable}\n  - {on: [file.*, socket.*], key: 'process.args[0] + process.args[0]', when: false}",
	"in: subtree\ncount: 3\nwithin: 20s\non: [file.*, call.*]\nkey: 'process.args[0]'\ndistinct: 'event.file.path + process.args[1]'\nunless: ['process.args[2] == event.errno']",
	"in: subtree\ncount: 6\nwithin: 60s\nregular: 0.9\non: [file.*, socket.*, process.exec]\nwhen: event.errno == '' || process.args[1] == 'sh'",
}

// conditionsOf are all conditions of rules.
func conditionsOf(rules []*Rule) (all []*condition) {
	for _, r := range rules {
		for i := range r.steps {
			all = append(all, r.steps[i].when, r.steps[i].key)
		}
		all = append(append(all, r.distinct), r.unless...)
	}
	return all
}

// shipped are the rules that come with Detonaut, and those above.
func shipped(tb testing.TB) *Set {
	tb.Helper()
	own := fstest.MapFS{}
	for i, body := range groups {
		id := fmt.Sprintf("group/%d", i)
		own[id+".yaml"] = &fstest.MapFile{Data: []byte("id: " + id + "\ntitle: T\nmeaning: M\nseverity: low\nconfidence: certain\n" + body + "\n")}
	}
	for i, c := range constructs {
		id := fmt.Sprintf("construct/%d", i)
		own[id+".yaml"] = &fstest.MapFile{Data: []byte("id: " + id + `
title: T
meaning: M
severity: low
confidence: certain
on: [file.*, process.exec, socket.*, call.*, http.exchange, message.receive, run.end]
when: |-
  ` + c + "\n")}
	}
	return defaults(tb, own)
}

var anImage = &facts{Name: "library/app", Tag: "1", Env: []string{"PATH"}, Cmd: []string{"serve"}, Labels: map[string]string{"maintainer": "x"}}

// TestTermsSayWhatCELSays evaluates every condition in scenes of all sorts, by its
// terms and by CEL.
func TestTermsSayWhatCELSays(t *testing.T) {
	set := shipped(t)
	var all moments
	for _, events := range tapes(t, set) {
		all.record(t, events)
	}
	asked, sum := 0, 0
	for n, c := range conditionsOf(set.rules) {
		if c == nil {
			continue
		}
		for i := n % 3; i < len(all); i += 3 {
			var s scene
			s.set(all[i])
			s.image = object{imageType, anImage}
			s.earlier = []*tape.Event{all[i/2].Event, all[i/3].Event}[:i%3]
			sum++
			if !agree(t, c, all[i].Event.Kind, &s, i) {
				asked++
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d conditions, %d moments, CEL had to be asked %.1f %% of the times", len(conditionsOf(set.rules)), len(all), 100*float64(asked)/float64(sum))
}

// tapes are those in testdata, those of all examples, and some made by chance.
func tapes(t *testing.T, set *Set) (all [][]*tape.Event) {
	t.Helper()
	names, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(names) == 0 {
		t.Fatalf("tapes: %v, %v", names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var events []*tape.Event
		for line := range strings.Lines(string(data)) {
			e, err := tape.Unmarshal([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
		all = append(all, events)
	}
	for _, r := range set.rules {
		for _, x := range append(r.yes, r.no...) {
			events, err := x.tape()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, events[:min(len(events), 20)])
		}
	}
	for i := range 40 {
		// With the words of few rules they come together more often.
		some := few(set.rules, i, 4)
		all = append(all, wordsOf(some).tape(rand.New(rand.NewPCG(uint64(i), 1)), 50))
	}
	return all
}

// few are n rules, others for each i.
func few(rules []*Rule, i, n int) (some []*Rule) {
	for j := range n {
		some = append(some, rules[(i*n+j)%len(rules)])
	}
	return some
}

// TestTheIndexLosesNothing explains tapes by the index and by CEL alone.
func TestTheIndexLosesNothing(t *testing.T) {
	set := shipped(t)
	slow := plain(set.rules)
	for i, events := range tapes(t, set) {
		both(t, set.index, slow, anImage, events)
		if t.Failed() {
			t.Fatalf("tape %d", i)
		}
	}
	for i := range 40 {
		r := rand.New(rand.NewPCG(uint64(i), 2))
		w := wordsOf(few(set.rules, i, 4))
		var image facts
		w.fill(r, reflect.ValueOf(&image).Elem())
		both(t, set.index, slow, &image, w.tape(r, 300))
		if t.Failed() {
			t.Fatalf("seed %d", i)
		}
	}
}

// TestRulesThatCannotMatchCostNothing counts the steps that are looked at, with a
// thousand rules more that nothing on a tape fits.
func TestRulesThatCannotMatchCostNothing(t *testing.T) {
	looked := func(set *Set) (n int) {
		for _, events := range [][]*tape.Event{busy(500), talkative(500)} {
			var all moments
			all.record(t, events)
			for i := range all {
				var s scene
				s.set(all[i])
				s.image = object{imageType, anImage}
				table := set.index.table(all[i].Event.Kind)
				found := make(marks, len(table.all))
				table.find(&s, found)
				for _, m := range found {
					n += bits.OnesCount64(m)
				}
			}
		}
		return n
	}
	few, many := looked(defaults(t)), looked(defaults(t, others(1000)))
	// The second steps of some sequences begin with anything.
	if execs := 500/12 + 3; few == 0 || many > few+execs*1000/8 {
		t.Errorf("%d steps are looked at, and %d with a thousand rules more", few, many)
	}
}

// TestAnIndexWithoutRoomLosesNothing makes one that has hardly any.
func TestAnIndexWithoutRoomLosesNothing(t *testing.T) {
	set := defaults(t)
	slow := plain(set.rules)
	for _, room := range []int{0, 100, 1000, 10_000} {
		x := newIndex(set.rules, newShared())
		x.room = room
		for _, events := range tapes(t, set) {
			both(t, x, slow, anImage, events)
		}
		if x.room < 0 || x.room == room && room >= 1000 {
			t.Errorf("of room for %d, %d is left", room, x.room)
		}
	}
}

// eventsOf decodes the lines that are events, of a tape or not.
func eventsOf(lines []byte) (events []*tape.Event) {
	for line := range bytes.Lines(lines) {
		if e, err := tape.Unmarshal(line); err == nil && len(events) < 50 {
			events = append(events, e)
		}
	}
	return events
}

// FuzzTerm takes any text for a condition, and any lines for the events of which it
// is asked.
func FuzzTerm(f *testing.F) {
	data, err := os.ReadFile("testdata/dropper.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range constructs {
		f.Add(c, data)
	}
	lang, err := newLanguage()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, lines []byte) {
		c, err := lang.compile(text, cel.BoolType, true)
		if err != nil {
			return
		}
		var all moments
		all.record(t, eventsOf(lines))
		for i := range all {
			var s scene
			s.set(all[i])
			s.image = object{imageType, anImage}
			agree(t, c, all[i].Event.Kind, &s, i)
		}
	})
}

// FuzzIndex takes any lines for the events of a tape, and explains them by the index
// and by CEL alone.
func FuzzIndex(f *testing.F) {
	names, err := filepath.Glob("testdata/*.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	set := shipped(f)
	slow := plain(set.rules)
	f.Fuzz(func(t *testing.T, lines []byte) {
		both(t, set.index, slow, anImage, eventsOf(lines))
	})
}
