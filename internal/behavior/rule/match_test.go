package rule

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// deeds is a tape in short: "PID verb what" each, a second apart unless a deed
// begins with "=".
func deeds(t *testing.T, lines ...string) (events []*tape.Event) {
	t.Helper()
	now := int64(0)
	for _, line := range lines {
		if rest, same := strings.CutPrefix(line, "="); same {
			line = rest
		} else {
			now += int64(time.Second)
		}
		e := &tape.Event{Seq: uint64(len(events) + 1), Time: now}
		var verb, what string
		if _, err := fmt.Sscan(line, &e.PID, &verb, &what); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch verb {
		case "fork":
			e.Kind, e.Process = tape.ProcessFork, new(tape.Process)
			if _, err := fmt.Sscan(what, &e.Process.Child); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		case "exec":
			e.Kind, e.Process = tape.ProcessExec, &tape.Process{Executable: what, Args: []string{what}}
		case "make":
			e.Kind, e.File = tape.FileCreate, &tape.File{Path: what}
		case "open":
			e.Kind, e.File = tape.FileOpen, &tape.File{Path: what}
		case "delete":
			e.Kind, e.File = tape.FileDelete, &tape.File{Path: what}
		case "open10":
			e.Kind, e.File, e.Count = tape.FileOpen, &tape.File{Path: what}, 10
		default:
			e.Kind, e.Call = tape.Kind("call."+verb), &tape.Call{Args: map[string]string{"x": what}}
		}
		events = append(events, e)
	}
	return events
}

