package rule

import (
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/rules"
)

// BenchmarkRun offers a busy server's events to the rules that come with
// Detonaut: files, sockets, children, and the calls between.
func BenchmarkRun(b *testing.B) { explain(b, busy(10_000)) }

// BenchmarkRunNetwork offers them what the network sees of a busy client.
func BenchmarkRunNetwork(b *testing.B) { explain(b, talkative(10_000)) }

func explain(b *testing.B, events []*tape.Event) {
	b.Helper()
	b.ReportAllocs()
	explainBy(b, defaults(b), events)
}

func explainBy(b *testing.B, set *Set, events []*tape.Event) {
	b.Helper()
	began := processorTime(b)
	for b.Loop() {
		a := behavior.NewAnalysis(set.Detector(detonaut.Image{}))
		for _, e := range events {
			if err := a.Record(e); err != nil {
				b.Fatal(err)
			}
		}
		a.Result()
	}
	b.ReportMetric(float64(len(events))*float64(b.N)/(processorTime(b)-began).Seconds(), "events/cpu-s")
}

// The budget of a tape of a million events: CPU seconds with all rules, and how much
// more it may leave in memory than one of a hundred thousand, which is too short for
// some windows to be full.
const (
	million     = 1_000_000
	maxSeconds  = 2
	maxGrowth   = 1.5
	maxKeepsMiB = 64
)

// BenchmarkMillion explains a tape of a million events, of a server that works and
// calls others, 500 a second: by the rules that come with Detonaut, and with a
// thousand beside them that nothing on the tape fits.
func BenchmarkMillion(b *testing.B) {
	for _, of := range []struct {
		name string
		more fs.FS
	}{{"rules", fstest.MapFS{}}, {"a thousand more", others(1000)}} {
		b.Run(of.name, func(b *testing.B) {
			set := defaults(b, of.more)
			for b.Loop() {
				a, _, small := explainMixed(b, set, million/10)
				// What is kept is there while the events are made alone, too: to collect
				// their garbage is for whoever makes them.
				began := processorTime(b)
				for i := range million {
					if mixed(i).Seq == 0 {
						b.Fatal("an event without a number")
					}
				}
				made := processorTime(b) - began
				runtime.KeepAlive(a)
				_, took, large := explainMixed(b, set, million)
				budgeted(b, "explain", (took - made).Seconds(), maxSeconds, "cpu-s")
				budgeted(b, "growth", large/small, maxGrowth, "times")
				budgeted(b, "kept", large, maxKeepsMiB, "MiB")
			}
		})
	}
}

// BenchmarkDeep explains what a subject might do to slow us down: whatever it does
// belongs to 64 processes, for rules that count as much as they may.
func BenchmarkDeep(b *testing.B) {
	files := make(fstest.MapFS)
	for name, body := range map[string]string{
		"distinct": "count: 256\ndistinct: event.file.path", "count": "count: 10000", "key": "count: 10\nkey: event.file.path", "regular": "count: 64\nregular: 0.01",
	} {
		files[name+".yaml"] = &fstest.MapFile{Data: []byte("id: " + name + "\ntitle: T\nmeaning: M\nseverity: low\nconfidence: certain\n" +
			"on: [file.open]\nin: subtree\nwithin: 100s\n" + body + "\n")}
	}
	set, err := Load(files)
	if err != nil || len(set.Problems()) > 0 {
		b.Fatal(err, set.Problems())
	}
	var events []*tape.Event
	for pid := int32(1); pid < 64; pid++ {
		events = append(events, &tape.Event{Kind: tape.ProcessFork, PID: pid, Process: &tape.Process{Child: pid + 1}})
	}
	path := strings.Repeat("/a-long-name-that-all-have", 100)
	for i := range 20_000 {
		events = append(events, &tape.Event{Kind: tape.FileOpen, PID: 64, Time: int64(i) * 50_000_000, File: &tape.File{Path: fmt.Sprint(path, i%200)}})
	}
	b.ReportAllocs()
	explainBy(b, set, events)
}

// budgeted reports a number and whether it is within its budget.
func budgeted(b *testing.B, what string, got, budget float64, unit string) {
	b.Helper()
	b.ReportMetric(got, what+"-"+unit)
	verdict := "met"
	if got > budget {
		verdict = "MISSED"
	}
	b.Logf("%-10s %8.3f %-5s  budget %5.3g  %s", what, got, unit, budget, verdict)
}

// explainMixed explains the first n events, and tells how many MiB it keeps of them.
func explainMixed(b *testing.B, set *Set, n int) (a *behavior.Analysis, took time.Duration, kept float64) {
	b.Helper()
	before := heap()
	began := processorTime(b)
	a = behavior.NewAnalysis(set.Detector(detonaut.Image{}))
	for i := range n {
		if err := a.Record(mixed(i)); err != nil {
			b.Fatal(err)
		}
	}
	took = processorTime(b) - began
	kept = float64(heap()-before) / (1 << 20)
	if r := a.Result(); len(r.Coverage.Gaps) != 2 { // there is no start, nor an end
		b.Errorf("gaps: %q", r.Coverage.Gaps)
	}
	return a, took, kept
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// mixed is event i of a server that calls others as it works, 2 ms apart.
func mixed(i int) *tape.Event {
	var e *tape.Event
	switch {
	case i == 0:
		e = starts("/usr/sbin/server")
	case i/60%3 == 2: // whole turns of both
		e = talk(i)
	default:
		e = work(i)
	}
	e.Seq, e.Time = uint64(i+1), int64(i)*2_000_000
	return e
}

// BenchmarkLoad reads and compiles the rules that come with Detonaut, as every
// start of the program does.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(rules.Behavior()); err != nil {
			b.Fatal(err)
		}
	}
}

