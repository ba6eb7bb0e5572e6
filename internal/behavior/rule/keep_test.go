package rule

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

const pairs = "in: run\nsequence:\n  - {on: [file.create], key: event.file.path}\n  - {on: [file.delete], key: event.file.path}\n"

// TestARunCannotFillTheMemory makes a rule remember more than it may: it says
// so, and forgets what is too old first.
func TestARunCannotFillTheMemory(t *testing.T) {
	flood := func(within string, step time.Duration) (left int, gaps []string) {
		d := newDetector(ruleOf(t, "within: "+within+"\n"+pairs).index, new(facts), nil)
		d.budget.left = 1 << 20
		p := new(behavior.Process)
		for i := range 20_000 {
			e := &tape.Event{Seq: uint64(i + 1), Time: int64(i) * int64(step), Kind: tape.FileCreate, File: &tape.File{Path: fmt.Sprint("/", i)}}
			d.Observe(behavior.Moment{Event: e, Process: p})
		}
		audit(t, d, 1<<20)
		_, gaps = d.Conclude()
		return d.budget.left, gaps
	}
	if left, gaps := flood("1h", time.Microsecond); left < 0 || len(gaps) != 1 || !strings.Contains(gaps[0], "had to forget") {
		t.Errorf("all at once: %d bytes left, gaps %q", left, gaps)
	}
	if left, gaps := flood("1s", 10*time.Millisecond); left < 0 || len(gaps) != 0 {
		t.Errorf("slowly: %d bytes left, gaps %q", left, gaps)
	}
}

// TestOldStateIsForgottenInTime looks at what a long run leaves in mind, where there
// is room enough for all of it.
func TestOldStateIsForgottenInTime(t *testing.T) {
	for name, body := range map[string]string{
		"a sequence": "within: 1s\n" + pairs, "a count": "on: [file.create]\ncount: 9\nwithin: 1s\nkey: event.file.path\n",
		"a distinct": "on: [file.create]\ncount: 9\nwithin: 1s\nin: subtree\nkey: event.file.path.base()\ndistinct: event.file.path\n",
	} {
		d := newDetector(ruleOf(t, body).index, new(facts), nil)
		most := 0
		for i := range 200_000 {
			e := &tape.Event{Seq: uint64(i + 1), Time: int64(i) * int64(time.Millisecond), Kind: tape.FileCreate, File: &tape.File{Path: fmt.Sprint("/", i)}}
			d.Observe(behavior.Moment{Event: e, Process: &behavior.Process{ID: uint64(i)}})
			most = max(most, d.budget.things)
		}
		audit(t, d, maxState)
		if most > 3*(sweepAfter+3000) { // a second has 1,000 of them, each with a key and an entry
			t.Errorf("%s: %d things were kept at once", name, most)
		}
	}
}

// TestTheDeadAreForgotten runs processes that end, one after the other, and one whose
// child lives on.
func TestTheDeadAreForgotten(t *testing.T) {
	for name, body := range map[string]string{
		"a sequence": "sequence:\n  - {on: [process.exec]}\n  - {on: [call.b]}\n",
		"a count":    "on: [process.exec, call.b]\nin: subtree\ncount: 2\nwithin: 240h\n",
	} {
		d := newDetector(ruleOf(t, body).index, new(facts), nil)
		a := behavior.NewAnalysis(d)
		n, most := uint64(0), 0
		flow := uint64(0)
		record := func(pid int32, kind tape.Kind, p *tape.Process) {
			n++
			e := &tape.Event{Seq: n, Kind: kind, PID: pid, Flow: flow, Process: p}
			if p == nil {
				e.Call = new(tape.Call)
			}
			if err := a.Record(e); err != nil {
				t.Fatal(err)
			}
			most = max(most, d.budget.things)
		}
		run := func(parent, pid int32) {
			record(parent, tape.ProcessFork, &tape.Process{Child: pid})
			record(pid, tape.ProcessExec, &tape.Process{Executable: "/bin/x"})
		}
		record(1, tape.ProcessFork, &tape.Process{Child: 2}) // 1 executes nothing
		run(2, 3)
		record(3, tape.ProcessFork, &tape.Process{Child: 4}) // nor does 4
		record(3, tape.ProcessExit, &tape.Process{})
		flow = 1
		record(3, tape.ProcessExit, &tape.Process{}) // a tape that lies
		flow = 0
		for pid := int32(10); pid < 50_000; pid++ {
			run(1, pid)
			record(pid, tape.ProcessExit, &tape.Process{})
		}
		audit(t, d, maxState)
		if most > 4*(sweepAfter+1024) {
			t.Errorf("%s: %d things were kept at once", name, most)
		}
		record(4, "call.b", nil)
		if found, gaps := d.Conclude(); len(found) != 1 || len(gaps) != 0 {
			t.Errorf("%s: found %v, gaps %q", name, found, gaps)
		}
	}
}

