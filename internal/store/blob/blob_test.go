package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/blob"
	"github.com/detonaut/detonaut/internal/testenv"
)

// contents are such as stay in memory, and such as do not.
var contents = [][]byte{
	{}, []byte("tape"), bytes.Repeat([]byte{0, 1, 2, 3}, 1<<18), bytes.Repeat([]byte("payload"), 1<<20),
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func open(t *testing.T, place string) *blob.Blobs {
	t.Helper()
	b, err := blob.Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// everywhere runs a test on each kind of place, which is empty.
func everywhere(t *testing.T, test func(t *testing.T, place string)) {
	for name, place := range map[string]func(*testing.T) string{
		"directory": func(t *testing.T) string { return filepath.Join(t.TempDir(), "a", "b") },
		"file":      func(t *testing.T) string { return "file://" + filepath.Join(t.TempDir(), "blobs") },
		"S3":        func(t *testing.T) string { return testenv.S3(t) },
		"S3 below":  func(t *testing.T) string { return testenv.S3(t) + "&prefix=detonaut/blobs" },
	} {
		t.Run(name, func(t *testing.T) { test(t, place(t)) })
	}
}

func all(t *testing.T, b *blob.Blobs) (sums []string) {
	t.Helper()
	err := b.Each(t.Context(), func(i blob.Info) error {
		sums = append(sums, i.SHA256)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return sums
}

func TestPutAndOpen(t *testing.T) {
	everywhere(t, func(t *testing.T, place string) {
		b := open(t, place)
		var sums []string
		for range 2 { // twice, and there once
			for _, content := range contents {
				got, size, err := b.Put(t.Context(), bytes.NewReader(content))
				if err != nil || got != sum(content) || size != int64(len(content)) {
					t.Fatalf("put %d bytes: got %s, %d, %v", len(content), got, size, err)
				}
				sums = append(sums, got)
			}
		}
		slices.Sort(sums)
		sums = slices.Compact(sums)
		again := open(t, place) // another process
		if got := all(t, again); !slices.Equal(got, sums) {
			t.Errorf("got %v, want %v", got, sums)
		}
		for _, content := range contents {
			r, size, err := again.Open(t.Context(), sum(content))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || size != int64(len(content)) || !bytes.Equal(got, content) {
				t.Errorf("%d bytes: got %d, told of %d, %v", len(content), len(got), size, err)
			}
			if has, err := again.Has(t.Context(), sum(content)); err != nil || !has {
				t.Errorf("got %v, %v", has, err)
			}
		}
	})
}

func TestNoSuchBlob(t *testing.T) {
	everywhere(t, func(t *testing.T, place string) {
		b := open(t, place)
		for _, name := range []string{sum(nil), "", "../../etc/passwd", strings.ToUpper(sum(nil)), sum(nil) + "\n", "ab/" + sum(nil)} {
			if _, _, err := b.Open(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("open %q: got %v", name, err)
			}
			if has, err := b.Has(t.Context(), name); has || err != nil {
				t.Errorf("has %q: got %v, %v", name, has, err)
			}
			if done, err := b.Delete(t.Context(), name, time.Now().Add(time.Hour)); done || err != nil {
				t.Errorf("delete %q: got %v, %v", name, done, err)
			}
		}
	})
}

// What cannot be read to its end leaves nothing.
func TestPutFails(t *testing.T) {
	everywhere(t, func(t *testing.T, place string) {
		b := open(t, place)
		broken := errors.New("broken")
		for _, content := range contents {
			r := io.MultiReader(bytes.NewReader(content), iotest.ErrReader(broken))
			if _, _, err := b.Put(t.Context(), r); !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := b.Put(ctx, strings.NewReader("tape")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if got := all(t, b); len(got) != 0 {
			t.Errorf("got %v, want nothing", got)
		}
	})
}

func TestDelete(t *testing.T) {
	everywhere(t, func(t *testing.T, place string) {
		b := open(t, place)
		name, _, err := b.Put(t.Context(), strings.NewReader("tape"))
		if err != nil {
			t.Fatal(err)
		}
		if done, err := b.Delete(t.Context(), name, time.Now().Add(-blob.Grace)); done || err != nil {
			t.Errorf("one just put: got %v, %v", done, err)
		}
		if done, err := b.Delete(t.Context(), name, time.Now().Add(time.Hour)); !done || err != nil {
			t.Errorf("got %v, %v", done, err)
		}
		if has, err := b.Has(t.Context(), name); has || err != nil {
			t.Errorf("got %v, %v", has, err)
		}
	})
}

func TestPlaces(t *testing.T) {
	for _, place := range []string{"", "ftp://host/x", "file://host/x", "file:///x?create_dir=y", "s3://bucket?colour=blue", "s3://%zz"} {
		if _, err := blob.Open(t.Context(), place); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%s: got %v, want ErrUsage", place, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.Open(t.Context(), file); err == nil {
		t.Error("a file: no error")
	}
}

// Several put the same at once, and others read it meanwhile: it is whole for everybody.
func TestManyAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, place string) {
		b := open(t, place)
		content := contents[3]
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, _, err := b.Put(t.Context(), bytes.NewReader(content)); err != nil {
					t.Error(err)
				}
				r, _, err := b.Open(t.Context(), sum(content))
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := all(t, b); len(got) != 1 {
			t.Errorf("got %v", got)
		}
	})
}

// What is none of ours is no blob, and left alone.
func TestOthersFiles(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	others := []string{"notes.txt", "ab/readme", "ab/" + sum(nil), "cd/" + sum(nil)[:63], "zz/" + sum(nil)}
	for _, name := range others {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := all(t, b); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if n, err := b.Sweep(t.Context(), time.Now().Add(time.Hour)); n != 0 || err != nil || len(paths(t, dir)) != len(others) {
		t.Errorf("%d were removed, %v: %v", n, err, paths(t, dir))
	}
}

// paths are the files of a directory.
func paths(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What is another content by now is told at the last byte: too long, too short, changed.
func TestCorrupt(t *testing.T) {
	for _, content := range []string{"tapf", "tape!", "tap", ""} {
		dir := t.TempDir()
		b := open(t, dir)
		name, size, err := b.Put(t.Context(), strings.NewReader("tape"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(paths(t, dir)[0], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r, n, err := b.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("%q: got %v, want ErrCorrupt", content, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if n == size {
			if r, _, err = b.Open(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(r, make([]byte, n)); !errors.Is(err, detonaut.ErrCorrupt) {
				t.Errorf("%q, to the last byte only: got %v, want ErrCorrupt", content, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		} else if _, _, err := b.Put(t.Context(), strings.NewReader("tape")); err != nil { // mends it
			t.Error(err)
		} else if got, err := os.ReadFile(paths(t, dir)[0]); err != nil || string(got) != "tape" {
			t.Errorf("put again: got %q, %v", got, err)
		}
	}
}
