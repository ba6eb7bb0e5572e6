package api

import (
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/detonaut/detonaut/internal/store"
)

// Part asks for a part of a list.
type Part struct {
	Cursor string `query:"cursor" maxLength:"512" doc:"What came as next with the part before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"The most lines of a part."`

	url url.URL
}

// Resolve is called by huma: the link to the next part is made of the request's address.
func (p *Part) Resolve(ctx huma.Context) []error {
	p.url = ctx.URL()
	return nil
}

func (p *Part) page() store.Page { return store.Page{Cursor: p.Cursor, Limit: p.Limit} }

// List is a part of a list.
type List[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"The cursor of the next part; not there at the end."`
}

// listOutput is a List as it is answered.
type listOutput[T any] struct {
	Link string `header:"Link" doc:"With rel=next, the address of the next part."`
	Body List[T]
}

// list answers with a part of a list.
func list[T any](p *Part, items []T, next string) *listOutput[T] {
	if items == nil {
		items = []T{}
	}
	return &listOutput[T]{Link: p.link(next), Body: List[T]{Items: items, Next: next}}
}

// link is the header that leads to the next part.
func (p *Part) link(next string) string {
	if next == "" {
		return ""
	}
	q := p.url.Query()
	q.Set("cursor", next)
	q.Set("limit", strconv.Itoa(p.Limit))
	u := url.URL{Path: p.url.Path, RawQuery: q.Encode()}
	return "<" + u.String() + `>; rel="next"`
}
