package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/query"
)

// searchView is a page of what was found.
type searchView struct {
	Query string
	// Problem says what is wrong with the query: then nothing else is set.
	Problem string
	Total   int
	Found   []store.Summary
	Facets  []facetView
	Chosen  []page.Link // each leads to the same search without it
	Orders  []page.Link
	Next    string
	Fields  []query.Field
}

// facetView are counts of one kind, each with the search for it alone.
type facetView struct {
	Name  string
	Links []facetLink
}

type facetLink struct {
	Value, Href string
	Count       int
	Chosen      bool
}

// searchTwin is the same for programs.
type searchTwin struct {
	Query  string                   `json:"query"`
	Total  int                      `json:"total"`
	Images []store.Summary          `json:"images"`
	Facets map[string][]store.Count `json:"facets,omitempty"`
	Next   string                   `json:"next,omitempty"`
}

// facetNames are the kinds of counts, in the order in which they are shown.
var facetNames = []string{"verdict", "category", "family", "severity", "registry", "platform"}

// search finds images. What can only mean one thing leads there.
func (s *site) search(r *http.Request) (*document, error) {
	text := strings.TrimSpace(r.URL.Query().Get("q"))
	at, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	d := &document{name: "search", title: "Images", about: "Search container images by what they do and hold.", noIndex: true}
	q, err := query.Parse(text)
	if err != nil {
		return s.badSearch(r, d, text, err)
	}
	if alone := text != "" && !strings.ContainsAny(text, " \t\""); alone && at.Cursor == "" && r.URL.Query().Get("as") != "list" {
		if d.to, err = s.direct(r.Context(), text); err != nil {
			return nil, err
		}
		if d.to != "" && !isTwin(r) {
			return d, nil
		}
	}
	q.Page, q.Facets = at, at.Cursor == ""
	found, err := s.Store.Find(r.Context(), q)
	if err != nil {
		return nil, err
	}
	people, programs := nextPath(r, found.Next)
	view := searchView{Query: text, Total: found.Total, Found: found.Found, Next: people, Fields: query.Fields(), Chosen: chosen(q), Orders: orders(q)}
	for _, name := range facetNames {
		if counts := found.Facets[name]; len(counts) > 0 {
			view.Facets = append(view.Facets, facetOf(q, name, counts))
		}
	}
	d.data, d.twin = view, searchTwin{Query: text, Total: found.Total, Images: listed(found.Found), Facets: found.Facets, Next: programs}
	return d, nil
}

// badSearch says what is wrong with a query: on the page of the search for people.
func (s *site) badSearch(r *http.Request, d *document, text string, err error) (*document, error) {
	var wrong *query.Error
	if !wantsPage(r) || !errors.As(err, &wrong) {
		return nil, refused(http.StatusBadRequest, "%s", cut(err.Error(), 2*maxShown))
	}
	d.status = http.StatusBadRequest
	d.data = searchView{Query: text, Problem: wrong.Error(), Fields: query.Fields()}
	return d, nil
}

// searchPath is the search for a query.
func searchPath(q store.Query) string { return page.SearchPath(query.Format(q)) }

// bare is a query without what is not of its text.
func bare(q store.Query) store.Query {
	q.Page, q.Facets = store.Page{}, false
	return q
}

// facetOf makes links of counts: to the same query with a value, or without it if it is in it.
func facetOf(q store.Query, name string, counts []store.Count) facetView {
	view := facetView{Name: name}
	for _, c := range counts {
		if c.Value == "" {
			continue // what has none cannot be asked for
		}
		with, chosen := toggled(bare(q), name, c.Value)
		view.Links = append(view.Links, facetLink{Value: c.Value, Count: c.Count, Chosen: chosen, Href: searchPath(with)})
	}
	return view
}

// toggled is a query with a value of a facet, or without it if it has it.
func toggled(q store.Query, name, value string) (_ store.Query, had bool) {
	switch name {
	case "verdict":
		q.Verdicts, had = toggle(q.Verdicts, detonaut.Word(value))
	case "category":
		q.Categories, had = toggle(q.Categories, detonaut.Category(value))
	case "family":
		q.Families, had = toggle(q.Families, value)
	case "severity":
		q.Severities, had = toggle(q.Severities, detonaut.Severity(value))
	case "registry":
		q.Registries, had = toggle(q.Registries, value)
	case "platform":
		q.Platforms, had = toggle(q.Platforms, value)
	}
	return q, had
}

// toggle adds a value to a list that does not have it, and takes it out of one that does.
func toggle[T comparable](list []T, v T) ([]T, bool) {
	if at := slices.Index(list, v); at >= 0 {
		return slices.Delete(slices.Clone(list), at, at+1), true
	}
	return append(slices.Clone(list), v), false
}

// chosen are the parts of a query, each with the query without it.
func chosen(q store.Query) (links []page.Link) {
	q = bare(q)
	without := func(text string, other store.Query) {
		links = append(links, page.Link{Text: text, Href: searchPath(other)})
	}
	for _, name := range facetNames {
		for _, v := range valuesOf(q, name) {
			other, _ := toggled(q, name, v)
			without(name+":"+v, other)
		}
	}
	for i, f := range q.Facts {
		other := q
		other.Facts = slices.Delete(slices.Clone(q.Facts), i, i+1)
		without(query.Format(store.Query{Facts: []store.Fact{f}}), other)
	}
	for i, word := range q.Text {
		other := q
		other.Text = slices.Delete(slices.Clone(q.Text), i, i+1)
		without(word, other)
	}
	return links
}

// valuesOf are those of a facet in a query.
func valuesOf(q store.Query, name string) []string {
	switch name {
	case "verdict":
		return texts(q.Verdicts)
	case "category":
		return texts(q.Categories)
	case "family":
		return q.Families
	case "severity":
		return texts(q.Severities)
	case "registry":
		return q.Registries
	case "platform":
		return q.Platforms
	}
	return nil
}

func texts[T ~string](list []T) (all []string) {
	for _, v := range list {
		all = append(all, string(v))
	}
	return all
}

// orders lead to the same search in another order.
func orders(q store.Query) (links []page.Link) {
	q = bare(q)
	is := q.Order
	for _, o := range []struct {
		order store.Order
		text  string
	}{{"", "newest"}, {store.Worst, "worst"}, {store.Pulled, "most pulled"}} {
		q.Order = o.order
		links = append(links, page.Link{Text: o.text, Href: searchPath(q), Current: o.order == is})
	}
	return links
}
