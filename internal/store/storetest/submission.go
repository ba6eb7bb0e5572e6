package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

func notFound(t *testing.T, what string, do func() error) {
	t.Helper()
	if err := do(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%s: %v, want %v", what, err, store.ErrNotFound)
	}
}

func conflict(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("%s: %v, want %v", what, err, store.ErrConflict)
	}
}

func submit(t *testing.T, s store.Store, ref string) *store.Submission {
	t.Helper()
	return got(s.Submit(t.Context(), store.Submission{Ref: detonaut.Ref(ref)}))(t)
}

func state(t *testing.T, s store.Store, id string, want store.State) *store.Submission {
	t.Helper()
	v := got(s.Submission(t.Context(), id))(t)
	if v.State != want {
		t.Errorf("a submission is %s, want %s", v.State, want)
	}
	return v
}

func testSubmissions(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	asked := store.Submission{
		Ref: "nginx:latest", Key: "k", Owner: "me", Options: store.RunOptions{Platform: "linux/arm64", Profile: "shell", Duration: time.Minute},
		ID: "mine", State: store.Done, Failure: "no", Attempts: 9, Worker: "w", Digest: "sha256:1", // which are not for the caller to say
	}
	v := got(s.Submit(t.Context(), asked))(t)
	if v.ID == "" || v.ID == "mine" {
		t.Errorf("a submission has the id %q", v.ID)
	}
	same(t, "a submission", &store.Submission{ID: v.ID, Ref: asked.Ref, Key: "k", Owner: "me", Options: asked.Options, State: store.Queued, Created: c.Now()}, v)
	same(t, "a submission", v, got(s.Submission(t.Context(), v.ID))(t))
	notFound(t, "a submission that is none", func() error { _, err := s.Submission(t.Context(), "none"); return err })
	if _, err := s.Submit(t.Context(), store.Submission{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("submit nothing: %v", err)
	}
	ids := []string{v.ID}
	for i := range 5 {
		v := got(s.Submit(t.Context(), store.Submission{Ref: "alpine", Owner: []string{"me", "you"}[i%2]}))(t)
		ids = append(ids, v.ID)
	}
	slices.Reverse(ids)
	recent := func(owner string) (ids []string) {
		t.Helper()
		for _, v := range pages(t, 2, func(p store.Page) ([]store.Submission, string, error) { return s.Recent(t.Context(), owner, p) }) {
			ids = append(ids, v.ID)
		}
		return ids
	}
	same(t, "recent submissions", ids, recent(""))
	same(t, "those of one owner", []string{ids[1], ids[3]}, recent("you"))
	same(t, "those of another", []string{ids[0], ids[2], ids[4], ids[5]}, recent("me"))
}

func testSentTwice(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	send := func(key string) string {
		t.Helper()
		return got(s.Submit(t.Context(), store.Submission{Ref: "nginx", Key: key}))(t).ID
	}
	first := send("k")
	c.pass(23 * time.Hour)
	if again := send("k"); again != first {
		t.Error("what is sent twice within a day is there twice")
	}
	none := send("")
	if send("other") == first || send("") == none {
		t.Error("what was sent once is taken for another")
	}
	c.pass(2 * time.Hour)
	if send("k") == first {
		t.Error("a key is good for more than a day")
	}
	var mu sync.Mutex
	ids := map[string]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			v, err := s.Submit(t.Context(), store.Submission{Ref: "nginx", Key: "at once"})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[v.ID] = true
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Errorf("what is sent 8 times at once is there %d times", len(ids))
	}
}

func claim(t *testing.T, s store.Store, worker string) *store.Submission {
	t.Helper()
	return got(s.Claim(t.Context(), worker, time.Minute))(t)
}

func nothingToClaim(t *testing.T, s store.Store) {
	t.Helper()
	notFound(t, "claim where there is nothing", func() error { _, err := s.Claim(t.Context(), "w", time.Minute); return err })
}

