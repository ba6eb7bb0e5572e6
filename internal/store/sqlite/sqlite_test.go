package sqlite_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
	"github.com/detonaut/detonaut/internal/store/storetest"
)

// open opens a store, and closes it at the end of the test.
func open(tb testing.TB, path string, o store.Options) store.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	var paths sync.Map // by test: those that it opens are of one database
	storetest.Test(t, func(t *testing.T, o store.Options) store.Store {
		path, ok := paths.Load(t)
		if !ok {
			path = filepath.Join(t.TempDir(), "a dir?", "store 50%.sqlite")
			paths.Store(t, path)
			t.Cleanup(func() { checkFile(t, path.(string)) })
		}
		return open(t, path.(string), o)
	})
}

const dump = "SELECT type || ' ' || name || ' ' || sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%' ORDER BY 1"

func TestMigrations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	s := open(t, path, store.Options{})
	storetest.TestMigrations(t, s, raw(t, path), dump)
	checkFile(t, path)
	storetest.TestNewer(t, raw(t, path), func(ctx context.Context) error {
		_, err := sqlite.Open(ctx, path, store.Options{})
		return err
	})
}

func TestBeforeJobs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	storetest.TestBeforeJobs(t, open(t, path, store.Options{}), raw(t, path), func() store.Store { return open(t, path, store.Options{}) })
}

// TestOpenAtOnce has several make one file at the same time.
func TestOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := sqlite.Open(t.Context(), path, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestOpenWhatIsNoStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, store.Options{}); err == nil {
		t.Error("a file that is no store was opened")
	}
}

// TestPermissions finds no file that others may read.
func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	open(t, filepath.Join(dir, "store.sqlite"), store.Options{})
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("there is %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is for everybody: %v, %v", f.Name(), info, err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	storetest.BenchmarkPut(b, open(b, filepath.Join(b.TempDir(), "store.sqlite"), store.Options{}))
}

func BenchmarkLookUp(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.sqlite")
	storetest.BenchmarkLookUp(b, open(b, path, store.Options{}), raw(b, path), "UPDATE changes SET value = %d")
}

func BenchmarkCatalogue(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.sqlite")
	s, db := open(b, path, store.Options{}), raw(b, path)
	storetest.BenchmarkCatalogue(b, s, storetest.Raw{DB: db, Each: "json_each(?)", Size: func() (n int64) {
		const used = "SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s"
		if err := db.QueryRowContext(b.Context(), used).Scan(&n); err != nil {
			b.Fatal(err)
		}
		return n
	}})
}
