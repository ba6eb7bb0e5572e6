package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

func testUpkeep(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	var want []store.Summary
	for n := range uint64(7) {
		e := withDomain(n % 5) // of two digests there are two reports
		e.Blobs = map[string]string{"tape": string('a' + byte(n)), "again": string('a' + byte(n)), "all have it": "z"}
		want = append(want, put(t, s, under(e, string('1'+byte(n)))))
	}
	for _, limit := range []int{1, 3, 7, 1000} {
		var all []store.Summary
		for after := int64(0); ; after = all[len(all)-1].Seq {
			part := got(s.All(t.Context(), after, limit))(t)
			if len(part) > limit {
				t.Errorf("%d are told, %d were asked for", len(part), limit)
			}
			if all = append(all, part...); len(part) == 0 {
				break
			}
		}
		same(t, "all reports", want, all)
		var named []string
		for after := ""; ; after = named[len(named)-1] {
			part := got(s.Named(t.Context(), after, limit))(t)
			if named = append(named, part...); len(part) == 0 {
				break
			}
		}
		same(t, "all blobs", []string{"a", "b", "c", "d", "e", "f", "g", "z"}, named)
	}
	for _, v := range want {
		must(t, s.Drop(t.Context(), v.Digest, v.Key))
	}
	if all, named := got(s.All(t.Context(), 0, 10))(t), got(s.Named(t.Context(), "", 10))(t); len(all)+len(named) > 0 {
		t.Errorf("when all were dropped there are still %v, %v", all, named)
	}
	notFound(t, "the facts of what is not there", func() error { _, err := s.FactsOf(t.Context(), want[0].Digest, want[0].Key); return err })
}

func testExpire(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	var ids []string
	for range 4 {
		id := submit(t, s, "a").ID
		must(t, s.AddProgress(t.Context(), id, slices.Repeat([]store.Progress{told("note", "1")}, 3)))
		ids = append(ids, id)
	}
	h := working(t, s, store.WorkOptions{})
	h.next().end(failed("no"))
	becomes(t, s, ids[0], store.Failed)
	must(t, s.Note(t.Context(), store.Deed{What: "old"}))
	h.next() // which runs
	c.pass(time.Hour)
	before := c.Now()
	must(t, s.Cancel(t.Context(), ids[3]))
	must(t, s.Note(t.Context(), store.Deed{What: "new"}))
	for _, dry := range []bool{true, false} {
		same(t, "what expires", store.Expired{Submissions: 1, Progress: 5, Deeds: 1}, got(s.Expire(t.Context(), before, dry))(t))
	}
	same(t, "what expires a second time", store.Expired{}, got(s.Expire(t.Context(), before, false))(t))
	notFound(t, "a submission that has expired", func() error { _, err := s.Submission(t.Context(), ids[0]); return err })
	state(t, s, ids[1], store.Running)
	state(t, s, ids[2], store.Queued)
	state(t, s, ids[3], store.Cancelled)
	deeds, _, err := s.Deeds(t.Context(), store.Page{Limit: 10})
	must(t, err)
	if len(deeds) != 1 || deeds[0].What != "new" {
		t.Errorf("what is left of deeds is %v", deeds)
	}
}

func testCursors(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	put(t, s, withDomain(1, "pool.example"))
	for _, cursor := range []string{"x", "-1", "1.5", "9999999999999999999999", "1; DROP TABLE reports", "\x00"} {
		p := store.Page{Cursor: cursor, Limit: 10}
		_, _, having := s.Having(t.Context(), domain("pool.example"), p)
		_, _, history := s.History(t.Context(), "docker.io", "some/image-1", "", p)
		_, _, recent := s.Recent(t.Context(), "", p)
		_, _, deeds := s.Deeds(t.Context(), p)
		_, _, disputes := s.Disputes(t.Context(), "", p)
		for i, err := range []error{having, history, recent, deeds, disputes} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("list %d behind %q: %v, want %v", i, cursor, err, store.ErrInvalid)
			}
		}
	}
}
