package study

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// gated is a survey whose results come when a test lets them.
type gated struct {
	store.Surveys

	survey store.Survey
	gate   chan struct{}
	reads  atomic.Int32
	fails  error
}

func (g *gated) Survey(context.Context, string) (*store.Survey, error) { s := g.survey; return &s, nil }

func (g *gated) Results(ctx context.Context, _ string, _ store.Place, _ int) ([]store.Result, error) {
	g.reads.Add(1)
	select {
	case <-g.gate:
		return nil, g.fails
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestLatest(t *testing.T) {
	g := &gated{survey: store.Survey{Name: "all", Created: time.Unix(1, 0)}, gate: make(chan struct{})}
	l := NewLatest(g, nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 { // who cannot wait is told so, and it is counted once
		if _, _, err := l.Of(gone, &g.survey); !errors.Is(err, ErrCounting) {
			t.Fatalf("got %v", err)
		}
	}
	close(g.gate)
	var r *Report
	for r == nil {
		var err error
		if r, _, err = l.Of(t.Context(), &g.survey); err != nil && !errors.Is(err, ErrCounting) {
			t.Fatal(err)
		}
	}
	if r.Survey != "all" || g.reads.Load() != 1 {
		t.Errorf("got a report of %q after %d counts", r.Survey, g.reads.Load())
	}
	again, _, err := l.Of(t.Context(), &g.survey)
	if err != nil || again != r || g.reads.Load() != 1 {
		t.Errorf("what has not changed was counted again: %v", err)
	}
	// Another of the same name has nothing to do with it.
	other := g.survey
	other.Created = time.Unix(2, 0)
	g.fails = errors.New("the database is away")
	if _, _, err := l.Of(t.Context(), &other); !errors.Is(err, ErrCounting) {
		t.Errorf("got %v for another survey", err)
	}
	l.Close()
	if _, _, err := l.Of(t.Context(), &other); !errors.Is(err, ErrCounting) {
		t.Errorf("after the end: %v", err)
	}
}

// Closing ends what is being counted.
func TestLatestClose(t *testing.T) {
	g := &gated{survey: store.Survey{Name: "all"}, gate: make(chan struct{})}
	l := NewLatest(g, nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.Of(gone, &g.survey); !errors.Is(err, ErrCounting) {
		t.Fatal(err)
	}
	l.Close() // returns, or the test does not end
}
