package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// testCrowd does everything at once in two stores, over and over, with the same few digests.
// What is left must fit together.
func testCrowd(t *testing.T, open Opener) {
	const rounds = 12
	stores := []store.Store{open(t, store.Options{}), open(t, store.Options{})}
	must(t, stores[0].AddHook(t.Context(), store.Hook{ID: "h", URL: "https://h.example"}))
	for i, s := range stores {
		stop := serving(t.Context(), s, fmt.Sprint("worker ", i), func(j store.Job) store.Outcome {
			var n uint64
			_, _ = fmt.Sscan(string(j.Ref), &n) // as stir submits it
			return done(under(withDomain(n, "pool.example", "of a job.example"), fmt.Sprint(j.ID%2)))
		})
		defer func() { must(t, stop()) }()
	}
	var all sync.WaitGroup
	for w := range 6 {
		s := stores[w%2]
		all.Go(func() {
			for i := range rounds {
				if err := stir(t.Context(), s, w, i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	until(t, "nothing is to do", func() bool { return len(got(stores[0].Queue(t.Context()))(t).Jobs) == 0 })
	for n := range uint64(3) {
		d := entry(n).Report.Image.Digest
		analyses := got(stores[0].Analyses(t.Context(), d))(t)
		if len(analyses) != 2 {
			t.Errorf("of two fingerprints there are %d analyses", len(analyses))
			continue
		}
		same(t, "the newest report", analyses[0].Key, got(stores[1].Get(t.Context(), d, ""))(t).Key)
	}
	same(t, "what has a fact", 3, len(having(t, stores[0], domain("pool.example"), 10)))
	same(t, "how many have it", []int{3}, got(stores[1].Prevalence(t.Context(), []store.Fact{domain("pool.example")}))(t))
	same(t, "what is found", having(t, stores[0], domain("pool.example"), 10), find(t, stores[1], store.Query{}))
	for _, v := range pages(t, 50, func(p store.Page) ([]store.Submission, string, error) { return stores[0].Recent(t.Context(), "", p) }) {
		if v.State != store.Done || v.Attempts != 1 {
			t.Errorf("a submission is %s after %d attempts", v.State, v.Attempts)
		}
	}
}

// stir does a bit of everything.
func stir(ctx context.Context, s store.Store, worker, round int) error {
	n := uint64(worker+round) % 3
	name := fmt.Sprint("worker ", worker)
	e := under(withDomain(n, "pool.example", fmt.Sprintf("%d.example", round)), fmt.Sprint(round%2))
	if _, err := s.Put(ctx, e); err != nil {
		return err
	}
	v, err := s.Submit(ctx, store.Submission{Ref: detonaut.Ref(fmt.Sprint(n))})
	if err != nil {
		return err
	}
	if err := s.AddProgress(ctx, v.ID, []store.Progress{told("note", "1")}); err != nil {
		return err
	}
	if err := s.PutRepository(ctx, store.Repository{Registry: "docker.io", Name: fmt.Sprintf("some/image-%d", n), Pulls: int64(round)}); err != nil {
		return err
	}
	due, err := s.Due(ctx, name, time.Hour, 2)
	if err != nil {
		return err
	}
	for _, d := range due {
		// It was put again meanwhile, and another has told of that.
		if err := s.Delivered(ctx, d.ID, "", time.Time{}); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if _, err := s.Find(ctx, store.Query{Page: store.Page{Limit: 10}}); err != nil {
		return err
	}
	return s.Note(ctx, store.Deed{Who: name, What: "stir"})
}

func testCancelled(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	v := submit(t, s, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := entry(1)
	_, put := s.Put(ctx, e)
	_, get := s.Get(ctx, e.Report.Image.Digest, "")
	_, queue := s.Queue(ctx)
	_, _, has := s.Having(ctx, domain("pool.example"), store.Page{Limit: 1})
	for i, err := range []error{put, get, queue, has, s.Cancel(ctx, v.ID), s.Note(ctx, store.Deed{})} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d with a context that is cancelled: %v", i, err)
		}
	}
	state(t, s, v.ID, store.Queued)
	notFound(t, "get what was put with a context that is cancelled", func() error { _, err := s.Get(t.Context(), e.Report.Image.Digest, ""); return err })

	// In the middle of it, wherever that is: it is there as a whole or not at all.
	for i := range uint64(20) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*500*time.Microsecond)
		e := withDomain(100+i, fmt.Sprintf("%d.example", i))
		_, err := s.Put(ctx, e)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put, and cancel that: %v", err)
		}
		_, gone := s.Get(t.Context(), e.Report.Image.Digest, "")
		leads := len(having(t, s, domain(fmt.Sprintf("%d.example", i)), 10)) == 1
		if (gone == nil) != leads || err == nil && gone != nil {
			t.Errorf("a report is put: %v, it is there: %v, its fact leads to it: %v", err, gone, leads)
		}
	}
	put2 := got(s.Put(t.Context(), e))(t)
	same(t, "a report that was put in the end", 1, len(got(s.Analyses(t.Context(), put2.Digest))(t)))
}
