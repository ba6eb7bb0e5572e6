//go:build !linux

package storetest

import (
	"context"

	"github.com/detonaut/detonaut/internal/store"
)

// WorkForever is for processes that only Linux stops.
func WorkForever(func(context.Context, store.Options) (store.Store, error)) (bool, error) {
	return false, nil
}
