package store

import (
	"context"
	"time"

	"github.com/detonaut/detonaut"
)

// Upkeep is for what looks after a store: export, import, the collection of garbage and
// checks go through all that there is, a part at a time.
type Upkeep interface {
	// All are reports whose Seq is greater than one, at most so many, the smallest first:
	// those of all fingerprints, not of the newest only.
	All(ctx context.Context, after int64, limit int) ([]Summary, error)
	// Named are the SHA-256 of blobs that any report names, each once and sorted, that are
	// greater than one, at most so many.
	Named(ctx context.Context, after string, limit int) ([]string, error)
	// FactsOf are the facts by which a report is found, sorted by kind and value.
	FactsOf(ctx context.Context, d detonaut.Digest, key string) ([]Fact, error)
	// Expire forgets submissions that ended before a time, what was told of them, and deeds
	// before it; with dry it only counts them. Reports are left alone.
	Expire(ctx context.Context, before time.Time, dry bool) (Expired, error)
}

// Expired is how much was forgotten.
type Expired struct {
	Submissions int `json:"submissions"`
	Progress    int `json:"progress"`
	Deeds       int `json:"deeds"`
}
