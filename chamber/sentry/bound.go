package sentry

import (
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of the strings of one event. JSON writes one byte as up to six, so
// together they stay below tape.MaxLine.
const (
	maxString  = 4096      // bytes of any one string
	maxList    = 256       // arguments, or variables
	maxListSum = 16 << 10  // bytes of all arguments, or of all variables
	maxHash    = 256 << 20 // bytes of a program that are hashed
)

// text makes a string of the subject fit for the tape: valid UTF-8 and
// bounded. It sets ev.Cut when it cuts.
func text(ev *tape.Event, s string) string {
	if len(s) > maxString {
		s = s[:maxString]
		ev.Cut = true
	}
	return decode.Printable(s)
}

// list bounds a list of strings and returns, if it cut any, how many there
// were.
func list(ev *tape.Event, in []string) (out []string, count int) {
	sum, cut := 0, ev.Cut
	ev.Cut = false
	for _, s := range in {
		if len(out) == maxList || sum+min(len(s), maxString) > maxListSum {
			ev.Cut = true
			break
		}
		s = text(ev, s)
		sum += len(s)
		out = append(out, s)
	}
	if ev.Cut {
		count = len(in)
	}
	ev.Cut = ev.Cut || cut
	return out, count
}

func sortByTime(events []*tape.Event) {
	slices.SortStableFunc(events, func(a, b *tape.Event) int {
		if a.Time != b.Time {
			return int(max(min(a.Time-b.Time, 1), -1))
		}
		return int(a.PID) - int(b.PID)
	})
}

// flatten writes arguments in one line, sorted.
func flatten(args map[string]string) string {
	keys := make([]string, 0, len(args))
	for k := range args {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k + "=" + args[k] + " ")
	}
	return b.String()
}
