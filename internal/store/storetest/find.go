package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// withDomain is an entry whose report has reached a name.
func withDomain(n uint64, names ...string) store.Entry {
	e := entry(n)
	e.Report.Run = &detonaut.Run{Names: names}
	return e
}

// domain is the fact of that, as package fact writes it.
func domain(name string) store.Fact { return store.Fact{Kind: store.Domain, Value: name} }

func having(t *testing.T, s store.Store, f store.Fact, limit int) []store.Summary {
	t.Helper()
	return pages(t, limit, func(p store.Page) ([]store.Summary, string, error) { return s.Having(t.Context(), f, p) })
}

func testFacts(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	one, two := put(t, s, withDomain(1, "pool.example", "one.example")), put(t, s, withDomain(2, "pool.example"))
	for f, want := range map[store.Fact][]store.Summary{
		domain("pool.example"): {two, one}, domain("one.example"): {one}, domain("none.example"): nil,
		{Kind: store.Process, Value: "pool.example"}: nil, {}: nil,
	} {
		same(t, fmt.Sprintf("what has %v", f), want, having(t, s, f, 10))
	}
	counts := got(s.Prevalence(t.Context(), []store.Fact{domain("none.example"), domain("pool.example"), domain("one.example"), domain("pool.example")}))(t)
	same(t, "prevalence", []int{0, 2, 1, 2}, counts)
	if none := got(s.Prevalence(t.Context(), nil))(t); len(none) != 0 {
		t.Errorf("the prevalence of nothing is %v", none)
	}
	for _, n := range []uint64{1, 3} { // everything that is found in a report leads to it, also after it was put again
		e := entry(n)
		sum := put(t, s, e)
		facts := fact.Of(e.Report)
		if len(facts) < 50 {
			t.Fatalf("a realistic report has %d facts", len(facts))
		}
		for _, f := range facts {
			if !slices.Contains(having(t, s, f, 10), sum) {
				t.Errorf("%v does not lead to the report that has it", f)
			}
		}
		same(t, "the facts of a report", facts, got(s.FactsOf(t.Context(), sum.Digest, sum.Key))(t))
	}
}

func testFactPages(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	var want []store.Summary
	for n := range uint64(23) {
		want = append(want, put(t, s, withDomain(n, "pool.example")))
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 7, 22, 23, 24, 200} {
		same(t, "what has a fact", want, having(t, s, domain("pool.example"), limit))
	}
	// What is put while somebody reads neither hides nor repeats a line.
	part, next, err := s.Having(t.Context(), domain("pool.example"), store.Page{Limit: 10})
	must(t, err)
	put(t, s, withDomain(100, "pool.example"))
	rest, next, err := s.Having(t.Context(), domain("pool.example"), store.Page{Limit: 200, Cursor: next})
	must(t, err)
	same(t, "what has a fact", want, append(part, rest...))
	if next != "" {
		t.Errorf("behind the last line there is a cursor: %q", next)
	}
}

func testFactsOfNewest(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	a := put(t, s, under(withDomain(1, "a.example", "both.example"), "1"))
	b := put(t, s, under(withDomain(1, "b.example", "both.example"), "2"))
	leads := func(name string, want ...string) {
		t.Helper()
		var keys []string
		for _, v := range having(t, s, domain(name), 10) {
			keys = append(keys, v.Key)
		}
		same(t, "what has "+name, want, keys)
		same(t, "how many have "+name, []int{len(want)}, got(s.Prevalence(t.Context(), []store.Fact{domain(name)}))(t))
	}
	leads("a.example")
	leads("b.example", b.Key)
	leads("both.example", b.Key)
	must(t, s.Drop(t.Context(), b.Digest, b.Key))
	leads("a.example", a.Key)
	leads("b.example")
	leads("both.example", a.Key)
	put(t, s, under(withDomain(1, "c.example"), "1"))
	leads("a.example")
	leads("c.example", a.Key)
	leads("both.example")
	must(t, s.Drop(t.Context(), a.Digest, a.Key))
	leads("c.example")
}

func find(t *testing.T, s store.Store, q store.Query) []store.Summary {
	t.Helper()
	q.Page.Limit = 200
	r := got(s.Find(t.Context(), q))(t)
	if r.Total != len(r.Found) {
		t.Errorf("there are %d, found are %d", r.Total, len(r.Found))
	}
	return r.Found
}

