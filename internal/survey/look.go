package survey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// final are errors of which the same comes another time.
var final = []error{detonaut.ErrUsage, detonaut.ErrNotFound, detonaut.ErrUnauthorized, detonaut.ErrUnsupported, errors.ErrUnsupported}

func hopeless(err error) bool {
	return slices.ContainsFunc(final, func(f error) bool { return errors.Is(err, f) })
}

// look looks at repositories, and keeps what is in each as soon as that is known. An error is
// that of the store.
func (e *Engine) look(ctx context.Context, s store.Survey, j store.Job, log *slog.Logger) (store.Outcome, error) {
	all, err := e.o.Store.Candidates(ctx, s.Name, j.Batch)
	if err != nil {
		return store.Outcome{}, err
	}
	held := map[string]bool{} // registries that have no time now
	var wait time.Duration
	var why, failed string
	for _, c := range all {
		if ctx.Err() != nil {
			return store.Outcome{}, ctx.Err()
		}
		if held[c.Registry] {
			continue
		}
		items, reason, err := e.lookAt(ctx, s, c, log)
		if ctx.Err() != nil {
			return store.Outcome{}, ctx.Err()
		}
		if b, ok := busy(err); ok {
			held[c.Registry] = true
			if wait == 0 || b.Wait < wait {
				wait, why = max(b.Wait, 1), b.Error()
			}
			continue
		}
		if err != nil {
			log.Warn("a repository cannot be looked at", "registry", c.Registry, "repository", c.Name, "error", err)
			if j.Attempt < j.MaxAttempts {
				failed = err.Error()
				continue
			}
			items, reason = nil, store.ReasonSilent
		}
		if err := e.o.Store.Looked(ctx, s.Name, c.Number, items, reason); err != nil && !errors.Is(err, store.ErrConflict) {
			return store.Outcome{}, err
		}
	}
	switch {
	case wait > 0: // the others that are left are looked at then, too
		return store.Outcome{Later: wait, Why: why}, nil
	case failed != "":
		return store.Outcome{Failure: &store.Failure{Says: "a registry does not answer", Detail: failed, Pause: e.rest(j.Attempt)}}, nil
	}
	return store.Outcome{}, nil
}

// lookAt looks at one, for so long as that may take. What breaks us is a reason.
func (e *Engine) lookAt(ctx context.Context, s store.Survey, c store.Candidate, log *slog.Logger) (items []store.Item, reason store.Reason, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.o.Limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			log.Error("the look at a repository panicked", "registry", c.Registry, "repository", c.Name,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			items, reason, err = nil, store.ReasonBroken, nil
		}
	}()
	return e.o.Look(ctx, s, c)
}
