// Package index finds reports in memory: it holds the summaries of all reports in columns of
// small numbers, and answers searches, facets and numbers from them. What a report has beside
// its summary, the facts, it asks the database for.
package index

import (
	"context"
	"errors"

	"github.com/detonaut/detonaut/internal/store"
)

// Index finds reports of one source. Its methods may be called from any goroutine.
type Index struct {
	source Source
}

// New returns an index of a source, of which it knows nothing yet: what is asked first, loads it.
func New(s Source) *Index { return &Index{source: s} }

// Refresh loads what has changed in the source. Find and Numbers do so themselves.
func (x *Index) Refresh(ctx context.Context) error { return errors.ErrUnsupported }

// Find is that of [store.Search].
func (x *Index) Find(ctx context.Context, q store.Query) (*store.Results, error) {
	return nil, errors.ErrUnsupported
}

// Numbers is that of [store.Search].
func (x *Index) Numbers(ctx context.Context) (*store.Numbers, error) {
	return nil, errors.ErrUnsupported
}
