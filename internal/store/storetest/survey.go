package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
)

// begin begins a survey, of which there is little to say.
func begin(t *testing.T, s store.Store, name string, change func(*store.Survey)) {
	t.Helper()
	v := store.Survey{Name: name, Sources: []string{"file:list"}, Aim: "aim", Choice: store.Choice{Seed: 7, Platforms: []string{"linux/amd64"}}}
	if change != nil {
		change(&v)
	}
	must(t, s.NewSurvey(t.Context(), v))
}

var pushedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// repository is a candidate with a number in its name, and as many pulls.
func repository(n int) store.Candidate {
	return store.Candidate{Class: store.ClassCommunity, Repository: store.Repository{
		Registry: "docker.io", Name: fmt.Sprintf("some/image-%d", n), Pulls: int64(n), Stars: 1, Updated: pushedAt.Add(-time.Duration(n) * time.Hour),
	}}
}

// repositories are those of the numbers from one to another.
func repositories(from, to int) (all []store.Candidate) {
	for n := from; n <= to; n++ {
		all = append(all, repository(n))
	}
	return all
}

// tagged is an item that is found under a tag, with the digest of the report of a number.
func tagged(tag string, n uint64) store.Item {
	return store.Item{Name: store.Name{Tag: tag}, Digest: digest(n), Platform: "linux/amd64", Size: 1000, Pushed: pushedAt}
}

var digests sync.Map

// digest is that of the report of a number.
func digest(n uint64) detonaut.Digest {
	d, ok := digests.Load(n)
	if !ok {
		d = reporttest.Realistic(n).Image.Digest
		digests.Store(n, d)
	}
	return d.(detonaut.Digest)
}

// aimed is an entry under an aim.
func aimed(n uint64, aim string) store.Entry {
	e := entry(n)
	e.Aim = aim
	return e
}

// counts is a survey with its counts.
func counts(t *testing.T, s store.Store, name string) *store.Survey {
	t.Helper()
	return got(s.Survey(t.Context(), name))(t)
}

// isCounted fails unless a survey has such counts.
func isCounted(t *testing.T, s store.Store, name string, state store.SurveyState, repositories map[store.CandidateState]int, items map[store.ItemState]int, reasons map[store.Reason]int) {
	t.Helper()
	v := counts(t, s, name)
	same(t, "the state of survey "+name, state, v.State)
	same(t, "the repositories of survey "+name, repositories, v.Repositories)
	same(t, "the images of survey "+name, items, v.Items)
	same(t, "the reasons of survey "+name, reasons, v.Reasons)
}

// feed feeds, and returns how many jobs were put.
func feed(t *testing.T, s store.Store) int {
	t.Helper()
	return got(s.Feed(t.Context(), 100))(t)
}

