package page

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/detonaut/detonaut"
)

// clock tells about when an event happened: events have a place in the order, and the time is
// known of those that started processes. What is between two of them happened between their
// times.
type clock struct {
	marks []mark
	end   time.Duration
}

type mark struct {
	seq uint64
	at  time.Duration
}

func newClock(run *detonaut.Run, events uint64) clock {
	c := clock{end: run.Elapsed}
	for i := range run.Processes {
		p := &run.Processes[i]
		c.end = max(c.end, p.Start, p.End)
		if p.Event > 0 && p.Start >= 0 {
			c.marks = append(c.marks, mark{p.Event, p.Start})
		}
	}
	if c.end <= 0 {
		c.end = time.Nanosecond
	}
	slices.SortFunc(c.marks, func(a, b mark) int { return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.at, b.at)) })
	if n := len(c.marks); n > 0 && events > c.marks[n-1].seq {
		c.marks = append(c.marks, mark{events, c.end})
	}
	return c
}

// at is about when an event happened; false if nobody can tell.
func (c *clock) at(seq uint64) (time.Duration, bool) {
	if seq == 0 || len(c.marks) == 0 {
		return 0, false
	}
	i := sort.Search(len(c.marks), func(i int) bool { return c.marks[i].seq >= seq })
	switch {
	case i == len(c.marks):
		return c.end, true
	case c.marks[i].seq == seq || i == 0:
		return c.marks[i].at, true
	}
	a, b := c.marks[i-1], c.marks[i]
	share := float64(seq-a.seq) / float64(b.seq-a.seq)
	return a.at + time.Duration(share*float64(b.at-a.at)), true
}

// share is where a time is between the beginning and the end, 0 to 1.
func (c *clock) share(at time.Duration) float64 {
	return min(max(float64(at)/float64(c.end), 0), 1)
}
