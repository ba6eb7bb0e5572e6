package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// all has a survey with so many repositories of which all are listed, and wait to be looked at.
func all(t *testing.T, s store.Store, name string, n int, change func(*store.Survey)) {
	t.Helper()
	begin(t, s, name, change)
	must(t, s.Listed(t.Context(), name, repositories(1, n), "", true))
}

// one finds one image of each repository, of the report of its number.
func one(c store.Candidate) ([]store.Item, store.Reason) {
	return []store.Item{tagged("latest", uint64(c.Number))}, "" //nolint:gosec // it is positive
}

// found are the digests of jobs that wait, in their order.
func found(t *testing.T, s store.Store) (all []detonaut.Digest) {
	t.Helper()
	for _, j := range waits(t, s, store.JobImage) {
		all = append(all, j.Digest)
	}
	return all
}

// testFeedOrder looks at in which order repositories are looked at, and images analysed.
func testFeedOrder(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	begin(t, s, "s", nil)
	list := repositories(1, 120)
	list[69].Class, list[79].Class, list[89].Class = store.ClassOfficial, store.ClassVerified, ""
	list[89].Official = true
	must(t, s.Listed(t.Context(), "s", list, "", true))
	same(t, "how many jobs are put", 3, feed(t, s))
	order := numbers(candidates(t, s))
	want := []int64{90, 70, 80}
	for n := int64(120); n > 0; n-- {
		if !slices.Contains(want, n) {
			want = append(want, n)
		}
	}
	same(t, "the order in which repositories are looked at", want, order)
	look(t, s, one)
	same(t, "how many jobs are put", 40, got(s.Feed(t.Context(), 40))(t))
	same(t, "how many jobs are put while these wait", 0, got(s.Feed(t.Context(), 40))(t))
	same(t, "how many jobs are put to have more wait", 10, got(s.Feed(t.Context(), 50))(t))
	var digests []detonaut.Digest
	for _, n := range want[:50] {
		digests = append(digests, digest(uint64(n)))
	}
	same(t, "the order in which images are analysed", digests, found(t, s))
}

// testFeedOnce has each digest analysed once, also for several surveys.
func testFeedOnce(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	put(t, s, aimed(1, "aim"))
	put(t, s, aimed(2, "another aim"))
	for _, name := range []string{"s", "second"} {
		all(t, s, name, 4, nil)
	}
	all(t, s, "of-another-aim", 4, func(v *store.Survey) { v.Aim = "another aim" })
	all(t, s, "of-any-aim", 4, func(v *store.Survey) { v.Aim = "" })
	feed(t, s)
	look(t, s, func(c store.Candidate) ([]store.Item, store.Reason) {
		return []store.Item{tagged("latest", uint64(c.Number)), tagged("again", uint64(c.Number)), tagged("other", uint64(c.Number)%2+1)}, ""
	})
	same(t, "how many jobs are put", 3+3+2, feed(t, s))
	looked := map[store.CandidateState]int{store.CandidateLooked: 4}
	seen := func(name string, n int) {
		t.Helper()
		is := 0
		for _, i := range pages(t, 9, func(p store.Page) ([]store.Item, string, error) { return s.Items(t.Context(), name, "", p) }) {
			if i.Seen {
				is++
			}
		}
		same(t, "how many images of "+name+" were seen before", n, is)
	}
	// Of 12 images of each four are of digest 1, four of 2, two of 3 and two of 4.
	for name, done := range map[string]int{"s": 4, "second": 4, "of-another-aim": 4, "of-any-aim": 8} {
		isCounted(t, s, name, store.SurveyRunning, looked, map[store.ItemState]int{store.ItemDone: done, store.ItemQueued: 12 - done}, nil)
		seen(name, done)
	}
	work(t, s, func(j store.Job) bool { return isImage(j) && j.Aim == "aim" }, func(j store.Job) store.Outcome {
		switch j.Digest {
		case digest(3):
			return failed("too slow")
		case digest(4):
			put(t, s, aimed(4, "aim"))
			return store.Outcome{Known: &store.Known{Digest: j.Digest, Key: store.Key(entry(4).Report.Fingerprint)}}
		}
		return done(aimed(2, "aim"))
	})
	feed(t, s)
	for _, name := range []string{"s", "second"} {
		isCounted(t, s, name, store.SurveyDone, looked, map[store.ItemState]int{store.ItemDone: 10, store.ItemFailed: 2}, map[store.Reason]int{"too slow": 2})
		seen(name, 4)
	}
	isCounted(t, s, "of-another-aim", store.SurveyRunning, looked, map[store.ItemState]int{store.ItemDone: 4, store.ItemQueued: 8}, nil)
}

