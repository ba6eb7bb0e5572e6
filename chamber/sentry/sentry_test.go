package sentry

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/sentry/kernel"

	"github.com/detonaut/detonaut/chamber/sentry/meaning"
)

func TestSplitName(t *testing.T) {
	for _, tc := range []struct{ path, parent, last string }{
		{"", ".", ""},
		{"/", ".", ""},
		{"a", ".", "a"},
		{"/a", "/", "a"},
		{"a/b", "a/", "b"},
		{"a/b//", "a/", "b"},
		{"/link/../b", "/link/../", "b"},
		{"a/..", "a/", ".."},
	} {
		if parent, last := splitName(tc.path); parent != tc.parent || last != tc.last {
			t.Errorf("splitName(%q) = %q, %q; want %q, %q", tc.path, parent, last, tc.parent, tc.last)
		}
	}
}

// A thread that was refused, or failed after it was made, dies like any other.
// It must not make room, nor end the process that it never was part of.
func TestThreadsAreCountedOnce(t *testing.T) {
	tr := &tracer{maxTasks: 2, living: make(map[*kernel.Task]bool), threads: make(map[*kernel.ThreadGroup]int)}
	process := new(kernel.ThreadGroup)
	leader, second, refused := new(kernel.Task), new(kernel.Task), new(kernel.Task)
	if !tr.born(leader, process) || !tr.born(second, process) {
		t.Fatal("two threads are within the limit")
	}
	for range 3 {
		if tr.born(refused, process) {
			t.Error("a third thread is beyond the limit")
		}
		if tr.died(refused, process) {
			t.Error("the process ended with a thread that was refused")
		}
	}
	if tr.died(leader, process) {
		t.Error("the process ended with its first thread")
	}
	if !tr.died(second, process) {
		t.Error("the process did not end with its last thread")
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

// What gVisor says of itself is what package meaning knows.
func TestSupportIsWhatGVisorSays(t *testing.T) {
	for no, entry := range table().Table {
		has := meaning.SupportOf(entry.Name)
		enosys := strings.Contains(entry.Note, unix.ENOSYS.Error()) || strings.Contains(entry.Note, linuxerr.ENOSYS.Error())
		if entry.SupportLevel == kernel.SupportUnimplemented && has == meaning.Present && !enosys {
			t.Errorf("%d %s: %s", no, entry.Name, entry.Note)
		}
		if has == meaning.Stub && (entry.SupportLevel != kernel.SupportUnimplemented || enosys) {
			t.Errorf("%d %s is no stub: %s", no, entry.Name, entry.Note)
		}
		if name, _ := meaning.Missing(no); !strings.HasPrefix(name, "sys_") {
			t.Errorf("%d %s is an entry", no, entry.Name)
		}
	}
}
