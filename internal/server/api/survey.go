package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/push"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// surveys adds what is about surveys.
func (a *API) surveys() {
	register(a, operation{
		id: "list-surveys", tag: "surveys", method: http.MethodGet, path: "/surveys", scope: store.ScopeRead,
		summary: "List surveys", description: "The newest first, without their counts.",
	}, a.allSurveys)
	register(a, operation{
		id: "get-survey", tag: "surveys", method: http.MethodGet, path: "/surveys/{name}", scope: store.ScopeRead,
		summary: "Get a survey", description: "How far it is, in counts.", errors: []int{http.StatusNotFound},
	}, a.survey)
	register(a, operation{
		id: "list-survey-items", tag: "surveys", method: http.MethodGet, path: "/surveys/{name}/items", scope: store.ScopeRead,
		summary: "List the images of a survey", errors: []int{http.StatusNotFound},
	}, a.surveyItems)
	register(a, operation{
		id: "get-study", tag: "surveys", method: http.MethodGet, path: "/surveys/{name}/study", scope: store.ScopeRead,
		summary: "Get what came of a survey",
		description: "The numbers of the survey, with their intervals if it is of a sample; docs/study.md explains them. They may be some minutes old. " +
			"While they are counted for the first time the answer is 503, with Retry-After.",
		errors: []int{http.StatusNotFound, http.StatusServiceUnavailable},
	}, a.study)
	register(a, operation{
		id: "steer-survey", tag: "surveys", method: http.MethodPut, path: "/surveys/{name}/state", scope: store.ScopeAdmin,
		summary: "Pause, resume or cancel a survey", description: "Jobs of it that wait are taken from the queue; what runs goes on.",
		errors: []int{http.StatusNotFound, http.StatusConflict},
	}, a.steer)
	register(a, operation{
		id: "push", tag: "surveys", method: http.MethodPost, path: "/surveys/{name}/pushes/{sender}", scope: store.ScopeSubmit,
		summary: "Tell of a push",
		description: "What a registry sends when somebody has pushed to it, in its own format: that of Docker Hub, of distribution, of Harbor or of Quay. " +
			"The images are analysed before others of the survey, which has to watch. A registry that cannot send a header sends the key as the password of its URL.",
		status: http.StatusAccepted, errors: []int{http.StatusNotFound, http.StatusConflict},
	}, a.push)
}

// Surveys are all there are.
type Surveys struct {
	Items []store.Survey `json:"items" nullable:"false"`
}

type surveysOutput struct{ Body Surveys }

func (a *API) allSurveys(ctx context.Context, _ *struct{}) (*surveysOutput, error) {
	all, err := a.o.Store.AllSurveys(ctx)
	if err != nil {
		return nil, err
	}
	if all == nil {
		all = []store.Survey{}
	}
	return &surveysOutput{Surveys{all}}, nil
}

// SurveyName names a survey.
type SurveyName struct {
	Name string `path:"name" maxLength:"100" pattern:"^[a-z0-9][a-z0-9.-]*$"`
}

type surveyOutput struct{ Body *store.Survey }

func (a *API) survey(ctx context.Context, in *SurveyName) (*surveyOutput, error) {
	s, err := a.o.Store.Survey(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &surveyOutput{s}, nil
}

type itemsInput struct {
	SurveyName
	Part
	State store.ItemState `query:"state" enum:"ready,queued,done,skipped,failed" doc:"Those in this state only."`
}

func (a *API) surveyItems(ctx context.Context, in *itemsInput) (*listOutput[store.Item], error) {
	found, next, err := a.o.Store.Items(ctx, in.Name, in.State, in.page())
	if err != nil {
		return nil, err
	}
	return list(&in.Part, found, next), nil
}

type studyOutput struct {
	Counted time.Time `header:"Last-Modified"`
	Body    *study.Report
}

func (a *API) study(ctx context.Context, in *SurveyName) (*studyOutput, error) {
	s, err := a.o.Store.Survey(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	r, at, err := a.o.Study(ctx, s)
	if errors.Is(err, study.ErrCounting) {
		return nil, huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("the survey is being counted"), http.Header{"Retry-After": {"5"}})
	}
	if err != nil {
		return nil, err
	}
	return &studyOutput{at, r}, nil
}

// SurveySteering is how a survey is to go on.
type SurveySteering struct {
	State store.SurveyState `json:"state" enum:"running,paused,cancelled"`
}

type steerInput struct {
	SurveyName
	Body SurveySteering
}

func (a *API) steer(ctx context.Context, in *steerInput) (*surveyOutput, error) {
	if err := a.note(ctx, "steer-survey", in.Name+" "+string(in.Body.State)); err != nil {
		return nil, err
	}
	if err := a.o.Store.SteerSurvey(ctx, in.Name, in.Body.State); err != nil {
		return nil, err
	}
	return a.survey(ctx, &in.SurveyName)
}

type pushInput struct {
	SurveyName
	Sender  string `path:"sender" enum:"distribution,dockerhub,harbor,quay" doc:"Whose format it is."`
	RawBody []byte
}

// TakenPushes is what was taken of a push.
type TakenPushes struct {
	Images int `json:"images" doc:"How many images of it are analysed."`
}

type pushOutput struct{ Body TakenPushes }

func (a *API) push(ctx context.Context, in *pushInput) (*pushOutput, error) {
	pushed, err := push.Parse(in.Sender, in.RawBody)
	if errors.Is(err, detonaut.ErrCorrupt) {
		err = fmt.Errorf("%w: %w", detonaut.ErrUsage, err)
	}
	if err != nil {
		return nil, err
	}
	taken := 0
	for _, c := range candidates(pushed) {
		if err := a.o.Store.Pushed(ctx, in.Name, c, c.Wanted); err != nil {
			return nil, fmt.Errorf("take push of %s: %w", c.Name, err)
		}
		taken += len(c.Wanted)
	}
	if a.o.Submitted != nil {
		a.o.Submitted()
	}
	return &pushOutput{TakenPushes{taken}}, nil
}

// candidates are the repositories that were pushed to, each once, in their order, with what was.
func candidates(pushed []push.Pushed) (all []store.Candidate) {
	at := map[string]int{}
	for _, p := range pushed {
		key := p.Registry + "/" + p.Repository
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			c := store.Candidate{Repository: store.Repository{Registry: p.Registry, Name: p.Repository, Pulls: -1, Stars: -1, Updated: p.At}}
			all = append(all, c)
		}
		wanted := p.Tag
		if wanted == "" {
			wanted = string(p.Digest)
		}
		if wanted != "" {
			all[i].Wanted = append(all[i].Wanted, wanted)
		}
	}
	return all
}
