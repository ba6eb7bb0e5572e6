package testenv

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSweep: of what is kept of a kind there stay the newest, and what somebody uses or makes.
func TestSweep(t *testing.T) {
	cache, now := t.TempDir(), time.Now()
	var want []string
	dir := func(name string, age time.Duration, stays bool) string {
		t.Helper()
		dir := filepath.Join(cache, name)
		err := os.MkdirAll(filepath.Join(dir, "below"), 0o700)
		for _, file := range []string{"detonaut", ".lock", ".use"} {
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), nil, 0o700)
			}
		}
		if err == nil {
			err = os.Chtimes(dir, time.Time{}, now.Add(-age))
		}
		if err != nil {
			t.Fatal(err)
		}
		if stays {
			want = append(want, name)
		}
		return dir
	}
	for i := range 12 {
		dir("bin-"+string(rune('a'+i)), time.Duration(i)*time.Hour, i < newest-1) // one more is used
	}
	dir("bin-old", unused+time.Minute, false)
	dir("debian-old", 10*unused, true)
	used := dir("bin-used", 2*unused, true)
	use(t, used) // which makes it the newest
	for name, lock := range map[string]string{"bin-made": ".lock", "bin-kept": ".use"} {
		f, err := locked(dir(name, unused+time.Hour, true), lock, unix.LOCK_SH)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	for range 2 {
		if err := sweep(cache, "bin", now); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	all, err := os.ReadDir(cache)
	for _, e := range all {
		left = append(left, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(left, want) || err != nil {
		t.Errorf("there are left %v, want %v, %v", left, want, err)
	}
	if _, err := os.Stat(filepath.Join(used, "detonaut")); err != nil {
		t.Error(err)
	}
}

// TestLockSwept: who waited for the lock of what was swept away meanwhile makes it anew.
func TestLockSwept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin-x")
	unlock := lock(t, dir)
	locks := make(chan func())
	go func() { locks <- lock(t, dir) }()
	waiting := func() bool { // somebody has opened the file, besides us
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, fd := range fds {
			if at, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && at == filepath.Join(dir, ".lock") {
				n++
			}
		}
		return n > 1
	}
	for !waiting() {
		<-time.After(time.Millisecond)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	unlock()
	unlock = <-locks
	defer unlock()
	f, err := locked(dir, ".lock", unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		f.Close()
		t.Error("the lock is not that of the file that is there")
	}
}
