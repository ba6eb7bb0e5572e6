package postgres_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/postgres"
	"github.com/detonaut/detonaut/internal/store/storetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// open opens a store, and closes it at the end of the test.
func open(tb testing.TB, url string, o store.Options) store.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), url, o)
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
	server := testenv.Postgres(t, "fsync=off") // nothing is killed, and there are many databases
	var urls sync.Map                          // by test: those that it opens are of one database
	storetest.Test(t, func(t *testing.T, o store.Options) store.Store {
		url, ok := urls.Load(t)
		if !ok {
			url = server.URL(t)
			urls.Store(t, url)
			t.Cleanup(func() { storetest.CheckTables(t, raw(t, url.(string))) })
		}
		return open(t, url.(string), o)
	})
}

// TestOpenAtOnce has several make the tables at the same time.
func TestOpenAtOnce(t *testing.T) {
	url := testenv.PostgresURL(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := postgres.Open(t.Context(), url, store.Options{})
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

// TestOpenNothing shows no password.
func TestOpenNothing(t *testing.T) {
	for _, url := range []string{"postgres://me:hidden@127.0.0.1:1/x", "postgres://me:hidden@[x/", "postgres://me:hidden@localhost:99999999/x"} {
		_, err := postgres.Open(t.Context(), url, store.Options{})
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("open %s: %v", url, err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	storetest.BenchmarkPut(b, open(b, testenv.PostgresURL(b), store.Options{}))
}

func BenchmarkLookUp(b *testing.B) {
	url := testenv.PostgresURL(b)
	storetest.BenchmarkLookUp(b, open(b, url, store.Options{}), raw(b, url), "SELECT setval('changes', %d)")
}

func BenchmarkCatalogue(b *testing.B) {
	url := testenv.PostgresURL(b)
	s, db := open(b, url, store.Options{}), raw(b, url)
	storetest.BenchmarkCatalogue(b, s, storetest.Raw{DB: db, Each: "json_array_elements(CAST($1 AS json))", Size: func() (n int64) {
		if err := db.QueryRowContext(b.Context(), "SELECT pg_database_size(current_database())").Scan(&n); err != nil {
			b.Fatal(err)
		}
		return n
	}})
}
