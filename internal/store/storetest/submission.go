package storetest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// testEnds follows submissions from their jobs to their ends.
func testEnds(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	a, b := submit(t, s, "a"), submit(t, s, "b")
	h := working(t, s, store.WorkOptions{Name: "w1"})
	j := h.submitted("a")
	a.State, a.Worker, a.Attempts, a.Started = store.Running, "w1", 1, c.Now()
	same(t, "what is worked at", a, got(s.Submission(t.Context(), a.ID))(t))
	state(t, s, b.ID, store.Queued)
	e := entry(1)
	c.pass(time.Second)
	j.end(done(e))
	a = becomes(t, s, a.ID, store.Done)
	if a.Digest != e.Report.Image.Digest || a.Fingerprint != store.Key(e.Report.Fingerprint) || a.Failure != "" || !a.Finished.Equal(c.Now()) {
		t.Errorf("a submission that is done is %+v", a)
	}
	sameReport(t, e.Report, got(s.Get(t.Context(), a.Digest, a.Fingerprint))(t).Report)
	h.submitted("b").end(failed("it cannot be pulled"))
	if b = becomes(t, s, b.ID, store.Failed); b.Failure != "it cannot be pulled" || b.Digest != "" || b.Finished.IsZero() {
		t.Errorf("a submission that has failed is %+v", b)
	}
}

// testVacant: a worker takes no more images than it says that there is room for.
func testVacant(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	for range 5 {
		submit(t, s, "app:1")
	}
	var room, asked atomic.Int64
	h := working(t, s, store.WorkOptions{Images: 5, Vacant: func() int {
		asked.Add(1)
		return int(room.Swap(0))
	}})
	for _, n := range []int64{0, 2, 1} {
		before, took := asked.Load(), got(s.Queue(t.Context()))(t).Jobs[store.JobImage][store.JobRunning]
		room.Store(n)
		until(t, "it was asked some times", func() bool { return asked.Load() > before+3 })
		if now := got(s.Queue(t.Context()))(t).Jobs[store.JobImage][store.JobRunning]; now != took+int(n) {
			t.Errorf("there is room for %d: %d run, and %d did before", n, now, took)
		}
	}
	for range 3 {
		h.next().end(failed("done"))
	}
}

func testCancel(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	a, b, e := submit(t, s, "a"), submit(t, s, "b"), entry(1)
	h := working(t, s, store.WorkOptions{Lease: time.Second})
	j := h.submitted("a")
	must(t, s.Cancel(t.Context(), a.ID))
	must(t, s.Cancel(t.Context(), b.ID))
	select {
	case <-j.ctx.Done():
	case <-time.After(patient):
		t.Error("what was cancelled goes on")
	}
	j.end(done(e))
	c := submit(t, s, "c")
	h.submitted("c").end(failed("no")) // and not b
	becomes(t, s, c.ID, store.Failed)
	for _, id := range []string{a.ID, b.ID} {
		if v := state(t, s, id, store.Cancelled); v.Finished.IsZero() {
			t.Error("it does not say when it was cancelled")
		}
	}
	conflict(t, "cancel twice", s.Cancel(t.Context(), a.ID))
	notFound(t, "cancel what is not there", func() error { return s.Cancel(t.Context(), "none") })
	notFound(t, "get a report of what was cancelled", func() error { _, err := s.Get(t.Context(), e.Report.Image.Digest, ""); return err })
}

func told(kind, data string) store.Progress {
	return store.Progress{Kind: kind, Data: json.RawMessage(data)}
}

func testProgress(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	a, b := submit(t, s, "a"), submit(t, s, "b")
	h := working(t, s, store.WorkOptions{})
	j := h.submitted("a")
	must(t, s.AddProgress(t.Context(), a.ID, nil))
	must(t, s.AddProgress(t.Context(), a.ID, []store.Progress{told("stage", `{"stage":"pull"}`)}))
	must(t, s.AddProgress(t.Context(), b.ID, []store.Progress{told("note", `"of another"`)}))
	at := c.Now().Add(-time.Hour)
	must(t, s.AddProgress(t.Context(), a.ID, []store.Progress{{At: at, Kind: "event", Data: json.RawMessage(`{"a\u0000'": [1, null, "\\ü"]}`)}}))
	want := []store.Progress{
		{Number: 1, At: c.Now(), Kind: "state", Data: json.RawMessage(`{"state":"running","attempt":1}`)},
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
	j.end(done(e))
	if v := becomes(t, s, a.ID, store.Done); v.Stage != "" {
		t.Errorf("the stage of a submission that is done is %q", v.Stage)
	}
	if last := got(s.Progress(t.Context(), a.ID, 3, 10))(t); len(last) != 1 || last[0].Number != 4 || !strings.Contains(string(last[0].Data), `"state":"done"`) {
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
