package wire

import (
	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of the strings of one event. JSON writes one byte as up to six, so
// together they stay below tape.MaxLine.
const (
	maxString = 4096 // bytes of any one string
	maxList   = 256  // arguments, or variables
	// MaxListSum is the most bytes of all arguments, or of all variables.
	MaxListSum = 16 << 10
)

// Text makes a string of the subject fit for the tape: valid UTF-8 and
// bounded. It sets ev.Cut when it cuts.
func Text(ev *tape.Event, s string) string {
	if len(s) > maxString {
		s = s[:maxString]
		ev.Cut = true
	}
	return decode.Printable(s)
}

// List bounds a list of strings and returns, if it cut any, how many there
// were.
func List(ev *tape.Event, in []string) (out []string, count int) {
	sum, cut := 0, ev.Cut
	ev.Cut = false
	for _, s := range in {
		if len(out) == maxList || sum+min(len(s), maxString) > MaxListSum {
			ev.Cut = true
			break
		}
		s = Text(ev, s)
		sum += len(s)
		out = append(out, s)
	}
	if ev.Cut {
		count = len(in)
	}
	ev.Cut = ev.Cut || cut
	return out, count
}
