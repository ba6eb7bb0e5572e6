package study

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// view is a report as people read it: Markdown and the page have the same in them.
type view struct {
	Title  string
	Lead   string
	Facts  []Fact
	Notes  []string
	Tables []viewTable
	Uses   []viewUse
}

// Fact is one of what a survey was told to do, as people read it. Its text may be another's.
type Fact struct{ Name, Text string }

type viewTable struct {
	ID, Title, Note, Base string
	Images                bool // it is about images
	Rows                  []viewRow
	Cross                 []viewCross
}

type viewRow struct {
	Name string
	// Kind is "verdict", "severity" or empty.
	Kind                string
	Share               Number
	Images, Repos       string
	ImagesOnly          string // without their interval
	ReposOnly           string
	ImagesShare         string
	ReposShare          string
	Pulls, PullsShare   string
	ImagesRange         string
	ReposRange          string
	PullsRange          string
	Bar, BarLow, BarEnd int // of 1000
}

// viewCross are shares by groups.
type viewCross struct {
	Title string
	Heads []string
	Rows  []crossRow
}

type crossRow struct {
	Name, Kind string
	Cells      []string
}

type viewUse struct {
	Title string
	Cells []string
}

// divisions are how repositories are divided, in words.
func divisions() []Fact {
	return []Fact{{byClass, "By who publishes"}, {byAge, "By when it was last pushed"}, {byPulls, "By pulls"}}
}

func newView(r *Report) *view {
	v := &view{Title: "Survey " + r.Survey, Notes: r.Notes}
	v.Lead = fmt.Sprintf("%s of %s.", plural(float64(r.Counts.Images), "image"), plural(float64(r.chosen()), "repository"))
	if r.Census {
		v.Lead += " All that was listed was chosen: figures are exact. An image counts once, by its digest, however many repositories have it."
	} else {
		v.Lead += fmt.Sprintf(" They were drawn of %s: figures are estimated for these, and in brackets are their intervals of %.0f %%. An image counts once in every repository that has it.",
			plural(float64(r.Counts.Listed), "repository"), 100*r.Confidence)
	}
	v.Facts = Facts(&store.Survey{Sources: r.Sources, Choice: r.Choice, Aim: r.Aim, State: r.State, Created: r.Created, Ended: r.Ended})
	for i := range r.Tables {
		v.Tables = append(v.Tables, viewTableOf(&r.Tables[i]))
	}
	for _, u := range r.Uses {
		if len(u.Parts) == 0 {
			continue
		}
		use := viewUse{Title: u.Title}
		for _, q := range u.Parts[0].Quantiles {
			text := amountOf(q.Value, u.Unit)
			if q.Low != q.High {
				text += " (" + amountOf(q.Low, u.Unit) + " to " + amountOf(q.High, u.Unit) + ")"
			}
			use.Cells = append(use.Cells, text)
		}
		v.Uses = append(v.Uses, use)
	}
	return v
}

// chosen is how many repositories are of the sample.
func (r *Report) chosen() int64 {
	c := r.Counts.Repositories
	return c[store.CandidateChosen] + c[store.CandidateLooked] + c[store.CandidateSkipped]
}

// Facts are those of a survey.
func Facts(sv *store.Survey) []Fact {
	sample := "all that were listed"
	if sv.Choice.Sample != "" {
		sample = fmt.Sprintf("%s, of %s, seed %d", sv.Choice.Sample, plural(float64(sv.Choice.Size), "repository"), sv.Choice.Seed)
	}
	tags := fmt.Sprintf("the newest %d", sv.Choice.Tags)
	switch sv.Choice.Tags {
	case 0:
		tags = "latest, or the newest"
	case -1:
		tags = "all"
	}
	day := func(t time.Time) string {
		if t.IsZero() {
			return "not yet"
		}
		return t.UTC().Format("2006-01-02 15:04 MST")
	}
	return []Fact{
		{"Sources", strings.Join(sv.Sources, ", ")},
		{"Repositories", sample},
		{"Tags", tags},
		{"Platforms", strings.Join(sv.Choice.Platforms, ", ")},
		{"State", string(sv.State)},
		{"Begun", day(sv.Created)},
		{"Ended", day(sv.Ended)},
		{"Aim", sv.Aim},
	}
}

