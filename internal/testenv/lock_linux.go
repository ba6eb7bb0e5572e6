package testenv

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lock keeps other test processes out of dir until the function it returns is
// called. It makes dir if somebody has swept it away.
func lock(tb testing.TB, dir string) (unlock func()) {
	tb.Helper()
	for {
		f, err := locked(dir, ".lock", unix.LOCK_EX)
		if err != nil {
			tb.Fatalf("lock %s: %v", dir, err)
		}
		if isAt(f) {
			return func() { f.Close() }
		}
		f.Close()
	}
}

// inUse are the files by whose locks others know what this process uses, to its end.
var inUse []*os.File

// use keeps dir, which is locked, from being swept away as long as this process lives.
func use(tb testing.TB, dir string) {
	tb.Helper()
	f, err := locked(dir, ".use", unix.LOCK_SH)
	if err == nil {
		inUse = append(inUse, f)
		now := time.Now()
		err = os.Chtimes(dir, now, now)
	}
	if err != nil {
		tb.Fatalf("use %s: %v", dir, err)
	}
}

// locked opens and locks a file of dir.
func locked(dir, name string, how int) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), how)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// isAt tells whether a file is still where it was opened.
func isAt(f *os.File) bool {
	is, err := f.Stat()
	at, gone := os.Stat(f.Name())
	return err == nil && gone == nil && os.SameFile(is, at)
}

// What is kept of a kind that nobody uses just now: the newest, and none that was not used for long.
const (
	newest = 8
	unused = 7 * 24 * time.Hour
)

// sweep removes what is kept of a kind in cache, but for what is in use, and the newest.
func sweep(cache, kind string, now time.Time) error {
	dirs, err := filepath.Glob(filepath.Join(cache, kind+"-*"))
	if err != nil {
		return err
	}
	used := map[string]time.Time{}
	for _, dir := range dirs {
		if fi, err := os.Stat(dir); err == nil { // or another process has swept it
			used[dir] = fi.ModTime()
		}
	}
	dirs = slices.SortedFunc(maps.Keys(used), func(a, b string) int { return used[b].Compare(used[a]) })
	for i, dir := range dirs {
		if i >= newest || now.Sub(used[dir]) > unused {
			err = errors.Join(err, remove(dir))
		}
	}
	return err
}

// remove removes dir, unless somebody uses it.
func remove(dir string) error {
	var locks []*os.File
	defer func() {
		for _, f := range locks {
			f.Close()
		}
	}()
	for _, name := range []string{".lock", ".use"} {
		f, err := locked(dir, name, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil
		}
		if err != nil {
			return err
		}
		locks = append(locks, f)
	}
	// At once, so that who waits for the lock finds nothing, and not what is left.
	away, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+"-swept-")
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(dir, filepath.Join(away, "it")), os.RemoveAll(away))
}
