package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/source"
)

// pages is a source of so many pages of two repositories. At a page it may fail, each time with
// the next error of that.
type pages struct {
	host  string
	n     int
	at    map[int][]error
	stuck bool // its cursor does not move
	asked int
}

func (p *pages) List(_ context.Context, cursor string) (found []store.Candidate, next string, end bool, err error) {
	p.asked++
	page, _ := strconv.Atoi(cursor)
	if errs := p.at[page]; len(errs) > 0 {
		p.at[page] = errs[1:]
		if _, ok := errors.AsType[*source.Cut](errs[0]); !ok {
			return nil, "", false, errs[0]
		}
		err = errs[0]
	}
	for i := range 2 {
		found = append(found, store.Candidate{Repository: store.Repository{Registry: p.host, Name: fmt.Sprintf("r%d", 2*page+i)}})
	}
	if !p.stuck {
		cursor = strconv.Itoa(page + 1)
	}
	return found, cursor, page == p.n-1, err
}

// engine is one whose sources have these names.
func engine(d *desk, sources map[string]source.Source) *Engine {
	return New(Options{Store: d, Open: func(spec string) (source.Source, error) {
		if s, ok := sources[spec]; ok {
			return s, nil
		}
		return nil, fmt.Errorf("%w: there is no source %q", detonaut.ErrUsage, spec)
	}})
}

// until does the job of a list until it is done, and returns what it was put back for.
func until(t *testing.T, e *Engine) (waits []time.Duration) {
	t.Helper()
	for n := 0; ; n++ {
		out := e.Do(t.Context(), store.Job{Kind: store.JobList, Survey: "s", Attempt: 1, MaxAttempts: 3})
		if out.Failure != nil {
			t.Fatalf("got %+v", out.Failure)
		}
		if out.Later == 0 {
			return waits
		}
		if n > 100 {
			t.Fatal("it does not end")
		}
		waits = append(waits, out.Later)
		time.Sleep(out.Later)
	}
}

func TestList(t *testing.T) {
	broken := errors.New("connection refused")
	for _, tc := range []struct {
		name    string
		specs   string
		sources map[string]source.Source
		want    int // repositories
		waits   []time.Duration
		lacks   []string
	}{
		{"one", "a", map[string]source.Source{"a": &pages{host: "a", n: 3}}, 6, nil, nil},
		{"one after the other", "a b", map[string]source.Source{"a": &pages{host: "a", n: 3}, "b": &pages{host: "b", n: 2}}, 10, nil, nil},
		{"the same twice", "a a", map[string]source.Source{"a": &pages{host: "a", n: 3}}, 6, nil, nil},
		{"unknown", "x a", map[string]source.Source{"a": &pages{host: "a", n: 1}}, 2, nil, []string{`x: usage: there is no source "x"`}},
		{
			"busy", "a",
			map[string]source.Source{"a": &pages{host: "a", n: 2, at: map[int][]error{1: {&detonaut.Busy{Host: "a", Wait: time.Minute}}}}},
			4,
			[]time.Duration{time.Minute},
			nil,
		},
		{
			"broken for a while", "a",
			map[string]source.Source{"a": &pages{host: "a", n: 2, at: map[int][]error{1: {broken, broken}}}},
			4,
			[]time.Duration{15 * time.Second, 30 * time.Second},
			nil,
		},
		{
			"broken", "a b",
			map[string]source.Source{"a": &pages{host: "a", n: 2, at: map[int][]error{1: slices.Repeat([]error{broken}, maxTries)}}, "b": &pages{host: "b", n: 1}},
			4,
			[]time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute},
			[]string{"a: connection refused"},
		},
		{
			"refused", "a b",
			map[string]source.Source{"a": &pages{host: "a", n: 2, at: map[int][]error{0: {detonaut.ErrUnauthorized}}}, "b": &pages{host: "b", n: 1}},
			2, nil,
			[]string{"a: unauthorized"},
		},
		{
			"cut", "a",
			map[string]source.Source{"a": &pages{host: "a", n: 2, at: map[int][]error{0: {&source.Cut{Why: "the names of 3 are too long"}}}}},
			4, nil,
			[]string{"a: the names of 3 are too long"},
		},
		{"in circles", "a b", map[string]source.Source{"a": &pages{host: "a", n: 9, stuck: true}, "b": &pages{host: "b", n: 1}}, 4, nil, []string{"a: it goes in circles"}},
		{"none", "", nil, 0, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(store.Survey{Sources: strings.Fields(tc.specs)})
				waits := until(t, engine(d, tc.sources))
				if len(d.all) != tc.want || d.survey.State != store.SurveyRunning {
					t.Errorf("got %v, %s", d.names(), d.survey.State)
				}
				if diff := cmp.Diff(tc.waits, waits); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tc.lacks, Lacks(d.survey)); diff != "" {
					t.Errorf("lacks (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestListGoesOn: what was listed is not listed again when a job was interrupted, or had its
// turn, and one of a survey that was paused ends.
func TestListGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, from := newDesk(store.Survey{Sources: []string{"a"}}), &pages{host: "a", n: 9}
		ctx, cancel := context.WithCancel(t.Context())
		d.onListed = func() {
			switch len(d.all) {
			case 4:
				cancel()
			case 8:
				time.Sleep(time.Hour)
			case 12:
				d.survey.State = store.SurveyPaused
			}
		}
		e, job := engine(d, map[string]source.Source{"a": from}), store.Job{Kind: store.JobList, Survey: "s"}
		e.Do(ctx, job)
		if len(d.all) != 4 {
			t.Errorf("interrupted: got %v", d.names())
		}
		if out := e.Do(t.Context(), job); len(d.all) != 8 || out.Later == 0 {
			t.Errorf("after its turn: got %v, %+v", d.names(), out)
		}
		if out := e.Do(t.Context(), job); len(d.all) != 12 || out != (store.Outcome{}) {
			t.Errorf("paused: got %v, %+v", d.names(), out)
		}
		d.survey.State, d.onListed = store.SurveyListing, nil
		until(t, e)
		if len(d.all) != 18 || from.asked != 9 {
			t.Errorf("got %v after %d pages", d.names(), from.asked)
		}
	})
}

