package behavior_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

func lacking(pid int32, name string) *tape.Event {
	return &tape.Event{Kind: tape.Kind(tape.CallPrefix + name), PID: pid, Errno: "ENOSYS", Call: &tape.Call{Unimplemented: true}}
}

func TestUnimplementedCallsAreListed(t *testing.T) {
	folded := lacking(2, "vmsplice")
	folded.Count = 7
	c := run(t, whole(tape.End{Reason: tape.Exited, Bounds: []string{"artifacts", "output"}},
		lacking(1, "vmsplice"), folded, lacking(1, "kexec_load"), &tape.Event{Kind: "call.bpf", PID: 1, Call: &tape.Call{}})).Coverage
	want := []detonaut.Call{{Name: "kexec_load", Count: 1, Event: 4}, {Name: "vmsplice", Count: 8, Event: 2}}
	if diff := cmp.Diff(want, c.Unimplemented); diff != "" {
		t.Errorf("unimplemented (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"artifacts", "output"}, c.Bounds); diff != "" {
		t.Errorf("bounds (-want +got):\n%s", diff)
	}
	if !c.Full {
		t.Errorf("gaps: %q", c.Gaps)
	}
}

// A tape that lies has any number of calls and checks.
func TestTheBoundsOfCoverageAreGaps(t *testing.T) {
	many := func(one func(i int) *tape.Event) detonaut.Coverage {
		var events []*tape.Event
		for i := range 2000 {
			events = append(events, one(i))
		}
		return run(t, whole(tape.End{Reason: tape.Exited}, events...)).Coverage
	}
	if c := many(func(i int) *tape.Event { return lacking(1, fmt.Sprint("sys_", i)) }); len(c.Unimplemented) != 1000 || c.Full {
		t.Errorf("%d calls are listed, gaps %q", len(c.Unimplemented), c.Gaps)
	}
	if c := many(func(i int) *tape.Event { return looked(1, fmt.Sprint("thing ", i)) }); len(c.Checks) != 1000 || c.Full {
		t.Errorf("%d checks are listed, gaps %q", len(c.Checks), c.Gaps)
	}
}

// TestAFailureNamesTheCallThatMayBeWhy looks at what a subject that failed did
// last.
func TestAFailureNamesTheCallThatMayBeWhy(t *testing.T) {
	killed := func(pid int32, signal string) *tape.Event {
		e := exit(pid, 0)
		e.Process.Signal = signal
		return e
	}
	gaveUp, crashed := tape.End{Reason: tape.Exited, ExitCode: 1}, tape.End{Reason: tape.Signalled, Signal: "SIGILL"}
	const lacks = ", which the sandbox does not have"
	late := whole(gaveUp, lacking(1, "kexec_load"), exit(1, 1))
	for _, e := range late.events[2:] {
		e.Time += int64(time.Minute)
	}
	for name, tt := range map[string]struct {
		src *source
		gap string
	}{
		"its exit":              {whole(gaveUp, lacking(1, "vmsplice"), lacking(1, "kexec_load"), lacking(1, "rseq"), exit(1, 1)), "exit code 1, last after kexec_load" + lacks},
		"a signal":              {whole(crashed, lacking(1, "kexec_load"), killed(1, "SIGILL")), "ended by SIGILL, last after kexec_load" + lacks},
		"a child's exit":        {whole(gaveUp, fork(1, 2), lacking(2, "kexec_load"), exit(2, 3), exit(1, 1)), "exit code 1; its process 2 gave up before it, last after kexec_load" + lacks},
		"a child's that worked": {whole(gaveUp, fork(1, 2), lacking(2, "kexec_load"), exit(2, 0), exit(1, 1)), "exit code 1: what it does"},
		"a child's killed":      {whole(gaveUp, fork(1, 2), lacking(2, "kexec_load"), killed(2, "SIGKILL"), exit(1, 1)), "exit code 1: what it does"},
		"a child's afterwards":  {whole(gaveUp, fork(1, 2), lacking(2, "kexec_load"), exit(1, 1), exit(2, 1)), "exit code 1: what it does"},
		"another program":       {whole(gaveUp, lacking(1, "kexec_load"), exec(1, 0, "/b"), exit(1, 1)), "exit code 1: what it does"},
		"what every libc asks":  {whole(gaveUp, lacking(1, "rseq"), exit(1, 1)), "exit code 1: what it does"},
		"long before":           {late, "exit code 1: what it does"},
		"no failure":            {whole(tape.End{Reason: tape.Exited}, lacking(1, "kexec_load"), exit(1, 0)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := run(t, tt.src).Coverage
			if c.Full != (tt.gap == "") || !strings.Contains(strings.Join(c.Gaps, "; "), tt.gap) {
				t.Errorf("full %t with gaps %q, want %q", c.Full, c.Gaps, tt.gap)
			}
		})
	}
}
