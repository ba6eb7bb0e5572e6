package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// surveyed has words as names of repositories, and as the reason why one was skipped.
func surveyed(t *testing.T, s store.Store, words string) {
	t.Helper()
	ctx := t.Context()
	err := s.NewSurvey(ctx, store.Survey{Name: "all", Sources: []string{words}, Choice: store.Choice{Platforms: []string{"linux/amd64"}}})
	if err != nil {
		t.Fatal(err)
	}
	var found []store.Candidate
	for i := range 3 {
		found = append(found, store.Candidate{Repository: store.Repository{Registry: "r.example", Name: fmt.Sprint(words, i), Pulls: int64(i), Stars: -1}})
	}
	if err := s.Listed(ctx, "all", found, "", true); err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		var items []store.Item
		reason := store.Reason(words)
		if i > 0 {
			reason = ""
			items = []store.Item{{
				Name: store.Name{Registry: "r.example", Repository: words, Tag: words}, Digest: detonaut.Digest(fmt.Sprintf("sha256:%064x", 0xabc000+i)),
				Platform: "linux/amd64", Size: 1000, State: store.ItemReady,
			}}
		}
		if err := s.Looked(ctx, "all", i+1, items, reason); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Feed(ctx, 10); err != nil {
		t.Fatal(err)
	}
	if err := s.HoldHost(ctx, "r.example", time.Hour, words); err != nil {
		t.Fatal(err)
	}
}

// surveyWorld has a survey, whose pages are told of study.
func surveyWorld(t *testing.T, words string, admin bool) *world {
	t.Helper()
	w := newWorld(t, "app", func(o *Options) {
		o.Public = false
		o.Allowed = func(_ *http.Request, s store.Scope) bool { return admin || s == store.ScopeRead }
		o.Study = func(ctx context.Context, sv *store.Survey) (*study.Report, time.Time, error) {
			r, err := study.Of(ctx, o.Store, sv.Name)
			return r, noon, err
		}
	}, reporttest.Realistic(0))
	surveyed(t, w.spy, words)
	return w
}

func TestSurveyPages(t *testing.T) {
	const hostile = `"><script>alert(1)</script>` + "\u202e\x1b[31m"
	for _, words := range []string{"app", hostile} {
		w := surveyWorld(t, words, true)
		jobs, _, err := w.Jobs(t.Context(), store.JobImage, "", store.Page{Limit: 50})
		if err != nil || len(jobs) != 2 {
			t.Fatalf("%d jobs, %v", len(jobs), err)
		}
		for _, path := range []string{"/surveys", "/surveys/all", "/surveys/all/items", "/surveys/all/items?state=queued", "/queue", "/queue?state=waiting", fmt.Sprint("/queue/jobs/", jobs[0].ID)} {
			got := w.ask(path)
			if got.Code != http.StatusOK {
				t.Errorf("%s: status %d: %.300s", path, got.Code, got.Body)
				continue
			}
			inspect(t, path, got.Body.String())
			if strings.Contains(got.Body.String(), "<script>alert") {
				t.Errorf("%s: a string of others is a script", path)
			}
			if strings.HasPrefix(path, "/surveys") {
				if twin := w.ask(strings.Replace(path, "?", ".json?", 1) + map[bool]string{true: "", false: ".json"}[strings.Contains(path, "?")]); twin.Code != http.StatusOK || !strings.HasPrefix(twin.Header().Get("Content-Type"), "application/json") {
					t.Errorf("%s: twin: status %d", path, twin.Code)
				}
			}
		}
	}
	w := surveyWorld(t, "app", true)
	if body := w.ask("/surveys/all").Body.String(); !strings.Contains(body, "/surveys/all/items?state=queued") || !strings.Contains(body, "Why some were not analysed") {
		t.Error("the page of a survey does not tell how far it is")
	}
	for path, want := range map[string]int{"/surveys/none": 404, "/surveys/none/items": 404, "/surveys/all/items?state=odd": 400, "/queue?state=odd": 400, "/queue/jobs/9999": 404, "/queue/jobs/x": 404} {
		if got := w.ask(path); got.Code != want {
			t.Errorf("%s: status %d, want %d", path, got.Code, want)
		}
	}
}

// A survey that was not counted yet has a page all the same.
func TestSurveyCounting(t *testing.T) {
	w := newWorld(t, "app", nil, reporttest.Realistic(0))
	surveyed(t, w.spy, "app")
	if got := w.ask("/surveys/all"); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "is being counted") {
		t.Errorf("status %d: %.300s", got.Code, got.Body)
	}
}

// The queue is for administrators alone: others do not learn that there is one.
func TestQueueDeeds(t *testing.T) {
	w := surveyWorld(t, "app", false)
	for _, path := range []string{"/queue", "/queue/jobs/1"} {
		if got := w.ask(path); got.Code != http.StatusNotFound {
			t.Errorf("%s: status %d for a reader", path, got.Code)
		}
	}
	if got := w.post("/queue/pause", url.Values{}); got.Code != http.StatusNotFound || len(w.notes) != 0 {
		t.Errorf("a reader paused: status %d", got.Code)
	}
	w = surveyWorld(t, "app", true)
	paused := func() bool {
		q, err := w.Queue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return q.Paused
	}
	for _, test := range []struct {
		path string
		want bool
	}{{"/queue/pause", true}, {"/queue/resume", false}} {
		if got := w.post(test.path, url.Values{}); got.Code != http.StatusSeeOther || paused() != test.want {
			t.Errorf("%s: status %d, paused %v", test.path, got.Code, paused())
		}
	}
	jobs, _, err := w.Jobs(t.Context(), store.JobImage, store.JobWaiting, store.Page{Limit: 50})
	if err != nil || len(jobs) == 0 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	at := fmt.Sprint("/queue/jobs/", jobs[0].ID)
	if got := w.post(at+"/cancel", url.Values{}); got.Code != http.StatusSeeOther || got.Header().Get("Location") != at {
		t.Errorf("status %d", got.Code)
	}
	if got := w.post(at+"/cancel", url.Values{}); got.Code != http.StatusConflict {
		t.Errorf("again: status %d", got.Code)
	}
	if len(w.notes) != 4 {
		t.Errorf("noted: %q", w.notes)
	}
	// Another site may not do it.
	r := httptest.NewRequest(http.MethodPost, "/queue/pause", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := w.send(r); got.Code != http.StatusForbidden || paused() {
		t.Errorf("from another site: status %d", got.Code)
	}
}
