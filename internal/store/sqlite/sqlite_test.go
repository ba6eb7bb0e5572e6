package sqlite_test

import (
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
	var dirs sync.Map // by test: those that it opens are of one database
	storetest.Test(t, func(t *testing.T, o store.Options) store.Store {
		dir, ok := dirs.Load(t)
		if !ok {
			dir = t.TempDir()
			dirs.Store(t, dir)
		}
		return open(t, filepath.Join(dir.(string), "a dir?", "store 50%.sqlite"), o)
	})
}
