package behavior_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

func looked(pid int32, reveals string) *tape.Event {
	return &tape.Event{Kind: tape.FileOpen, PID: pid, File: &tape.File{Path: "/proc/x", Flags: "O_RDONLY", Reveals: reveals}}
}

func called(pid int32, name string, args ...string) *tape.Event {
	c := &tape.Call{Args: map[string]string{}}
	for i := 0; i+1 < len(args); i += 2 {
		c.Args[args[i]] = args[i+1]
	}
	return &tape.Event{Kind: tape.Kind(tape.CallPrefix + name), PID: pid, Call: c}
}

func TestChecksAreListed(t *testing.T) {
	folded := looked(3, "processor")
	folded.Count = 5
	c := run(t, whole(tape.End{Reason: tape.Exited},
		looked(1, "processor"), folded, looked(2, "container marker"), called(2, "syslog"),
		called(2, "ptrace", "request", "PTRACE_TRACEME"), called(2, "ptrace", "request", "PTRACE_ATTACH"),
		called(2, "clock_gettime", "calls", "5000"), called(2, "nanosleep", "seconds", "3600"),
		looked(1, ""), called(1, "nanosleep"), called(1, "setuid", "uid", "0"),
	)).Coverage
	want := []detonaut.Check{
		{Name: "clock", Count: 1, PID: 2, Event: 8},
		{Name: "container marker", Count: 1, PID: 2, Event: 4},
		{Name: "delay", Count: 1, PID: 2, Event: 9},
		{Name: "kernel log", Count: 1, PID: 2, Event: 5},
		{Name: "processor", Count: 6, PID: 1, Event: 2},
		{Name: "tracer", Count: 1, PID: 2, Event: 6},
	}
	if diff := cmp.Diff(want, c.Checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if !c.Full {
		t.Errorf("gaps: %q", c.Gaps)
	}
}
