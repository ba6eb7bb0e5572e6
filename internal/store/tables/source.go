package tables

import (
	"context"
	"errors"

	"github.com/detonaut/detonaut/internal/store"
)

// Find implements [store.Store].
func (s *Store) Find(context.Context, store.Query) (*store.Results, error) {
	return nil, errors.ErrUnsupported
}

// Numbers implements [store.Store].
func (s *Store) Numbers(context.Context) (*store.Numbers, error) { return nil, errors.ErrUnsupported }
