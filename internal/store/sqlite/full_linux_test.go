package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

// TestFullDisk runs fill in namespaces of its own, in which anybody may mount a small disk.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	cmd := again(t, childFile+"="+filepath.Join(dir, "store.sqlite"))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v; it needs user namespaces\n%s", err, out)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("it was not on a disk of its own: %v, %v", files, err)
	}
}

// fill mounts a small disk on the directory of a file, and fills it with reports.
func fill(ctx context.Context, path string) (err error) {
	dir := filepath.Dir(path)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		return fmt.Errorf("mount a disk: %w", err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		return err
	}
	s, err := sqlite.Open(ctx, path, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return fillUp(ctx, s, func() error { return os.Remove(ballast) })
}
