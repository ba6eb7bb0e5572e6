package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/server/api"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/servertest"
	"github.com/detonaut/detonaut/internal/store"
)

// newFuzzed is an API without a guard, all of whose callers are administrators.
func newFuzzed(f *testing.F) http.Handler {
	f.Helper()
	a, err := api.New(api.Options{
		Store: servertest.New(f), Note: func(context.Context, string, string, string) error { return nil },
		Ref: func(r detonaut.Ref) (detonaut.Ref, error) { return r, nil },
	})
	if err != nil {
		f.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.ServeHTTP(w, guard.As(r, guard.Caller{Kind: guard.Key, Who: "fuzz", Scopes: []store.Scope{store.ScopeAdmin}}))
	})
}

// answers holds an answer to be no failure of ours, and a refusal to be a problem.
func answers(t *testing.T, a http.Handler, r *http.Request) {
	t.Helper()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	var p guard.Problem
	if w.Code >= 500 || w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Status != w.Code) {
		t.Errorf("%s %s: got %d %s", r.Method, r.URL, w.Code, w.Body)
	}
}

// FuzzBody sends bodies: whatever they are, they are taken or refused.
func FuzzBody(f *testing.F) {
	a := newFuzzed(f)
	f.Add("scans", "application/json", []byte(`{"ref":"alpine:3","options":{"profile":"time"}}`))
	f.Fuzz(func(t *testing.T, path, kind string, body []byte) {
		switch path {
		case "scans", "keys", "hooks":
		default:
			path = "reports/sha256:" + strings.Repeat("a", 64) + "/disputes"
		}
		r := httptest.NewRequest(http.MethodPost, "/api/v1/"+path, strings.NewReader(string(body)))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Idempotency-Key", kind)
		answers(t, a, r)
	})
}

// FuzzParameters asks with parameters: whatever they are, there is an answer or a refusal.
func FuzzParameters(f *testing.F) {
	a := newFuzzed(f)
	f.Add("verdict:malicious", "abc", "domain", "pool.example.com", "7")
	f.Fuzz(func(t *testing.T, q, cursor, kind, value, last string) {
		escape := url.QueryEscape
		for _, target := range []string{
			"reports?q=" + escape(q) + "&cursor=" + escape(cursor) + "&order=" + escape(kind),
			"reports/" + url.PathEscape(value) + "?fingerprint=" + escape(kind),
			"facts?kind=" + escape(kind) + "&value=" + escape(value) + "&cursor=" + escape(cursor),
			"facts/prevalence?fact=" + escape(kind+":"+value) + "&fact=" + escape(q),
			"repository/history?registry=" + escape(kind) + "&name=" + escape(value) + "&tag=" + escape(q) + "&cursor=" + escape(cursor),
			"scans?cursor=" + escape(cursor) + "&mine=" + escape(kind),
			"scans/" + url.PathEscape(value) + "/events",
			"audit?limit=" + escape(last) + "&cursor=" + escape(cursor),
			"disputes?cursor=" + escape(cursor) + "&digest=" + escape(value),
			"compare?a=" + escape(value) + "&b=" + escape(kind),
		} {
			r := httptest.NewRequest(http.MethodGet, "/api/v1/"+target, nil)
			r.Header.Set("Last-Event-ID", last)
			r.Header.Set("If-None-Match", value)
			answers(t, a, r)
		}
	})
}
