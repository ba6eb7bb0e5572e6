package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

func testKeys(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	k := store.APIKey{ID: "1", Name: "it's \"mine\"", Hash: "aa", Scopes: []store.Scope{store.ScopeRead, store.ScopeDownload}, Expires: c.Now().Add(-time.Hour)}
	other := store.APIKey{ID: "2", Hash: "bb", Created: c.Now().Add(time.Hour)}
	must(t, s.AddKey(t.Context(), k))
	must(t, s.AddKey(t.Context(), other))
	k.Created = c.Now()
	same(t, "a key", &k, got(s.KeyOf(t.Context(), "aa"))(t)) // that it has expired is not the store's to see
	same(t, "all keys", []store.APIKey{k, other}, got(s.Keys(t.Context()))(t))
	conflict(t, "a key with the id of another", s.AddKey(t.Context(), store.APIKey{ID: "1", Hash: "cc"}))
	conflict(t, "a key with the hash of another", s.AddKey(t.Context(), store.APIKey{ID: "3", Hash: "aa"}))
	for _, bad := range []store.APIKey{{ID: "3"}, {Hash: "dd"}} {
		if err := s.AddKey(t.Context(), bad); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("add a key that is none: %v", err)
		}
	}
	for _, hash := range []string{"", "AA", "a", "cc", "' OR 1=1 --"} {
		notFound(t, "a key that is none", func() error { _, err := s.KeyOf(t.Context(), hash); return err })
	}
	must(t, s.RevokeKey(t.Context(), "1"))
	k.Revoked = c.Now()
	c.pass(time.Hour)
	must(t, s.RevokeKey(t.Context(), "1"))
	notFound(t, "a key that was revoked", func() error { _, err := s.KeyOf(t.Context(), "aa"); return err })
	same(t, "all keys", []store.APIKey{k, other}, got(s.Keys(t.Context()))(t))
	same(t, "a key", &other, got(s.KeyOf(t.Context(), "bb"))(t))
	notFound(t, "revoke what is not there", func() error { return s.RevokeKey(t.Context(), "none") })
}

func testDeeds(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	var want []store.Deed
	for i := range 9 {
		d := store.Deed{At: c.Now(), Who: fmt.Sprint(i), From: "192.0.2.1", What: "download", About: "sha256:1", Refused: "not allowed"}
		if i == 4 {
			d = store.Deed{What: "submit"}
		}
		must(t, s.Note(t.Context(), d))
		d.At = c.Now()
		want = append(want, d)
		c.pass(time.Second)
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 4, 9, 200} {
		same(t, "deeds", want, pages(t, limit, func(p store.Page) ([]store.Deed, string, error) { return s.Deeds(t.Context(), p) }))
	}
}

func testDisputes(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	var all, some []store.Dispute
	for i := range 7 {
		d := store.Dispute{ID: fmt.Sprint(i), Digest: detonaut.Digest(fmt.Sprint("sha256:", i%2)), At: c.Now(), From: "192.0.2.1", Contact: "me@example.com", Text: "It's wrong; \"really\""}
		must(t, s.AddDispute(t.Context(), d))
		all = append([]store.Dispute{d}, all...)
		if i%2 == 1 {
			some = append([]store.Dispute{d}, some...)
		}
	}
	list := func(d detonaut.Digest) []store.Dispute {
		t.Helper()
		return pages(t, 2, func(p store.Page) ([]store.Dispute, string, error) { return s.Disputes(t.Context(), d, p) })
	}
	same(t, "all disputes", all, list(""))
	same(t, "those of a digest", some, list("sha256:1"))
	same(t, "those of another", nil, list("sha256:2"))
	conflict(t, "a dispute with the id of another", s.AddDispute(t.Context(), all[0]))
	if err := s.AddDispute(t.Context(), store.Dispute{Text: "x"}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("add a dispute of nothing: %v", err)
	}
}

func testHooks(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	a := store.Hook{ID: "a", URL: "https://a.example/?x=1", Secret: "s\"'", Verdicts: []detonaut.Word{detonaut.Malicious, detonaut.Unwanted}, Owner: "me"}
	b := store.Hook{ID: "b", URL: "https://b.example", Created: c.Now().Add(time.Hour)}
	must(t, s.AddHook(t.Context(), a))
	must(t, s.AddHook(t.Context(), b))
	a.Created = c.Now()
	same(t, "all hooks", []store.Hook{a, b}, got(s.AllHooks(t.Context()))(t))
	conflict(t, "a hook with the id of another", s.AddHook(t.Context(), b))
	must(t, s.DropHook(t.Context(), "a"))
	same(t, "all hooks", []store.Hook{b}, got(s.AllHooks(t.Context()))(t))
	notFound(t, "drop a hook that is not there", func() error { return s.DropHook(t.Context(), "a") })
}