// TestListLocal: what is on the machine where a survey begins is listed there, and by nobody else.
func TestListLocal(t *testing.T) {
	d := newDesk(store.Survey{Sources: []string{"-", "file:x", "a"}})
	sources := map[string]source.Source{
		"-":      &pages{host: "stdin", n: 2, at: map[int][]error{0: {&source.Cut{Why: "line 3 is too long"}}}},
		"file:x": &pages{host: "file", n: 1, at: map[int][]error{0: {errors.New("input/output error")}}},
		"a":      &pages{host: "a", n: 1},
	}
	e := engine(d, sources)
	if out := e.Do(t.Context(), store.Job{Kind: store.JobList, Survey: "s"}); out.Later == 0 || len(d.all) != 0 {
		t.Errorf("got %+v and %v", out, d.names())
	}
	if err := e.ListLocal(t.Context(), "s"); err == nil || !strings.Contains(err.Error(), "file:x: input/output error") || len(d.all) != 4 {
		t.Errorf("got %v and %v", err, d.names())
	}
	if err := e.ListLocal(t.Context(), "s"); err != nil || len(d.all) != 6 || d.survey.State != store.SurveyListing {
		t.Errorf("got %v and %v, %s", err, d.names(), d.survey.State)
	}
	e.Do(t.Context(), store.Job{Kind: store.JobList, Survey: "s"})
	if len(d.all) != 8 || d.survey.State != store.SurveyRunning {
		t.Errorf("got %v, %s", d.names(), d.survey.State)
	}
	if diff := cmp.Diff([]string{"-: line 3 is too long"}, Lacks(d.survey)); diff != "" {
		t.Errorf("lacks (-want +got):\n%s", diff)
	}
}

