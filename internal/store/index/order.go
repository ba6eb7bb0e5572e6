package index

import (
	"container/heap"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of a part of the results.
const (
	usualLimit = 50 // if none is asked for
	maxLimit   = 200
)

// place is where a row is in an order: behind those of a greater rank, and behind those of
// the same that were put later. What is put while somebody reads does not change where he
// was: a new report is in front of all others of its rank.
type place struct {
	rank int64
	seq  int64
}

func (p place) before(o place) bool { return p.rank > o.rank || p.rank == o.rank && p.seq > o.seq }

// cursor writes the place of the last row of a part.
func (p place) cursor(order store.Order) string {
	return letter(order) + strconv.FormatInt(p.rank, 36) + "." + strconv.FormatInt(p.seq, 36)
}

// letter tells cursors of one order from those of another.
func letter(order store.Order) string {
	switch order {
	case store.Worst:
		return "w"
	case store.Pulled:
		return "p"
	default:
		return "n"
	}
}

// readCursor is false if there is none.
func readCursor(cursor string, order store.Order) (p place, ok bool, err error) {
	if cursor == "" {
		return p, false, nil
	}
	rest, ours := strings.CutPrefix(cursor, letter(order))
	rank, seq, two := strings.Cut(rest, ".")
	var errRank, errSeq error
	p.rank, errRank = strconv.ParseInt(rank, 36, 64)
	p.seq, errSeq = strconv.ParseInt(seq, 36, 64)
	if !ours || !two || errRank != nil || errSeq != nil {
		return p, false, fmt.Errorf("read cursor %.40q: it is none of this order: %w", cursor, store.ErrInvalid)
	}
	return p, true, nil
}

// ranker returns what gives rows their rank in an order.
func (t *table) ranker(order store.Order) (func(b *block, i int) int64, error) {
	switch order {
	case store.Newest, "":
		return func(*block, int) int64 { return 0 }, nil
	case store.Pulled:
		return func(b *block, i int) int64 { return t.pulls[b.place[i]] }, nil
	case store.Worst:
		var verdicts, severities [256]int64
		for i, w := range t.verdicts {
			verdicts[i] = int64(detonaut.Word(w).Rank())
		}
		for i, s := range t.severities {
			severities[i] = int64(detonaut.Severity(s).Rank())
		}
		return func(b *block, i int) int64 { return verdicts[b.verdict[i]]*100 + severities[b.severity[i]] }, nil
	default:
		return nil, fmt.Errorf("sort by %.40q: there is no such order: %w", order, store.ErrInvalid)
	}
}

// part returns the rows of a part of the results in their order, and the cursor of the next.
func (t *table) part(found set, q *store.Query) (rows []uint32, next string, err error) {
	rank, err := t.ranker(q.Order)
	if err != nil {
		return nil, "", err
	}
	behind, some, err := readCursor(q.Page.Cursor, q.Order)
	if err != nil {
		return nil, "", err
	}
	limit := q.Page.Limit
	if limit <= 0 {
		limit = usualLimit
	}
	limit = min(limit, maxLimit)
	first := leading{most: limit + 1}
	newest := q.Order == store.Newest || q.Order == ""
	for w := len(found) - 1; w >= 0; w-- {
		if newest && len(first.places) == first.most {
			break // what follows is older
		}
		b := t.blocks[w*64/blockRows]
		for rest := found[w]; rest != 0; {
			bit := 63 - bits.LeadingZeros64(rest)
			rest &^= 1 << bit
			row := uint32(w*64 + bit) //nolint:gosec // rows are less
			i := int(row % blockRows)
			if p := (place{rank(b, i), b.seq[i]}); !some || behind.before(p) {
				first.add(ranked{p, row})
			}
		}
	}
	slices.SortFunc(first.places, func(a, b ranked) int {
		if a.before(b.place) {
			return -1
		}
		return 1
	})
	if len(first.places) > limit {
		first.places = first.places[:limit]
		next = first.places[limit-1].cursor(q.Order)
	}
	for _, r := range first.places {
		rows = append(rows, r.row)
	}
	return rows, next, nil
}

// ranked is a row and its place.
type ranked struct {
	place
	row uint32
}

// leading keeps the first rows of an order, the last of them on top of a heap.
type leading struct {
	most   int
	places []ranked
}

func (l *leading) add(r ranked) {
	switch {
	case len(l.places) < l.most:
		heap.Push(l, r)
	case r.before(l.places[0].place):
		l.places[0] = r
		heap.Fix(l, 0)
	}
}

// Len, Less, Swap, Push and Pop are those of [heap.Interface].
func (l *leading) Len() int           { return len(l.places) }
func (l *leading) Less(i, j int) bool { return l.places[j].before(l.places[i].place) }
func (l *leading) Swap(i, j int)      { l.places[i], l.places[j] = l.places[j], l.places[i] }
func (l *leading) Push(r any)         { l.places = append(l.places, r.(ranked)) } //nolint:forcetypeassert // add pushes
func (l *leading) Pop() any           { return nil }                              // nobody does
