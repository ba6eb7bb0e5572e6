package study

import (
	"cmp"
	"slices"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// Schema is the version of the JSON of a [Report]. It grows by one when a field changes its
// meaning or goes; new fields and tables do not change it.
const Schema = 1

// Report is the study. Its names of rows may be the subject's: they print, and are to be escaped.
type Report struct {
	Schema int    `json:"schema"`
	Survey string `json:"survey"`
	// Sources, Choice, Aim and State are those of the survey, Now is from when ages count.
	Sources []string          `json:"sources"`
	Choice  store.Choice      `json:"choice"`
	Aim     string            `json:"aim,omitempty"`
	State   store.SurveyState `json:"state"`
	Created time.Time         `json:"created,omitzero"`
	Ended   time.Time         `json:"ended,omitzero"`
	Now     time.Time         `json:"now,omitzero"`
	// Census is set if all that was listed was chosen: then figures are exact, and each is its own
	// interval. Confidence is that of the intervals otherwise.
	Census     bool    `json:"census"`
	Confidence float64 `json:"confidence"`
	Counts     Counts  `json:"counts"`
	// Notes tell what keeps the figures from being what they seem.
	Notes  []string `json:"notes,omitempty"`
	Tables []Table  `json:"tables"`
	Uses   []Use    `json:"uses"`
}

// Counts are of what was listed and read: nothing in them is estimated.
type Counts struct {
	Listed       int64                          `json:"listed"`
	Repositories map[store.CandidateState]int64 `json:"repositories"`
	Items        map[store.ItemState]int64      `json:"items"`
	// Seen is how many items had a report before. Images is how many were analysed, each digest
	// once; in a sample once in each repository.
	Seen   int64 `json:"seen"`
	Images int64 `json:"images"`
}

// Table is one table, with a part for each group that it is told of.
type Table struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Of is what Parts have the base of, Note what is to be known.
	Of   string `json:"of"`
	Note string `json:"note,omitempty"`
	// Each is set if everything is in exactly one row.
	Each bool `json:"each,omitempty"`
	// Distinct is how many rows there are of which only the most frequent are here; Lost how often
	// something was counted in the row "others" because there were too many to be told apart.
	Distinct int    `json:"distinct,omitempty"`
	Lost     int64  `json:"lost,omitempty"`
	Parts    []Part `json:"parts"`
}

// Part is a table for some of the repositories. The first of a table is for all.
type Part struct {
	// By is how repositories are divided: "all", "class", "age" or "pulls"; Group is which.
	By    string `json:"by"`
	Group string `json:"group"`
	Base  Row    `json:"base"`
	Rows  []Row  `json:"rows"`
}

// Row is one row. Images is nil of what is about repositories.
type Row struct {
	Name         string  `json:"name,omitempty"`
	Images       *Figure `json:"images,omitempty"`
	Repositories *Figure `json:"repositories,omitempty"`
	// Pulls are those of these repositories.
	Pulls *Figure `json:"pulls,omitempty"`
}

// Figure is how many, and as a share of the base.
type Figure struct {
	// Seen is how many there are in what was analysed.
	Seen float64 `json:"seen"`
	// Total is how many there are of all that was listed.
	Total Number `json:"total"`
	Share Number `json:"share"`
}

// Number is a figure and its interval.
type Number struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Use is how much there is of something.
type Use struct {
	ID    string    `json:"id"`
	Title string    `json:"title"`
	Unit  string    `json:"unit,omitempty"` // "ns", "B"; empty is pieces
	Parts []UsePart `json:"parts"`
}

// UsePart are quantiles of some of the images. Each is exact to a 128th.
type UsePart struct {
	By        string     `json:"by"`
	Group     string     `json:"group"`
	Seen      float64    `json:"seen"` // images
	Quantiles []Quantile `json:"quantiles"`
}

// Quantile is the number that a share of all have at most.
type Quantile struct {
	Share float64 `json:"share"`
	Number
}

// quantiles are those that are told.
var quantiles = []float64{0.1, 0.25, 0.5, 0.75, 0.9, 0.99}

// Report is what was counted so far. What is added later must be of other repositories.
func (s *Study) Report() *Report {
	s.flush()
	v := &s.o.Survey
	r := &Report{
		Schema: Schema, Survey: v.Name, Sources: v.Sources, Choice: v.Choice, Aim: v.Aim, State: v.State, Created: v.Created.UTC(), Ended: v.Ended.UTC(),
		Now: s.o.Now.UTC(), Census: s.census, Confidence: confidence,
		Counts: Counts{Repositories: s.raw.repositories, Items: s.raw.items, Seen: s.raw.seen, Images: s.raw.images},
	}
	for _, n := range s.raw.repositories {
		r.Counts.Listed += n
	}
	s.strata.listed = 0
	if c := s.o.Survey.Choice.Sample; c == store.SamplePulls || c == store.SampleRecent {
		s.strata.listed = float64(r.Counts.Listed)
	}
	for _, t := range s.tables {
		r.Tables = append(r.Tables, s.table(t))
	}
	for _, a := range s.uses {
		r.Uses = append(r.Uses, s.use(a))
	}
	r.Notes = s.notes(r)
	return r
}