func testClaims(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	nothingToClaim(t, s)
	a, b := submit(t, s, "a"), submit(t, s, "b")
	v := claim(t, s, "w1")
	a.State, a.Worker, a.Attempts, a.Started = store.Running, "w1", 1, c.Now()
	same(t, "what was claimed", a, v)
	if v := claim(t, s, "w2"); v.ID != b.ID {
		t.Error("the second that was submitted is not the second to be claimed")
	}
	nothingToClaim(t, s)
	e := entry(1)
	c.pass(time.Second)
	must(t, s.Finish(t.Context(), a.ID, "w1", &e, ""))
	a = state(t, s, a.ID, store.Done)
	if a.Digest != e.Report.Image.Digest || a.Fingerprint != store.Key(e.Report.Fingerprint) || a.Failure != "" || !a.Finished.Equal(c.Now()) {
		t.Errorf("a submission that is done is %+v", a)
	}
	sameReport(t, e.Report, got(s.Get(t.Context(), a.Digest, a.Fingerprint))(t).Report)
	if err := s.Finish(t.Context(), a.ID, "w1", &e, ""); err != nil {
		t.Errorf("the same worker says the same again: %v", err)
	}
	must(t, s.Finish(t.Context(), b.ID, "w2", nil, "it cannot be pulled"))
	if b = state(t, s, b.ID, store.Failed); b.Failure != "it cannot be pulled" || b.Digest != "" {
		t.Errorf("a submission that has failed is %+v", b)
	}
	nothingToClaim(t, s)
	notFound(t, "finish what is not there", func() error { return s.Finish(t.Context(), "none", "w1", nil, "x") })
	notFound(t, "renew what is not there", func() error { return s.Renew(t.Context(), "none", "w1", time.Minute) })
	conflict(t, "renew what has ended", s.Renew(t.Context(), b.ID, "w2", time.Minute))
	conflict(t, "finish what has failed", s.Finish(t.Context(), b.ID, "w2", &e, ""))
}

func testLeases(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	a := submit(t, s, "a")
	claim(t, s, "w1")
	started := c.Now()
	for range 3 {
		c.pass(59 * time.Second)
		nothingToClaim(t, s)
		must(t, s.Renew(t.Context(), a.ID, "w1", time.Minute))
	}
	c.pass(61 * time.Second)
	must(t, s.Renew(t.Context(), a.ID, "w1", time.Minute)) // nobody else has it yet
	conflict(t, "renew another's", s.Renew(t.Context(), a.ID, "w2", time.Minute))
	c.pass(61 * time.Second)
	v := claim(t, s, "w2")
	if v.ID != a.ID || v.Attempts != 2 || v.Worker != "w2" || !v.Started.Equal(started) {
		t.Errorf("what was claimed after a lease had ended is %+v", v)
	}
	conflict(t, "renew what another has claimed", s.Renew(t.Context(), a.ID, "w1", time.Minute))
}

func testAttempts(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	a := submit(t, s, "a")
	for i := 1; i <= store.MaxAttempts; i++ {
		if v := claim(t, s, "w"); v.ID != a.ID || v.Attempts != i {
			t.Errorf("attempt %d is %+v", i, v)
		}
		must(t, s.Finish(t.Context(), a.ID, "w", nil, ""))
	}
	nothingToClaim(t, s)
	if v := state(t, s, a.ID, store.Failed); v.Failure == "" {
		t.Error("it does not say why it has failed")
	}
	b := submit(t, s, "b") // its workers are killed
	for range store.MaxAttempts {
		claim(t, s, "w")
		c.pass(2 * time.Minute)
	}
	nothingToClaim(t, s)
	if v := state(t, s, b.ID, store.Failed); v.Failure == "" || v.Finished.IsZero() {
		t.Errorf("it does not say why it has failed, or when: %+v", v)
	}
}

func testStaleWorker(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	a, e := submit(t, s, "a"), entry(1)
	must(t, s.AddHook(t.Context(), store.Hook{ID: "h", URL: "https://hook.example"}))
	claim(t, s, "stale")
	c.pass(2 * time.Minute)
	claim(t, s, "fresh")
	conflict(t, "finish what another has claimed", s.Finish(t.Context(), a.ID, "stale", &e, ""))
	conflict(t, "fail what another has claimed", s.Finish(t.Context(), a.ID, "stale", nil, "no"))
	notFound(t, "get a report of a stale worker", func() error { _, err := s.Get(t.Context(), e.Report.Image.Digest, ""); return err })
	if due := got(s.Due(t.Context(), "x", time.Minute, 10))(t); len(due) > 0 {
		t.Errorf("hooks are told of what was not put: %v", due)
	}
	state(t, s, a.ID, store.Running)
	must(t, s.Finish(t.Context(), a.ID, "fresh", &e, ""))
	state(t, s, a.ID, store.Done)
	if due := got(s.Due(t.Context(), "x", time.Minute, 10))(t); len(due) != 1 {
		t.Errorf("a hook is to be told of one report, not of %v", due)
	}
}

func testCancel(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	a, b, e := submit(t, s, "a"), submit(t, s, "b"), entry(1)
	claim(t, s, "w")
	must(t, s.Cancel(t.Context(), a.ID))
	must(t, s.Cancel(t.Context(), b.ID))
	nothingToClaim(t, s)
	if v := state(t, s, a.ID, store.Cancelled); v.Finished.IsZero() {
		t.Error("it does not say when it was cancelled")
	}
	conflict(t, "finish what was cancelled", s.Finish(t.Context(), a.ID, "w", &e, ""))
	conflict(t, "renew what was cancelled", s.Renew(t.Context(), a.ID, "w", time.Minute))
	conflict(t, "cancel twice", s.Cancel(t.Context(), a.ID))
	notFound(t, "cancel what is not there", func() error { return s.Cancel(t.Context(), "none") })
	notFound(t, "get a report of what was cancelled", func() error { _, err := s.Get(t.Context(), e.Report.Image.Digest, ""); return err })
}