func testSearch(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	same(t, "what is found in nothing", nil, find(t, s, store.Query{}))
	one, two := put(t, s, withDomain(1, "pool.example")), put(t, s, withDomain(2, "pool.example", "two.example"))
	same(t, "all", []store.Summary{two, one}, find(t, s, store.Query{}))
	same(t, "what has two facts", []store.Summary{two}, find(t, s, store.Query{Facts: []store.Fact{domain("pool.example"), domain("two.example")}}))
	same(t, "what has a name", []store.Summary{one}, find(t, s, store.Query{Text: []string{"image-1"}}))
	must(t, s.PutRepository(t.Context(), store.Repository{Registry: one.Name.Registry, Name: one.Name.Repository, Pulls: 7, Stars: -1}))
	one.Pulls = 7
	same(t, "all by pulls", []store.Summary{one, two}, find(t, s, store.Query{Order: store.Pulled}))
	if n := got(s.Numbers(t.Context()))(t); n.Reports != 2 || n.Repositories != 2 {
		t.Errorf("there are 2 reports of 2 repositories, not %d of %d", n.Reports, n.Repositories)
	}
	must(t, s.Drop(t.Context(), two.Digest, two.Key))
	same(t, "all but one that was dropped", []store.Summary{one}, find(t, s, store.Query{}))
	same(t, "what has a fact of one that was dropped", nil, find(t, s, store.Query{Facts: []store.Fact{domain("two.example")}}))
	again := put(t, s, withDomain(2, "pool.example", "two.example"))
	same(t, "all", []store.Summary{again, one}, find(t, s, store.Query{}))
}

func testSearchOfTwo(t *testing.T, open Opener) {
	s, other := open(t, store.Options{}), open(t, store.Options{})
	both := func(what string, q store.Query, want ...store.Summary) {
		t.Helper()
		same(t, what, want, find(t, s, q))
		same(t, what+", in another store", want, find(t, other, q))
	}
	pool := store.Query{Facts: []store.Fact{domain("pool.example")}}
	both("all", store.Query{})
	old := put(t, s, under(withDomain(1, "pool.example"), "1"))
	both("all", store.Query{}, old)
	both("what has a fact", pool, old)
	newer := put(t, other, under(withDomain(1, "new.example"), "2"))
	both("all after a newer report of the same", store.Query{}, newer)
	both("what has a fact that the newer one has not", pool)
	must(t, s.Drop(t.Context(), newer.Digest, newer.Key))
	for _, st := range []store.Store{s, other} {
		found := find(t, st, pool)
		if len(found) != 1 || found[0].Key != old.Key {
			t.Errorf("the report that is the newest again is not found: %v", found)
		}
	}
	must(t, other.Drop(t.Context(), old.Digest, old.Key))
	both("all after it was dropped", store.Query{})
	both("what has a fact after it was dropped", pool)
}

