package web

import (
	"fmt"
	"html/template"
	"net/http"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/query"
)

// Bounds of the front page.
const (
	numLatest   = 10 // images of a kind
	numFamilies = 10
)

// frontView is the front page.
type frontView struct {
	Numbers *store.Numbers
	// Charts are drawn of the numbers.
	Charts    []template.HTML
	Malicious []store.Summary
	Unwanted  []store.Summary
	Newest    []store.Summary
	Submits   bool
}

// frontTwin is the same for programs.
type frontTwin struct {
	Reports      int             `json:"reports"`
	Repositories int             `json:"repositories"`
	Verdicts     []store.Count   `json:"verdicts"`
	Categories   []store.Count   `json:"categories"`
	Severities   []store.Count   `json:"severities"`
	Families     []store.Count   `json:"families"`
	Days         []store.Count   `json:"days"`
	Malicious    []store.Summary `json:"malicious"`
	Unwanted     []store.Summary `json:"unwanted"`
	Newest       []store.Summary `json:"newest"`
}

func (s *site) front(r *http.Request) (*document, error) {
	n, err := s.Store.Numbers(r.Context())
	if err != nil {
		return nil, err
	}
	view := frontView{Numbers: n, Submits: s.Submit != nil}
	for _, list := range []struct {
		to    *[]store.Summary
		words []detonaut.Word
	}{{&view.Malicious, []detonaut.Word{detonaut.Malicious}}, {&view.Unwanted, []detonaut.Word{detonaut.Unwanted}}, {&view.Newest, nil}} {
		found, err := s.Store.Find(r.Context(), store.Query{Verdicts: list.words, Page: store.Page{Limit: numLatest}})
		if err != nil {
			return nil, err
		}
		*list.to = found.Found
	}
	if view.Charts, err = charts(n); err != nil {
		return nil, err
	}
	twin := frontTwin{
		n.Reports, n.Repositories, n.Verdicts, n.Categories, n.Severities, n.Families, n.Days,
		listed(view.Malicious), listed(view.Unwanted), listed(view.Newest),
	}
	return &document{name: "front", title: "What does a container image do when you run it?", about: "Search container images by what they do when they are run.", data: view, twin: twin}, nil
}

// charts draws the numbers: shares of verdicts, severities and categories, families, and what
// was found on each day.
func charts(n *store.Numbers) (drawn []template.HTML, err error) {
	add := func(draw func(page.Chart) (template.HTML, error), c page.Chart) {
		if err != nil || len(c.Counts) == 0 {
			return
		}
		var html template.HTML
		if html, err = draw(c); err == nil {
			drawn = append(drawn, html)
		}
	}
	add(page.Bars, page.Chart{Title: "Verdicts", ID: "verdicts", Counts: n.Verdicts, Href: func(v string) string {
		return searchPath(store.Query{Verdicts: []detonaut.Word{detonaut.Word(v)}})
	}})
	add(page.Bars, page.Chart{Title: "Worst known vulnerability", ID: "severities", Counts: n.Severities, Href: func(v string) string {
		return searchPath(store.Query{Severities: []detonaut.Severity{detonaut.Severity(v)}})
	}})
	add(page.Bars, page.Chart{Title: "Threats", ID: "categories", Counts: some(n.Categories), Href: func(v string) string {
		return categoryPath(detonaut.Category(v))
	}})
	add(page.Bars, page.Chart{Title: "Families", ID: "families", Counts: n.Families[:min(len(n.Families), numFamilies)], Href: func(v string) string {
		return page.SearchPath(query.Format(store.Query{Families: []string{v}}))
	}})
	add(page.Days, page.Chart{Title: "Malicious and unwanted images, by the day of their analysis", ID: "days", Counts: n.Days})
	if err != nil {
		return nil, fmt.Errorf("draw numbers: %w", err)
	}
	return drawn, nil
}

// some are those counts that are of anything.
func some(counts []store.Count) (left []store.Count) {
	for _, c := range counts {
		if c.Count > 0 {
			left = append(left, c)
		}
	}
	return left
}