// ruleOf compiles a rule from its part after the title.
func ruleOf(t *testing.T, body string) *Set {
	t.Helper()
	text := "id: r\ntitle: T\nmeaning: M.\nseverity: low\nconfidence: certain\n" + body
	set, err := Load(fstest.MapFS{"r.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.Problems() {
		t.Fatal(p)
	}
	return set
}

// match returns the finding's count and the events of its evidence.
func match(t *testing.T, set *Set, events []*tape.Event) string {
	t.Helper()
	a := behavior.NewAnalysis(set.Detector(detonaut.Image{}))
	for _, e := range events {
		if err := a.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	r := a.Result()
	if blind := strings.Join(r.Coverage.Gaps, ";"); strings.Contains(blind, "could not look") {
		t.Error(blind)
	}
	if len(r.Findings) == 0 {
		return ""
	}
	var seqs [][]uint64
	for _, e := range r.Findings[0].Evidence {
		seqs = append(seqs, e.Events)
	}
	return fmt.Sprintf("%d%v", r.Findings[0].Count, seqs)
}

func TestMatching(t *testing.T) {
	const (
		count    = "on: [file.open]\ncount: 3\nwithin: 5s\n"
		sequence = "sequence:\n  - {on: [file.create], key: event.file.path}\n  - {on: [process.exec], key: event.process.executable}\n"
		twoSteps = "sequence:\n  - {on: [call.a]}\n  - {on: [call.b]}\n"
	)
	for name, tt := range map[string]struct {
		rule  string
		deeds []string
		want  string
	}{
		"every event is an occurrence": {"on: [file.open]\n", []string{"1 open /a", "1 make /b", "1 open /c", "1 open /a"}, "3[[1 4] [3]]"},
		"folded events count":          {"on: [file.open]\n", []string{"1 open10 /a", "1 open /a"}, "11[[1 2]]"},
		"any kind of a family":         {"on: ['call.io_*']\n", []string{"1 io_uring_setup x", "1 iopl x"}, "1[[1]]"},
		"a condition":                  {"on: [file.open, file.create]\nwhen: event.file.path == '/b'\n", []string{"1 open /a", "1 make /b"}, "1[[2]]"},
		"unless":                       {"on: [file.open]\nunless: [event.file.path == '/a', process.executable == '/x']\n", []string{"1 open /a", "1 open /b", "1 exec /x", "1 open /b"}, "1[[2]]"},
		"unless an ancestor":           {"on: [file.open]\nunless: ['ancestors.exists(a, a.executable == \"/x\")']\n", []string{"1 exec /x", "1 fork 2", "2 fork 3", "3 exec /y", "3 open /a", "1 open /a"}, "1[[6]]"},
		"three are enough":             {count, []string{"1 open /a", "1 open /b", "1 open /c"}, "1[[1 2 3]]"},
		"two are not":                  {count, []string{"1 open /a", "1 open /b"}, ""},
		"the window slides":            {count, []string{"1 open /a", "1 make /x", "1 make /x", "1 make /x", "1 make /x", "1 open /b", "1 open /c", "1 open /d"}, "1[[6 7 8]]"},
		"slow ones never are":          {count, []string{"1 open /a", "1 make /", "1 make /", "1 open /b", "1 make /", "1 make /", "1 open /c"}, ""},
		"it counts anew":               {count, []string{"1 open /a", "1 open /a", "1 open /a", "1 open /a", "1 open /a", "1 open /a", "1 open /a"}, "2[[1 2 3 4 5 6]]"},
		"folded events are many":       {count, []string{"1 open10 /a"}, "1[[1]]"},
		"each process for itself":      {count, []string{"1 open /a", "2 open /a", "3 open /a"}, ""},
		"all of the run":               {count + "in: run\n", []string{"1 open /a", "2 open /a", "3 open /a"}, "1[[1 2 3]]"},
		"a process and its children":   {count + "in: subtree\n", []string{"1 fork 2", "1 fork 3", "2 open /a", "3 open /a", "1 open /a"}, "1[[3 4 5]]"},
		"by a key":                     {count + "key: event.file.path\n", []string{"1 open /a", "1 open /b", "1 open /a", "1 open /b", "1 open /a"}, "1[[1 3 5]]"},
		"distinct ones":                {count + "distinct: event.file.path\n", []string{"1 open /a", "1 open10 /a", "=1 open /b", "=1 open /b", "1 open /c"}, "1[[1 3 5]]"},
		"distinct ones that come again": {
			"on: [file.open]\ncount: 14\nwithin: 13s\ndistinct: event.file.path\n",
			[]string{
				"1 open /0", "1 open /1", "1 open /2", "1 open /3", "1 open /4", "1 open /5", "1 open /6", "1 open /7", "1 open /8", "1 open /9",
				"1 open /10", "1 open /11", "1 make /x", "1 make /x", "1 open /0", "=1 open /20", "=1 open /20", "=1 open /21",
			},
			"1[[2 3 4 5 6 7 8 9 10 11 12 15 16 18]]",
		},
		"a number of events and an unless": {count + "unless: [event.file.path == '/c']\n", []string{"1 open /a", "1 open /b", "1 open /c"}, ""},
		"one then the other":               {twoSteps, []string{"1 a x", "1 b x"}, "1[[1 2]]"},
		"not the other way round":          {twoSteps, []string{"1 b x", "1 a x"}, ""},
		"in a child":                       {twoSteps, []string{"1 a x", "1 fork 2", "2 fork 3", "3 b x"}, "1[[1 4]]"},
		"not in a parent or sibling":       {twoSteps, []string{"1 fork 2", "1 fork 3", "2 a x", "1 b x", "3 b x"}, ""},
		"not in a child of its own":        {twoSteps + "in: process\n", []string{"1 a x", "1 fork 2", "2 b x"}, ""},
		"anywhere":                         {twoSteps + "in: run\n", []string{"1 fork 2", "2 a x", "1 b x"}, "1[[2 3]]"},
		"a PID that is used again":         {twoSteps, []string{"1 fork 2", "2 a x", "1 fork 2", "2 b x"}, ""},
		"in time":                          {twoSteps + "within: 2s\n", []string{"1 a x", "1 c x", "1 b x"}, "1[[1 3]]"},
		"too late":                         {twoSteps + "within: 2s\n", []string{"1 a x", "1 c x", "1 c x", "1 b x"}, ""},
		"the latest begins":                {twoSteps + "within: 2s\n", []string{"1 a x", "1 a x", "1 a x", "1 b x"}, "1[[3 4]]"},
		"once for each beginning":          {twoSteps, []string{"1 a x", "1 b x", "1 b x", "1 a x", "1 b x"}, "2[[1 2 4 5]]"},
		"the same file":                    {sequence, []string{"1 make /a", "1 make /b", "1 fork 2", "2 exec /a"}, "1[[1 4]]"},
		"another file":                     {sequence, []string{"1 make /a", "1 fork 2", "2 exec /b"}, ""},
		"looking back":                     {"sequence:\n  - {on: [call.a]}\n  - {on: [call.b], when: 'event.pid != earlier[0].pid'}\n", []string{"1 a x", "1 b x", "1 fork 2", "2 b x"}, "1[[1 4]]"},
		"looking back further up": {
			"sequence:\n  - {on: [call.a]}\n  - {on: [call.b], when: 'event.call.args.x == earlier[0].call.args.x'}\n",
			[]string{"1 a x", "1 fork 2", "2 a y", "2 b x"},
			"1[[1 4]]",
		},
		"looking back, by a key that may fail": {
			"sequence:\n  - {on: [call.a], key: 'process.args[0]'}\n  - {on: [call.b], key: 'process.args[0]', when: 'event.pid != earlier[0].pid'}\n",
			[]string{"1 exec /x", "1 a x", "1 b x", "1 fork 2", "2 b x"},
			"1[[2 5]]",
		},
		"a key that fails where nothing fits": {
			"sequence:\n  - {on: [call.a], key: event.errno}\n  - {on: [call.b], key: 'process.args[5]', when: event.call.args.x.size() == 2}\n", []string{"1 a x", "1 b x"}, "",
		},
		"three steps":                       {twoSteps + "  - {on: [call.c], when: 'earlier.size() == 2 && earlier[1].kind == \"call.b\"'}\n", []string{"1 a x", "1 c x", "1 b x", "1 c x"}, "1[[1 3 4]]"},
		"one event is one step":             {"sequence:\n  - {on: [call.a]}\n  - {on: [call.a]}\n", []string{"1 a x", "1 a x", "1 b x"}, "1[[1 2]]"},
		"a silenced end leaves the rest be": {twoSteps + "unless: [event.call.args.x == 'no']\n", []string{"1 a x", "1 b no", "1 b x"}, "1[[1 3]]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := match(t, ruleOf(t, tt.rule), deeds(t, tt.deeds...)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRegular offers events at given times, in seconds, to a rule about a
// rhythm.
func TestRegular(t *testing.T) {
	for name, tt := range map[string]struct {
		times []float64
		want  string
	}{
		"even":                        {[]float64{0, 5, 10, 15, 20, 25}, "1[[1 2 3 4 5 6]]"},
		"by a third either way":       {[]float64{0, 5, 11, 15, 19, 25}, "1[[1 2 3 4 5 6]]"},
		"one too few":                 {[]float64{0, 5, 10, 15, 20}, ""},
		"uneven":                      {[]float64{0, 1, 10, 12, 20, 30}, ""},
		"even after a while":          {[]float64{0, 0.1, 0.2, 5, 8, 11, 14, 17, 20}, "1[[4 5 6 7 8 9]]"},
		"retries that slow down":      {[]float64{0, 1, 3, 7, 15, 31}, ""},
		"without a pause":             {[]float64{0, 0.1, 0.2, 0.3, 0.4, 0.5}, ""},
		"again and again":             {[]float64{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22}, "2[[1 2 3 4 5 6 7 8 9 10 11 12]]"},
		"slower than the time it has": {[]float64{0, 20, 40, 60, 80, 100}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			set := ruleOf(t, "on: [flow.end, http.exchange]\ncount: 6\nwithin: 60s\nregular: 0.2\n")
			var events []*tape.Event
			for i, s := range tt.times {
				began := int64(s * float64(time.Second))
				// When it ended says nothing, nor how long it took.
				e := &tape.Event{Seq: uint64(i + 1), Time: int64(s)*int64(time.Second) + int64(time.Second), PID: 1, Kind: tape.FlowEnded, FlowEnd: &tape.Flow{Remote: "192.0.2.1:1", Start: began}}
				if i%2 == 1 {
					e.Kind, e.FlowEnd, e.HTTP = tape.HTTPExchange, nil, &tape.HTTP{URL: "http://192.0.2.1:1/", Start: began}
				}
				events = append(events, e)
			}
			if got := match(t, set, events); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	set := ruleOf(t, "family: xmrig\nattack: [T1496.001]\non: [file.open]\n")
	var lines []string
	for i := range 3000 {
		lines = append(lines, fmt.Sprintf("1 open /%d", i%30))
	}
	a := behavior.NewAnalysis(set.Detector(detonaut.Image{}))
	for _, e := range deeds(t, lines...) {
		if err := a.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	f := a.Result().Findings[0]
	if f.Count != 3000 || len(f.Evidence) != maxEvidence {
		t.Errorf("count %d, %d pieces of evidence", f.Count, len(f.Evidence))
	}
	for _, e := range f.Evidence {
		if len(e.Events) != maxEvents {
			t.Errorf("%q rests on %d events", e.Summary, len(e.Events))
		}
	}
	want := detonaut.Finding{ID: "r", Title: "T", Meaning: "M.", Severity: detonaut.Low, Confidence: detonaut.Certain, Family: "xmrig", Techniques: []string{"T1496.001"}, Count: 3000, Evidence: f.Evidence}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("finding (-want +got):\n%s", diff)
	}
}

// TestABlindRuleIsAGap: what cannot be evaluated is no match, and no innocence.
func TestABlindRuleIsAGap(t *testing.T) {
	set := ruleOf(t, "on: [file.open]\nwhen: process.args[5] == 'x'\n")
	a := behavior.NewAnalysis(set.Detector(detonaut.Image{}))
	for _, e := range deeds(t, "1 open /a") {
		if err := a.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	r := a.Result()
	if len(r.Findings) != 0 || !strings.Contains(strings.Join(r.Coverage.Gaps, ";"), "rule r could not look at 1 events") {
		t.Errorf("findings %v, gaps %q", r.Findings, r.Coverage.Gaps)
	}
}

// TestMovedClocks moves the clocks of the subject on by a minute before each event.
func TestMovedClocks(t *testing.T) {
	const count = "on: [file.open]\nwithin: 20s\ncount: "
	for name, tt := range map[string]struct{ rule, want string }{
		"a count goes by the subject's clocks": {count + "6\n", ""},
		"and so do even intervals":             {count + "6\nregular: 0.2\n", "1[[1 2 3 4 5 6]]"},
		"a sequence goes by the time":          {"within: 20s\nsequence:\n  - {on: [file.open]}\n  - {on: [file.open]}\n", "5[[1 2 2 3 3 4 4 5 5 6]]"},
	} {
		t.Run(name, func(t *testing.T) {
			events := deeds(t, "1 open /a", "1 open /a", "1 open /a", "1 open /a", "1 open /a", "1 open /a")
			for i, e := range events {
				e.Ahead = int64(i) * int64(time.Minute)
			}
			if got := match(t, ruleOf(t, tt.rule), events); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
