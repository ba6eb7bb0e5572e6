package story_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/story"
)

// events makes a tape of events: their numbers and times are their places.
func events(list ...*tape.Event) []*tape.Event {
	for i, e := range list {
		e.Seq, e.Time = uint64(i+1), int64(i)*1e6
	}
	return list
}

func observe(list []*tape.Event) *story.Teller {
	teller := story.New()
	a := behavior.NewAnalysis(teller)
	for _, e := range list {
		_ = a.Record(e) // it never fails
	}
	a.Result()
	return teller
}

func exec(pid int32, file string, origin tape.Origin, sum string, args ...string) *tape.Event {
	return &tape.Event{Kind: tape.ProcessExec, PID: pid, Process: &tape.Process{Executable: file, Origin: origin, SHA256: sum, Args: args}}
}

func fork(pid, child int32) *tape.Event {
	return &tape.Event{Kind: tape.ProcessFork, PID: pid, Process: &tape.Process{Child: child}}
}

func file(kind tape.Kind, pid int32, path string) *tape.Event {
	return &tape.Event{Kind: kind, PID: pid, File: &tape.File{Path: path, Flags: "O_WRONLY"}}
}

func connect(pid int32, address string) *tape.Event {
	return &tape.Event{Kind: tape.SocketConnect, PID: pid, Socket: &tape.Socket{Family: "inet", Type: "stream", Address: address}}
}

func found(id string, s detonaut.Severity, evidence ...detonaut.Evidence) detonaut.Finding {
	return detonaut.Finding{ID: id, Title: "Does " + id, Severity: s, Confidence: detonaut.Probable, Count: 1, Evidence: evidence}
}

func at(seqs ...uint64) detonaut.Evidence { return detonaut.Evidence{Events: seqs} }

// texts are the steps of stories as text, each with its findings.
func texts(stories []detonaut.Story) (all []string) {
	for _, s := range stories {
		all = append(all, fmt.Sprintf("%s %d %v %v", s.Severity, s.PID, s.SHA256, s.Findings))
		for _, st := range s.Steps {
			all = append(all, fmt.Sprintf("  %d %d %s %v", st.Event, st.PID, st.Text, st.Findings))
		}
	}
	return all
}

