package index

import (
	"context"
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/detonaut/detonaut/internal/store"
)

// maxCached is how much memory the rows of facts may take, in bytes; those that were asked
// for least recently are forgotten.
const maxCached = 32 << 20

// cache remembers which rows have facts.
type cache struct {
	mu    sync.Mutex
	facts map[store.Fact]*cached
	clock int64
	size  uint64
}

// cached are the rows of one fact. mu is held while the source is asked for it.
type cached struct {
	mu         sync.Mutex
	generation int64
	rows       *roaring.Bitmap // never changed: it is replaced
	upTo       int64

	used int64  // of the cache
	size uint64 // of the cache
}

// entry is that of a fact, which is made if it is not there.
func (c *cache) entry(f store.Fact) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.facts[f]
	if e == nil {
		if c.facts == nil {
			c.facts = make(map[store.Fact]*cached)
		}
		e = &cached{rows: roaring.New()}
		c.facts[f] = e
	}
	c.clock++
	e.used = c.clock
	return e
}

// weigh notes how much an entry takes, and makes room.
func (c *cache) weigh(f store.Fact, e *cached, size uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.facts[f] != e {
		return // it was forgotten
	}
	size += uint64(len(f.Value)) + 200
	c.size += size - e.size
	e.size = size
	for c.size > maxCached && len(c.facts) > 1 {
		var oldest store.Fact
		for f, e := range c.facts {
			if have := c.facts[oldest]; have == nil || e.used < have.used {
				oldest = f
			}
		}
		c.size -= c.facts[oldest].size
		delete(c.facts, oldest)
	}
}

// having returns the rows that have each of the facts, as the table of a generation numbers
// them. It is false if there is another one by now.
func (x *Index) having(ctx context.Context, facts []store.Fact, generation int64) (rows []*roaring.Bitmap, ok bool, err error) {
	for _, f := range facts {
		e := x.cache.entry(f)
		r, ok, err := x.rowsOf(ctx, f, e, generation)
		if err != nil || !ok {
			return nil, false, err
		}
		x.cache.weigh(f, e, r.GetSizeInBytes())
		rows = append(rows, r)
	}
	return rows, true, nil
}

func (x *Index) rowsOf(ctx context.Context, f store.Fact, e *cached, generation int64) (rows *roaring.Bitmap, ok bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.generation != generation {
		e.generation, e.rows, e.upTo = generation, roaring.New(), 0
	}
	x.mu.RLock()
	upTo := x.table.last
	x.mu.RUnlock()
	if e.upTo >= upTo {
		return e.rows, true, nil
	}
	seqs, err := x.source.Having(ctx, f, e.upTo, upTo)
	if err != nil {
		return nil, false, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.generation != generation {
		return nil, false, nil
	}
	if more := x.table.rows(seqs); len(more) > 0 {
		rows := e.rows.Clone()
		rows.AddMany(more)
		rows.RunOptimize()
		e.rows = rows
	}
	e.upTo = upTo
	return e.rows, true, nil
}

// rows are those with a Seq, which are sorted. Those that have none are left out.
func (t *table) rows(seqs []int64) (rows []uint32) {
	if len(seqs) == 0 {
		return nil
	}
	k := 0
	for n, b := range t.blocks {
		length := min(blockRows, t.n-n*blockRows)
		if k == len(seqs) {
			break
		}
		column := b.seq[:length]
		if seqs[k] > column[length-1] {
			continue
		}
		i := 0
		for k < len(seqs) && seqs[k] <= column[length-1] {
			if column[i] < seqs[k] {
				i++
				if i+16 < length && column[i+16] < seqs[k] {
					skip, _ := slices.BinarySearch(column[i:], seqs[k])
					i += skip
				}
				continue
			}
			if column[i] == seqs[k] {
				rows = append(rows, uint32(n*blockRows+i)) //nolint:gosec // rows are less
			}
			k++
		}
	}
	return rows
}
