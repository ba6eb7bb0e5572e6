package sentry

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"

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
			out, count := list(&ev, tc.in)
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
		worst[i] = strings.Repeat("\x01", maxListSum/maxList) // JSON writes one as six
	}
	fillArgs(ev, worst, worst)
	one := strings.Repeat("\x01", maxString)
	ev.Process.Executable, ev.Process.Dir, ev.Process.Interpreter = text(ev, one), text(ev, one), text(ev, one[:256])
	if err := tape.NewEncoder(new(strings.Builder)).Record(ev); err != nil {
		t.Error(err)
	}
}

func TestFlagNames(t *testing.T) {
	for _, tc := range []struct {
		flags uint64
		names []flagName
		want  string
	}{
		{0, cloneFlags, "0x0"},
		{linux.CLONE_NEWNS | linux.CLONE_NEWUSER, cloneFlags, "CLONE_NEWNS|CLONE_NEWUSER"},
		{unix.MS_BIND | 1<<40, mountFlags, "MS_BIND|0x10000000000"},
	} {
		if got := flagNames(tc.flags, tc.names); got != tc.want {
			t.Errorf("flagNames(%#x) = %q, want %q", tc.flags, got, tc.want)
		}
	}
	if got, want := openFlags(linux.O_RDWR|linux.O_CREAT|linux.O_EXCL), "O_RDWR|O_CREAT|O_EXCL"; got != want {
		t.Errorf("openFlags = %q, want %q", got, want)
	}
}

func TestSensitive(t *testing.T) {
	for path, want := range map[string]bool{
		"/etc/shadow": true, "/root/.ssh/id_rsa": true, "/home/a/.aws/credentials": true, "/run/secrets/token": true,
		"/etc/passwd": false, "/usr/lib/libc.so.6": false, "/var/lib/aws/x": false,
	} {
		if got := sensitive(path); got != want {
			t.Errorf("sensitive(%q) = %t, want %t", path, got, want)
		}
	}
}

// A hook whose name is in no table sees nothing.
func TestEveryHookHasASystemCall(t *testing.T) {
	known := map[string]bool{}
	for _, sc := range table().Table {
		known[sc.Name] = true
	}
	for name := range hooks() {
		if !known[name] {
			t.Errorf("hook %s: gVisor has no system call of that name", name)
		}
	}
}

func TestCandidates(t *testing.T) {
	env := []string{"HOME=/", "PATH=/bin:/usr/bin"}
	for program, want := range map[string][]string{
		"/x/y": {"/x/y"}, "./y": {"./y"}, "sh": {"/bin/sh", "/usr/bin/sh"},
	} {
		if diff := cmp.Diff(want, candidates(program, env)); diff != "" {
			t.Errorf("candidates(%q) (-want +got):\n%s", program, diff)
		}
	}
}