// testFeedTwins has a digest come again that was tried before.
func testFeedTwins(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	all(t, s, "s", 3, nil)
	feed(t, s)
	twins := func(c store.Candidate) ([]store.Item, store.Reason) {
		var items []store.Item
		for n := range 10 {
			items = append(items, tagged(fmt.Sprint(n), uint64(c.Number)))
		}
		return items, ""
	}
	look(t, s, twins)
	same(t, "how many jobs are put, of two", 1, got(s.Feed(t.Context(), 1))(t)) // it sees one item at a time
	d := found(t, s)[0]
	work(t, s, isImage, func(store.Job) store.Outcome { return failed("poison") })
	for range 40 {
		work(t, s, isImage, func(j store.Job) store.Outcome {
			if j.Digest == d {
				t.Error("what has failed is tried again under another tag")
			}
			return failed("poison, too")
		})
		got(s.Feed(t.Context(), 1))(t)
	}
	isCounted(t, s, "s", store.SurveyDone, map[store.CandidateState]int{store.CandidateLooked: 3}, map[store.ItemState]int{store.ItemFailed: 30},
		map[store.Reason]int{"poison": 10, "poison, too": 20})
}

// testFeedPriority has the more urgent survey fed first, and one that is paused not at all.
func testFeedPriority(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	for i, name := range []string{"s", "paused", "urgent"} {
		begin(t, s, name, func(v *store.Survey) { v.Priority = []int{0, 1, 2}[i] })
		must(t, s.Listed(t.Context(), name, repositories(i*3+1, i*3+3), "", true))
	}
	feed(t, s)
	look(t, s, func(c store.Candidate) ([]store.Item, store.Reason) {
		return []store.Item{tagged("1", uint64(c.Pulls))}, ""
	})
	must(t, s.SteerSurvey(t.Context(), "paused", store.SurveyPaused))
	same(t, "how many jobs are put", 5, got(s.Feed(t.Context(), 5))(t))
	same(t, "what waits", []detonaut.Digest{digest(9), digest(8), digest(7), digest(3), digest(2)}, found(t, s))
}

// testFeedPutBack has the jobs of a survey be put back for ever: others are fed all the same, and not all
// that it has is in the queue.
func testFeedPutBack(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	all(t, s, "held", 500, nil)
	back := func(kind store.JobKind) {
		t.Helper()
		work(t, s, func(j store.Job) bool { return j.Kind == kind && j.Survey == "held" }, func(store.Job) store.Outcome { return store.Outcome{Later: time.Hour, Why: "429"} })
	}
	jobs := func(kind store.JobKind, name string) (n int) {
		t.Helper()
		for _, j := range pages(t, 50, func(p store.Page) ([]store.Job, string, error) { return s.Jobs(t.Context(), kind, store.JobLater, p) }) {
			if j.Survey == name {
				n++
			}
		}
		return n
	}
	for range 4 {
		same(t, "how many batches are put", 1, got(s.Feed(t.Context(), 1))(t))
		back(store.JobLook)
	}
	all(t, s, "second", 60, nil)
	same(t, "how many batches are put, of the other survey", 1, got(s.Feed(t.Context(), 1))(t))
	same(t, "whose they are", "second", waits(t, s, store.JobLook)[0].Survey)
	same(t, "how many were put back", 4, jobs(store.JobLook, "held"))
	look(t, s, one)

	// The batches of the first survey have their turn.
	for _, j := range pages(t, 50, func(p store.Page) ([]store.Job, string, error) {
		return s.Jobs(t.Context(), store.JobLook, store.JobLater, p)
	}) {
		must(t, s.RetryJob(t.Context(), j.ID))
	}
	look(t, s, func(c store.Candidate) ([]store.Item, store.Reason) {
		return []store.Item{tagged("latest", uint64(c.Number)+1000)}, "" //nolint:gosec // it is positive
	})
	for range 4 {
		got(s.Feed(t.Context(), 10))(t)
		same(t, "whose images wait", "held", waits(t, s, store.JobImage)[0].Survey)
		back(store.JobImage)
	}
	got(s.Feed(t.Context(), 10))(t)
	same(t, "how many were put back", 40, jobs(store.JobImage, "held"))
	waiting := waits(t, s, store.JobImage)
	same(t, "how many images wait", 10, len(waiting))
	for _, j := range waiting {
		same(t, "whose image waits", "second", j.Survey)
	}
}

