package index_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/index"
)

// all reads every part of the results, and tells where they are not one list.
func all(t *testing.T, x *index.Index, q store.Query) *store.Results {
	t.Helper()
	r, err := x.Find(t.Context(), q)
	if err != nil {
		t.Fatalf("find %+v: %v", q, err)
	}
	limit := q.Page.Limit
	for next := r.Next; next != ""; {
		if len(r.Found)%limit != 0 {
			t.Fatalf("find %+v: %d found, and more to come", q, len(r.Found))
		}
		q.Page.Cursor, q.Facets = next, false
		more, err := x.Find(t.Context(), q)
		if err != nil {
			t.Fatalf("find %+v: %v", q, err)
		}
		if len(more.Found) == 0 || more.Total != r.Total || more.Facets != nil {
			t.Fatalf("find %+v: the next part has %d of %d, before it were %d; facets %v", q, len(more.Found), more.Total, r.Total, more.Facets)
		}
		r.Found = append(r.Found, more.Found...)
		next = more.Next
	}
	r.Next = ""
	return r
}

// Whatever is put, dropped and asked for: the index finds what a look at every report does.
func TestFind(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := newMemory()
		x := index.New(m)
		for round := range 8 {
			for range r.IntN(150) {
				s := summary(r, r.IntN(100*(round+1)))
				switch r.IntN(10) {
				case 0:
					m.drop(s.Digest)
				case 1:
					m.pull(s.Name, some(r, int64(0), 999, 1000, 5_000_000))
				default:
					m.put(s, facts(r)...)
				}
			}
			for range 40 {
				q := anyQuery(r)
				want, got := m.find(q), all(t, x, q)
				if got.Total != want.Total || !slices.Equal(got.Found, want.Found) {
					t.Fatalf("seed %d, find %+v:\n got %d %+v\nwant %d %+v", seed, q, got.Total, got.Found, want.Total, want.Found)
				}
				if !reflect.DeepEqual(got.Facets, want.Facets) {
					t.Fatalf("seed %d, find %+v: facets\n got %v\nwant %v", seed, q, got.Facets, want.Facets)
				}
			}
			checkNumbers(t, m, x)
		}
	}
}

func checkNumbers(t *testing.T, m *memory, x *index.Index) {
	t.Helper()
	got, err := x.Numbers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &store.Numbers{Days: []store.Count{}}
	verdicts, categories, severities, families, places, days := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[store.Name]bool{}, map[string]int{}
	for _, k := range m.newest() {
		want.Reports++
		verdicts[string(k.Verdict)]++
		categories[string(k.Category)]++
		severities[string(k.Vulnerability)]++
		families[k.Family]++
		places[store.Name{Registry: k.Name.Registry, Repository: k.Name.Repository}] = true
		if k.Verdict == detonaut.Malicious || k.Verdict == detonaut.Unwanted {
			days[k.Analysed.UTC().Format(time.DateOnly)]++
		}
	}
	delete(families, "")
	delete(places, store.Name{})
	want.Repositories, want.Families = len(places), most(families)
	for _, w := range detonaut.Words() {
		want.Verdicts = append(want.Verdicts, store.Count{Value: string(w), Count: verdicts[string(w)]})
	}
	for _, c := range detonaut.Categories() {
		want.Categories = append(want.Categories, store.Count{Value: string(c), Count: categories[string(c)]})
	}
	for _, s := range detonaut.Severities() {
		want.Severities = append(want.Severities, store.Count{Value: string(s), Count: severities[string(s)]})
	}
	for d, n := range days {
		want.Days = append(want.Days, store.Count{Value: d, Count: n})
	}
	slices.SortFunc(want.Days, func(a, b store.Count) int {
		if a.Value < b.Value {
			return -1
		}
		return 1
	})
	want.Days = want.Days[max(0, len(want.Days)-90):]
	if len(got.Families) == 0 && len(want.Families) == 0 {
		got.Families, want.Families = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("numbers:\n got %+v\nwant %+v", got, want)
	}
}

