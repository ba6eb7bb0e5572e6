package study

import (
	"math"

	"github.com/detonaut/detonaut/internal/store"
)

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

// sums are of the repositories of a stratum.
type sums struct{ y, yy, xy float64 } // of w*y, (w*y)*(w*y), (w*x)*(w*y)

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
	s := &a.by[stratum]
	s.y += w * y
	s.yy += w * y * w * y
	s.xy += w * x * w * y
	a.n += y
	a.repositories++
}

func (a *account) at(stratum int) sums {
	if stratum < len(a.by) {
		return a.by[stratum]
	}
	return sums{}
}

// strata are what was drawn from.
type strata struct {
	sample store.Sample
	ids    map[string]int
	all    []stratum
}

type stratum struct {
	n, weight float64 // repositories that were drawn, and how many they stand for
	certain   bool    // that they are drawn was certain
}

func newStrata(s store.Sample) strata { return strata{sample: s, ids: map[string]int{}} }

// of is the number of the stratum of a repository; with count it is one more of it. Who was drawn
// for certain, where chances differ, is in a stratum of their own.
func (s *strata) of(name string, w float64, count bool) int {
	certain := s.sample == "" || (s.sample == store.SamplePulls || s.sample == store.SampleRecent) && w <= 1
	name = "s" + name
	if certain {
		name = "certain"
	}
	id, ok := s.ids[name]
	if !ok {
		if len(s.all) >= maxStrata {
			name = "s" // one for all others
			if id, ok = s.ids[name]; !ok {
				id = len(s.all) - 1
				s.ids[name] = id
			}
		} else {
			id = len(s.all)
			s.ids[name] = id
			s.all = append(s.all, stratum{certain: certain})
		}
	}
	if count {
		s.all[id].n++
		s.all[id].weight += w
	}
	return id
}

// open is 1 less the share of a stratum that was drawn: what is left to chance.
func (s *strata) open(id int) float64 {
	st := &s.all[id]
	switch {
	case st.certain:
		return 0
	case s.sample == store.SamplePulls || s.sample == store.SampleRecent:
		return 1
	case st.weight <= 0:
		return 0
	}
	return math.Max(0, 1-st.n/st.weight)
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