// TestFiles joins what was read in files with what ran.
func TestFiles(t *testing.T) {
	list := events(
		exec(1, "/app", tape.FromImage, "a0"),
		file(tape.FileCreate, 1, "/tmp/x"),
		fork(1, 2),
		exec(2, "/tmp/x", tape.FromWritten, "b0"),
		connect(2, "203.0.113.9:443"),
		file(tape.FileCreate, 1, "/gone"), file(tape.FileDelete, 1, "/gone"),
		&tape.Event{Kind: tape.FlowEnded, PID: 2, Flow: 1, FlowEnd: &tape.Flow{Remote: "203.0.113.9:443", Name: "c2.example"}},
	)
	read := func(sum, path string, seqs ...uint64) detonaut.Evidence {
		return detonaut.Evidence{SHA256: sum, Path: path, Events: seqs, Summary: "bytes"}
	}
	for name, tt := range map[string]struct {
		findings []detonaut.Finding
		want     []string
	}{
		"of a payload, with what it did": {
			[]detonaut.Finding{
				found("malware/bot", detonaut.High, read("b0", "/tmp/x", 2, 4)), found("execution/runs", detonaut.Medium, at(4)),
				found("program/packed", detonaut.Low, read("b0", "/tmp/x", 2, 4)),
			},
			[]string{
				"high 2 [b0] [malware/bot execution/runs program/packed]",
				"  0 0 /tmp/x: does malware/bot [malware/bot]",
				"  0 0 /tmp/x: does program/packed [program/packed]",
				"  2 1 wrote /tmp/x []",
				"  4 2 ran /tmp/x [execution/runs]",
				"  5 2 connected to c2.example:443 []",
			},
		},
		"of a program of the image that ran": {
			[]detonaut.Finding{found("malware/bot", detonaut.High, read("a0", "/app")), found("x/y", detonaut.Low, at(1))},
			[]string{
				"high 1 [a0] [malware/bot x/y]",
				"  0 0 /app: does malware/bot [malware/bot]",
				"  1 1 ran /app [x/y]",
			},
		},
		"two of a file that did not run": {
			[]detonaut.Finding{found("malware/bot", detonaut.High, read("c0", "/lib/z")), found("program/packed", detonaut.Low, read("c0", "/lib/z"))},
			[]string{
				"high 0 [c0] [malware/bot program/packed]",
				"  0 0 /lib/z: does malware/bot [malware/bot]",
				"  0 0 /lib/z: does program/packed [program/packed]",
			},
		},
		"one of a file that was deleted": {
			[]detonaut.Finding{found("malware/bot", detonaut.High, read("c0", "/gone", 6, 7))},
			[]string{"high 1 [c0] [malware/bot]", "  0 0 /gone: does malware/bot [malware/bot]", "  6 1 wrote /gone []", "  7 1 deleted /gone []"},
		},
		"one of a file that did not run": {[]detonaut.Finding{found("malware/bot", detonaut.High, read("c0", "/lib/z"))}, nil},
		"one that says the same of two places": {
			[]detonaut.Finding{found("a/b", detonaut.High, read("b0", "", 4), read("b0", "", 4))},
			[]string{
				"high 2 [b0] [a/b]", "  0 0 a file: does a/b [a/b]", "  2 1 wrote /tmp/x []", "  4 2 ran /tmp/x []", "  5 2 connected to c2.example:443 []",
			},
		},
		"nothing to rest on": {[]detonaut.Finding{found("a/b", detonaut.High, detonaut.Evidence{Path: "/x"})}, nil},
	} {
		if diff := cmp.Diff(tt.want, texts(observe(list).Tell(tt.findings))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWhichStories tells which findings are of one story, and which are none.
func TestWhichStories(t *testing.T) {
	list := events(
		exec(1, "/usr/bin/tini", tape.FromImage, ""), // 1
		fork(1, 2), fork(1, 3),
		exec(2, "/usr/bin/python3", tape.FromImage, ""), // 4
		exec(3, "/usr/bin/redis", tape.FromImage, ""),
		fork(2, 4),
		exec(4, "/usr/bin/cat", tape.FromImage, ""), // 7
		file(tape.FileCreate, 3, "/tmp/a"),          // 8
		fork(3, 5),
		exec(5, "/tmp/a", tape.FromWritten, "a0"), // 10
		fork(5, 6),
		exec(6, "/memfd:b", tape.FromMemory, "b0"), // 12
		fork(2, 7),
		exec(7, "/elsewhere", tape.FromWritten, "a0"),                                                                    // 14
		&tape.Event{Kind: tape.FlowEnded, FlowEnd: &tape.Flow{Network: "tcp", Remote: "203.0.113.9:23", Reason: "scan"}}, // 15
		&tape.Event{Kind: tape.ChangeAdd, Change: &tape.Change{Path: "/tmp/a", SHA256: "a0"}},                            // 16
	)
	for name, tt := range map[string]struct {
		findings []detonaut.Finding
		want     []string
	}{
		"mild, and alone": {[]detonaut.Finding{found("a/b", detonaut.Low, at(4))}, nil},
		"two mild ones of one job": {[]detonaut.Finding{found("a/b", detonaut.Low, at(4)), found("a/c", detonaut.Low, at(7))}, []string{
			"low 2 [] [a/b a/c]", "  4 2 ran /usr/bin/python3 [a/b]", "  7 4 ran /usr/bin/cat [a/c]",
		}},
		"two mild ones of two jobs": {[]detonaut.Finding{found("a/b", detonaut.Low, at(4)), found("a/c", detonaut.Low, at(8))}, nil},
		"what one program brought in, wherever it runs, and what that brought in": {
			[]detonaut.Finding{found("a/b", detonaut.Medium, at(12)), found("a/c", detonaut.High, at(14)), found("a/d", detonaut.Low, at(8, 10))},
			[]string{
				"high 5 [a0 b0] [a/c a/b a/d]", "  8 3 wrote /tmp/a [a/d]", "  10 5 ran /tmp/a [a/d]",
				"  12 6 ran a program in memory, /memfd:b [a/b]", "  14 7 ran /elsewhere [a/c]",
			},
		},
		"what is left of it": {[]detonaut.Finding{found("a/b", detonaut.Medium, at(16))}, []string{
			"medium 5 [a0 b0] [a/b]", "  8 3 wrote /tmp/a []", "  10 5 ran /tmp/a []", "  12 6 ran a program in memory, /memfd:b []",
			"  14 7 ran /elsewhere []", "  16 0 in the end there was a new /tmp/a [a/b]",
		}},
		"what nobody is known to have done": {[]detonaut.Finding{found("a/b", detonaut.Medium, at(15))}, []string{
			"medium 1 [] [a/b]", "  15 0 tried to reach 203.0.113.9:23, refused: scan [a/b]",
		}},
		"an event that is not on the tape": {[]detonaut.Finding{found("a/b", detonaut.Medium, at(99))}, []string{
			"medium 1 [] [a/b]", "  99 0 does a/b [a/b]",
		}},
		"events that show the same are one step": {[]detonaut.Finding{found("a/b", detonaut.Medium, at(4, 4, 4, 4, 7))}, []string{
			"medium 2 [] [a/b]", "  4 2 ran /usr/bin/python3 [a/b]", "  7 4 ran /usr/bin/cat [a/b]",
		}},
		"many that differ are one, too": {[]detonaut.Finding{found("a/b", detonaut.Medium, at(1, 4, 5, 7, 15))}, []string{
			"medium 1 [] [a/b]", "  15 0 does a/b (5 events) [a/b]", "medium 2 [] [a/b]", "  15 0 does a/b (5 events) [a/b]",
			"medium 3 [] [a/b]", "  15 0 does a/b (5 events) [a/b]",
		}},
	} {
		if diff := cmp.Diff(tt.want, texts(observe(list).Tell(tt.findings))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAnyTape holds the stories of tapes that make no sense to their bounds, to
// naming findings that exist, and to being the same each time.
func TestAnyTape(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	long := strings.Repeat("long\x1b\xff", 1000)
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	paths := []string{"/a", "/b", "/c", "", long}
	random := func() *tape.Event {
		e := &tape.Event{PID: int32(r.IntN(6)), Errno: pick("", "", "", "EPERM"), Count: r.Uint64N(3)}
		path, sum := pick(paths...), pick("", "a0", "b0", "c0", long)
		switch r.IntN(8) {
		case 0:
			e.Kind, e.Process = tape.ProcessFork, &tape.Process{Child: int32(r.IntN(9))}
		case 1:
			e.Kind, e.Process = tape.ProcessExec, &tape.Process{Executable: pick("/bin/sh", path), Origin: tape.Origin(pick("image", "written", "memory", "")), SHA256: sum, Args: []string{long, path}}
		case 2:
			e.Kind, e.File = tape.Kind(pick("file.create", "file.open", "file.rename", "file.delete", "file.chmod")), &tape.File{Path: path, Target: pick(paths...), Flags: pick("O_RDWR", "O_RDONLY")}
		case 3:
			e.Kind, e.HTTP = tape.HTTPExchange, &tape.HTTP{URL: pick("http://a/x", long), Status: 200, ResponseBody: &tape.Body{Size: 9, SHA256: sum}}
		case 4:
			e.Kind, e.Payload = tape.PayloadKeep, &tape.Payload{How: tape.How(pick("executed", "loaded", "stdin", "deleted", "code", "left", "")), Path: path, SHA256: sum}
		case 5:
			e.Kind, e.Socket = tape.SocketConnect, &tape.Socket{Family: "inet", Address: pick("203.0.113.9:1", "127.0.0.1:1", long, "")}
		case 6:
			e.Kind, e.FlowEnd = tape.FlowEnded, &tape.Flow{Remote: pick("203.0.113.9:1", long), Name: pick("", "a.example", long)}
		default:
			e.Kind, e.Process = tape.ProcessExit, &tape.Process{}
		}
		return e
	}
	told := 0
	for range 400 {
		list := make([]*tape.Event, 200)
		for i := range list {
			list[i] = random()
		}
		events(list...)
		var findings []detonaut.Finding
		for i := range 1 + r.IntN(12) {
			f := found(fmt.Sprintf("t%d/f%02d", i%3, i), detonaut.Severities()[r.IntN(7)])
			f.Title = pick("Runs", "", long)
			for range r.IntN(4) {
				e := detonaut.Evidence{SHA256: pick("", "", "a0", "z0"), Path: pick(paths...)}
				for range r.IntN(6) {
					e.Events = append(e.Events, r.Uint64N(220))
				}
				f.Evidence = append(f.Evidence, e)
			}
			findings = append(findings, f)
		}
		stories := observe(list).Tell(findings)
		if again := observe(list).Tell(findings); !reflect.DeepEqual(stories, again) {
			t.Fatalf("told twice (-first +second):\n%s", cmp.Diff(stories, again))
		}
		told += len(stories)
		for _, s := range stories {
			check(t, s, findings)
		}
	}
	if told < 100 {
		t.Errorf("only %d stories were told", told)
	}
}

func check(t *testing.T, s detonaut.Story, findings []detonaut.Finding) {
	t.Helper()
	known := func(id string) bool {
		return slices.ContainsFunc(findings, func(f detonaut.Finding) bool { return f.ID == id })
	}
	if s.Title == "" || len(s.Title) > 500 || len(s.Steps) == 0 || len(s.Steps) > 8 || len(s.Findings) == 0 || len(s.SHA256) > 16 ||
		!slices.IsSorted(s.SHA256) || len(slices.Compact(slices.Clone(s.Findings))) != len(s.Findings) {
		t.Fatalf("not a story: %+v", s)
	}
	last := uint64(0)
	for _, st := range s.Steps {
		if st.Event < last || st.Text == "" || len(st.Text) > 400 || st.Event == 0 && len(st.Findings) == 0 {
			t.Fatalf("not a step: %+v", st)
		}
		last = st.Event
		for _, id := range st.Findings {
			if !slices.Contains(s.Findings, id) {
				t.Fatalf("step %+v rests on what is not of its story: %v", st, s.Findings)
			}
		}
	}
	if !slices.ContainsFunc(s.Findings, known) {
		t.Fatalf("unknown findings: %v", s.Findings)
	}
}

// TestUnpacked is of a program that was fetched in another form than it was written.
func TestUnpacked(t *testing.T) {
	fetch := func(pid int32, url string, status int) *tape.Event {
		return &tape.Event{Kind: tape.HTTPExchange, PID: pid, HTTP: &tape.HTTP{URL: url, Status: status, ResponseBody: &tape.Body{Size: 9, SHA256: "gzip of a0"}}}
	}
	list := events(
		exec(1, "/app", tape.FromImage, ""), fetch(1, "http://a.example/x", 200), fetch(1, "http://a.example/y", 404),
		file(tape.FileCreate, 1, "/x"), fork(1, 2), exec(2, "/x", tape.FromWritten, "a0"),
	)
	got := texts(observe(list).Tell([]detonaut.Finding{found("a/b", detonaut.Medium, at(6))}))
	want := []string{"medium 2 [a0] [a/b]", "  2 1 fetched http://a.example/x []", "  4 1 wrote /x []", "  6 2 ran /x [a/b]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestManyProcesses has more processes than are known. What the last one runs is told
// all the same, and not of the one that started all of them.
func TestManyProcesses(t *testing.T) {
	list := []*tape.Event{exec(1, "/usr/bin/tests", tape.FromImage, "")}
	for i := range int32(17000) {
		list = append(list, fork(1, i+2), &tape.Event{Kind: tape.ProcessExit, PID: i + 2, Process: &tape.Process{Parent: 1}})
	}
	list = append(list, file(tape.FileCreate, 1, "/tmp/x"), fork(1, 20000), exec(20000, "/tmp/x", tape.FromWritten, "a0"), connect(1, "203.0.113.9:1"))
	n := uint64(len(list))
	stories := observe(events(list...)).Tell([]detonaut.Finding{found("a/b", detonaut.Medium, at(n-1)), found("a/c", detonaut.Medium, at(n))})
	want := []string{
		"medium 20000 [a0] [a/b]", fmt.Sprintf("  %d 1 wrote /tmp/x []", n-3), fmt.Sprintf("  %d 20000 ran /tmp/x [a/b]", n-1),
		"medium 1 [] [a/c]", fmt.Sprintf("  %d 1 connected to 203.0.113.9:1 [a/c]", n),
	}
	if diff := cmp.Diff(want, texts(stories)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMemory holds a tape of a hostile subject to bounded memory: each event has a
// process, a path, an address and a content of its own.
func TestMemory(t *testing.T) {
	heap := func(n int) uint64 {
		teller := story.New()
		path := strings.Repeat("p", 3000)
		for i := range n {
			pid := int32(i%30000 + 1)
			name := fmt.Sprintf("/%d%s", i, path)
			for j, e := range []*tape.Event{
				exec(pid, name, tape.FromWritten, fmt.Sprintf("%064x", i), name),
				file(tape.FileCreate, pid, name),
				connect(pid, fmt.Sprintf("203.0.113.9:%d", i%65536)),
				{Kind: tape.HTTPExchange, PID: pid, Flow: 1, HTTP: &tape.HTTP{URL: name, ResponseBody: &tape.Body{Size: 1, SHA256: fmt.Sprintf("%064x", i)}}},
				{Kind: tape.ProcessExit, PID: pid, Process: &tape.Process{}},
			} {
				e.Seq, e.Time = uint64(5*i+j+1), int64(i)
				teller.Observe(behavior.Moment{Event: e, Process: &behavior.Process{ID: uint64(i + 1), PID: pid, Executable: name}})
			}
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		size := m.HeapAlloc
		runtime.KeepAlive(teller)
		return size
	}
	few, many := heap(20000), heap(100000)
	if many > few+4<<20 || many > 64<<20 {
		t.Errorf("%d MiB after 100,000 events, %d MiB after 500,000", few>>20, many>>20)
	}
}

// BenchmarkObserve is the cost of one event of an ordinary tape.
func BenchmarkObserve(b *testing.B) {
	list := events(
		exec(1, "/app", tape.FromImage, "a0"), file(tape.FileOpen, 1, "/data/a"), connect(1, "203.0.113.9:443"),
		file(tape.FileCreate, 1, "/data/b"), file(tape.FileDelete, 1, "/data/b"),
	)
	teller := story.New()
	one, two := &behavior.Process{ID: 1, PID: 1}, &behavior.Process{ID: 2, PID: 2}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := behavior.Moment{Event: list[i%len(list)], Process: one}
		if i%7 == 0 {
			m.Process = two
		}
		teller.Observe(m)
	}
}
