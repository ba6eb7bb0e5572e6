package draw_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/store/draw"
)

// sample draws of as many units as there are sizes, in the order of numbers.
func sample(seed uint64, n int, sized bool, sizes []float64, order []int) []draw.Drawn {
	s := draw.New(n, sized)
	for _, i := range order {
		s.Add(int64(i), draw.Key(seed, "registry", fmt.Sprint("repository ", i)), sizes[i])
	}
	return s.Drawn()
}

// sizes are as unequal as pulls are: one over a rank.
func sizes(n int) (all []float64) {
	for i := range n {
		all = append(all, 1000/float64(i+1))
	}
	return all
}

func count(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestSameSeedSameDraw(t *testing.T) {
	order, back := count(1000), count(1000)
	slices.Reverse(back)
	for _, sized := range []bool{false, true} {
		a, b := sample(1, 50, sized, sizes(1000), order), sample(1, 50, sized, sizes(1000), back)
		if !slices.Equal(a, b) {
			t.Errorf("sized %v: in another order another sample is drawn", sized)
		}
		if len(a) != 50 {
			t.Errorf("%d were drawn", len(a))
		}
		if slices.Equal(a, sample(2, 50, sized, sizes(1000), order)) {
			t.Errorf("sized %v: another seed draws the same", sized)
		}
	}
}

// TestKnown holds the draw to what it was when this was written: surveys that were recorded can be drawn
// again.
func TestKnown(t *testing.T) {
	if k := draw.Key(7, "docker.io", "library/nginx"); k != 0x48c4153248ad5689 {
		t.Errorf("a key is %#x", k)
	}
	if draw.Key(7, "a", "bc") == draw.Key(7, "ab", "c") {
		t.Error("keys of different names are the same")
	}
}

func TestAll(t *testing.T) {
	for _, n := range []int{10, 11} {
		drawn := sample(1, n, true, sizes(10), count(10))
		if len(drawn) != 10 {
			t.Errorf("of 10 there are %d drawn", len(drawn))
		}
		for _, d := range drawn {
			if d.Weight != 1 {
				t.Errorf("all are drawn, and %d stands for %g", d.Number, d.Weight)
			}
		}
	}
	if drawn := sample(1, 5, false, nil, nil); len(drawn) != 0 {
		t.Errorf("of none there are %d drawn", len(drawn))
	}
}

// TestChances compares how often each unit is drawn with how often it must be, and estimates with what is
// estimated. Seeds are fixed: nothing is left to chance.
func TestChances(t *testing.T) {
	const units, n, rounds = 40, 8, 20_000
	for _, sized := range []bool{false, true} {
		all, order := sizes(units), count(units)
		drawnOften, first := make([]float64, units), 0.0
		var sum, total, squares float64
		for seed := range uint64(rounds) {
			var estimate float64
			for _, d := range sample(seed, n, sized, all, order) {
				drawnOften[d.Number]++
				estimate += d.Weight
				first += d.Weight * float64(d.Number%2) // how many have an odd number
			}
			sum += estimate
			squares += estimate * estimate
		}
		total = sum / rounds
		deviation := math.Sqrt((squares/rounds - total*total) / rounds)
		if math.Abs(total-units) > 4*deviation+1e-9 {
			t.Errorf("sized %v: weights sum up to %g on average, there are %d units; a standard error is %g", sized, total, units, deviation)
		}
		if odd := first / rounds; math.Abs(odd-units/2) > 0.5 {
			t.Errorf("sized %v: %g have an odd number by estimate, %d have", sized, odd, units/2)
		}
		for i, want := range inclusion(all, n, sized) {
			is := drawnOften[i] / rounds
			if limit := 5 * math.Sqrt(want*(1-want)/rounds); math.Abs(is-want) > limit+0.001 {
				t.Errorf("sized %v: unit %d is drawn with probability %.4f, it must be %.4f", sized, i, is, want)
			}
		}
	}
}

// inclusion is how likely each unit is drawn, by the integral over the score of the last one: what is
// drawn with scores of an exponential distribution is what is drawn one after the other. It is made
// of the distribution of how many of the others score less than t.
func inclusion(sizes []float64, n int, sized bool) []float64 {
	if !sized {
		return slices.Repeat([]float64{float64(n) / float64(len(sizes))}, len(sizes))
	}
	all := make([]float64, len(sizes))
	const steps = 4000
	for i, size := range sizes {
		for step := range steps { // u is the probability that the unit scores less than t
			u := (float64(step) + 0.5) / steps
			at := -math.Log(1-u) / size
			fewer := make([]float64, n) // the probability that so many others score less
			fewer[0] = 1
			for j, other := range sizes {
				if j == i {
					continue
				}
				p := -math.Expm1(-other * at)
				for k := n - 1; k >= 0; k-- {
					fewer[k] *= 1 - p
					if k > 0 {
						fewer[k] += fewer[k-1] * p
					}
				}
			}
			for _, p := range fewer {
				all[i] += p / steps
			}
		}
	}
	return all
}

func TestAllocate(t *testing.T) {
	for _, c := range []struct {
		sizes map[string]int
		n     int
		want  map[string]int
	}{
		{map[string]int{"a": 100, "b": 100}, 10, map[string]int{"a": 5, "b": 5}},
		{map[string]int{"a": 1, "b": 100, "c": 100}, 11, map[string]int{"a": 1, "b": 5, "c": 5}},
		{map[string]int{"a": 1, "b": 2, "c": 3}, 100, map[string]int{"a": 1, "b": 2, "c": 3}},
		{map[string]int{"a": 5, "b": 6, "c": 7}, 2, map[string]int{"a": 0, "b": 1, "c": 1}},
		{map[string]int{}, 5, map[string]int{}},
	} {
		if got := draw.Allocate(c.sizes, c.n); !maps.Equal(got, c.want) {
			t.Errorf("of %v, %d are allocated as %v, not as %v", c.sizes, c.n, got, c.want)
		}
	}
}

func TestSizes(t *testing.T) {
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	month := 30 * 24 * time.Hour
	for _, c := range []struct{ is, want float64 }{
		{draw.Pulled(-1), 1},
		{draw.Pulled(0), 1},
		{draw.Pulled(999), 1000},
		{draw.Recent(now, now), 1},
		{draw.Recent(now.Add(-month), now), 0.5},
		{draw.Recent(now.Add(-2*month), now), 1.0 / 3},
		{draw.Recent(now.Add(month), now), 1},
		{draw.Recent(time.Time{}, now), 1.0 / 121},
		{draw.Recent(now.Add(-1000*month), now), 1.0 / 121},
	} {
		if math.Abs(c.is-c.want) > 1e-12 {
			t.Errorf("a size is %g, not %g", c.is, c.want)
		}
	}
	for pulls, want := range map[int64]string{
		-1: "c/unknown", 0: "c/0", 1: "c/1", 9: "c/1", 10: "c/10", 99: "c/10", 1000: "c/1000", math.MaxInt64: "c/1000000000000000000",
	} {
		if got := draw.Stratum("c", pulls); got != want {
			t.Errorf("%d pulls are of stratum %s, not %s", pulls, got, want)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	s := draw.New(10_000, true)
	for i := 0; b.Loop(); i++ {
		s.Add(int64(i), draw.Key(1, "docker.io", "some/image"), float64(i+1))
	}
}
