package draw

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// Pulled is the size of a repository by how often it was pulled, which is negative if nobody
// knows: that is as good as never.
func Pulled(pulls int64) float64 { return float64(max(pulls, 0)) + 1 }

// month is after which time a repository is half as likely to be drawn.
const month = 30 * 24 * time.Hour

// Recent is the size of a repository by how long ago it was pushed to: a half after a month, a third
// after two. Of one of which it is not known, at zero, it is that of ten years.
func Recent(updated, now time.Time) float64 {
	age := 120 * month
	if !updated.IsZero() {
		age = min(max(now.Sub(updated), 0), age)
	}
	return 1 / (1 + float64(age)/float64(month))
}

// Stratum is of whom, and how popular: "community/1000" are those of a community with 1,000 pulls to
// 9,999; "community/0" those that nobody has pulled.
func Stratum(class string, pulls int64) string {
	switch {
	case pulls < 0:
		return class + "/unknown"
	case pulls == 0:
		return class + "/0"
	}
	decade := int64(1)
	for decade <= pulls/10 && decade <= math.MaxInt64/10 {
		decade *= 10
	}
	return class + "/" + strconv.FormatInt(decade, 10)
}

// Allocate says how many of each stratum are drawn, of so many in all: the same number of each, and what
// small ones do not have is handed on to the greater. If there are more strata than are to be
// drawn, one is drawn of each of the greatest: then the sample says nothing about the others.
func Allocate(sizes map[string]int, n int) map[string]int {
	names := slices.SortedFunc(maps.Keys(sizes), func(a, b string) int {
		return cmp.Or(cmp.Compare(sizes[a], sizes[b]), cmp.Compare(a, b))
	})
	share := make(map[string]int, len(names))
	for i, name := range names {
		share[name] = min(sizes[name], n/(len(names)-i))
		n -= share[name]
	}
	return share
}