// testOrder has several put reports while one reads what is new by Seq. It must hear of all,
// also if a greater Seq is committed first.
func testOrder(t *testing.T, open Opener) {
	const writers, each = 4, 25
	s, other := open(t, store.Options{}), open(t, store.Options{})
	var all sync.WaitGroup
	for w := range uint64(writers) {
		all.Go(func() {
			st := []store.Store{s, other}[w%2]
			for i := range uint64(each) {
				if _, err := st.Put(t.Context(), withDomain(1000*w+i, "pool.example")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	seen, after := 0, int64(0)
	for ended := false; ; {
		select {
		case <-done:
			ended = true
		default:
		}
		fresh := got(other.All(t.Context(), after, 1000))(t)
		for _, v := range fresh {
			if v.Seq <= after {
				t.Errorf("Seq %d comes after %d", v.Seq, after)
			}
			after = v.Seq
		}
		seen += len(fresh)
		if ended && len(fresh) == 0 {
			break
		}
	}
	if seen != writers*each {
		t.Errorf("of %d reports that were put, %d were heard of", writers*each, seen)
	}
	for _, st := range []store.Store{s, other} {
		if n := got(st.Numbers(t.Context()))(t).Reports; n != writers*each {
			t.Errorf("of %d reports that were put, %d are counted", writers*each, n)
		}
	}
}

func testHistory(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	e, name := entry(1), store.Name{Registry: "docker.io", Repository: "library/app"}
	tagged := func(e store.Entry, tag string) store.Entry {
		e.Name = name
		e.Name.Tag = tag
		return e
	}
	history := func(tag string, want ...string) {
		t.Helper()
		for _, limit := range []int{1, 2, 200} {
			var is []string
			for _, v := range pages(t, limit, func(p store.Page) ([]store.Summary, string, error) {
				return s.History(t.Context(), name.Registry, name.Repository, tag, p)
			}) {
				is = append(is, fmt.Sprintf("%s of %.12s by %.4s", v.Name.Tag, v.Digest, v.Key))
			}
			same(t, fmt.Sprintf("the history of %q, %d at once", tag, limit), want, is)
		}
	}
	line := func(tag string, v store.Summary) string {
		return fmt.Sprintf("%s of %.12s by %.4s", tag, v.Digest, v.Key)
	}
	history("")
	a := put(t, s, tagged(under(e, "1"), "1.0"))
	b := put(t, s, tagged(under(entry(2), "1"), "1.1"))
	c := put(t, s, tagged(under(e, "2"), "1.0")) // the same image once more, with other rules
	history("1.0", line("1.0", c), line("1.0", a))
	history("1.1", line("1.1", b))
	history("", line("1.0", c), line("1.1", b), line("1.0", a))
	put(t, s, tagged(under(entry(2), "1"), "latest")) // the same report under another tag
	history("1.1", line("1.1", b))
	history("", line("latest", b), line("1.0", c), line("1.1", b), line("1.0", a))
	put(t, s, tagged(under(e, "1"), "1.0")) // again
	history("1.0", line("1.0", a), line("1.0", c))
	must(t, s.Drop(t.Context(), b.Digest, b.Key))
	history("", line("1.0", a), line("1.0", c))
	put(t, s, store.Entry{Report: entry(3).Report}) // an archive has no name
	if none, _, err := s.History(t.Context(), "", "", "", store.Page{Limit: 10}); err != nil || len(none) > 0 {
		t.Errorf("what has no name has the history %v, %v", none, err)
	}
}

func testRepositories(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	for _, tag := range []string{"b", "a", "", "10", "9"} {
		e := entry(uint64(len(tag) + 10))
		e.Name = store.Name{Registry: "docker.io", Repository: "library/app", Tag: tag}
		put(t, s, e)
	}
	tags := []string{"10", "9", "a", "b"}
	same(t, "a repository of which nothing is said", &store.Repository{Registry: "docker.io", Name: "library/app", Pulls: -1, Stars: -1, Tags: tags},
		got(s.Repository(t.Context(), "docker.io", "library/app"))(t))
	r := store.Repository{
		Registry: "docker.io", Name: "library/app", Description: "It's\x00 an \"app\"", Pulls: 1 << 40, Stars: 3, Official: true,
		Verified: true, Updated: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Tags: []string{"not asked"},
	}
	for range 2 {
		must(t, s.PutRepository(t.Context(), r))
		kept := r
		kept.Description, kept.Tags = "It's\uFFFD an \"app\"", tags
		same(t, "a repository", &kept, got(s.Repository(t.Context(), "docker.io", "library/app"))(t))
		r.Official, r.Pulls = false, r.Pulls+1
	}
	e := entry(10)
	if sum := got(s.Analyses(t.Context(), e.Report.Image.Digest))(t)[0]; sum.Pulls != 1<<40+1 {
		t.Errorf("a report of a repository that was pulled %d times says %d", int64(1<<40+1), sum.Pulls)
	}
	must(t, s.PutRepository(t.Context(), store.Repository{Registry: "ghcr.io", Name: "without/reports", Pulls: -1, Stars: -1}))
	if r := got(s.Repository(t.Context(), "ghcr.io", "without/reports"))(t); r.Pulls != -1 || len(r.Tags) > 0 {
		t.Errorf("a repository without reports is %v", r)
	}
	notFound(t, "a repository that is not known", func() error { _, err := s.Repository(t.Context(), "ghcr.io", "library/app"); return err })
}
