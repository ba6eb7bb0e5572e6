package study

import "math"

// How figures are estimated from a sample of repositories. docs/study.md has the formulas and
// where they are from.
//
// A share is the ratio of two weighted sums over repositories (Hájek 1971). Its variance is that of the
// sum of its linearized residuals (Särndal, Swensson and Wretman 1992, 5.6 and 5.7), stratum by stratum, as Hájek (1964)
// has it for samples without replacement, with equal chances or with others. The interval is that of
// Wilson (1927) for as many independent draws as would have that variance, as Korn and Graubard (1998)
// use them.

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
		a, b := y.at(h), x.at(h)
		square := (a.yy - 2*ratio*a.xy + ratio*ratio*b.yy) / (sumX * sumX)
		variance += s.all[h].spread(square, (a.cy-ratio*b.cy)/sumX)
		worst += b.yy / (sumX * sumX)
	}
	if worst == 0 {
		return Number{Value: ratio, Low: ratio, High: ratio}
	}
	draws := 1 / worst // of as many repositories of equal weight
	if v := ratio * (1 - ratio); v > 0 && variance > 0 {
		if draws = math.Min(draws, v/variance); math.Min(ratio, 1-ratio)/worst >= enough {
			draws = v / variance
		}
	}
	low, high := wilson(ratio, draws, s.deviate(x))
	return Number{Value: ratio, Low: low, High: high}
}

// total estimates y itself: as that share of the base, which itself is so much for each
// repository that there is. What is not known of both is put together on a scale on which factors are
// distances. It is never less than what was seen.
func (s *strata) total(y, x *account, of Number) Number {
	sum, base, all, worst := 0.0, 0.0, s.weight(), 0.0
	for h := range s.all {
		sum += y.at(h).y
		base += x.at(h).y
	}
	variance := 0.0
	for h := range s.all {
		b, st := x.at(h), &s.all[h]
		worst += b.yy
		if base > 0 {
			mean := base / all
			variance += st.spread(b.yy-2*mean*b.wy+mean*mean*st.cww, b.cy-mean*st.cw) / (base * base)
		}
	}
	if s.listed > 0 && all > 0 {
		sum, base = sum*s.listed/all, base*s.listed/all
	}
	if worst == 0 {
		return Number{Value: sum, Low: sum, High: sum}
	}
	width := s.deviate(x) * math.Sqrt(math.Max(0, variance))
	n := Number{Value: math.Max(sum, y.n), Low: y.n, High: of.High * base * math.Exp(width)}
	if sum > 0 {
		n.High = math.Max(n.Value, sum*math.Exp(math.Hypot(math.Log(of.High/of.Value), width)))
	}
	if of.Low > 0 {
		n.Low = math.Max(y.n, sum*math.Exp(-math.Hypot(math.Log(of.Value/of.Low), width)))
	}
	return n
}

// deviate is that of Student's distribution for as many draws as what was counted is worth: of
// few, the variance is not well known.
func (s *strata) deviate(x *account) float64 {
	n := s.draws(x)
	if n == 0 {
		return deviate
	}
	const z = deviate
	free := math.Max(2, n-1)
	// Fisher's expansion (Abramowitz and Stegun 26.7.5).
	return z + (z*z*z+z)/(4*free) + (5*math.Pow(z, 5)+16*z*z*z+3*z)/(96*free*free) +
		(3*math.Pow(z, 7)+19*math.Pow(z, 5)+17*z*z*z-15*z)/(384*free*free*free)
}

// spread is the variance of the sum of something over a stratum, of which the sum of the squares and the
// sum are weighted by c. Of one repository alone it is the square: what it may differ by is not known.
func (s *stratum) spread(squares, sum float64) float64 {
	if s.n <= 1 || s.c <= 0 {
		return math.Max(0, squares)
	}
	return math.Max(0, s.n/(s.n-1)*(squares-sum*sum/s.c))
}

// wilson is the interval of a share p of n draws; z is the deviate of its confidence.
func wilson(p, n, z float64) (low, high float64) {
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
		worst += x.at(h).yy
	}
	if worst == 0 {
		return 0
	}
	return sum * sum / worst
}