func TestFailures(t *testing.T) {
	d := newDesk(store.Survey{Sources: []string{"a"}, Cursor: "x"})
	e := engine(d, nil)
	for _, tc := range []struct {
		name   string
		job    store.Job
		broken error
		final  bool
		done   bool
	}{
		{"no cursor", store.Job{Kind: store.JobList, Survey: "s"}, nil, false, false},
		{"no store", store.Job{Kind: store.JobList, Survey: "s"}, errors.New("the database is away"), false, false},
		{"dropped", store.Job{Kind: store.JobLook, Survey: "dropped"}, nil, false, true},
		{"an image", store.Job{Kind: store.JobImage, Survey: "s"}, nil, true, false},
	} {
		d.broken = tc.broken
		out := e.Do(t.Context(), tc.job)
		if (out.Failure == nil) != tc.done || !tc.done && (out.Failure.Final != tc.final || out.Failure.Says == "" || out.Failure.Detail == "" || out.Failure.Pause == 0) {
			t.Errorf("%s: got %+v", tc.name, out.Failure)
		}
	}
	if got := Lacks(d.survey); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// looking is a desk with repositories, and an engine that looks so.
func looking(look func(ctx context.Context, c store.Candidate) ([]store.Item, store.Reason, error), names ...string) (*desk, *Engine) {
	d := newDesk(store.Survey{})
	d.survey.State = store.SurveyRunning
	for i, name := range names {
		host, _, _ := strings.Cut(name, "-")
		d.all = append(d.all, store.Candidate{Number: int64(i + 1), State: store.CandidateChosen, Repository: store.Repository{Registry: host, Name: name}})
	}
	return d, New(Options{Store: d, Look: func(ctx context.Context, _ store.Survey, c store.Candidate) ([]store.Item, store.Reason, error) {
		return look(ctx, c)
	}})
}

func TestLook(t *testing.T) {
	asked := map[string]int{}
	away := true
	d, e := looking(func(_ context.Context, c store.Candidate) ([]store.Item, store.Reason, error) {
		asked[c.Name]++
		switch c.Name {
		case "a-none":
			return nil, store.ReasonImageless, nil
		case "b-busy", "b-more":
			if away {
				return nil, "", &detonaut.Busy{Host: "b", Wait: time.Minute}
			}
		case "c-busy":
			if away {
				return nil, "", &detonaut.Busy{Host: "c", Wait: time.Second}
			}
		case "a-broken":
			return nil, "", errors.New("connection reset")
		case "a-breaks":
			panic("index out of range")
		}
		return []store.Item{{}, {}}, "", nil
	}, "a-none", "b-busy", "a-broken", "b-more", "c-busy", "a-breaks", "a-good")
	job := store.Job{Kind: store.JobLook, Survey: "s", Batch: 1, Attempt: 1, MaxAttempts: 2}
	if out := e.Do(t.Context(), job); out.Later != time.Second {
		t.Errorf("got %+v", out)
	}
	const first = `a-none skipped "no tags" 0
b-busy chosen "" 0
a-broken chosen "" 0
b-more chosen "" 0
c-busy chosen "" 0
a-breaks skipped "what the registry says makes no sense" 0
a-good looked "" 2
`
	if diff := cmp.Diff(first, d.states()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	away = false
	if out := e.Do(t.Context(), job); out.Failure == nil || out.Failure.Final || out.Failure.Pause == 0 {
		t.Errorf("got %+v", out)
	}
	job.Attempt = 2
	if out := e.Do(t.Context(), job); out != (store.Outcome{}) {
		t.Errorf("got %+v", out)
	}
	if diff := cmp.Diff(strings.NewReplacer(
		`b-busy chosen "" 0`, `b-busy looked "" 2`, `b-more chosen "" 0`, `b-more looked "" 2`, `c-busy chosen "" 0`, `c-busy looked "" 2`,
		`a-broken chosen ""`, `a-broken skipped "the registry does not answer"`,
	).Replace(first), d.states()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// A registry that has no time is asked once, and what was looked at is not looked at again.
	want := map[string]int{"a-none": 1, "b-busy": 2, "a-broken": 3, "b-more": 1, "c-busy": 2, "a-breaks": 1, "a-good": 1}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestLookStops: a look that never ends is given up, and a job that is to end does.
func TestLookStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, e := looking(func(ctx context.Context, c store.Candidate) ([]store.Item, store.Reason, error) {
			if c.Name == "a-slow" {
				<-ctx.Done()
				return nil, "", ctx.Err()
			}
			return []store.Item{{}}, "", nil
		}, "a-slow", "a-good")
		job := store.Job{Kind: store.JobLook, Survey: "s", Batch: 1, Attempt: 1, MaxAttempts: 1}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		e.Do(ctx, job)
		if strings.Contains(d.states(), "looked") {
			t.Errorf("got %s", d.states())
		}
		if out := e.Do(t.Context(), job); out != (store.Outcome{}) {
			t.Errorf("got %+v", out)
		}
		if want := "a-slow skipped \"the registry does not answer\" 0\na-good looked \"\" 1\n"; d.states() != want {
			t.Errorf("got %s", d.states())
		}
	})
}

// TestFeed: the queue is fed now and then, soon after a job has ended, and also after it could not be.
func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, e := looking(nil)
		ctx, cancel := context.WithCancel(t.Context())
		var fed sync.WaitGroup
		fed.Go(func() { e.Feed(ctx) })
		feeds := func(after time.Duration) int {
			time.Sleep(after)
			synctest.Wait()
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.feeds
		}
		if got := feeds(time.Second); got != 1 {
			t.Errorf("got %d", got)
		}
		for range 100 {
			e.Ended()
		}
		if got := feeds(time.Second); got > 3 || got < 2 {
			t.Errorf("after jobs have ended: got %d", got)
		}
		d.mu.Lock()
		d.broken = errors.New("the database is away")
		d.mu.Unlock()
		before := feeds(time.Minute)
		d.mu.Lock()
		d.broken = nil
		d.mu.Unlock()
		if got := feeds(time.Minute) - before; got < 10 || got > 20 {
			t.Errorf("got %d in a minute", got)
		}
		cancel()
		fed.Wait()
	})
}

// FuzzPlace: a cursor is of the database, and what is in it of a registry.
func FuzzPlace(f *testing.F) {
	f.Add(`{"source":1,"at":"x","lacks":["a"]}`)
	f.Add(`{"source":-1}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := parsePlace(cursor)
		if err != nil {
			return
		}
		p.lack("spec", strings.Repeat("x", 500))
		again, err := parsePlace(p.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(again.String(), p.String()); diff != "" {
			t.Error(diff)
		}
	})
}
