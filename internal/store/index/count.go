package index

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Bounds of counts.
const (
	maxFacet = 20 // values of a facet
	maxDays  = 90
	day      = 24 * 60 * 60 // seconds
)

// tally is how often each number of each list is in rows.
type tally struct {
	verdicts, categories, severities [256]int
	families, platforms, registries  []int
	places                           set
	days                             map[int64]int // since 1970, with any that is bad
}

// tally counts rows; places and days only if all is set.
func (t *table) tally(found set, all bool) *tally {
	c := &tally{
		families: make([]int, t.families.len()), platforms: make([]int, t.platforms.len()), registries: make([]int, t.registries.len()),
		places: newSet(t.places.len()), days: make(map[int64]int),
	}
	bad, _ := wanted(t.verdicts, []detonaut.Word{detonaut.Malicious, detonaut.Unwanted})
	for w, rest := range found {
		b := t.blocks[w*64/blockRows]
		for ; rest != 0; rest &= rest - 1 {
			i := (w*64 + bits.TrailingZeros64(rest)) % blockRows
			place := b.place[i]
			c.verdicts[b.verdict[i]]++
			c.categories[b.category[i]]++
			c.severities[b.severity[i]]++
			c.families[b.family[i]]++
			c.platforms[b.platform[i]]++
			c.registries[t.registryOf[place]]++
			if !all {
				continue
			}
			c.places.add(place)
			if bad[b.verdict[i]] {
				c.days[floor(b.seconds[i], day)]++
			}
		}
	}
	return c
}

func floor(n, by int64) int64 {
	if n < 0 {
		return (n+1)/by - 1
	}
	return n / by
}

// facets are the counts of results.
func (t *table) facets(found set) map[string][]store.Count {
	c := t.tally(found, false)
	return map[string][]store.Count{
		"verdict":  top(c.verdicts[:], t.verdicts.at),
		"category": top(c.categories[:], t.categories.at),
		"severity": top(c.severities[:], t.severities.at),
		"family":   top(c.families, t.families.string),
		"platform": top(c.platforms, t.platforms.string),
		"registry": top(c.registries, t.registries.string),
	}
}

func (w words) at(i uint32) string { return w[i] }

// top are the most frequent, but for the empty string.
func top(counts []int, name func(uint32) string) []store.Count {
	list := []store.Count{}
	least := 1
	for i, n := range counts {
		if n < least {
			continue
		}
		if s := name(uint32(i)); s != "" { //nolint:gosec // dictionaries are smaller
			list = append(list, store.Count{Value: s, Count: n})
		}
		if len(list) == 10*maxFacet {
			list = frequent(list)
			least = list[maxFacet-1].Count
		}
	}
	return frequent(list)
}

// frequent are the most frequent of a list, which it sorts.
func frequent(list []store.Count) []store.Count {
	slices.SortFunc(list, func(a, b store.Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return list[:min(len(list), maxFacet)]
}

// numbers counts everything.
func (t *table) numbers() *store.Numbers {
	live := make(set, (t.n+63)/64)
	copy(live, t.live)
	c := t.tally(live, true)
	if _, none, ok := t.places.find("", 0); ok {
		c.places.remove(none)
	}
	n := &store.Numbers{
		Reports: t.alive, Repositories: c.places.count(), Families: top(c.families, t.families.string), Days: []store.Count{},
		Verdicts:   inOrder(detonaut.Words(), t.verdicts, &c.verdicts),
		Categories: inOrder(detonaut.Categories(), t.categories, &c.categories),
		Severities: inOrder(detonaut.Severities(), t.severities, &c.severities),
	}
	days := make([]int64, 0, len(c.days))
	for d := range c.days {
		days = append(days, d)
	}
	slices.Sort(days)
	for _, d := range days[max(0, len(days)-maxDays):] {
		n.Days = append(n.Days, store.Count{Value: time.Unix(d*day, 0).UTC().Format(time.DateOnly), Count: c.days[d]})
	}
	return n
}

// inOrder are the counts of our words.
func inOrder[W ~string](ours []W, known words, counts *[256]int) []store.Count {
	list := make([]store.Count, len(ours))
	for i, w := range ours {
		list[i].Value = string(w)
		for j, have := range known {
			if have == string(w) {
				list[i].Count = counts[j]
			}
		}
	}
	return list
}