func (s *Study) table(t *tally) Table {
	made := Table{ID: t.def.id, Title: t.def.title, Of: t.def.of, Note: t.def.note, Each: t.def.each, Lost: t.lost}
	rows := t.order
	if t.def.top > 0 {
		made.Distinct = len(rows)
		rows = s.most(t)
	}
	for g, group := range groups()[:t.groups] {
		if g > 0 && t.base.by[byRepository][g].n == 0 {
			continue
		}
		p := Part{By: group.By, Group: group.Name, Base: s.row(&t.base, g), Rows: []Row{}}
		for _, row := range rows {
			if g == 0 || row.by[byRepository][0].n > 0 { // what nobody has is told once
				p.Rows = append(p.Rows, s.row(row, g))
			}
		}
		made.Parts = append(made.Parts, p)
	}
	return made
}

// most are the most frequent rows of a table, and others at the end.
func (s *Study) most(t *tally) []*row {
	unit := byImage
	if t.def.image == nil && t.def.repository != nil {
		unit = byRepository
	}
	size := func(r *row) (sum float64) {
		for _, s := range r.by[unit][0].by {
			sum += s.y
		}
		return sum
	}
	rows := slices.DeleteFunc(slices.Clone(t.order), func(r *row) bool { return r.name == others })
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a.name, b.name)) })
	rows = rows[:min(len(rows), t.def.top)]
	if r := t.ids[others]; r != nil {
		rows = append(rows, r)
	}
	return rows
}

func (s *Study) row(r *row, g int) Row {
	made := Row{Name: r.name}
	base := &r.table.base
	figure := func(u unit) *Figure {
		y, x := &r.by[u][g], &base.by[u][g]
		f := &Figure{Seen: y.n, Share: Number{Value: 1, Low: 1, High: 1}}
		if r != base || x.n == 0 {
			f.Share = s.strata.share(y, x)
		}
		f.Total = s.strata.total(y, x, f.Share)
		return f
	}
	if r.table.def.repository == nil {
		made.Images = figure(byImage)
	}
	made.Repositories, made.Pulls = figure(byRepository), figure(byPull)
	return made
}

func (s *Study) use(a *amount) Use {
	u := Use{ID: a.def.id, Title: a.def.title, Unit: a.def.unit}
	for g, group := range groups() {
		h := &a.by[g]
		if h.n == 0 {
			continue
		}
		p := UsePart{By: group.By, Group: group.Name, Seen: h.n}
		for _, q := range quantiles {
			p.Quantiles = append(p.Quantiles, Quantile{Share: q, Number: h.quantile(&s.strata, q)})
		}
		u.Parts = append(u.Parts, p)
	}
	return u
}

// notes tell what a reader has to know.
func (s *Study) notes(r *Report) (all []string) {
	note := func(n int64, what string) {
		if n > 0 {
			all = append(all, count(float64(n))+" "+what)
		}
	}
	switch s.o.Survey.State {
	case store.SurveyDone:
	case store.SurveyListing:
		all = append(all, "The survey is still listing repositories: the figures are of what there is so far.")
	case store.SurveyRunning, store.SurveyPaused, store.SurveyCancelled:
		all = append(all, "The survey is "+string(s.o.Survey.State)+", and not done: the figures are of what there is so far, and the intervals do not tell of what is missing.")
	}
	if missed := float64(r.Counts.Listed) - s.strata.weight(); s.o.Survey.Choice.Sample == store.SampleStratified && missed > 0.5 {
		note(int64(missed+0.5), "repositories are of strata of which none was drawn: nothing here is about them.")
	}
	note(s.raw.items[store.ItemFailed], "images could not be analysed: where shares are told, it is taken that they are as the others.")
	note(s.raw.otherAim, "images have a report with another aim, such as other rules or another database of vulnerabilities: it counts.")
	note(s.raw.otherSchema, "images were measured by another version of Detonaut, and do not count: survey rejudge measures them anew.")
	note(s.raw.unweighted, "repositories have no weight that makes sense: each stands for itself.")
	for _, t := range r.Tables {
		note(t.Lost, "times something was counted in the row \"others\" of \""+t.Title+"\", which has too many rows to tell all apart.")
	}
	return all
}