// processorTime is that of this process, collecting its garbage included: on
// a machine with other work it tells more than the wall clock.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// talkative makes n events of a client of web sites.
func talkative(n int) []*tape.Event { return first(n, "/usr/bin/client", talk) }

// busy makes n events in the mix of a server that is working.
func busy(n int) []*tape.Event { return first(n, "/usr/sbin/server", work) }

// first makes the first n events of a program, 0.2 ms apart.
func first(n int, program string, event func(i int) *tape.Event) []*tape.Event {
	events := []*tape.Event{starts(program)}
	for i := 1; i < n; i++ {
		e := event(i)
		e.Seq, e.Time = uint64(i+1), int64(i)*200_000
		events = append(events, e)
	}
	return events
}

func starts(program string) *tape.Event {
	return &tape.Event{Seq: 1, Kind: tape.ProcessExec, PID: 1, Process: &tape.Process{
		Executable: program, Origin: tape.FromImage, Args: []string{program, "-g", "daemon off;"},
	}}
}

// talk is event i of a client of web sites.
func talk(i int) *tape.Event {
	e := &tape.Event{PID: 1, Flow: uint64(i/5 + 1)}
	site := fmt.Sprintf("www%d.example.org", i/5%100)
	switch i % 5 {
	case 0:
		e.Kind, e.DNS = tape.DNSAnswer, &tape.DNS{Name: site, Type: "A", Transport: "udp", Code: "NOERROR", Answers: []string{"198.18.0.1"}}
	case 1:
		e.Kind, e.TLS = tape.TLSHandshake, &tape.TLS{SNI: site, Version: "TLS 1.3"}
	case 2, 3:
		e.Kind, e.HTTP = tape.HTTPExchange, &tape.HTTP{
			Method: "GET", URL: fmt.Sprintf("https://%s/page/%d", site, i), Version: "HTTP/2.0", Status: 200, Answer: "default/html",
			Headers:      []tape.Header{{Name: "Accept", Value: "*/*"}, {Name: "User-Agent", Value: "client/1.0"}},
			ResponseBody: &tape.Body{Size: 400, SHA256: fmt.Sprintf("%064x", i/5%100)}, Start: int64(i) * 200_000,
		}
	case 4:
		e.Kind, e.FlowEnd = tape.FlowEnded, &tape.Flow{
			Network: "tcp", Local: "10.0.0.2:40000", Remote: "198.18.0.1:443", Name: site, Protocol: "http", TLS: true, End: "closed", Start: int64(i) * 200_000,
		}
	}
	return e
}

// work is event i of a server that is working: files, sockets, children, and the
// calls between.
func work(i int) *tape.Event {
	e := &tape.Event{PID: 1}
	switch i % 12 {
	case 0:
		e.Kind, e.Process = tape.ProcessFork, &tape.Process{Child: int32(i + 2)}
	case 1:
		e.PID = int32(i + 1)
		e.Kind, e.Process = tape.ProcessExec, &tape.Process{
			Parent: 1, Executable: "/usr/bin/sed", Origin: tape.FromImage, Args: []string{"sed", "-i", "s/a/b/", "/etc/server.conf"},
		}
	case 2:
		e.PID = int32(i)
		e.Kind, e.Process = tape.ProcessExit, &tape.Process{Parent: 1}
	case 3, 4:
		e.Kind, e.File = tape.FileCreate, &tape.File{Path: fmt.Sprint("/var/lib/server/base/", i), Flags: "O_RDWR|O_CREAT|O_EXCL", Mode: 0o600}
	case 5, 6, 7:
		e.Kind, e.File = tape.FileOpen, &tape.File{Path: "/var/log/server/access.log", Flags: "O_WRONLY|O_APPEND"}
	case 8:
		e.Kind, e.File = tape.FileDelete, &tape.File{Path: fmt.Sprint("/var/lib/server/base/", i-5)}
	case 9:
		e.Kind, e.Socket = tape.SocketConnect, &tape.Socket{Family: "inet", Type: "stream", Address: "10.0.0.9:5432"}
	case 10:
		e.Kind, e.Socket = tape.SocketAccept, &tape.Socket{Family: "inet", Type: "stream", Address: fmt.Sprint("10.0.0.1:", 1024+i%60000)}
	case 11:
		e.Kind, e.Call = "call.prctl", &tape.Call{Args: map[string]string{"option": "PR_SET_NAME", "value": "worker"}}
	}
	return e
}
