package sandboxtest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// NothingLeft gives the runs a temporary directory of their own, and returns a
// function that finds what they left behind: processes, zombies, files,
// mounts, descriptors.
func NothingLeft(t *testing.T) (check func()) {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	// Orphans then become children of this process, whatever else they do.
	adopt := func(yes uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, yes, 0, 0, 0); err != nil {
			t.Error(err)
		}
	}
	adopt(1)
	t.Cleanup(func() { adopt(0) })
	processes, files := children(t), descriptors(t)
	return func() {
		t.Helper()
		for pid, name := range children(t) {
			if _, was := processes[pid]; !was {
				t.Errorf("process %d (%s) is left", pid, name)
			}
		}
		for fd, target := range descriptors(t) {
			if _, was := files[fd]; !was {
				t.Errorf("descriptor %s (%s) is left open", fd, target)
			}
		}
		entries, err := os.ReadDir(tmp)
		if err != nil {
			t.Error(err)
		}
		for _, e := range entries {
			t.Errorf("file %s is left", filepath.Join(tmp, e.Name()))
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(string(mounts)) {
			if strings.Contains(line, tmp) {
				t.Errorf("mount is left: %s", line)
			}
		}
	}
}

// children returns the names of the processes whose parent this one is.
func children(t *testing.T) map[int]string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil { // it has ended
			continue
		}
		// pid (name) state ppid ..., where the name may hold anything.
		open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
		fields := strings.Fields(string(stat[end+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || len(fields) < 2 {
			t.Fatalf("read %s: %q", path, stat)
		}
		if fields[1] == strconv.Itoa(os.Getpid()) {
			found[pid] = string(stat[open+1:end]) + ", state " + fields[0]
		}
	}
	return found
}

// descriptors returns what the open descriptors of this process are, but those
// that the Go runtime opens once and keeps.
func descriptors(t *testing.T) map[string]string {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, n := range names {
		target, err := os.Readlink("/proc/self/fd/" + n.Name())
		if err != nil || strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/proc/") {
			continue
		}
		found[n.Name()] = target
	}
	return found
}
