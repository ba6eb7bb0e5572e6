package testenv_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/internal/testenv"
)

// What a program leaves is found, and nothing else is.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(cat)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "cat"), program, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "own")
	l := testenv.NewLeftovers(t, []string{filepath.Join(dir, "cat")}, own)
	l.Check(t)

	left := exec.CommandContext(t.Context(), filepath.Join(dir, "cat"))
	stdin, err := left.StdinPipe()
	if err == nil {
		err = left.Start()
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(own, "file"), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"process ", "file " + own} {
		if found := l.Find(); !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, what) }) {
			t.Errorf("no %q among what is left: %q", what, found)
		}
	}
	stdin.Close()
	if err := left.Wait(); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(own); err != nil {
		t.Error(err)
	}
	l.Check(t)
}

// A meter sees what a process holds, in memory files, too, and that it lives.
func TestMeter(t *testing.T) {
	const size = 32 << 20
	fd, err := unix.MemfdCreate("held", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	held := os.NewFile(uintptr(fd), "held")
	defer held.Close()
	before := testenv.NewMeter(os.Getpid())
	small := before.Stop()
	if _, err := held.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	m := testenv.NewMeter(os.Getpid(), dir)
	peak := m.Stop()
	if small.Last.IsZero() && !peak.Last.IsZero() { // another test may have left a server
		t.Error("it saw descendants of a process that has none")
	}
	if peak.Memory < small.Memory+size/2 || peak.Disk < size || peak.Processes < 1 || peak.Threads < 1 {
		t.Errorf("it saw %+v, before %+v, want %d more of memory and disk", peak, small, size)
	}
	if len(m.Left()) == 0 || m.Descendants()[os.Getpid()] == "" {
		t.Errorf("it does not see that this process lives: %q", m.Left())
	}
}
