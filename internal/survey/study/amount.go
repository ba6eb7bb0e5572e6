package study

import (
	"math"
	"math/bits"

	"github.com/detonaut/detonaut/internal/store/measure"
)

// measured is something of which there is more or less.
type measured struct {
	id, title, unit string
	// of is how much; false of an image of which that is not known.
	of func(m *measure.Measure) (int64, bool)
}

// amounts are what quantiles are told of.
func amounts() []measured {
	ran := func(f func(r *measure.Run) int64) func(m *measure.Measure) (int64, bool) {
		return func(m *measure.Measure) (int64, bool) {
			if !observed(m) {
				return 0, false
			}
			return f(m.Run), true
		}
	}
	is := func(f func(m *measure.Measure) int64) func(m *measure.Measure) (int64, bool) {
		return func(m *measure.Measure) (int64, bool) { n := f(m); return n, n >= 0 }
	}
	return []measured{
		{"elapsed", "How long it ran", "ns", ran(func(r *measure.Run) int64 { return int64(r.Elapsed) })},
		{"cpu", "Processor time, that of the sandbox included", "ns", ran(func(r *measure.Run) int64 { return int64(r.CPU) })},
		{"memory", "Most memory, that of the sandbox included", "B", ran(func(r *measure.Run) int64 { return r.Memory })},
		{"processes", "Processes", "", ran(func(r *measure.Run) int64 { return int64(r.Processes) })},
		{"written", "Files written", "", ran(func(r *measure.Run) int64 { return int64(r.Written) })},
		{"sent", "Sent to others", "B", ran(func(r *measure.Run) int64 { return r.Sent })},
		{"received", "Received from others", "B", ran(func(r *measure.Run) int64 { return r.Received })},
		{"contacts", "Names and addresses that it got in touch with", "", ran(func(r *measure.Run) int64 { return int64(r.Contacts) })},
		{"size", "Size, compressed", "B", is(func(m *measure.Measure) int64 { return m.Size })},
		{"layers", "Layers", "", is(func(m *measure.Measure) int64 { return int64(m.Layers) })},
		{"files", "Files", "", is(func(m *measure.Measure) int64 { return int64(m.Files) })},
		{"packages", "Packages", "", is(func(m *measure.Measure) int64 { return int64(m.Packages) })},
		{"vulnerabilities", "Known vulnerabilities", "", func(m *measure.Measure) (int64, bool) {
			if m.Vulnerabilities == nil {
				return 0, false
			}
			all := m.Vulnerabilities.All
			return int64(all.Critical + all.High + all.Medium + all.Low + all.Negligible + all.Unknown), true
		}},
	}
}

// amount is a histogram for each group. Its bins are one number wide up to 255, and then a 128th of
// what they hold at most: a quantile is exact up to that.
type amount struct {
	def measured
	by  [allGroups]histogram
}

type histogram struct {
	bins  []float64 // weights
	sum   float64
	n     float64
	draws account // y is the weight of the images of a repository
	last  int64   // the repository that was counted last
	here  float64 // and what it had
}

const (
	fine = 128 // bins of an octave
	step = 8   // bits of the first number that is not exact
)

func binOf(v int64) int {
	if v < 0 {
		v = 0
	}
	shift := max(0, bits.Len64(uint64(v))-step)
	return shift*fine + int(uint64(v)>>shift)
}

// least is the smallest number in a bin.
func least(bin int) int64 {
	shift := max(0, bin/fine-1)
	return int64(uint64(bin-shift*fine) << shift)
}

func (a *amount) add(m *measure.Measure, at *repository, fresh groupSet) {
	v, ok := a.def.of(m)
	if !ok {
		return
	}
	for slot, g := range at.groups {
		if fresh&(1<<slot) != 0 {
			a.by[g].add(v, at)
		}
	}
}

func (h *histogram) add(v int64, at *repository) {
	bin := binOf(v)
	for len(h.bins) <= bin {
		h.bins = append(h.bins, 0)
	}
	h.bins[bin] += at.weight
	h.sum += at.weight
	h.n++
	// The square of the sum of a repository grows with each image of it.
	if h.last != at.number {
		h.last, h.here = at.number, 0
	}
	h.draws.add(at.stratum, at.weight, 1, 0)
	h.draws.by[at.stratum].yy += chance(at.weight) * at.weight * at.weight * 2 * h.here
	h.here++
}

// quantile is the smallest number that a share of all have at most, with the numbers at the ends of
// the interval of that share (Woodruff 1952).
func (h *histogram) quantile(s *strata, q float64) Number {
	low, high := q, q
	if n := s.draws(&h.draws); n > 0 {
		low, high = wilson(q, n, s.deviate(&h.draws))
	}
	return Number{Value: h.find(q), Low: h.find(low), High: h.find(high)}
}

func (h *histogram) find(q float64) float64 {
	sum, found := 0.0, 0
	for bin, w := range h.bins {
		if w == 0 {
			continue
		}
		found = bin
		if sum += w; sum >= q*h.sum*(1-1e-12) {
			break
		}
	}
	return math.Max(0, float64(least(found)))
}
