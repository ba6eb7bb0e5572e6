// Package storetest is the proof that a store keeps its contract.
package storetest

import (
	"errors"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Test proves it of the stores that open opens. Those of one test are of the same database; that
// of another is empty.
func Test(t *testing.T, open func(t *testing.T, o store.Options) store.Store) {
	t.Run("reports", func(t *testing.T) {
		s := open(t, store.Options{})
		r := &detonaut.Report{Image: detonaut.Image{Digest: "sha256:1"}}
		if _, err := s.Put(t.Context(), store.Entry{Report: r}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), "sha256:1", ""); err != nil {
			t.Error(err)
		}
		if _, err := s.Get(t.Context(), "sha256:2", ""); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}
