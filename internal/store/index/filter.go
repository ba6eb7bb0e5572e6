package index

import (
	"math/bits"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/detonaut/detonaut/internal/store"
)

// filter tells whether a row is wanted.
type filter func(b *block, i int, row uint32) bool

// find returns the rows that a query is about, of which have those that have its facts.
func (t *table) find(q *store.Query, having []*roaring.Bitmap) set {
	found := make(set, (t.n+63)/64)
	copy(found, t.live)
	for _, rows := range having {
		dense := newSet(t.n)
		if rows.IsEmpty() {
			return dense
		}
		rows.WriteDenseTo(dense)
		found.and(dense)
	}
	if filters := t.filters(q); len(filters) > 0 {
		t.narrow(found, filters)
	}
	return found
}

// narrow leaves rows in found that pass all filters.
func (t *table) narrow(found set, filters []filter) {
	for w := range found {
		b := t.blocks[w*64/blockRows]
		for rest := found[w]; rest != 0; rest &= rest - 1 {
			bit := bits.TrailingZeros64(rest)
			row := uint32(w*64 + bit) //nolint:gosec // rows are less
			for _, wanted := range filters {
				if !wanted(b, int(row%blockRows), row) {
					found[w] &^= 1 << bit
					break
				}
			}
		}
	}
}

// filters are those of a query, the cheapest first.
func (t *table) filters(q *store.Query) (all []filter) {
	if ok, some := wanted(t.verdicts, q.Verdicts); some {
		all = append(all, func(b *block, i int, _ uint32) bool { return ok[b.verdict[i]] })
	}
	if ok, some := wanted(t.severities, q.Severities); some {
		all = append(all, func(b *block, i int, _ uint32) bool { return ok[b.severity[i]] })
	}
	if ok, some := wanted(t.categories, q.Categories); some {
		all = append(all, func(b *block, i int, _ uint32) bool { return ok[b.category[i]] })
	}
	if len(q.Families) > 0 {
		ok := t.families.equal(q.Families)
		all = append(all, func(b *block, i int, _ uint32) bool { return ok.has(b.family[i]) })
	}
	if len(q.Platforms) > 0 {
		ok := t.platforms.equal(q.Platforms)
		all = append(all, func(b *block, i int, _ uint32) bool { return ok.has(b.platform[i]) })
	}
	if len(q.Registries) > 0 {
		ok := t.registries.equal(q.Registries)
		all = append(all, func(b *block, i int, _ uint32) bool { return ok.has(t.registryOf[b.place[i]]) })
	}
	if q.MinPulls > 0 {
		all = append(all, func(b *block, i int, _ uint32) bool { return t.pulls[b.place[i]] >= q.MinPulls })
	}
	if !q.After.IsZero() {
		all = append(all, func(b *block, i int, _ uint32) bool { return !earlier(b, i, q.After) })
	}
	if !q.Before.IsZero() {
		all = append(all, func(b *block, i int, _ uint32) bool { return earlier(b, i, q.Before) })
	}
	for _, word := range q.Text {
		if x := t.text(word); x != nil {
			all = append(all, func(b *block, i int, row uint32) bool { return x.in(t, b, i, row) })
		}
	}
	return all
}

// wanted are the numbers of words that are wanted, if only some are.
func wanted[W ~string](known words, want []W) (ok [256]bool, some bool) {
	for _, w := range want {
		for i, have := range known {
			ok[i] = ok[i] || have == string(w)
		}
	}
	return ok, len(want) > 0
}

// earlier tells whether a row was analysed before a time.
func earlier(b *block, i int, when time.Time) bool {
	s := when.Unix()
	return b.seconds[i] < s || b.seconds[i] == s && int(b.nanos[i]) < when.Nanosecond()
}
