package wire

import (
	"strings"
	"testing"

	"github.com/detonaut/detonaut/chamber/tape"
)

func TestList(t *testing.T) {
	long := strings.Repeat("x", maxString+1)
	many := make([]string, maxList+5)
	for _, tc := range []struct {
		name  string
		in    []string
		n     int
		count int
		cut   bool
	}{
		{"none", nil, 0, 0, false},
		{"few", []string{"a", "b"}, 2, 0, false},
		{"long", []string{"a", long}, 2, 2, true},
		{"many", many, maxList, len(many), true},
		{"much", []string{long, long, long, long, long}, 4, 5, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ev tape.Event
			out, count := List(&ev, tc.in)
			if len(out) != tc.n || count != tc.count || ev.Cut != tc.cut {
				t.Errorf("got %d strings, count %d, cut %t; want %d, %d, %t", len(out), count, ev.Cut, tc.n, tc.count, tc.cut)
			}
		})
	}
}

// The longest event that the bounds allow still fits on a line.
func TestBoundsFitALine(t *testing.T) {
	ev := &tape.Event{Kind: tape.ProcessExec, Seq: 1, Process: &tape.Process{}}
	worst := make([]string, maxList)
	for i := range worst {
		worst[i] = strings.Repeat("\x01", MaxListSum/maxList) // JSON writes one as six
	}
	ev.Process.Args, ev.Process.ArgCount = List(ev, worst)
	ev.Process.Env, ev.Process.EnvCount = List(ev, worst)
	one := strings.Repeat("\x01", maxString)
	ev.Process.Executable, ev.Process.Dir, ev.Process.Interpreter = Text(ev, one), Text(ev, one), Text(ev, one[:256])
	if err := tape.NewEncoder(new(strings.Builder)).Record(ev); err != nil {
		t.Error(err)
	}
	ev = &tape.Event{Kind: tape.ChangeAdd, Seq: 1, Change: &tape.Change{}}
	ev.Change.Attrs, _ = List(ev, worst)
	ev.Change.Path, ev.Change.Target = Text(ev, one), Text(ev, one)
	if err := tape.NewEncoder(new(strings.Builder)).Record(ev); err != nil {
		t.Error(err)
	}
}
