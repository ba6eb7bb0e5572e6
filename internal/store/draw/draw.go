// Package draw draws samples, and says how many units each that was drawn stands for. It is pure:
// the same seed draws the same units, in whatever order they come.
//
// Each unit gets a number u between 0 and 1 from a hash of the seed and its name, and a score
// -ln(u)/size; the n with the smallest scores are the sample. That is sampling without replacement, one
// after the other, each time with chances in proportion to the sizes that are left (Efraimidis and
// Spirakis, Information Processing Letters 97, 2006). With equal sizes each sample is as likely.
//
// How likely it is that a unit is drawn has no closed form then. But given t, the smallest score
// that was not drawn, a unit was drawn when its own was below t: with probability 1 - exp(-size*t). One
// divided by that is its weight, and sums of anything times these weights are unbiased: these are the
// rank conditioning estimators of Cohen and Kaplan ("Summarizing data using bottom-k sketches", PODC
// 2007). With equal sizes the weight is simply N/n.
package draw

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// Key is the hash of a unit. Two different names have the same by chance alone.
func Key(seed uint64, name ...string) uint64 {
	b := binary.BigEndian.AppendUint64(nil, seed)
	for _, part := range name {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// uniform is the number between 0 and 1, neither of both, of a key.
func uniform(key uint64) float64 { return (float64(key>>11) + 0.5) / (1 << 53) }

// Drawn is a unit of a sample.
type Drawn struct {
	Number int64
	// Weight is how many units it stands for: at least 1.
	Weight float64
}

// Sample draws, and holds as many units as it is to draw.
type Sample struct {
	size  int
	sized bool
	total int
	kept  scores
}

// New draws n units with equal chances; with sized those of greater size are likelier.
func New(n int, sized bool) *Sample { return &Sample{size: max(n, 0), sized: sized} }

// score is a unit with its score.
type score struct {
	score, size float64
	key         uint64
	number      int64
}

func (s score) compare(t score) int {
	return cmp.Or(cmp.Compare(s.score, t.score), cmp.Compare(s.key, t.key), cmp.Compare(s.number, t.number))
}

// scores is a heap with the greatest on top.
type scores []score

func (h scores) Len() int           { return len(h) }
func (h scores) Less(i, j int) bool { return h[i].compare(h[j]) > 0 }
func (h scores) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *scores) Push(v any)        { *h = append(*h, v.(score)) }
func (h *scores) Pop() any          { panic("it only grows, and is replaced at the top") }

// Add adds a unit, once. Its size has to be positive; it counts for nothing if chances are equal.
func (s *Sample) Add(number int64, key uint64, size float64) {
	s.total++
	if !s.sized {
		size = 1
	}
	v := score{-math.Log(uniform(key)) / size, size, key, number}
	if len(s.kept) <= s.size { // one more than is drawn: it is the threshold
		heap.Push(&s.kept, v)
		return
	}
	if v.compare(s.kept[0]) < 0 {
		s.kept[0] = v
		heap.Fix(&s.kept, 0)
	}
}

// Total is how many were added.
func (s *Sample) Total() int { return s.total }

// Drawn is the sample, by number.
func (s *Sample) Drawn() []Drawn {
	kept, all := slices.Clone(s.kept), s.total <= s.size
	var threshold float64
	if !all {
		threshold = kept[0].score
		kept = kept[1:]
	}
	drawn := make([]Drawn, len(kept))
	for i, v := range kept {
		drawn[i] = Drawn{v.number, 1}
		switch {
		case all:
		case s.sized:
			drawn[i].Weight = 1 / -math.Expm1(-v.size*threshold)
		default:
			drawn[i].Weight = float64(s.total) / float64(s.size)
		}
	}
	slices.SortFunc(drawn, func(a, b Drawn) int { return cmp.Compare(a.Number, b.Number) })
	return drawn
}
