// Package servertest is a store for tests of what stands before one: SQLite in a directory of
// the test, which can be made to fail.
package servertest

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

// Store is one that can be made to fail.
type Store struct {
	store.Store

	mu      sync.Mutex
	failure error
}

// New opens an empty one, and closes it when the test ends.
func New(tb testing.TB) *Store {
	tb.Helper()
	s, err := sqlite.Open(context.Background(), filepath.Join(tb.TempDir(), "store.db"), store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return &Store{Store: s}
}

// Fail has reports, submissions and keys not be found for err from now on; nil ends that.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

func (s *Store) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Find fails, or finds reports.
func (s *Store) Find(ctx context.Context, q store.Query) (*store.Results, error) {
	if err := s.failed(); err != nil {
		return nil, err
	}
	return s.Store.Find(ctx, q)
}

// Submission fails, or returns one.
func (s *Store) Submission(ctx context.Context, id string) (*store.Submission, error) {
	if err := s.failed(); err != nil {
		return nil, err
	}
	return s.Store.Submission(ctx, id)
}

// KeyOf fails, or returns a key.
func (s *Store) KeyOf(ctx context.Context, hash string) (*store.APIKey, error) {
	if err := s.failed(); err != nil {
		return nil, err
	}
	return s.Store.KeyOf(ctx, hash)
}