// TestNoRuleStarvesAnother gives one rule all there is to keep, and then another
// what it waits for.
func TestNoRuleStarvesAnother(t *testing.T) {
	set := ruleOf(t, "within: 1h\n"+pairs)
	other := ruleOf(t, "sequence:\n  - {on: [call.a]}\n  - {on: [call.b]}\n")
	d := newDetector(newIndex([]*Rule{set.rules[0], other.rules[0]}, newShared()), new(facts), nil)
	d.budget.left = 1 << 20
	p := &behavior.Process{ID: 1}
	observe := func(e *tape.Event) { d.Observe(behavior.Moment{Event: e, Process: p}) }
	for i := range 20_000 {
		observe(&tape.Event{Kind: tape.FileCreate, File: &tape.File{Path: fmt.Sprint("/", i)}})
	}
	observe(&tape.Event{Kind: "call.a", Call: new(tape.Call)})
	observe(&tape.Event{Kind: "call.b", Call: new(tape.Call)})
	found, gaps := d.Conclude()
	if len(found) != 1 || len(gaps) != 1 {
		t.Errorf("found %v, gaps %q", found, gaps)
	}
	audit(t, d, 1<<20)
}

// TestAnEventIsPaidForOnce counts an event in many processes.
func TestAnEventIsPaidForOnce(t *testing.T) {
	set := ruleOf(t, "on: [file.open]\nin: subtree\ncount: 100\nwithin: 1h\n")
	d := newDetector(set.index, new(facts), nil)
	a := behavior.NewAnalysis(d)
	var lines []string
	for pid := range 60 {
		lines = append(lines, fmt.Sprintf("%d fork %d", pid+1, pid+2))
	}
	lines = append(lines, "61 open /a", "61 open /a")
	for _, e := range deeds(t, lines...) {
		if e.File != nil {
			e.File.Path = "/" + strings.Repeat("x", 4000)
		}
		if err := a.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	audit(t, d, maxState)
	if held := d.states[0].held; held < 2*4000 || held > 2*4500+61*(costOfPlace+2*costOfEntry)+costOfKey {
		t.Errorf("%d bytes are kept of two events of 4,000", held)
	}
}

// TestTheBudgetIsGivenBack runs all sorts of rules over all sorts of events, with
// hardly any room, and looks at what they hold.
func TestTheBudgetIsGivenBack(t *testing.T) {
	set := shipped(t)
	for i := range 60 {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		d := newDetector(set.index, anImage, nil)
		total := 1 << (8 + i%10)
		d.budget.left, d.budget.reserve = total, 0
		a := behavior.NewAnalysis(d)
		for _, e := range wordsOf(few(set.rules, i, 6)).tape(r, 400) {
			if i%4 == 0 { // all at once
				e.Time = 1
			}
			if err := a.Record(e); err != nil {
				t.Fatal(err)
			}
		}
		audit(t, d, total)
	}
}

// audit compares what a detector holds with what it accounts for.
func audit(t *testing.T, d *detector, total int) {
	t.Helper()
	things := 0
	for i := range d.states {
		st := &d.states[i]
		held, users := 0, make(map[*key]int)
		for at, w := range st.counts {
			users[at.key]++
			held += costOfPlace
			things += 1 + len(w.entries)
			n := 0
			for _, x := range w.entries {
				held += costOfEntry + x.of.cost/x.of.users // each of them has a part
				n += x.n
			}
			if n != w.total || w.values != nil && len(w.values) != len(w.entries) {
				t.Errorf("a window of %d events counts %d, and has %d values of %d", len(w.entries), w.total, len(w.values), n)
			}
		}
		for _, chain := range st.chains {
			things += len(chain)
			for at, p := range chain {
				users[at.key]++
				held += p.cost
			}
		}
		for text, k := range st.keys {
			things++
			held += k.cost
			if k.text != text || k.users != users[k] {
				t.Errorf("key %q of %q has %d users, not %d", k.text, text, users[k], k.users)
			}
			delete(users, k)
		}
		if len(users) > 0 {
			t.Errorf("%d keys are not known", len(users))
		}
		// Parts are whole numbers.
		if off := st.held - held; off < 0 || off > 64*things {
			t.Errorf("rule %s keeps %d bytes, accounted for are %d", d.rules[i].Finding.ID, held, st.held)
		}
		total -= d.budget.beyond(st.held)
	}
	if things != d.budget.things || total != d.budget.left || total < 0 {
		t.Errorf("%d things and %d bytes left, accounted for are %d and %d", things, total, d.budget.things, d.budget.left)
	}
}
