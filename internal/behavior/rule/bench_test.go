package rule_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/behavior/rule"
	"github.com/detonaut/detonaut/rules"
)

// BenchmarkRun offers a busy server's events to the rules that come with
// Detonaut: files, sockets, children, and the calls between.
func BenchmarkRun(b *testing.B) { offer(b, busy(10_000)) }

// BenchmarkRunNetwork offers them what the network sees of a busy client.
func BenchmarkRunNetwork(b *testing.B) { offer(b, talkative(10_000)) }

func offer(b *testing.B, events []*tape.Event) {
	set := load(b)
	b.ReportAllocs()
	began := processorTime(b)
	for b.Loop() {
		a := behavior.NewAnalysis(set.Detector())
		for _, e := range events {
			if err := a.Record(e); err != nil {
				b.Fatal(err)
			}
		}
		a.Result()
	}
	b.ReportMetric(float64(len(events))*float64(b.N)/(processorTime(b)-began).Seconds(), "events/cpu-s")
}

// BenchmarkLoad reads and compiles the rules that come with Detonaut, as every
// start of the program does.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := rule.Load(rules.Behavior()); err != nil {
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
func talkative(n int) []*tape.Event {
	events := []*tape.Event{{Kind: tape.ProcessExec, PID: 1, Process: &tape.Process{
		Executable: "/usr/bin/client", Origin: tape.FromImage, Args: []string{"client"},
	}}}
	for i := len(events); i < n; i++ {
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
		events = append(events, e)
	}
	for i, e := range events {
		e.Seq, e.Time = uint64(i+1), int64(i)*200_000
	}
	return events
}

// busy makes n events in the mix of a server that is working.
func busy(n int) []*tape.Event {
	events := []*tape.Event{{Kind: tape.ProcessExec, PID: 1, Process: &tape.Process{
		Executable: "/usr/sbin/server", Origin: tape.FromImage, Args: []string{"server", "-g", "daemon off;"},
	}}}
	for i := len(events); i < n; i++ {
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
		events = append(events, e)
	}
	for i, e := range events {
		e.Seq, e.Time = uint64(i+1), int64(i)*200_000
	}
	return events
}