func testClaimAtOnce(t *testing.T, open Opener) {
	const n = 40
	stores := []store.Store{open(t, store.Options{}), open(t, store.Options{})}
	for i := range n {
		submit(t, stores[0], fmt.Sprint(i))
	}
	var mu sync.Mutex
	claimed := map[string]int{}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			for {
				v, err := stores[w%2].Claim(t.Context(), fmt.Sprint(w), time.Hour)
				if errors.Is(err, store.ErrNotFound) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				claimed[v.ID]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for id, times := range claimed {
		if times != 1 {
			t.Errorf("%s was claimed %d times", id, times)
		}
	}
	if len(claimed) != n {
		t.Errorf("of %d submissions %d were claimed", n, len(claimed))
	}
}

func told(kind, data string) store.Progress {
	return store.Progress{Kind: kind, Data: json.RawMessage(data)}
}

func testProgress(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	a, b := submit(t, s, "a"), submit(t, s, "b")
	claim(t, s, "w")
	must(t, s.AddProgress(t.Context(), a.ID, nil))
	must(t, s.AddProgress(t.Context(), a.ID, []store.Progress{told("state", `{"state":"running"}`), told("stage", `{"stage":"pull"}`)}))
	must(t, s.AddProgress(t.Context(), b.ID, []store.Progress{told("note", `"of another"`)}))
	at := c.Now().Add(-time.Hour)
	must(t, s.AddProgress(t.Context(), a.ID, []store.Progress{{At: at, Kind: "event", Data: json.RawMessage(`{"a\u0000'": [1, null, "\\ü"]}`)}}))
	want := []store.Progress{
		{Number: 1, At: c.Now(), Kind: "state", Data: json.RawMessage(`{"state":"running"}`)},
		{Number: 2, At: c.Now(), Kind: "stage", Data: json.RawMessage(`{"stage":"pull"}`)},
		{Number: 3, At: at, Kind: "event", Data: json.RawMessage(`{"a\u0000'": [1, null, "\\ü"]}`)},
	}
	for after := range 5 {
		for limit := 1; limit < 5; limit++ {
			some := want[min(after, len(want)):]
			same(t, "progress", some[:min(limit, len(some))], got(s.Progress(t.Context(), a.ID, int64(after), limit))(t))
		}
	}
	if v := got(s.Submission(t.Context(), a.ID))(t); v.Stage != "pull" {
		t.Errorf("the stage of a submission is %q", v.Stage)
	}
	e := entry(1)
	must(t, s.Finish(t.Context(), a.ID, "w", &e, ""))
	if v := got(s.Submission(t.Context(), a.ID))(t); v.Stage != "" {
		t.Errorf("the stage of a submission that is done is %q", v.Stage)
	}
	must(t, s.AddProgress(t.Context(), a.ID, []store.Progress{told("state", `{"state":"done"}`)}))
	if last := got(s.Progress(t.Context(), a.ID, 3, 10))(t); len(last) != 1 || last[0].Number != 4 {
		t.Errorf("what is told after the end is %v", last)
	}
	notFound(t, "tell of what is not there", func() error { return s.AddProgress(t.Context(), "none", []store.Progress{told("note", "1")}) })
	if err := s.AddProgress(t.Context(), b.ID, []store.Progress{told("note", `{"a`)}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("tell what is no JSON: %v", err)
	}
	if none := got(s.Progress(t.Context(), "none", 0, 10))(t); len(none) > 0 {
		t.Errorf("of what is not there is told %v", none)
	}
}

func testProgressBounds(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	a := submit(t, s, "a")
	const batch = 7000
	long := `"` + strings.Repeat("x", 50) + `"`
	for range 3 {
		must(t, s.AddProgress(t.Context(), a.ID, slices.Repeat([]store.Progress{told("event", long)}, batch)))
	}
	all := got(s.Progress(t.Context(), a.ID, 0, 1<<30))(t)
	if len(all) != store.MaxProgress || all[0].Number != 3*batch-store.MaxProgress+1 || all[len(all)-1].Number != 3*batch {
		t.Errorf("of %d that were told, %d are kept, %d to %d", 3*batch, len(all), all[0].Number, all[len(all)-1].Number)
	}
	must(t, s.AddProgress(t.Context(), a.ID, slices.Repeat([]store.Progress{told("event", "1")}, store.MaxProgress+1)))
	if all = got(s.Progress(t.Context(), a.ID, 0, 1<<30))(t); len(all) != store.MaxProgress || all[0].Number != 3*batch+2 {
		t.Errorf("of more than may be kept that were told at once, %d are kept, from %d on", len(all), all[0].Number)
	}
}
