package study

import (
	"context"

	"github.com/detonaut/detonaut/internal/store"
)

// OfHolding is [Of] with room for so many digests at once.
func OfHolding(ctx context.Context, surveys store.Surveys, name string, digests int) (*Report, error) {
	return of(ctx, surveys, name, digests)
}
