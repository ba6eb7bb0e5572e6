package telemetry

import "sync"

// maxReasons is how many reasons of failures are told apart.
const maxReasons = 48

// words are the values that a label may have: the first so many that come. What comes later is
// "other", so that nobody makes series without end.
type words struct {
	max  int
	mu   sync.Mutex
	seen map[string]bool
}

func newWords(n int) *words { return &words{max: n, seen: map[string]bool{}} }

func (w *words) label(s string) string {
	if s == "" {
		s = "unknown"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.seen[s] {
		if len(w.seen) >= w.max {
			return "other"
		}
		w.seen[s] = true
	}
	return s
}