// testSteer pauses, cancels and drops.
func testSteer(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	all(t, s, "s", 60, nil)
	all(t, s, "second", 2, nil)
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyRunning)) // as it does
	feed(t, s)
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyPaused))
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyPaused))
	same(t, "how many jobs wait", 1, len(waits(t, s, store.JobLook)))
	chosen := map[store.CandidateState]int{store.CandidateChosen: 60}
	isCounted(t, s, "s", store.SurveyPaused, chosen, nil, nil)
	feed(t, s)
	same(t, "how many jobs wait", 1, len(waits(t, s, store.JobLook)))
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyRunning))
	same(t, "how many jobs are put when it goes on", 2, feed(t, s))
	look(t, s, one)

	// Two surveys want digests 1 and 2; the job is the first's.
	same(t, "how many jobs are put", 60, feed(t, s))
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyPaused))
	same(t, "how many jobs wait", 0, len(found(t, s)))
	looked := map[store.CandidateState]int{store.CandidateLooked: 60}
	isCounted(t, s, "s", store.SurveyPaused, looked, map[store.ItemState]int{store.ItemReady: 60}, nil)
	same(t, "how many jobs are put for the other survey", 2, feed(t, s))
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyListing)) // what it was
	same(t, "how many jobs are put when it goes on", 58, feed(t, s))
	isCounted(t, s, "s", store.SurveyRunning, looked, map[store.ItemState]int{store.ItemQueued: 60}, nil)

	// What runs when it is paused goes on.
	h := working(t, s, store.WorkOptions{Images: 1})
	j := h.next()
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyPaused))
	j.end(failed("as it is"))
	until(t, "a job has ended", func() bool { return counts(t, s, "s").Items[store.ItemFailed] == 1 })
	h.leave()
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyRunning))
	feed(t, s)
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyCancelled))
	isCounted(t, s, "s", store.SurveyCancelled, looked, map[store.ItemState]int{store.ItemSkipped: 59, store.ItemFailed: 1},
		map[store.Reason]int{store.ReasonCancelled: 59, "as it is": 1})
	conflict(t, "let a survey go on that was cancelled", s.SteerSurvey(t.Context(), "s", store.SurveyRunning))
	feed(t, s)
	for _, j := range waits(t, s, store.JobImage) {
		if j.Survey != "second" {
			t.Errorf("of a survey that was cancelled there waits %+v", j)
		}
	}

	must(t, s.DropSurvey(t.Context(), "s"))
	notFound(t, "drop what was dropped", func() error { return s.DropSurvey(t.Context(), "s") })
	same(t, "how many surveys there are", 1, len(got(s.AllSurveys(t.Context()))(t)))
	all(t, s, "s", 1, nil) // of the same name
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateChosen: 1}, nil, nil)
	same(t, "how many jobs are put", 1, feed(t, s))
	must(t, s.DropSurvey(t.Context(), "s"))
	must(t, s.DropSurvey(t.Context(), "second"))
	same(t, "how many jobs wait", 0, len(waits(t, s, "")))
}

