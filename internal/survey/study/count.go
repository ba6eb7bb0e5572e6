package study

import "math"

// What is drawn are repositories, so what is counted of images, too, is summed up by repository
// first: in [repository]. What a repository adds to a figure is y, and what it adds to what that is a
// share of is x; both are weighted by how many repositories it stands for. For the variance of a
// share, sums of squares and products by stratum are enough: see estimate.go.

// unit is what is counted.
type unit int

const (
	byImage unit = iota
	byRepository
	byPull
	units
)

// sums are of the repositories of a stratum: y of w*y, and with c = 1 - 1/w, which is what was left to
// chance of a repository, cy of c*w*y, yy of c*(w*y)*(w*y), xy of c*(w*x)*(w*y), wy of c*w*(w*y).
type sums struct{ y, cy, yy, xy, wy float64 }

// account is a figure: n is what was seen, unweighted, and in how many
// repositories.
type account struct {
	n            float64
	repositories float64
	by           []sums // by stratum
}

func (a *account) add(stratum int, w, y, x float64) {
	for len(a.by) <= stratum {
		a.by = append(a.by, sums{})
	}
	s, c := &a.by[stratum], chance(w)
	s.y += w * y
	s.cy += c * w * y
	s.yy += c * w * y * w * y
	s.xy += c * w * x * w * y
	s.wy += c * w * w * y
	a.n += y
	a.repositories++
}

func (a *account) at(stratum int) sums {
	if stratum < len(a.by) {
		return a.by[stratum]
	}
	return sums{}
}

// chance is 1 less how likely one of weight w was drawn.
func chance(w float64) float64 { return 1 - 1/math.Max(1, w) }

// strata are what was drawn from.
type strata struct {
	ids map[string]int
	all []stratum
	// listed is how many repositories there are, if that is known better than by the weights.
	listed float64
}

// stratum are the repositories that were drawn of it, how many they stand for, and the sums of c,
// c*w and c*w*w.
type stratum struct{ n, weight, c, cw, cww float64 }

// of is the number of the stratum of a repository; with count it is one more of it.
func (s *strata) of(name string, w float64, count bool) int {
	id, ok := s.ids[name]
	if !ok {
		id = len(s.all)
		if id == maxStrata { // one for all others
			id--
		} else {
			s.all = append(s.all, stratum{})
		}
		if len(s.ids) < 2*maxStrata {
			s.ids[name] = id
		}
	}
	if count {
		st, c := &s.all[id], chance(w)
		st.n++
		st.weight += w
		st.c += c
		st.cw += c * w
		st.cww += c * w * w
	}
	return id
}

// weight is how many repositories all that were drawn stand for.
func (s *strata) weight() (sum float64) {
	for i := range s.all {
		sum += s.all[i].weight
	}
	return sum
}

// repository is the one that is being counted.
type repository struct {
	number        int64
	open, sampled bool
	weight        float64
	stratum       int
	pulls         int64
	groups        member
	images        map[key]bool // those that were counted, of this repository
	rows          []*row       // those that have something of it
	bases         []*tally
}

// has tells whether an image of it was counted before; then it was.
func (r *repository) has(k key) bool {
	if r.images == nil {
		r.images = map[key]bool{}
	}
	if r.images[k] {
		return true
	}
	r.images[k] = true
	return false
}

// tally is a table as it is counted.
type tally struct {
	def    table
	groups int
	ids    map[string]*row
	order  []*row // as they came
	lost   int64  // rows that were one too many, or their occurrences
	base   row
}

// row is a row of a table, and the base of one.
type row struct {
	name  string
	table *tally
	by    [units][]account // by group
	// What the repository has of it that is being counted: images, and those of them that were not
	// counted in each of its four groups.
	here  int
	fresh [4]float64
}

func newTally(t table) *tally {
	n := allGroups
	if t.top > 0 {
		n = fewGroups
	}
	c := &tally{def: t, groups: n, ids: map[string]*row{}}
	c.base = *c.row()
	for _, name := range t.rows {
		c.get(name)
	}
	return c
}

func (t *tally) row() *row {
	r := &row{table: t}
	for u := range r.by {
		r.by[u] = make([]account, t.groups)
	}
	return r
}

// others is the row of what comes when a table is full.
const others = "others"

func (t *tally) get(name string) *row {
	if r := t.ids[name]; r != nil {
		return r
	}
	if len(t.order) >= maxRows && name != others {
		t.lost++
		return t.get(others)
	}
	r := t.row()
	r.name = name
	t.ids[name] = r
	t.order = append(t.order, r)
	return r
}

// count adds an image, or the repository itself, to a row of a table.
func (s *Study) count(table int, name string, fresh groupSet) {
	r := s.tables[table].get(name)
	if r.here == 0 {
		s.at.rows = append(s.at.rows, r)
	}
	r.see(fresh)
}

// base adds one to what a table is about.
func (s *Study) base(table int, fresh groupSet) {
	t := s.tables[table]
	if t.base.here == 0 {
		s.at.bases = append(s.at.bases, t)
	}
	t.base.see(fresh)
}

func (r *row) see(fresh groupSet) {
	r.here++
	for slot := range r.fresh {
		if fresh&(1<<slot) != 0 {
			r.fresh[slot]++
		}
	}
}

// flush adds up what the repository has that was counted.
func (s *Study) flush() {
	at := &s.at
	for _, r := range at.rows {
		s.settle(r, &r.table.base)
	}
	for _, t := range at.bases {
		s.settle(&t.base, &t.base)
	}
	for _, r := range at.rows {
		r.here, r.fresh = 0, [4]float64{}
	}
	for _, t := range at.bases {
		t.base.here, t.base.fresh = 0, [4]float64{}
	}
	at.rows, at.bases, at.open = at.rows[:0], at.bases[:0], false
}

func (s *Study) settle(r, base *row) {
	at := &s.at
	for slot, g := range at.groups {
		if int(g) >= r.table.groups {
			continue
		}
		if r.fresh[slot] > 0 {
			r.by[byImage][g].add(at.stratum, at.weight, r.fresh[slot], base.fresh[slot])
		}
		if s.part > 0 {
			continue
		}
		r.by[byRepository][g].add(at.stratum, at.weight, 1, 1)
		if at.pulls > 0 {
			p := float64(at.pulls)
			r.by[byPull][g].add(at.stratum, at.weight, p, p)
		}
	}
}
