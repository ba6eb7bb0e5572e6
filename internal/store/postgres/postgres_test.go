package postgres_test

import (
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
	var urls sync.Map // by test: those that it opens are of one database
	storetest.Test(t, func(t *testing.T, o store.Options) store.Store {
		url, ok := urls.Load(t)
		if !ok {
			url = testenv.PostgresURL(t)
			urls.Store(t, url)
		}
		return open(t, url.(string), o)
	})
}
