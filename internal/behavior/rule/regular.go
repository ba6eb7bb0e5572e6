package rule

import (
	"math"
	"slices"
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
)

// minInterval is the shortest mean interval of a rhythm. Whatever repeats
// faster is work, not waiting: a loop over a list, a driver that fills its pool.
const minInterval = time.Second

// regular tells whether events come at even intervals: whether the standard
// deviation of their intervals is less than spread times the mean. Events that
// come by chance have a spread of 1; a timer that is set off by up to a third
// either way, as beacons do to hide, one of 0.19.
func regular(events []entry, spread float64) bool {
	if len(events) < 3 || len(events) > maxRegular {
		return false
	}
	var room [maxRegular]int64
	times := room[:len(events)]
	for i, x := range events {
		times[i] = began(x.of.event)
	}
	slices.Sort(times) // what ends first need not have begun first
	n := float64(len(times) - 1)
	mean := float64(times[len(times)-1]-times[0]) / n
	var squares float64
	for i, t := range times[1:] {
		d := float64(t-times[i]) - mean
		squares += d * d
	}
	return mean >= float64(minInterval) && math.Sqrt(squares/n) < spread*mean
}

// began is when what e tells of began by the clocks of the subject, in
// nanoseconds since the start of the run.
func began(e *tape.Event) int64 {
	switch {
	case e.FlowEnd != nil:
		return e.FlowEnd.Start + e.Ahead
	case e.HTTP != nil:
		return e.HTTP.Start + e.Ahead
	default:
		return e.Time + e.Ahead
	}
}
