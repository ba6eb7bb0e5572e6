package web

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// surveysView is the list of surveys, and what programs get.
type surveysView struct {
	Surveys []store.Survey `json:"surveys"`
}

// surveys lists them.
func (s *site) surveys(r *http.Request) (*document, error) {
	all, err := s.Store.AllSurveys(r.Context())
	if err != nil {
		return nil, err
	}
	if all == nil {
		all = []store.Survey{}
	}
	v := surveysView{all}
	return &document{name: "surveys", title: "Surveys", about: "What many images do when they are run, in numbers.", data: v, twin: v}, nil
}

// surveyPath is the page of a survey.
func surveyPath(name string) string { return "/surveys/" + url.PathEscape(name) }

// tally is how many there are of something, and where they are listed, if they are.
type tally struct {
	Name  string
	Count int
	Href  string
}

// surveyView is the page of one.
type surveyView struct {
	Facts        []study.Fact
	Repositories []tally
	Items        []tally
	Reasons      []tally
	// Study is what came of it, and Counted when that was counted.
	Study    template.HTML
	Counted  time.Time
	Counting bool
}

// surveyTwin is the same for programs.
type surveyTwin struct {
	Survey  *store.Survey `json:"survey"`
	Study   *study.Report `json:"study,omitempty"`
	Counted time.Time     `json:"counted,omitzero"`
}

// survey shows how far a survey is, and what came of it.
func (s *site) survey(r *http.Request) (*document, error) {
	sv, err := s.Store.Survey(r.Context(), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	v, twin := surveyView{Facts: study.Facts(sv)}, surveyTwin{Survey: sv}
	for _, state := range candidateStates {
		v.Repositories = add(v.Repositories, string(state), sv.Repositories[state], "")
	}
	for _, state := range itemStates {
		v.Items = add(v.Items, string(state), sv.Items[state], itemsPath(sv.Name, state))
	}
	for reason, n := range sv.Reasons {
		v.Reasons = add(v.Reasons, string(reason), n, "")
	}
	slices.SortFunc(v.Reasons, func(a, b tally) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Name, b.Name)) })
	twin.Study, twin.Counted, err = s.Study(r.Context(), sv)
	switch {
	case errors.Is(err, study.ErrCounting):
		v.Counting = true
	case err != nil:
		return nil, err
	default:
		v.Counted = twin.Counted
		if v.Study, err = study.Body(twin.Study); err != nil {
			return nil, err
		}
	}
	return &document{name: "survey", title: "Survey " + sv.Name, about: "What the images of a survey do when they are run, in numbers.", data: v, twin: twin}, nil
}

// candidateStates and itemStates are in the order in which they are shown.
var (
	candidateStates = []store.CandidateState{
		store.CandidateListed, store.CandidateLeftOut, store.CandidateChosen, store.CandidateLooked, store.CandidateSkipped,
	}
	itemStates = []store.ItemState{store.ItemReady, store.ItemQueued, store.ItemDone, store.ItemFailed, store.ItemSkipped}
)

// add adds one if there is any.
func add(all []tally, name string, n int, href string) []tally {
	if n == 0 {
		return all
	}
	return append(all, tally{name, n, href})
}

func itemsPath(name string, state store.ItemState) string {
	return with(surveyPath(name)+"/items", url.Values{"state": {string(state)}})
}

// itemsView are images of a survey.
type itemsView struct {
	Name   string
	States []page.Link
	Items  []store.Item
	Next   string
}

// itemsTwin are the same for programs.
type itemsTwin struct {
	Items []store.Item `json:"items"`
	Next  string       `json:"next,omitempty"`
}

// items lists images of a survey, in one state or all.
func (s *site) items(r *http.Request) (*document, error) {
	name, state := r.PathValue("name"), store.ItemState(r.URL.Query().Get("state"))
	if state != "" && !slices.Contains(itemStates, state) {
		return nil, refused(http.StatusBadRequest, "There is no such state.")
	}
	at, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	found, next, err := s.Store.Items(r.Context(), name, state, at)
	if err != nil {
		return nil, err
	}
	people, programs := nextPath(r, next)
	v := itemsView{Name: name, Items: found, Next: people, States: []page.Link{{Text: "all", Href: surveyPath(name) + "/items", Current: state == ""}}}
	for _, st := range itemStates {
		v.States = append(v.States, page.Link{Text: string(st), Href: itemsPath(name, st), Current: st == state})
	}
	twin := itemsTwin{Items: found, Next: programs}
	if twin.Items == nil {
		twin.Items = []store.Item{}
	}
	return &document{name: "items", title: "Images of survey " + name, data: v, twin: twin, noIndex: true}, nil
}
