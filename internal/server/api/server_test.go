package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/server/api"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/servertest"
	"github.com/detonaut/detonaut/internal/store"
)

// server is an API behind a guard, as it is served.
type server struct {
	t       *testing.T
	store   *servertest.Store
	url     string
	key     string // that requests are made with; empty is none
	closing chan struct{}
	wakes   int
}

// newServer starts one, whose requests are made with an admin's key.
func newServer(t *testing.T, change ...func(*api.Options, *guard.Options)) *server {
	t.Helper()
	st := servertest.New(t)
	s := &server{t: t, store: st, closing: make(chan struct{})}
	ao := api.Options{
		Store: s.store, Version: "v1.2.3", Closing: s.closing, Submitted: func() { s.wakes++ },
		Waiting: api.Waiting{Poll: time.Millisecond, Heartbeat: 5 * time.Millisecond},
		Now:     func() time.Time { return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) },
		Ref: func(r detonaut.Ref) (detonaut.Ref, error) {
			if strings.Contains(string(r), " ") || strings.HasPrefix(string(r), "oci-dir:") {
				return "", fmt.Errorf("%w: want the name of an image in a registry", detonaut.ErrUsage)
			}
			return r, nil
		},
	}
	fast := guard.Rate{Minute: 1_000_000, Burst: 1_000_000}
	g := guard.Options{Store: s.store, Open: []string{api.DescriptionPath}, Limits: guard.Limits{Address: fast, Key: fast}}
	for _, c := range change {
		c(&ao, &g)
	}
	ao.Public = g.Public
	gd, err := guard.New(g)
	if err != nil {
		t.Fatal(err)
	}
	ao.Note = gd.Note
	a, err := api.New(ao)
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(gd.Handler(a))
	t.Cleanup(hs.Close)
	s.url = hs.URL
	s.key = s.newKey(store.ScopeAdmin)
	return s
}

func public(_ *api.Options, g *guard.Options) { g.Public = true }

// newKey makes a key.
func (s *server) newKey(scopes ...store.Scope) string {
	s.t.Helper()
	k, secret, err := guard.NewKey("a test's", scopes, 0, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.store.AddKey(s.t.Context(), k); err != nil {
		s.t.Fatal(err)
	}
	return secret
}

// as makes requests with another key.
func (s *server) as(key string) *server {
	c := *s
	c.key = key
	return &c
}

// response is one that was read.
type response struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (s *server) get(path string, headers ...string) response {
	s.t.Helper()
	return s.do(http.MethodGet, path, "", headers...)
}

func (s *server) post(path string, body any, headers ...string) response {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do(http.MethodPost, path, string(b), append(headers, "Content-Type", "application/json")...)
}

func (s *server) do(method, path, body string, headers ...string) response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.key != "" {
		r.Header.Set("Authorization", "Bearer "+s.key)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response{s.t, res.StatusCode, res.Header, string(b)}
}

// is holds a response to a status; one that is a refusal has to be a problem document.
func (r response) is(status int) response {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("got %d, want %d: %s", r.status, status, r.body)
	}
	if status < 400 {
		return r
	}
	var p guard.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		r.t.Fatalf("%d is no problem document: %s", status, r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" || p.Status != status || p.Title == "" || p.Detail == "" {
		r.t.Errorf("got a problem of type %q: %s", got, r.body)
	}
	return r
}

// as reads the body.
func read[T any](r response) (v T) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	return v
}

// digest is one that tests use.
func digest(n int) detonaut.Digest { return detonaut.Digest(fmt.Sprintf("sha256:%064x", n)) }

// put keeps a report of an image.
func (s *server) put(n int, word detonaut.Word, rules string) store.Summary {
	s.t.Helper()
	r := &detonaut.Report{
		Schema: detonaut.Schema, Image: detonaut.Image{Ref: "x", Digest: digest(n), Platform: "linux/amd64", Layers: []detonaut.Layer{{Digest: digest(99)}}},
		Fingerprint: detonaut.Fingerprint{Tool: "v1", Rules: detonaut.Digest(rules)}, Started: time.Date(2026, 11, 30, 1, n, 0, 0, time.UTC),
		Verdict:  detonaut.Verdict{Word: word, Sentence: "It does <b>this</b>.", Vulnerability: detonaut.UnknownSeverity},
		Findings: []detonaut.Finding{},
		Run:      &detonaut.Run{Names: []string{"pool.example.com", fmt.Sprintf("host%d.example.com", n)}},
	}
	sum, err := s.store.Put(s.t.Context(), store.Entry{Report: r, Name: store.Name{Registry: "docker.io", Repository: "library/thing", Tag: fmt.Sprint("v", n)}})
	if err != nil {
		s.t.Fatal(err)
	}
	return sum
}

// end ends the oldest submission that has not ended, as a worker that fails at it would.
func (s *server) end(id string) {
	s.t.Helper()
	work, stop := context.WithCancel(s.t.Context())
	defer stop()
	err := s.store.Work(work, store.WorkOptions{Images: 1, Do: func(_ context.Context, j store.Job) store.Outcome {
		stop()
		if j.Submission != id {
			s.t.Errorf("got %s, want %s", j.Submission, id)
		}
		return store.Outcome{Failure: &store.Failure{Says: "it is gone", Final: true}}
	}, Grace: time.Minute})
	if err != nil {
		s.t.Fatal(err)
	}
}
