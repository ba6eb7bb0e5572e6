package study

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// ErrCounting is when a survey is being counted for the first time, and who asked does not wait.
var ErrCounting = errors.New("it is being counted")

// Latest counts surveys for those who may not wait for it, such as pages: in the background, one
// survey once at a time, and again when something has come of it. Its methods may be called from any
// goroutine.
type Latest struct {
	surveys store.Surveys
	log     *slog.Logger
	ctx     context.Context //nolint:containedctx // of what runs until Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	counts map[string]*counted
}

// counted is the last count of a survey.
type counted struct {
	report *Report
	at     time.Time
	took   time.Duration
	of     store.Survey  // as it was then
	busy   chan struct{} // closed when the next count has ended; nil if there is none
}

// Bounds of counting.
const (
	patience = 2 * time.Second // that a caller has
	rest     = 20              // times what a count took pass before the next
	stale    = 10 * time.Minute
	maxKept  = 64 // surveys whose count is remembered
)

// NewLatest makes one. Whoever is done with it calls Close. Log may be nil.
func NewLatest(surveys store.Surveys, log *slog.Logger) *Latest {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Latest{surveys: surveys, log: log, counts: map[string]*counted{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Close ends what is being counted, and waits for that.
func (l *Latest) Close() {
	l.cancel()
	l.running.Wait()
}

// Of is the last count of a survey, and when it was made: [ErrCounting] if there is none yet. What has
// changed since is counted meanwhile.
func (l *Latest) Of(ctx context.Context, s *store.Survey) (*Report, time.Time, error) {
	l.mu.Lock()
	c := l.counts[s.Name]
	if c == nil || !c.of.Created.Equal(s.Created) {
		if len(l.counts) >= maxKept {
			l.forget()
		}
		c = &counted{of: *s}
		l.counts[s.Name] = c
	}
	if c.busy == nil && c.due(s) && l.ctx.Err() == nil {
		c.busy = make(chan struct{})
		of := *s
		l.running.Go(func() { l.count(c, of) })
	}
	busy := c.busy
	l.mu.Unlock()
	if busy != nil {
		select {
		case <-busy:
		case <-ctx.Done():
		case <-time.After(patience):
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.report == nil {
		return nil, time.Time{}, ErrCounting
	}
	return c.report, c.at, nil
}

// due tells whether it is time to count again.
func (c *counted) due(s *store.Survey) bool {
	if c.report == nil {
		return true
	}
	age := time.Since(c.at)
	same := c.of.State == s.State && maps.Equal(c.of.Items, s.Items) && maps.Equal(c.of.Repositories, s.Repositories)
	return age > rest*c.took && (!same || age > stale)
}

// forget forgets the survey that was counted the longest ago, and is not now. Its caller has l.mu.
func (l *Latest) forget() {
	oldest := ""
	for name, c := range l.counts {
		if c.busy == nil && (oldest == "" || c.at.Before(l.counts[oldest].at)) {
			oldest = name
		}
	}
	delete(l.counts, oldest)
}

func (l *Latest) count(c *counted, s store.Survey) {
	began := time.Now()
	r, err := Of(l.ctx, l.surveys, s.Name)
	l.mu.Lock()
	defer l.mu.Unlock()
	close(c.busy)
	c.busy = nil
	if err != nil {
		if l.ctx.Err() == nil {
			l.log.Error("survey not counted", "survey", s.Name, "error", err)
		}
		return
	}
	c.report, c.at, c.took, c.of = r, time.Now(), time.Since(began), s
}
