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
func BenchmarkRun(b *testing.B) {
	set := load(b)
	const n = 10_000
	events := busy(n)
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
	b.ReportMetric(float64(n)*float64(b.N)/(processorTime(b)-began).Seconds(), "events/cpu-s")
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
