package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/server/api"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// survey begins one that watches, and has three repositories.
func (s *server) survey(name string) {
	s.t.Helper()
	err := s.store.NewSurvey(s.t.Context(), store.Survey{Name: name, Sources: []string{"registry:r.example"}, Watch: true, Choice: store.Choice{Platforms: []string{"linux/amd64"}}})
	if err != nil {
		s.t.Fatal(err)
	}
	var found []store.Candidate
	for i := range 3 {
		found = append(found, store.Candidate{Repository: store.Repository{Registry: "r.example", Name: fmt.Sprint("app", i), Pulls: -1, Stars: -1}})
	}
	if err := s.store.Listed(s.t.Context(), name, found, "", true); err != nil {
		s.t.Fatal(err)
	}
}

func TestSurveys(t *testing.T) {
	counted := false
	s := newServer(t, func(o *api.Options, _ *guard.Options) {
		o.Study = func(_ context.Context, sv *store.Survey) (*study.Report, time.Time, error) {
			if !counted {
				return nil, time.Time{}, study.ErrCounting
			}
			return study.New(study.Options{Survey: *sv}).Report(), time.Unix(0, 0), nil
		}
	})
	if got := read[api.Surveys](s.get("/api/v1/surveys").is(200)); got.Items == nil || len(got.Items) != 0 {
		t.Errorf("without any: %+v", got)
	}
	s.survey("all")
	if got := read[api.Surveys](s.get("/api/v1/surveys").is(200)).Items; len(got) != 1 || got[0].Name != "all" {
		t.Errorf("got %+v", got)
	}
	got := read[store.Survey](s.get("/api/v1/surveys/all").is(200))
	if got.State != store.SurveyRunning || got.Repositories[store.CandidateChosen] != 3 {
		t.Errorf("got %+v", got)
	}
	s.get("/api/v1/surveys/none").is(404)
	s.get("/api/v1/surveys/none/items").is(404)
	s.get("/api/v1/surveys/all/items?state=odd").is(422)
	if got := read[api.List[store.Item]](s.get("/api/v1/surveys/all/items?state=ready").is(200)); len(got.Items) != 0 {
		t.Errorf("got items that nobody has looked at: %+v", got)
	}
	if got := s.get("/api/v1/surveys/all/study").is(503); got.header.Get("Retry-After") == "" {
		t.Error("it is not said when to ask again")
	}
	counted = true
	if got := read[study.Report](s.get("/api/v1/surveys/all/study").is(200)); got.Survey != "all" || len(got.Tables) == 0 {
		t.Errorf("got %+v", got)
	}
	put := func(to string) response {
		return s.do(http.MethodPut, "/api/v1/surveys/all/state", `{"state":"`+to+`"}`, "Content-Type", "application/json")
	}
	if got := read[store.Survey](put("paused").is(200)); got.State != store.SurveyPaused {
		t.Errorf("got %+v", got)
	}
	put("odd").is(422)
	put("cancelled").is(200)
	put("running").is(409)
	s.as(s.newKey(store.ScopeSubmit)).do(http.MethodPut, "/api/v1/surveys/all/state", `{"state":"paused"}`, "Content-Type", "application/json").is(403)
}

// hubPush is what Docker Hub sends.
const hubPush = `{"push_data":{"tag":"1.27","pushed_at":1764500000},"repository":{"repo_name":"library/nginx","name":"nginx","namespace":"library","status":"Active"}}`

// A registry tells of pushes, with a key in a header or as the password of its URL.
func TestPush(t *testing.T) {
	s := newServer(t)
	s.survey("watch")
	wakes := s.wakes
	const path = "/api/v1/surveys/watch/pushes/dockerhub"
	if got := read[api.TakenPushes](s.as(s.newKey(store.ScopeSubmit)).do(http.MethodPost, path, hubPush).is(202)); got.Images != 1 || s.wakes == wakes {
		t.Errorf("got %+v", got)
	}
	if got := read[store.Survey](s.get("/api/v1/surveys/watch").is(200)); got.Repositories[store.CandidateChosen] != 4 {
		t.Errorf("what was pushed is not looked at: %+v", got)
	}
	password := s.newKey(store.ScopeSubmit)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(hubPush))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("hub", password)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != http.StatusAccepted {
		t.Errorf("with a password: status %d", res.StatusCode)
	}
	s.as(s.newKey(store.ScopeRead)).do(http.MethodPost, path, hubPush).is(403)
	s.as("").do(http.MethodPost, path, hubPush).is(401)
	s.do(http.MethodPost, path, "{").is(422)
	s.do(http.MethodPost, "/api/v1/surveys/watch/pushes/odd", hubPush).is(422)
	s.do(http.MethodPost, "/api/v1/surveys/none/pushes/dockerhub", hubPush).is(404)
}

func TestQueue(t *testing.T) {
	s := newServer(t)
	s.survey("all")
	if _, err := s.store.Feed(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if got := read[store.Queue](s.get("/api/v1/queue").is(200)); got.Paused || got.Jobs[store.JobLook][store.JobWaiting] != 1 || got.Workers == nil {
		t.Errorf("got %+v", got)
	}
	s.do(http.MethodPut, "/api/v1/queue/paused", `{"paused":true}`, "Content-Type", "application/json").is(204)
	if got := read[store.Queue](s.get("/api/v1/queue").is(200)); !got.Paused {
		t.Error("it is not paused")
	}
	s.do(http.MethodPut, "/api/v1/queue/paused", `{"paused":false}`, "Content-Type", "application/json").is(204)
	jobs := read[api.List[store.Job]](s.get("/api/v1/queue/jobs?kind=look").is(200)).Items
	if len(jobs) != 1 || jobs[0].Survey != "all" {
		t.Fatalf("got %+v", jobs)
	}
	at := fmt.Sprint("/api/v1/queue/jobs/", jobs[0].ID)
	if got := read[store.Job](s.get(at).is(200)); got.Kind != store.JobLook {
		t.Errorf("got %+v", got)
	}
	s.get("/api/v1/queue/jobs/999999").is(404)
	if got := read[store.Job](s.do(http.MethodPost, at+"/cancel", "").is(200)); got.State != store.JobCancelled {
		t.Errorf("got %+v", got)
	}
	s.do(http.MethodPost, at+"/cancel", "").is(409)
	if err := s.store.HoldHost(t.Context(), "r.example", time.Hour, "429"); err != nil {
		t.Fatal(err)
	}
	if got := read[api.Hosts](s.get("/api/v1/queue/hosts").is(200)).Items; len(got) != 1 || got[0].Host != "r.example" || got[0].Held.IsZero() {
		t.Errorf("got %+v", got)
	}
	submits := s.as(s.newKey(store.ScopeSubmit))
	for _, path := range []string{"", "/jobs", "/hosts"} {
		submits.get("/api/v1/queue" + path).is(403)
	}
}
