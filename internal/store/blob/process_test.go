package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/store/blob"
)

// What a process is to do that the tests below start of themselves, and where.
const roleVariable, dirVariable = "DETONAUT_TEST_ROLE", "DETONAUT_TEST_BLOBS"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case "reader": // puts what it reads
		err = putting(func(b *blob.Blobs) error {
			_, _, err := b.Put(context.Background(), os.Stdin)
			return err
		})
	case "writer": // puts one after the other, until it is killed
		err = putting(func(b *blob.Blobs) error {
			for i := 0; ; i++ {
				if _, _, err := b.Put(context.Background(), bytes.NewReader(bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 8<<20))); err != nil {
					return err
				}
			}
		})
	case "full":
		err = putting(onFullDisk)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func putting(put func(*blob.Blobs) error) error {
	b, err := blob.Open(context.Background(), os.Getenv(dirVariable))
	if err != nil {
		return err
	}
	return errors.Join(put(b), b.Close())
}

// start starts this program in a role.
func start(t *testing.T, role, dir string, stdin io.Reader) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir)
	cmd.Stdin, cmd.Stderr = stdin, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// until waits for something.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Context().Err() != nil {
			t.Fatal("it did not happen")
		}
		time.Sleep(time.Millisecond)
	}
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// whole holds every blob that can be found to being so, and tells how many there are.
func whole(t *testing.T, b *blob.Blobs) (n int) {
	t.Helper()
	for _, name := range all(t, b) {
		r, _, err := b.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		n++
	}
	return n
}

// Who is killed while it reads leaves nothing at all.
func TestKilledWhileItReads(t *testing.T) {
	dir := t.TempDir()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := start(t, "reader", dir, r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 4<<20)); err != nil { // more than a pipe holds, and memory
		t.Fatal(err)
	}
	kill(t, cmd)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := paths(t, dir); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

// Who is killed while it writes leaves nothing that is not whole, and what it does leave is
// swept up.
func TestKilledWhileItWrites(t *testing.T) {
	dir := t.TempDir()
	for round := range 5 {
		files := func(pattern string) int {
			found, err := filepath.Glob(filepath.Join(dir, "??", pattern))
			if err != nil {
				t.Error(err)
			}
			return len(found)
		}
		before := files("*.tmp")
		cmd := start(t, "writer", dir, nil)
		until(t, func() bool { // it is in the middle of one, or soon after
			left := files("*.tmp")
			return left > before && files("*")-left >= round
		})
		kill(t, cmd)
		if n := whole(t, open(t, dir)); n < round {
			t.Errorf("%d are whole, want %d", n, round)
		}
	}
	b := open(t, dir)
	n := whole(t, b)
	if swept, err := b.Sweep(t.Context(), time.Now().Add(-time.Hour)); swept != 0 || err != nil {
		t.Errorf("what may still be written was swept: %d, %v", swept, err)
	}
	if _, err := b.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || len(paths(t, dir)) != n {
		t.Errorf("%d are whole, and %d files left: %v", n, len(paths(t, dir)), err)
	}
}

// A full disk is an error that says so, whether what is put has no hash yet or has one; what
// is there stays, and small things still fit.
func TestFullDisk(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := fmt.Sprintf(`mount -t tmpfs -o size=4M tmpfs "$%s" && exec "$@"`, dirVariable)
	cmd := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", self)
	cmd.Env = append(os.Environ(), roleVariable+"=full", dirVariable+"="+dir)
	out, err := cmd.CombinedOutput()
	if want := "true 1\ntrue 1\nfalse 2\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

func onFullDisk(b *blob.Blobs) error {
	ctx := context.Background()
	if _, _, err := b.Put(ctx, bytes.NewReader(make([]byte, 1<<20))); err != nil {
		return err
	}
	for _, size := range []int{8 << 20, 2 << 20, 1 << 10} {
		_, _, err := b.Put(ctx, bytes.NewReader(make([]byte, size)))
		found, globbed := filepath.Glob(filepath.Join(os.Getenv(dirVariable), "??", "*"))
		if globbed != nil {
			return globbed
		}
		fmt.Println(errors.Is(err, syscall.ENOSPC), len(found))
	}
	return nil
}
