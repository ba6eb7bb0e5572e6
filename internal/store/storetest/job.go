package storetest

import (
	"context"
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

// putter puts jobs, which the contract leaves to submissions and surveys.
type putter interface {
	PutJobs(ctx context.Context, jobs []store.Job) ([]bool, error)
}

// putJobs puts jobs, and returns which are new.
func putJobs(t testing.TB, s store.Store, jobs ...store.Job) []bool {
	t.Helper()
	fresh, err := s.(putter).PutJobs(t.Context(), jobs)
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

// image is a job of a survey.
func image(n int, priority int) store.Job {
	return store.Job{
		Kind: store.JobImage, Survey: "s", Ref: detonaut.Ref(fmt.Sprintf("app:%d", n)), Digest: detonaut.Digest(fmt.Sprintf("sha256:%064x", n)),
		Aim: "a", Priority: priority,
	}
}

// jobIs waits until a job has a state.
func jobIs(t *testing.T, s store.Store, id int64, want store.JobState) *store.Job {
	t.Helper()
	var j *store.Job
	until(t, "a job is "+string(want), func() bool {
		j = got(s.Job(t.Context(), id))(t)
		return j.State == want
	})
	return j
}

func testJobOrder(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	must(t, s.PauseQueue(t.Context(), true))
	putJobs(t, s, image(1, store.PrioritySurvey), image(2, store.PriorityRoutine), image(3, 0), image(4, store.PriorityPush))
	submit(t, s, "person:1")
	putJobs(t, s, image(5, store.PriorityPush))
	h := working(t, s, store.WorkOptions{Images: 1})
	must(t, s.PauseQueue(t.Context(), false))
	var order []string
	for range 6 {
		j := h.next()
		order = append(order, string(j.Ref))
		j.end(store.Outcome{})
	}
	same(t, "the order of jobs", []string{"person:1", "app:4", "app:5", "app:1", "app:3", "app:2"}, order)
}

func testJobsOnce(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	list, look := store.Job{Kind: store.JobList, Survey: "s"}, store.Job{Kind: store.JobLook, Survey: "s", Batch: 1}
	a, other, batch := image(1, 0), image(1, 0), look
	a.Survey, other.Aim, batch.Batch = "another", "b", 2
	same(t, "what is new", []bool{true, true, true, true, false, true}, putJobs(t, s, image(1, 0), list, look, other, a, batch))
	same(t, "what is new of what waits", []bool{false, false, false, true}, putJobs(t, s, a, list, look, store.Job{Kind: store.JobList, Survey: "t"}))
	h := working(t, s, store.WorkOptions{Images: 1})
	j := h.next()
	same(t, "what is new of what runs", []bool{false}, putJobs(t, s, image(1, 0)))
	j.end(store.Outcome{Later: time.Hour})
	jobIs(t, s, j.ID, store.JobLater)
	same(t, "what is new of what runs later", []bool{false}, putJobs(t, s, image(1, 0)))
	must(t, s.CancelJob(t.Context(), j.ID))
	same(t, "what is new of what was cancelled", []bool{true}, putJobs(t, s, image(1, 0)))
	for range 2 { // the other aim, and the new one
		j := h.next()
		j.end(store.Outcome{})
		jobIs(t, s, j.ID, store.JobDone)
	}
	same(t, "what is new of what is done", []bool{true}, putJobs(t, s, image(1, 0)))
	if _, err := s.(putter).PutJobs(t.Context(), []store.Job{{Kind: "other"}}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("put a job of no kind: %v", err)
	}
}

// testJobLater puts a job off, and has it run at once all the same.
func testJobLater(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	v := submit(t, s, "a")
	h := working(t, s, store.WorkOptions{Lease: 2 * time.Second})
	j := h.submitted("a")
	j.end(store.Outcome{Later: time.Hour, Why: "429"})
	later := jobIs(t, s, j.ID, store.JobLater)
	if later.Attempt != 0 || len(later.Errors) > 0 || later.Due.Sub(later.Started) < 59*time.Minute {
		t.Errorf("what was put off is %+v", later)
	}
	if v := state(t, s, v.ID, store.Queued); v.Attempts != 0 {
		t.Errorf("what was put off is %+v", v)
	}
	must(t, s.RetryJob(t.Context(), j.ID))
	if j = h.submitted("a"); j.Attempt != 1 {
		t.Errorf("attempt %d is the first", j.Attempt)
	}
	j.end(store.Outcome{Later: 50 * time.Millisecond})
	h.submitted("a").end(store.Outcome{Later: 6 * time.Second}) // which is set aside, and looked for
	if j = h.submitted("a"); j.Attempt != 1 {
		t.Errorf("attempt %d is the first", j.Attempt)
	}
	j.end(done(entry(1)))
	becomes(t, s, v.ID, store.Done)
}

// testSetAside has a job fail until it is set aside, and has it run again.
func testSetAside(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	v := submit(t, s, "a")
	h := working(t, s, store.WorkOptions{})
	var id int64
	for i := 1; i <= store.MaxAttempts; i++ {
		j := h.submitted("a")
		if id = j.ID; j.Attempt != i || len(j.Errors) != i-1 {
			t.Errorf("attempt %d is %+v", i, j.Job)
		}
		j.end(store.Outcome{Failure: &store.Failure{Says: "no", Detail: fmt.Sprint("log ", i, "\x00\xff"), Pause: time.Millisecond}})
	}
	v = becomes(t, s, v.ID, store.Failed)
	if v.Failure != "no" || v.Attempts != store.MaxAttempts || v.Finished.IsZero() {
		t.Errorf("what has failed too often is %+v", v)
	}
	j := jobIs(t, s, id, store.JobFailed)
	var errs []string
	for i, e := range j.Errors {
		errs = append(errs, e.Text)
		if e.Attempt != i+1 || e.At.IsZero() {
			t.Errorf("an error is %+v", e)
		}
	}
	same(t, "why attempts failed", []string{"log 1\uFFFD\uFFFD", "log 2\uFFFD\uFFFD", "log 3\uFFFD\uFFFD"}, errs)
	failures, _, err := s.Jobs(t.Context(), store.JobImage, store.JobFailed, store.Page{Limit: 10})
	must(t, err)
	same(t, "what has failed", []store.Job{*j}, failures)

	must(t, s.RetryJob(t.Context(), id))
	again := h.submitted("a")
	if state(t, s, v.ID, store.Running); again.Attempt != store.MaxAttempts+1 || again.MaxAttempts != store.MaxAttempts+1 {
		t.Errorf("what is tried again is %+v", again.Job)
	}
	conflict(t, "retry what runs", s.RetryJob(t.Context(), id))
	again.end(done(entry(1)))
	if v := becomes(t, s, v.ID, store.Done); v.Failure != "" {
		t.Errorf("what is done at last is %+v", v)
	}
	conflict(t, "retry what is done", s.RetryJob(t.Context(), id))
	conflict(t, "cancel what is done", s.CancelJob(t.Context(), id))
	notFound(t, "retry what is not there", func() error { return s.RetryJob(t.Context(), 999) })
	notFound(t, "cancel what is not there", func() error { return s.CancelJob(t.Context(), 999) })
	notFound(t, "a job that is not there", func() error { _, err := s.Job(t.Context(), 999); return err })
}

// testJobFailures are those that another attempt would not change.
func testJobFailures(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	h := working(t, s, store.WorkOptions{Images: 1})
	for _, tc := range []struct {
		outcome store.Outcome
		says    string
	}{
		{failed("no"), "no"},
		{store.Outcome{Entry: &store.Entry{}}, "its report cannot be kept"},
		{store.Outcome{Entry: &store.Entry{Report: &detonaut.Report{}}}, "its report cannot be kept"},
	} {
		v := submit(t, s, "a")
		h.next().end(tc.outcome)
		if v := becomes(t, s, v.ID, store.Failed); v.Failure != tc.says || v.Attempts != 1 {
			t.Errorf("what has failed for good is %+v, want %q", v, tc.says)
		}
	}
	h.leave()
	v := submit(t, s, "a")
	stop := serving(t.Context(), s, "w", func(store.Job) store.Outcome { panic("boom") })
	v = becomes(t, s, v.ID, store.Failed)
	must(t, stop())
	jobs, _, err := s.Jobs(t.Context(), "", "", store.Page{Limit: 1})
	must(t, err)
	if j := jobs[0]; v.Attempts != 1 || len(j.Errors) != 1 || !strings.Contains(j.Errors[0].Text, "boom") || !strings.Contains(j.Errors[0].Text, "storetest") {
		t.Errorf("what has panicked is %+v and %+v", v, j)
	}
}

// testKnown ends a submission with a report that there was.
func testKnown(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	sum := put(t, s, entry(1))
	v := submit(t, s, "a")
	working(t, s, store.WorkOptions{}).next().end(store.Outcome{Known: &store.Known{Digest: sum.Digest, Key: sum.Key}})
	if v := becomes(t, s, v.ID, store.Done); v.Digest != sum.Digest || v.Fingerprint != sum.Key {
		t.Errorf("what was known is %+v", v)
	}
	same(t, "the reports", []store.Summary{sum}, got(s.Analyses(t.Context(), sum.Digest))(t))
}

// testPause pauses the queue while a job runs.
func testPause(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	h := working(t, s, store.WorkOptions{Images: 2, Catalogue: 1, Name: "worker"})
	submit(t, s, "a")
	j := h.submitted("a")
	must(t, s.PauseQueue(t.Context(), true))
	must(t, s.PauseQueue(t.Context(), true))
	b := submit(t, s, "b")
	putJobs(t, s, store.Job{Kind: store.JobList, Survey: "s"})
	var q *store.Queue
	until(t, "the worker is heard of", func() bool {
		q = got(s.Queue(t.Context()))(t)
		return len(q.Workers) == 1
	})
	if w := q.Workers[0]; !q.Paused || w.Name != "worker" || w.Running != 1 || w.Seen.IsZero() || q.Oldest.IsZero() {
		t.Errorf("the queue is %+v", q)
	}
	same(t, "what is to do", map[store.JobKind]map[store.JobState]int{
		store.JobImage: {store.JobRunning: 1, store.JobWaiting: 1}, store.JobList: {store.JobWaiting: 1},
	}, q.Jobs)
	v := submit(t, s, "c")
	must(t, s.Cancel(t.Context(), v.ID))
	j.end(done(entry(1)))
	jobIs(t, s, j.ID, store.JobDone)
	if v := state(t, s, b.ID, store.Queued); v.Attempts != 0 {
		t.Errorf("what was submitted to a queue that is paused is %+v", v)
	}
	must(t, s.PauseQueue(t.Context(), false))
	kinds := []store.JobKind{}
	for range 2 {
		j := h.next()
		kinds = append(kinds, j.Kind)
		j.end(store.Outcome{})
		jobIs(t, s, j.ID, store.JobDone)
	}
	slices.Sort(kinds)
	same(t, "what was left to do", []store.JobKind{store.JobImage, store.JobList}, kinds)
	h.leave()
	if q := got(s.Queue(t.Context()))(t); q.Paused || len(q.Workers) > 0 || len(q.Jobs) > 0 || !q.Oldest.IsZero() {
		t.Errorf("in the end the queue is %+v", q)
	}
}

// testHandBack has a worker end that has a job, and another that comes: it need not wait.
func testHandBack(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	v := submit(t, s, "a")
	h := working(t, s, store.WorkOptions{Name: "first"})
	j := h.submitted("a")
	h.leave()
	if v := state(t, s, v.ID, store.Queued); v.Attempts != 0 {
		t.Errorf("what was put back is %+v", v)
	}
	if j := jobIs(t, s, j.ID, store.JobWaiting); j.Attempt != 0 || len(j.Errors) > 0 {
		t.Errorf("what was put back is %+v", j)
	}
	again := working(t, open(t, store.Options{}), store.WorkOptions{Name: "second"}).submitted("a")
	if again.Attempt != 1 || again.Worker != "second" {
		t.Errorf("what another has is %+v", again.Job)
	}
}

// testGrace has a worker end whose job goes on for a moment.
func testGrace(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	a, b := submit(t, s, "a"), submit(t, s, "b")
	h := working(t, s, store.WorkOptions{Images: 1, Grace: patient})
	j := h.submitted("a")
	ended := make(chan struct{})
	go func() { h.leave(); close(ended) }()
	j.end(done(entry(1)))
	<-ended
	state(t, s, a.ID, store.Done)
	state(t, s, b.ID, store.Queued)
}

func testWake(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	h := working(t, s, store.WorkOptions{Images: 3, Catalogue: 1, Poll: time.Hour})
	until(t, "it works", func() bool { return len(got(s.Queue(t.Context()))(t).Workers) == 1 })
	putJobs(t, s, image(1, 0), image(2, 0), image(3, 0), store.Job{Kind: store.JobList, Survey: "s"})
	h.wake <- struct{}{}
	var all []held
	for range 4 {
		all = append(all, h.next())
	}
	for _, j := range all {
		j.end(store.Outcome{})
	}
}

// testJobsAtOnce has several do many jobs, each of which is done once.
func testJobsAtOnce(t *testing.T, open Opener) {
	const n = 120
	stores := []store.Store{open(t, store.Options{}), open(t, store.Options{})}
	var mu sync.Mutex
	times := map[detonaut.Ref]int{}
	for i := range 4 {
		stop := serving(t.Context(), stores[i%2], fmt.Sprint(i), func(j store.Job) store.Outcome {
			mu.Lock()
			defer mu.Unlock()
			times[j.Ref] += j.Attempt
			return store.Outcome{}
		})
		defer func() { must(t, stop()) }()
	}
	for i := range n {
		if i%2 == 0 {
			submit(t, stores[0], fmt.Sprint(i))
		} else {
			j := image(i, 0)
			j.Ref = detonaut.Ref(fmt.Sprint(i))
			putJobs(t, stores[1], j)
		}
	}
	until(t, "nothing is to do", func() bool { return len(got(stores[0].Queue(t.Context()))(t).Jobs) == 0 })
	mu.Lock()
	defer mu.Unlock()
	for ref, times := range times {
		if times != 1 {
			t.Errorf("%s was done %d times", ref, times)
		}
	}
	if len(times) != n {
		t.Errorf("of %d jobs %d were done", n, len(times))
	}
	all := pages(t, 50, func(p store.Page) ([]store.Job, string, error) {
		return stores[0].Jobs(t.Context(), "", store.JobDone, p)
	})
	if len(all) != n || !slices.IsSortedFunc(all, func(a, b store.Job) int { return int(b.ID - a.ID) }) {
		t.Errorf("%d jobs are listed, of %d", len(all), n)
	}
}
