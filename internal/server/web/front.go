package web

import (
	"net/http"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// numLatest is how many images of a kind the front page shows.
const numLatest = 10

// frontView is the front page.
type frontView struct {
	Numbers           *store.Numbers
	Malicious         []store.Summary
	Unwanted          []store.Summary
	Newest            []store.Summary
	SubmissionsClosed bool `json:"-"`
}

func (s *site) front(r *http.Request) (*document, error) {
	numbers, err := s.Store.Numbers(r.Context())
	if err != nil {
		return nil, err
	}
	view := frontView{Numbers: numbers, SubmissionsClosed: s.Submit == nil}
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
	return &document{name: "front", title: "What does a container image do when you run it?", data: view, twin: view}, nil
}