// waits are the jobs of a kind that wait, the oldest first.
func waits(t *testing.T, s store.Store, kind store.JobKind) []store.Job {
	t.Helper()
	all := pages(t, 50, func(p store.Page) ([]store.Job, string, error) { return s.Jobs(t.Context(), kind, store.JobWaiting, p) })
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// candidates are those of the batches of all jobs that wait.
func candidates(t *testing.T, s store.Store) (all []store.Candidate) {
	t.Helper()
	for _, j := range waits(t, s, store.JobLook) {
		all = append(all, got(s.Candidates(t.Context(), j.Survey, j.Batch))(t)...)
	}
	return all
}

// numbers are those of candidates.
func numbers(all []store.Candidate) (n []int64) {
	for _, c := range all {
		n = append(n, c.Number)
	}
	return n
}

// look has what waits to be looked at looked at: what is there is what found says.
func look(t *testing.T, s store.Store, found func(store.Candidate) ([]store.Item, store.Reason)) {
	t.Helper()
	for _, j := range waits(t, s, store.JobLook) {
		for _, c := range got(s.Candidates(t.Context(), j.Survey, j.Batch))(t) {
			items, reason := found(c)
			must(t, s.Looked(t.Context(), j.Survey, c.Number, items, reason))
		}
	}
	work(t, s, func(j store.Job) bool { return j.Kind == store.JobLook }, func(store.Job) store.Outcome { return store.Outcome{} })
}

// work has all jobs done that are of interest, and wait: others are put back.
func work(t *testing.T, s store.Store, of func(store.Job) bool, do func(store.Job) store.Outcome) {
	t.Helper()
	left := map[int64]bool{}
	for _, j := range waits(t, s, "") {
		if of(j) {
			left[j.ID] = true
		}
	}
	stop := serving(t.Context(), s, "w", func(j store.Job) store.Outcome {
		if !of(j) {
			return store.Outcome{Later: time.Hour}
		}
		return do(j)
	})
	until(t, "all jobs are done", func() bool {
		for id := range left {
			if j, err := s.Job(t.Context(), id); err == nil && (j.State == store.JobWaiting || j.State == store.JobRunning) {
				return false
			}
		}
		return true
	})
	must(t, stop())
}

// isImage tells whether a job is of an image.
func isImage(j store.Job) bool { return j.Kind == store.JobImage }

// testSurvey is a whole one.
func testSurvey(t *testing.T, open Opener) {
	clock := newClock()
	s := open(t, clock.options())
	begin(t, s, "s", func(v *store.Survey) { v.Options.Profile, v.Priority, v.Cursor = "shell", 2, "begin" })
	conflict(t, "begin one of the same name", s.NewSurvey(t.Context(), store.Survey{Name: "s"}))
	jobs := waits(t, s, "")
	if len(jobs) != 1 || jobs[0].Kind != store.JobList || jobs[0].Survey != "s" || jobs[0].Priority != 2 {
		t.Fatalf("the first jobs are %+v", jobs)
	}
	v := counts(t, s, "s")
	same(t, "what was begun", store.Survey{
		Name: "s", Sources: []string{"file:list"}, Aim: "aim", Choice: store.Choice{Seed: 7, Platforms: []string{"linux/amd64"}},
		Options: store.RunOptions{Profile: "shell"}, Priority: 2, Cursor: "begin", State: store.SurveyListing, Created: clock.Now(),
	}, *v)

	must(t, s.Listed(t.Context(), "s", repositories(1, 3), "half", false))
	same(t, "the cursor", "half", counts(t, s, "s").Cursor)
	same(t, "how many jobs are put", 1, feed(t, s)) // without a sample what is listed is chosen at once
	must(t, s.Listed(t.Context(), "s", repositories(3, 5), "", true))
	same(t, "how many jobs are put", 1, feed(t, s))
	same(t, "how many jobs are put then", 0, feed(t, s))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateChosen: 5}, nil, nil)
	look(t, s, func(c store.Candidate) ([]store.Item, store.Reason) {
		switch c.Number {
		case 1:
			return nil, store.ReasonImageless
		case 2:
			return []store.Item{{Name: store.Name{Tag: "w"}, Platform: "windows/amd64", State: store.ItemSkipped, Reason: store.ReasonPlatform}}, ""
		case 3:
			return nil, "" // nobody knows why, and it is so
		}
		return []store.Item{tagged("1", 1), tagged("2", uint64(c.Number))}, ""
	})
	looked := map[store.CandidateState]int{store.CandidateLooked: 4, store.CandidateSkipped: 1}
	reasons := map[store.Reason]int{store.ReasonImageless: 1, store.ReasonPlatform: 1}
	isCounted(t, s, "s", store.SurveyRunning, looked, map[store.ItemState]int{store.ItemReady: 4, store.ItemSkipped: 1}, reasons)
	same(t, "how many jobs are put", 3, feed(t, s))
	isCounted(t, s, "s", store.SurveyRunning, looked, map[store.ItemState]int{store.ItemQueued: 4, store.ItemSkipped: 1}, reasons)
	work(t, s, isImage, func(j store.Job) store.Outcome {
		if j.Aim != "aim" || j.Options.Profile != "shell" || j.Priority != 2 {
			t.Errorf("a job is %+v", j)
		}
		if j.Digest == digest(5) {
			return failed("it is poison")
		}
		return done(aimed(map[detonaut.Digest]uint64{digest(1): 1, digest(4): 4}[j.Digest], "aim"))
	})
	clock.pass(time.Minute)
	same(t, "how many jobs are put at the end", 0, feed(t, s))
	reasons["it is poison"] = 1
	isCounted(t, s, "s", store.SurveyDone, looked, map[store.ItemState]int{store.ItemDone: 3, store.ItemSkipped: 1, store.ItemFailed: 1}, reasons)
	same(t, "when it ended", clock.Now(), counts(t, s, "s").Ended)
	isTold(t, s)
	begin(t, s, "later", nil)
	all := got(s.AllSurveys(t.Context()))(t)
	if len(all) != 2 || all[0].Name != "later" || all[1].Name != "s" || all[1].State != store.SurveyDone {
		t.Errorf("all surveys are %+v", all)
	}
	for _, err := range []error{
		s.SteerSurvey(t.Context(), "s", store.SurveyPaused), s.Listed(t.Context(), "s", repositories(9, 9), "", false),
		s.Looked(t.Context(), "s", 1, nil, ""), s.Pushed(t.Context(), "s", repository(1), []string{"1"}),
	} {
		conflict(t, "change a survey that has ended", err)
	}
}