// Who reads one part after the other misses nothing and reads nothing twice that was there
// when he began, whatever is put meanwhile.
func TestCursorsWhilePutting(t *testing.T) {
	for _, order := range []store.Order{store.Newest, store.Worst, store.Pulled} {
		r := rand.New(rand.NewPCG(7, 7))
		m := newMemory()
		x := index.New(m)
		for n := range 500 {
			s := m.put(summary(r, n))
			m.pull(s.Name, int64(n%7))
		}
		q := store.Query{Order: order, Page: store.Page{Limit: 23}}
		want := m.find(q).Found
		read := map[detonaut.Digest]int{}
		var got []store.Summary
		for n := 500; ; {
			part, err := x.Find(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range part.Found {
				if slices.Contains(want, s) {
					got = append(got, s)
				}
				read[s.Digest]++
			}
			if q.Page.Cursor = part.Next; part.Next == "" {
				break
			}
			for range 8 {
				n++
				m.put(summary(r, n))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: read %d of %d, or not in their order", order, len(got), len(want))
		}
		for d, n := range read {
			if n != 1 {
				t.Errorf("%s: %s was read %d times", order, d, n)
			}
		}
	}
}

// What is forgotten takes no room for ever; who reads on finds his place again.
func TestForgetting(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	m := newMemory()
	x := index.New(m)
	const n = 10_000
	for i := range n {
		m.put(summary(r, i), someFacts[0])
	}
	q := store.Query{Facts: someFacts[:1], Page: store.Page{Limit: 200}}
	first, err := x.Find(t.Context(), q)
	if err != nil || first.Total != n {
		t.Fatalf("found %d, want %d: %v", first.Total, n, err)
	}
	for i := range n {
		if i%4 != 0 {
			s := summary(r, i)
			m.drop(s.Digest)
			m.drop(digest(i))
		}
	}
	want := m.find(q)
	if want.Total == 0 || want.Total > n/2 {
		t.Fatalf("%d are left", want.Total)
	}
	if got := all(t, x, q); !slices.Equal(got.Found, want.Found) {
		t.Errorf("found %d, want %d", got.Total, want.Total)
	}
	q.Page.Cursor = first.Next
	rest, err := x.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	behind := slices.DeleteFunc(slices.Clone(want.Found), func(s store.Summary) bool { return s.Seq >= first.Found[199].Seq })
	if !slices.Equal(rest.Found, behind[:len(rest.Found)]) {
		t.Error("the next part is another one")
	}
	m.put(summary(r, n), someFacts...)
	if got, want := all(t, x, q), m.find(q); got.Total != want.Total {
		t.Errorf("found %d, want %d", got.Total, want.Total)
	}
}

// The database is asked for a fact once, and then for what is new.
func TestFactsAreRemembered(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	m := newMemory()
	x := index.New(m)
	for i := range 100 {
		m.put(summary(r, i), someFacts[i%2])
	}
	q := store.Query{Facts: someFacts[:1], Page: store.Page{Limit: 10}}
	for range 5 {
		all(t, x, q)
	}
	if m.asked != 1 {
		t.Errorf("it was asked %d times", m.asked)
	}
	m.put(summary(r, 1000), someFacts[0])
	if got := all(t, x, q); got.Total != m.find(q).Total || m.asked != 2 {
		t.Errorf("found %d, want %d; it was asked %d times", got.Total, m.find(q).Total, m.asked)
	}
}

func TestFindRefuses(t *testing.T) {
	m := newMemory()
	m.put(summary(rand.New(rand.NewPCG(1, 1)), 1))
	x := index.New(m)
	for _, q := range []store.Query{
		{Order: "best"},
		{Page: store.Page{Cursor: "x"}},
		{Page: store.Page{Cursor: "n"}},
		{Page: store.Page{Cursor: "n1"}},
		{Page: store.Page{Cursor: "n.1"}},
		{Page: store.Page{Cursor: "w1.1"}},
		{Order: store.Worst, Page: store.Page{Cursor: "n0.1"}},
		{Page: store.Page{Cursor: "n0.1.1"}},
		{Page: store.Page{Cursor: "n0.9999999999999999999999"}},
	} {
		if _, err := x.Find(t.Context(), q); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("find %+v: %v, want %v", q, err, store.ErrInvalid)
		}
	}
	for limit, want := range map[int]int{0: 50, -1: 50, 1000: 200} {
		for n := range 300 {
			m.put(summary(rand.New(rand.NewPCG(1, 1)), n))
		}
		if r, err := x.Find(t.Context(), store.Query{Page: store.Page{Limit: limit}}); err != nil || len(r.Found) != want {
			t.Errorf("of at most %d: %d lines, want %d: %v", limit, len(r.Found), want, err)
		}
	}
}

// A name that is too long for a line is cut, so that it takes no memory.
func TestLongNames(t *testing.T) {
	m := newMemory()
	long := "x" + strings.Repeat("é", 100_000)
	for n := range 3 {
		s := summary(rand.New(rand.NewPCG(1, 1)), n)
		s.Digest, s.Name, s.Platform = digest(n), store.Name{Registry: long, Repository: long, Tag: long}, long
		m.put(s)
	}
	m.pull(store.Name{Registry: long, Repository: long}, 7)
	r, err := index.New(m).Find(t.Context(), store.Query{MinPulls: 7, Text: []string{"xéé*"}})
	if err != nil || len(r.Found) != 3 {
		t.Fatalf("found %d, %v", len(r.Found), err)
	}
	for _, s := range r.Found {
		for _, text := range []string{s.Name.Registry, s.Name.Repository, s.Name.Tag, s.Platform} {
			if len(text) > 1024 || len(text) < 1000 || !strings.HasPrefix(long, text) {
				t.Errorf("a text of %d bytes", len(text))
			}
		}
	}
}

// broken is a database that fails for a while, when it has told some of what it knows.
type broken struct {
	*memory
	changes, having error
}

func (b *broken) Changes(ctx context.Context, after int64, tell func(index.Change) error) (int64, error) {
	told := 0
	return b.memory.Changes(ctx, after, func(c index.Change) error {
		if told++; b.changes != nil && told > 200 {
			return b.changes
		}
		return tell(c)
	})
}

func (b *broken) Having(ctx context.Context, f store.Fact, after, upTo int64) ([]int64, error) {
	if b.having != nil {
		return nil, b.having
	}
	return b.memory.Having(ctx, f, after, upTo)
}

func TestFailures(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	b := &broken{memory: newMemory(), changes: errors.New("connection lost"), having: errors.New("disk is slow")}
	x := index.New(b)
	for i := range 700 {
		b.put(summary(r, i), facts(r)...)
	}
	q := store.Query{Facts: someFacts[1:2], Page: store.Page{Limit: 100}}
	if _, err := x.Find(t.Context(), q); !errors.Is(err, b.changes) {
		t.Errorf("got %v", err)
	}
	if _, err := x.Numbers(t.Context()); !errors.Is(err, b.changes) {
		t.Errorf("got %v", err)
	}
	b.changes = nil
	for i := range 300 {
		v := summary(r, 400+i)
		b.drop(v.Digest)
		b.pull(v.Name, int64(i))
		b.put(summary(r, 600+i), facts(r)...)
	}
	if _, err := x.Find(t.Context(), q); !errors.Is(err, b.having) {
		t.Errorf("got %v", err)
	}
	b.having = nil
	if got, want := all(t, x, q), b.find(q); !slices.Equal(got.Found, want.Found) {
		t.Errorf("found %d, want %d", got.Total, want.Total)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.put(summary(r, 0))
	if err := x.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	checkNumbers(t, b.memory, x)
}

// Who has put a report finds it, whoever else puts and searches.
func TestTogether(t *testing.T) {
	m := newMemory()
	x := index.New(m)
	var everybody sync.WaitGroup
	for who := range 8 {
		everybody.Go(func() {
			r := rand.New(rand.NewPCG(uint64(who), 9))
			for n := range 40 {
				s := summary(r, 0)
				s.Digest = digest(who*1000 + n)
				s = m.put(s, someFacts[0], store.Fact{Kind: store.Wallet, Value: fmt.Sprint(who, n)})
				got, err := x.Find(t.Context(), store.Query{Facts: []store.Fact{{Kind: store.Wallet, Value: fmt.Sprint(who, n)}, someFacts[0]}})
				if err != nil || len(got.Found) != 1 || got.Found[0].Digest != s.Digest {
					t.Errorf("found %v, want %v: %v", got, s, err)
					return
				}
				if n, err := x.Numbers(t.Context()); err != nil || n.Reports == 0 {
					t.Errorf("numbers %v: %v", n, err)
				}
			}
		})
	}
	everybody.Wait()
	checkNumbers(t, m, x)
}

// Whatever word is typed, it is found where a look at every report finds it.
func FuzzText(f *testing.F) {
	r := rand.New(rand.NewPCG(4, 4))
	m := newMemory()
	for n := range 200 {
		m.put(summary(r, n))
	}
	x := index.New(m)
	for range 20 {
		f.Add(word(r))
	}
	f.Fuzz(func(t *testing.T, typed string) {
		q := store.Query{Text: []string{typed}, Page: store.Page{Limit: 200}, Facets: true}
		got, err := x.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if want := m.find(q); !slices.Equal(got.Found, want.Found) || !reflect.DeepEqual(got.Facets, want.Facets) {
			t.Errorf("%q is found in %d, want %d", typed, got.Total, want.Total)
		}
	})
}
