// Package upkeep looks after a store and its blobs: it exports and imports them, collects
// what nobody needs any more, and checks that all is as it was put.
//
// Everything goes a part at a time: of what there is, no more than hashes are in memory. A
// store in use may be exported, collected and checked.
package upkeep

import (
	"context"
	"io"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/blob"
)

// Store is what upkeep needs of one.
type Store interface {
	Put(ctx context.Context, e store.Entry) (store.Summary, error)
	Get(ctx context.Context, d detonaut.Digest, key string) (*store.Entry, error)
	Drop(ctx context.Context, d detonaut.Digest, key string) error
	PutRepository(ctx context.Context, r store.Repository) error
	Repository(ctx context.Context, registry, name string) (*store.Repository, error)
	store.Upkeep
}

// Blobs is what upkeep needs of those; [*blob.Blobs] is all of it.
type Blobs interface {
	Put(ctx context.Context, r io.Reader) (sum string, size int64, err error)
	Open(ctx context.Context, sum string) (io.ReadCloser, int64, error)
	Has(ctx context.Context, sum string) (bool, error)
	Each(ctx context.Context, f func(blob.Info) error) error
	Delete(ctx context.Context, sum string, before time.Time) (bool, error)
	Sweep(ctx context.Context, before time.Time) (int, error)
}

// Home is a store with its blobs, and somebody who is told what is wrong with single things
// in them, in one line that may have strings of the subject.
type Home struct {
	Store Store
	Blobs Blobs
	Tell  func(problem string)
}

// part is how many lines of a list are asked for at once.
const part = 200

// each calls f for every report, the one that was put first at first.
func (h Home) each(ctx context.Context, f func(store.Summary) error) error {
	for after := int64(0); ; {
		list, err := h.Store.All(ctx, after, part)
		if err != nil {
			return err
		}
		for _, s := range list {
			if err := f(s); err != nil {
				return err
			}
			after = s.Seq
		}
		if len(list) == 0 {
			return nil
		}
	}
}

// named are the blobs that reports name, sorted, a part at a time. Until one is asked for,
// nothing is read.
type named struct {
	store Store
	list  []string
	last  string
	end   bool
}

// next returns the first that is not less than a hash; false if there is none. It is asked
// for greater ones each time.
func (n *named) next(ctx context.Context, sum string) (string, bool, error) {
	for {
		for len(n.list) > 0 {
			if n.list[0] >= sum {
				return n.list[0], true, nil
			}
			n.list = n.list[1:]
		}
		if n.end {
			return "", false, nil
		}
		list, err := n.store.Named(ctx, n.last, part)
		if err != nil {
			return "", false, err
		}
		if n.list, n.end = list, len(list) == 0; !n.end {
			n.last = list[len(list)-1]
		}
	}
}

// of names a report in a line.
func of(d detonaut.Digest, key string) string { return string(d) + " (fingerprint " + key + ")" }
