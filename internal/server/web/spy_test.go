package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

// spy is a real store that counts what pages ask it for, and fails when a test wants it to.
// Submissions are its own, so that they can be anything.
type spy struct {
	store.Store

	subs     map[string]*store.Submission
	progress map[string][]store.Progress
	blobs    map[string][]byte
	disputes []store.Dispute
	notes    []string
	fails    error
	asked    int // methods that were called
}

func newSpy(t testing.TB) *spy {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &spy{Store: db, subs: map[string]*store.Submission{}, progress: map[string][]store.Progress{}, blobs: map[string][]byte{}}
}

// put keeps a report and its artifacts.
func (s *spy) put(t testing.TB, r *detonaut.Report, n store.Name, artifacts map[string][]byte) *store.Entry {
	t.Helper()
	e := store.Entry{Report: r, Name: n, Blobs: map[string]string{}}
	for name, b := range artifacts {
		sum := sha256.Sum256(b)
		e.Blobs[name] = hex.EncodeToString(sum[:])
		s.blobs[e.Blobs[name]] = b
	}
	if _, err := s.Put(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	kept, err := s.Store.Get(t.Context(), r.Image.Digest, "")
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// Open makes it the blobs, too.
func (s *spy) Open(_ context.Context, sum string) (io.ReadCloser, int64, error) {
	b, ok := s.blobs[sum]
	if !ok {
		return nil, 0, store.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

// call counts, and fails if that is wanted.
func (s *spy) call() error {
	s.asked++
	return s.fails
}

func (s *spy) Get(ctx context.Context, d detonaut.Digest, key string) (*store.Entry, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, d, key)
}

func (s *spy) Analyses(ctx context.Context, d detonaut.Digest) ([]store.Summary, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.Store.Analyses(ctx, d)
}

func (s *spy) Repository(ctx context.Context, registry, name string) (*store.Repository, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.Store.Repository(ctx, registry, name)
}

func (s *spy) History(ctx context.Context, registry, name, tag string, p store.Page) ([]store.Summary, string, error) {
	if err := s.call(); err != nil {
		return nil, "", err
	}
	return s.Store.History(ctx, registry, name, tag, p)
}

func (s *spy) Having(ctx context.Context, f store.Fact, p store.Page) ([]store.Summary, string, error) {
	if err := s.call(); err != nil {
		return nil, "", err
	}
	return s.Store.Having(ctx, f, p)
}

func (s *spy) Prevalence(ctx context.Context, facts []store.Fact) ([]int, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.Store.Prevalence(ctx, facts)
}

func (s *spy) Find(ctx context.Context, q store.Query) (*store.Results, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.Store.Find(ctx, q)
}

func (s *spy) Numbers(ctx context.Context) (*store.Numbers, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.Store.Numbers(ctx)
}

func (s *spy) Submission(_ context.Context, id string) (*store.Submission, error) {
	if sub, ok := s.subs[id]; ok {
		return sub, s.call()
	}
	return nil, cmp.Or(s.call(), store.ErrNotFound)
}

func (s *spy) Progress(_ context.Context, id string, after int64, limit int) ([]store.Progress, error) {
	all := s.progress[id]
	from := min(int(after), len(all))
	return all[from:min(len(all), from+limit)], s.call()
}

func (s *spy) AddDispute(ctx context.Context, d store.Dispute) error {
	if err := s.call(); err != nil {
		return err
	}
	s.disputes = append(s.disputes, d)
	return s.Store.AddDispute(ctx, d)
}

// note is the log of who did what.
func (s *spy) note(_ context.Context, what, _, _ string) error {
	s.notes = append(s.notes, what)
	return nil
}
