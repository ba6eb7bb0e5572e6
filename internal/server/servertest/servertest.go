// Package servertest is a store in memory for tests of what stands before one: small, and
// with as much of the contract as those use. A [Store] can be made to fail.
package servertest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// Store is one in memory. What it does not have is nil, and panics.
type Store struct {
	store.Store

	mu          sync.Mutex
	failure     error
	entries     []*store.Entry
	keys        []store.APIKey
	deeds       []store.Deed
	disputes    []store.Dispute
	hooks       []store.Hook
	submissions []*store.Submission
	progress    map[string][]store.Progress
}

// New makes an empty one.
func New() *Store { return &Store{progress: map[string][]store.Progress{}} }

// Fail has every method fail with err from now on; nil ends that.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// hold locks, and tells the failure.
func (s *Store) hold() (func(), error) {
	s.mu.Lock()
	return s.mu.Unlock, s.failure
}

func part[T any](all []T, p store.Page) (found []T, next string, err error) {
	from := 0
	if p.Cursor != "" {
		if from, err = strconv.Atoi(p.Cursor); err != nil || from < 0 || from > len(all) {
			return nil, "", store.ErrInvalid
		}
	}
	to := min(len(all), from+p.Limit)
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return slices.Clone(all[from:to]), next, nil
}

// newest are the elements of all in the other order.
func newest[T any](all []T) []T {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

func (s *Store) summary(i int) store.Summary {
	e := s.entries[i]
	r := e.Report
	return store.Summary{
		Seq: int64(i + 1), Digest: r.Image.Digest, Key: e.Key, Name: e.Name, Verdict: r.Verdict.Word, Sentence: r.Verdict.Sentence,
		Family: r.Verdict.Family, Platform: r.Image.Platform, Size: r.Image.Size, Pulls: -1, Analysed: r.Started,
	}
}

// Put keeps a report.
func (s *Store) Put(_ context.Context, e store.Entry) (store.Summary, error) {
	done, err := s.hold()
	defer done()
	if err != nil {
		return store.Summary{}, err
	}
	e.Key, e.Stored = store.Key(e.Report.Fingerprint), time.Date(2026, 11, 30, 12, 0, len(s.entries), 0, time.UTC)
	s.entries = append(s.entries, &e)
	return s.summary(len(s.entries) - 1), nil
}

// Get returns a report.
func (s *Store) Get(_ context.Context, d detonaut.Digest, key string) (*store.Entry, error) {
	done, err := s.hold()
	defer done()
	if err != nil {
		return nil, err
	}
	for _, e := range newest(s.entries) {
		if e.Report.Image.Digest == d && (key == "" || e.Key == key) {
			return e, nil
		}
	}
	return nil, store.ErrNotFound
}

// Analyses are those of a digest.
func (s *Store) Analyses(_ context.Context, d detonaut.Digest) ([]store.Summary, error) {
	return s.these(func(e *store.Entry) bool { return e.Report.Image.Digest == d })
}

func (s *Store) these(which func(*store.Entry) bool) (found []store.Summary, err error) {
	done, err := s.hold()
	defer done()
	for i, e := range s.entries {
		if err == nil && which(e) {
			found = append(found, s.summary(i))
		}
	}
	return newest(found), err
}

// Find finds all.
func (s *Store) Find(_ context.Context, q store.Query) (*store.Results, error) {
	all, err := s.these(func(e *store.Entry) bool {
		return len(q.Verdicts) == 0 || slices.Contains(q.Verdicts, e.Report.Verdict.Word)
	})
	if err != nil {
		return nil, err
	}
	found, next, err := part(all, q.Page)
	return &store.Results{Total: len(all), Found: found, Next: next}, err
}

// Numbers are some.
func (s *Store) Numbers(context.Context) (*store.Numbers, error) {
	done, err := s.hold()
	defer done()
	return &store.Numbers{Reports: len(s.entries)}, err
}

// Repository is known by its reports.
func (s *Store) Repository(_ context.Context, registry, name string) (*store.Repository, error) {
	found, err := s.these(func(e *store.Entry) bool { return e.Name.Registry == registry && e.Name.Repository == name })
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, store.ErrNotFound
	}
	return &store.Repository{Registry: registry, Name: name, Pulls: -1, Stars: -1}, nil
}

// History is that of a repository.
func (s *Store) History(_ context.Context, registry, name, tag string, p store.Page) ([]store.Summary, string, error) {
	found, err := s.these(func(e *store.Entry) bool {
		return e.Name.Registry == registry && e.Name.Repository == name && (tag == "" || e.Name.Tag == tag)
	})
	if err != nil {
		return nil, "", err
	}
	return part(found, p)
}

// Having are those with a fact.
func (s *Store) Having(_ context.Context, f store.Fact, p store.Page) ([]store.Summary, string, error) {
	found, err := s.these(func(e *store.Entry) bool { return slices.Contains(fact.Of(e.Report), f) })
	if err != nil {
		return nil, "", err
	}
	return part(found, p)
}

// Prevalence counts them.
func (s *Store) Prevalence(ctx context.Context, facts []store.Fact) (counts []int, err error) {
	for _, f := range facts {
		found, _, err := s.Having(ctx, f, store.Page{Limit: 200})
		if err != nil {
			return nil, err
		}
		counts = append(counts, len(found))
	}
	return counts, nil
}
