// Package index finds reports in memory: it holds the summaries of all reports in columns of
// small numbers, and answers searches, facets and numbers from them. What a report has beside
// its summary, the facts, it asks the database for, and remembers of what was asked last.
//
// Before it answers it has the database tell what has changed, also by other processes: who
// has put a report finds it.
package index

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/detonaut/detonaut/internal/store"
)

// Index finds reports of one source. Its methods may be called from any goroutine.
type Index struct {
	source Source
	cache  cache

	// begun counts how often the source was asked what has changed. refreshing has room for
	// the one who asks; done is the last time that worked, upTo up to which change is known.
	begun      atomic.Int64
	refreshing chan struct{}
	done, upTo int64

	mu    sync.RWMutex
	table *table
	// generation is greater for a table in which rows have other numbers.
	generation int64
	// changes counts them; counted are the numbers after so many.
	changes, countedAt int64
	counted            *store.Numbers
}

// New returns an index of a source, of which it knows nothing yet: what is asked first, loads it.
func New(s Source) *Index {
	return &Index{source: s, refreshing: make(chan struct{}, 1), table: newTable()}
}

// maxPending is how many changes are gathered before they are made.
const maxPending = 512

// Refresh loads what has changed in the source before it was called. Find and Numbers do so
// themselves.
func (x *Index) Refresh(ctx context.Context) error {
	before := x.begun.Load()
	select {
	case x.refreshing <- struct{}{}:
		defer func() { <-x.refreshing }()
	case <-ctx.Done():
		return fmt.Errorf("refresh index: %w", context.Cause(ctx))
	}
	if x.done > before {
		return nil // somebody has done it since
	}
	now := x.begun.Add(1)
	pending := make([]Change, 0, maxPending)
	upTo, err := x.source.Changes(ctx, x.upTo, func(c Change) error {
		if pending = append(pending, c); len(pending) == maxPending {
			x.make(pending)
			pending = pending[:0]
		}
		return ctx.Err()
	})
	x.make(pending)
	if err != nil {
		if x.upTo == 0 {
			x.upTo = x.table.last // in the beginning nothing but reports is told: whoever comes next goes on there
		}
		return fmt.Errorf("refresh index: %w", err)
	}
	x.done, x.upTo = now, max(x.upTo, upTo)
	x.tidy()
	return nil
}

// make makes changes.
func (x *Index) make(changes []Change) {
	if len(changes) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range changes {
		switch {
		case c.Report != nil:
			x.table.put(c.Report)
		case c.Pulled != nil:
			x.table.pulls[x.table.place(c.Pulled.Registry, c.Pulled.Repository)] = c.Pulls
		default:
			x.table.drop(c.Dropped, c.Number)
		}
	}
	x.changes++
}

// tidy makes a new table if more than half of the rows are of no use.
func (x *Index) tidy() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if dead := x.table.n - x.table.alive; dead > blockRows && dead > x.table.n/2 {
		x.table = x.table.compact()
		x.generation++
	}
}

// Find is that of [store.Search].
func (x *Index) Find(ctx context.Context, q store.Query) (*store.Results, error) {
	if err := x.Refresh(ctx); err != nil {
		return nil, err
	}
	for {
		x.mu.RLock()
		generation := x.generation
		x.mu.RUnlock()
		having, ok, err := x.having(ctx, q.Facts, generation)
		if err != nil {
			return nil, fmt.Errorf("find reports: %w", err)
		}
		if !ok {
			continue // rows have other numbers by now, which is rare
		}
		if found, ok, err := x.find(&q, having, generation); ok || err != nil {
			return found, err
		}
	}
}

func (x *Index) find(q *store.Query, having []*roaring.Bitmap, generation int64) (r *store.Results, ok bool, err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.generation != generation {
		return nil, false, nil
	}
	t := x.table
	found := t.find(q, having)
	rows, next, err := t.part(found, q)
	if err != nil {
		return nil, false, fmt.Errorf("find reports: %w", err)
	}
	r = &store.Results{Total: found.count(), Found: make([]store.Summary, 0, len(rows)), Next: next}
	for _, row := range rows {
		r.Found = append(r.Found, t.summary(row))
	}
	if q.Facets {
		r.Facets = t.facets(found)
	}
	return r, true, nil
}

// Numbers is that of [store.Search]. The caller must not change what it returns.
func (x *Index) Numbers(ctx context.Context) (*store.Numbers, error) {
	if err := x.Refresh(ctx); err != nil {
		return nil, err
	}
	x.mu.RLock()
	counted, at := x.counted, x.changes
	if x.countedAt != at {
		counted = nil
	}
	if counted == nil {
		counted = x.table.numbers()
	}
	x.mu.RUnlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if at >= x.countedAt {
		x.counted, x.countedAt = counted, at
	}
	return counted, nil
}