// isTold looks at what is told of the survey of testSurvey.
func isTold(t *testing.T, s store.Store) {
	t.Helper()
	items := pages(t, 2, func(p store.Page) ([]store.Item, string, error) { return s.Items(t.Context(), "s", "", p) })
	want := store.Item{
		Survey: "s", Candidate: 4, Number: 1, Name: store.Name{Registry: "docker.io", Repository: "some/image-4", Tag: "1"}, Digest: digest(1), Platform: "linux/amd64",
		Size: 1000, Pushed: pushedAt, State: store.ItemDone,
	}
	if len(items) != 5 {
		t.Fatalf("there are %d images", len(items))
	}
	same(t, "an image", want, items[1])
	for state, n := range map[store.ItemState]int{store.ItemDone: 3, store.ItemSkipped: 1, store.ItemFailed: 1, store.ItemReady: 0, store.ItemQueued: 0} {
		some := pages(t, 1, func(p store.Page) ([]store.Item, string, error) { return s.Items(t.Context(), "s", state, p) })
		same(t, "how many images are "+string(state), n, len(some))
	}
	for limit := 1; limit <= 8; limit++ {
		all := results(t, s, "s", limit)
		same(t, "how many results there are", 7, len(all)) // two of no images, five images
		same(t, "whether the first has an image", true, all[0].Item == nil && all[0].Candidate.Reason == store.ReasonImageless && all[2].Item == nil)
		if m := all[3].Measured; m == nil || m.Verdict != entry(1).Report.Verdict.Word || all[3].Aim != "aim" || all[3].Key != store.Key(entry(1).Report.Fingerprint) {
			t.Errorf("what was measured is %+v", m)
		}
		c := repository(4)
		c.Number, c.State, c.Weight = 4, store.CandidateLooked, 1
		same(t, "a repository", c, all[3].Candidate)
		same(t, "its image", &want, all[3].Item)
		if last := all[6]; last.Measured != nil || last.Item.State != store.ItemFailed || last.Item.Reason != "it is poison" {
			t.Errorf("the image that failed is %+v", last)
		}
	}
}

// results are all results of a survey, read so many at a time.
func results(t *testing.T, s store.Store, name string, limit int) (all []store.Result) {
	t.Helper()
	var after store.Place
	for {
		part := got(s.Results(t.Context(), name, after, limit))(t)
		if len(part) == 0 {
			return all
		}
		all = append(all, part...)
		last := part[len(part)-1]
		after = store.Place{Candidate: last.Candidate.Number}
		if last.Item != nil {
			after.Item = last.Item.Number
		}
	}
}

// invalid fails unless an error is of what makes no sense.
func invalid(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("%s: %v", what, err)
	}
}

// testNoSurvey is of what is none.
func testNoSurvey(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	for _, v := range []store.Survey{
		{},
		{Name: "Capital"},
		{Name: "a/b"},
		{Name: "-a"},
		{Name: "a\x00"},
		{Name: fmt.Sprintf("%0100d", 1)},
		{Name: "a", Priority: 9},
		{Name: "a", Choice: store.Choice{Sample: "by taste", Size: 1}},
		{Name: "a", Choice: store.Choice{Sample: store.SampleRandom}},
		{Name: "a", Sources: make([]string, 1<<20)},
	} {
		invalid(t, "begin what is no survey", s.NewSurvey(t.Context(), v))
	}
	notFound(t, "get a survey that there is not", func() error { _, err := s.Survey(t.Context(), "s"); return err })
	for what, do := range map[string]func(context.Context) error{
		"steer": func(ctx context.Context) error { return s.SteerSurvey(ctx, "s", store.SurveyPaused) },
		"drop":  func(ctx context.Context) error { return s.DropSurvey(ctx, "s") },
		"list":  func(ctx context.Context) error { return s.Listed(ctx, "s", nil, "", true) },
		"look":  func(ctx context.Context) error { return s.Looked(ctx, "s", 1, nil, "") },
		"push":  func(ctx context.Context) error { return s.Pushed(ctx, "s", repository(1), []string{"1"}) },
		"batch": func(ctx context.Context) error { _, err := s.Candidates(ctx, "s", 1); return err },
		"items": func(ctx context.Context) error { _, _, err := s.Items(ctx, "s", "", store.Page{}); return err },
		"tell":  func(ctx context.Context) error { _, err := s.Results(ctx, "s", store.Place{}, 1); return err },
	} {
		notFound(t, what, func() error { return do(t.Context()) })
	}
	begin(t, s, "s", nil)
	notFound(t, "look at a repository that there is not", func() error { return s.Looked(t.Context(), "s", 1, nil, "") })
	invalid(t, "steer it to no state", s.SteerSurvey(t.Context(), "s", store.SurveyDone))
	for _, cursor := range []string{"1", "x.1", "1.x", "99999999999999999999.1"} {
		_, _, err := s.Items(t.Context(), "s", "", store.Page{Cursor: cursor})
		invalid(t, "a cursor that is none", err)
	}
	_, _, err := s.Items(t.Context(), "s", "asleep", store.Page{})
	invalid(t, "images in no state", err)
}
