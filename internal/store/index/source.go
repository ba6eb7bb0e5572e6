package index

import (
	"context"

	"github.com/detonaut/detonaut/internal/store"
)

// Source is the database whose summaries are indexed, and which several processes may write.
// It need not be asked in one transaction: the index asks for what is gone first, so that
// no digest is without a report in between.
type Source interface {
	// Summaries tells of the reports whose Seq is greater than after, in the order of Seq. What
	// is not told now has a greater Seq than all that is: one transaction that put a report
	// may not become visible after another that got a greater Seq.
	Summaries(ctx context.Context, after int64, tell func(store.Summary) error) error
	// Gone tells which reports are no more, dropped or replaced, by their Seq, and returns the
	// number of the last such; those with a number of at most after are left out, in any order
	// the others. A number is as good as Seq is: what is not told yet gets a greater one. Those
	// that are older than a day may be forgotten; then last is still the greatest ever.
	Gone(ctx context.Context, after int64, tell func(seq int64)) (last int64, err error)
	// Pulled tells of repositories whose pulls changed, numbered as those of Gone are.
	Pulled(ctx context.Context, after int64, tell func(registry, repository string, pulls int64)) (last int64, err error)
	// Having are the Seqs of the reports with a fact that are greater than after and at most
	// upTo, sorted. There may be half a million.
	Having(ctx context.Context, f store.Fact, after, upTo int64) ([]int64, error)
}
