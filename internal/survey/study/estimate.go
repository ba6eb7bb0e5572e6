package study

import "math"

// How figures are estimated from a sample of repositories. docs/study.md has the formulas and
// where they are from.
//
// A share is the ratio of two weighted sums over repositories (Hájek). Its variance is that of the
// sum of its linearized residuals, stratum by stratum, with what was drawn of each stratum taken
// off (Särndal, Swensson and Wretman 1992, 5.6 and 5.7). The interval is that of Wilson (1927) for as many
// independent draws as would have that variance, as Korn and Graubard (1998) use them.

// confidence is that of all intervals, deviate the one of the normal distribution.
const (
	confidence = 0.95
	deviate    = 1.959963984540054
)

// enough is how many repositories must have something, and how many not, for its variance to be
// trusted if it is less than that of as many repositories of their weights that were drawn at random.
const enough = 30

// share estimates y as a share of x.
func (s *strata) share(y, x *account) Number {
	sumY, sumX := 0.0, 0.0
	for h := range s.all {
		sumY += y.at(h).y
		sumX += x.at(h).y
	}
	if sumX <= 0 {
		return Number{}
	}
	ratio := math.Min(1, math.Max(0, sumY/sumX))
	variance, worst := 0.0, 0.0
	for h := range s.all {
		open := s.open(h)
		if open == 0 {
			continue
		}
		a, b, n := y.at(h), x.at(h), s.all[h].n
		square := (a.yy - 2*ratio*a.xy + ratio*ratio*b.yy) / (sumX * sumX)
		sum := (a.y - ratio*b.y) / sumX
		variance += open * spread(square, sum, n)
		worst += open * b.yy / (sumX * sumX)
	}
	if worst == 0 {
		return Number{Value: ratio, Low: ratio, High: ratio}
	}
	draws := 1 / worst // of as many repositories of equal weight
	if v := ratio * (1 - ratio); v > 0 && variance > 0 {
		if draws = math.Min(draws, v/variance); math.Min(y.repositories, x.repositories-y.repositories) >= enough {
			draws = v / variance
		}
	}
	low, high := wilson(ratio, draws)
	return Number{Value: ratio, Low: low, High: high}
}

// total estimates y itself: as that share of all, with what is not known of both, on a scale on
// which factors are distances. It is never less than what was seen.
func (s *strata) total(y, x *account, of Number) Number {
	sum, base, variance, left := 0.0, 0.0, 0.0, 0.0
	for h := range s.all {
		b := x.at(h)
		sum += y.at(h).y
		base += b.y
		open := s.open(h)
		left += open
		variance += open * spread(b.yy, b.y, s.all[h].n)
	}
	if left == 0 || base == 0 {
		return Number{Value: sum, Low: sum, High: sum}
	}
	all := deviate * math.Sqrt(math.Max(0, variance)) / base
	n := Number{Value: sum, Low: y.n, High: of.High * base * math.Exp(all)}
	if sum > 0 {
		n.High = sum * math.Exp(math.Hypot(math.Log(of.High/of.Value), all))
	}
	if of.Low > 0 {
		n.Low = math.Max(y.n, sum*math.Exp(-math.Hypot(math.Log(of.Value/of.Low), all)))
	}
	return n
}

// spread is n times the variance of n numbers, of their squares and their sum; those that are not
// among them are 0. Of one alone it is its square: what it may differ by is not known.
func spread(squares, sum, n float64) float64 {
	if n <= 1 {
		return math.Max(0, squares)
	}
	return math.Max(0, n/(n-1)*(squares-sum*sum/n))
}

// wilson is the interval of a share p of n draws.
func wilson(p, n float64) (low, high float64) {
	const z = deviate
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	low, high = math.Max(0, middle-half), math.Min(1, middle+half)
	return math.Min(low, p), math.Max(high, p)
}

// draws is how many independent draws what was counted is worth; 0 if nothing is left to chance.
func (s *strata) draws(x *account) float64 {
	sum, worst := 0.0, 0.0
	for h := range s.all {
		sum += x.at(h).y
		worst += s.open(h) * x.at(h).yy
	}
	if worst == 0 {
		return 0
	}
	return sum * sum / worst
}