// testCancelJob cancels, and tries again, jobs of a survey.
func testCancelJob(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	all(t, s, "s", 3, nil)
	feed(t, s)
	look(t, s, one)
	feed(t, s)
	jobs := waits(t, s, store.JobImage)
	must(t, s.CancelJob(t.Context(), jobs[0].ID))
	looked := map[store.CandidateState]int{store.CandidateLooked: 3}
	isCounted(t, s, "s", store.SurveyRunning, looked, map[store.ItemState]int{store.ItemQueued: 2, store.ItemSkipped: 1}, map[store.Reason]int{store.ReasonCancelled: 1})
	work(t, s, isImage, func(j store.Job) store.Outcome { return failed("no") })
	isCounted(t, s, "s", store.SurveyRunning, looked, map[store.ItemState]int{store.ItemFailed: 2, store.ItemSkipped: 1}, map[store.Reason]int{store.ReasonCancelled: 1, "no": 2})
	must(t, s.RetryJob(t.Context(), jobs[1].ID))
	isCounted(t, s, "s", store.SurveyRunning, looked, map[store.ItemState]int{store.ItemQueued: 1, store.ItemFailed: 1, store.ItemSkipped: 1}, map[store.Reason]int{store.ReasonCancelled: 1, "no": 1})
	work(t, s, isImage, func(j store.Job) store.Outcome { return done(aimed(2, "aim")) })
	isCounted(t, s, "s", store.SurveyRunning, looked, map[store.ItemState]int{store.ItemDone: 1, store.ItemFailed: 1, store.ItemSkipped: 1}, map[store.Reason]int{store.ReasonCancelled: 1, "no": 1})
	feed(t, s)
	same(t, "the state", store.SurveyDone, counts(t, s, "s").State)

	// A list that cannot be told pauses the survey, which goes on from there.
	begin(t, s, "list", nil)
	must(t, s.Listed(t.Context(), "list", repositories(1, 1), "here", false))
	isList := func(j store.Job) bool { return j.Kind == store.JobList }
	work(t, s, isList, func(store.Job) store.Outcome { return failed("no such list") })
	same(t, "the state of a survey whose list cannot be told", store.SurveyPaused, counts(t, s, "list").State)
	must(t, s.SteerSurvey(t.Context(), "list", store.SurveyRunning))
	same(t, "its state when it goes on", store.SurveyListing, counts(t, s, "list").State)
	same(t, "how many jobs are put then", 2, feed(t, s))
	work(t, s, isList, func(store.Job) store.Outcome { return store.Outcome{} }) // it has said nothing
	same(t, "how many jobs are put when listing has not ended", 1, feed(t, s))
	must(t, s.Listed(t.Context(), "list", nil, "", true))
	work(t, s, isList, func(store.Job) store.Outcome { return store.Outcome{} })
	same(t, "how many jobs are put when it has", 0, feed(t, s))
}

// testLookFails has jobs fail that look at repositories, or end without having done so.
func testLookFails(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	all(t, s, "s", 3, nil)
	feed(t, s)
	isLook := func(j store.Job) bool { return j.Kind == store.JobLook }
	must(t, s.Looked(t.Context(), "s", 1, nil, store.ReasonImageless))
	job := waits(t, s, store.JobLook)[0]
	work(t, s, isLook, func(store.Job) store.Outcome { return failed(string(store.ReasonSilent)) })
	reasons := map[store.Reason]int{store.ReasonImageless: 1, store.ReasonSilent: 2}
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateSkipped: 3}, nil, reasons)
	must(t, s.RetryJob(t.Context(), job.ID))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateSkipped: 1, store.CandidateChosen: 2}, nil, map[store.Reason]int{store.ReasonImageless: 1})
	same(t, "what is looked at again", []int64{3, 2}, numbers(candidates(t, s)))
	must(t, s.Looked(t.Context(), "s", 2, nil, ""))
	work(t, s, isLook, func(store.Job) store.Outcome { return store.Outcome{} })
	feed(t, s)
	isCounted(t, s, "s", store.SurveyDone, map[store.CandidateState]int{store.CandidateSkipped: 2, store.CandidateLooked: 1}, nil,
		map[store.Reason]int{store.ReasonImageless: 1, store.ReasonUnlooked: 1})

	all(t, s, "second", 2, nil)
	feed(t, s)
	must(t, s.CancelJob(t.Context(), waits(t, s, store.JobLook)[0].ID))
	feed(t, s)
	isCounted(t, s, "second", store.SurveyDone, map[store.CandidateState]int{store.CandidateSkipped: 2}, nil, map[store.Reason]int{store.ReasonCancelled: 2})
}
