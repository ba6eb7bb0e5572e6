package testenv

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// lock keeps other test processes out of dir until the function it returns is
// called.
func lock(tb testing.TB, dir string) (unlock func()) {
	tb.Helper()
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		tb.Fatalf("lock %s: %v", dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		tb.Fatalf("lock %s: %v", dir, err)
	}
	return func() { f.Close() }
}
