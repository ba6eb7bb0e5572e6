package index

import (
	"context"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Source is the database whose reports are indexed; several processes may write it. Changes
// have numbers. That of a report that was put is its Seq, and so is that of one which has
// become the newest of its digest again, because what was newer was dropped.
type Source interface {
	// Changes tells what has changed after a number, and returns up to which number it told
	// everything: no change will appear later with a number that is not greater. Reports are
	// told in the order of Seq, the newest of each digest alone. What else has changed is told in
	// any order; from 0 on nothing else is. It stops at an error of tell, and returns it.
	Changes(ctx context.Context, after int64, tell func(Change) error) (upTo int64, err error)
	// Having are the Seqs of the reports with a fact, the newest of each digest alone, which are
	// greater than after and at most upTo; sorted. There may be half a million.
	Having(ctx context.Context, f store.Fact, after, upTo int64) ([]int64, error)
}

// Change is one of three.
type Change struct {
	// Report is the newest of its digest now.
	Report *store.Summary

	// Dropped is a digest of which there was no report at the change with the number Number.
	Dropped detonaut.Digest
	Number  int64

	// Pulled is a repository, of which no tag matters, with as many Pulls as are known now.
	Pulled *store.Name
	Pulls  int64
}