func viewTableOf(t *Table) viewTable {
	all := &t.Parts[0]
	v := viewTable{ID: t.ID, Title: t.Title, Note: t.Note, Images: all.Base.Images != nil}
	base, what := all.Base.Images, t.Of
	if base == nil {
		base = all.Base.Repositories
	}
	v.Base = "Of " + about(base.Total) + " " + what + "."
	if t.Distinct > len(all.Rows) {
		v.Base += fmt.Sprintf(" The first %d of %s.", len(all.Rows), count(float64(t.Distinct)))
	}
	for i := range all.Rows {
		v.Rows = append(v.Rows, viewRowOf(&all.Rows[i]))
	}
	for _, d := range divisions() {
		if c, ok := crossOf(t, d); ok {
			v.Cross = append(v.Cross, c)
		}
	}
	return v
}

func viewRowOf(r *Row) viewRow {
	v := viewRow{Name: r.Name, Kind: kindOf(r.Name), Share: r.Repositories.Share}
	if r.Images != nil {
		v.Share = r.Images.Share
		v.Images, v.ImagesShare, v.ImagesRange = about(r.Images.Total), percent(r.Images.Share.Value), interval(r.Images.Share)
		v.ImagesOnly = count(rounded(r.Images.Total.Value, r.Images.Total))
	}
	v.Repos, v.ReposShare, v.ReposRange = about(r.Repositories.Total), percent(r.Repositories.Share.Value), interval(r.Repositories.Share)
	v.ReposOnly = count(rounded(r.Repositories.Total.Value, r.Repositories.Total))
	v.Pulls, v.PullsShare, v.PullsRange = count(r.Pulls.Total.Value), percent(r.Pulls.Share.Value), interval(r.Pulls.Share)
	const width = 1000
	v.Bar, v.BarLow, v.BarEnd = int(v.Share.Value*width), int(v.Share.Low*width), int(v.Share.High*width)
	if v.Share.Value > 0 {
		v.Bar = max(2, v.Bar)
	}
	return v
}

// crossOf are the shares of the rows in the groups of a division.
func crossOf(t *Table, d Fact) (c viewCross, ok bool) {
	c.Title = d.Text
	at := map[string]int{}
	share := func(r *Row) Number {
		if r.Images != nil {
			return r.Images.Share
		}
		return r.Repositories.Share
	}
	for i := range t.Parts {
		p := &t.Parts[i]
		if p.By != d.Name {
			continue
		}
		seen := p.Base.Repositories.Seen
		if p.Base.Images != nil {
			seen = p.Base.Images.Seen
		}
		c.Heads = append(c.Heads, p.Group+" ("+count(seen)+")")
		for k := range p.Rows {
			row := &p.Rows[k]
			n, known := at[row.Name]
			if !known {
				n = len(c.Rows)
				at[row.Name] = n
				c.Rows = append(c.Rows, crossRow{Name: row.Name, Kind: kindOf(row.Name)})
			}
			text := percent(share(row).Value)
			if more := interval(share(row)); more != "" {
				text += " " + more
			}
			c.Rows[n].Cells = append(c.Rows[n].Cells, text)
		}
	}
	return c, len(c.Heads) > 1 && len(c.Rows) > 0
}

// kindOf tells whether a name is a word of a verdict, or of a severity.
func kindOf(s string) string {
	switch {
	case slices.Contains(detonaut.Words(), detonaut.Word(s)):
		return "verdict"
	case slices.Contains(detonaut.Severities(), detonaut.Severity(s)):
		return "severity"
	}
	return ""
}

// plural is a number of things, as "1 image", "2 images".
func plural(n float64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if stem, ok := strings.CutSuffix(one, "y"); ok {
		return count(n) + " " + stem + "ies"
	}
	return count(n) + " " + one + "s"
}