// judged is an entry with a verdict.
func judged(n uint64, w detonaut.Word) store.Entry {
	e := entry(n)
	e.Report.Verdict.Word = w
	return e
}

func testDeliveries(t *testing.T, open Opener) {
	c := newClock()
	s := open(t, c.options())
	due := func(limit int) []store.Delivery {
		t.Helper()
		return got(s.Due(t.Context(), "sender", time.Minute, limit))(t)
	}
	put(t, s, judged(1, detonaut.Malicious)) // before there was a hook
	all := store.Hook{ID: "all", URL: "https://all.example", Secret: "s", Created: c.Now()}
	bad := store.Hook{ID: "bad", URL: "https://bad.example", Verdicts: []detonaut.Word{detonaut.Malicious, detonaut.Unwanted}, Created: c.Now()}
	must(t, s.AddHook(t.Context(), all))
	must(t, s.AddHook(t.Context(), bad))
	if d := due(10); len(d) > 0 {
		t.Errorf("hooks are told of what was there before them: %v", d)
	}
	clean := put(t, s, judged(2, detonaut.Clean))
	c.pass(time.Second)
	unwanted := put(t, s, judged(3, detonaut.Unwanted))
	first := due(1)
	same(t, "the first delivery", []store.Delivery{{ID: first[0].ID, Hook: all, Report: clean, Attempts: 1}}, first)
	rest := due(10)
	if len(rest) != 2 || rest[0].ID == rest[1].ID {
		t.Fatalf("two are left to be delivered, not %v", rest)
	}
	same(t, "the second delivery", []store.Delivery{{ID: rest[0].ID, Hook: all, Report: unwanted, Attempts: 1}, {ID: rest[1].ID, Hook: bad, Report: unwanted, Attempts: 1}}, rest)
	if d := due(10); len(d) > 0 {
		t.Errorf("what is being delivered is due once more: %v", d)
	}
	must(t, s.Delivered(t.Context(), first[0].ID, "", time.Time{}))
	notFound(t, "end what has ended", func() error { return s.Delivered(t.Context(), first[0].ID, "", time.Time{}) })
	must(t, s.Delivered(t.Context(), rest[0].ID, "it answered 500", c.Now().Add(time.Hour)))
	c.pass(2 * time.Minute) // the lease of the third ends, the second is not due yet
	if d := due(10); len(d) != 1 || d[0].ID != rest[1].ID || d[0].Attempts != 2 {
		t.Errorf("due is what was not ended, not %v", d)
	}
	must(t, s.Delivered(t.Context(), rest[1].ID, "never again", time.Time{}))
	c.pass(time.Hour)
	d := due(10)
	same(t, "what was put off", []store.Delivery{{ID: rest[0].ID, Hook: all, Report: unwanted, Attempts: 2, Failure: "it answered 500"}}, d)
	again := put(t, s, judged(3, detonaut.Unwanted)) // hooks are told again of what was put again
	same(t, "reports that hooks are told of", []store.Summary{again, again}, []store.Summary{due(1)[0].Report, due(1)[0].Report})
	must(t, s.DropHook(t.Context(), "bad"))
	c.pass(time.Hour)
	if d := due(10); len(d) != 1 || d[0].Hook.ID != "all" {
		t.Errorf("due is %v, and one hook was dropped", d)
	}
	must(t, s.Drop(t.Context(), again.Digest, again.Key))
	c.pass(time.Hour)
	if d := due(10); len(d) > 0 {
		t.Errorf("due is %v, and the report was dropped", d)
	}
}

func testDeliveriesAtOnce(t *testing.T, open Opener) {
	const n = 30
	stores := []store.Store{open(t, store.Options{}), open(t, store.Options{})}
	must(t, stores[0].AddHook(t.Context(), store.Hook{ID: "h", URL: "https://h.example"}))
	for i := range uint64(n) {
		put(t, stores[1], withDomain(i))
	}
	var mu sync.Mutex
	claimed := map[int64]int{}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			for {
				due, err := stores[w%2].Due(t.Context(), fmt.Sprint(w), time.Hour, 4)
				if err != nil {
					t.Error(err)
				}
				if len(due) == 0 {
					return
				}
				mu.Lock()
				for _, d := range due {
					claimed[d.ID]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for id, times := range claimed {
		if times != 1 {
			t.Errorf("delivery %d was claimed %d times", id, times)
		}
	}
	// Those who find all others locked leave; whoever had them has had them all.
	if len(claimed) != n {
		t.Errorf("of %d deliveries %d were claimed", n, len(claimed))
	}
}
