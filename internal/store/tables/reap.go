package tables

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/queue"
)

const (
	// reaped is how many jobs are seen to at once.
	reaped = 100
	// tidyEvery is how often what is of no use any more is removed.
	tidyEvery = 10 * time.Minute
	// endedFor and failedFor are for how long jobs are listed that have ended.
	endedFor  = 24 * time.Hour
	failedFor = 90 * 24 * time.Hour
	// tidied is how many are removed at once.
	tidied = 5000
)

// lookAfter does what somebody must do of those who take jobs: it says that this worker lives, has
// jobs run again whose worker does not, and those wait whose time has come.
func (w *work) lookAfter(ctx context.Context) {
	every := min(w.o.Lease/2, soon)
	tidy := time.Now().Add(tidyEvery)
	for {
		for _, part := range []struct {
			what string
			do   func(context.Context) error
		}{
			{"it lives", w.live},
			{"jobs without a worker", w.s.reap},
			{"jobs whose time has come", w.s.wake},
		} {
			if err := part.do(ctx); err != nil && ctx.Err() == nil {
				w.o.Log.Warn("a worker cannot look after jobs", "what", part.what, "error", err)
			}
		}
		if time.Now().After(tidy) {
			tidy = time.Now().Add(tidyEvery)
			if err := w.s.tidy(ctx); err != nil && ctx.Err() == nil {
				w.o.Log.Warn("a worker cannot tidy up", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

func (w *work) live(ctx context.Context) error {
	return w.s.change(ctx, func(tx session) error {
		_, err := tx.exec(ctx, "INSERT INTO workers (process, name, seen) VALUES (?, ?, "+w.s.dialect.Clock+") ON CONFLICT (process) DO UPDATE SET seen = excluded.seen",
			w.process, w.o.Name)
		return err
	})
}

// reap has jobs run again whose lease has ended, and sets those aside that were tried often enough.
func (s *Store) reap(ctx context.Context) error {
	ended := "SELECT job FROM leases WHERE until < " + s.dialect.Clock + " ORDER BY until LIMIT " + strconv.Itoa(reaped)
	for _, query := range []string{ended, queue.Orphans} {
		some, err := each(ctx, s.look(), number, query)
		if err != nil {
			return err
		}
		for _, id := range some {
			if err := s.change(ctx, func(tx session) error { return s.reapOne(ctx, tx, id) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// reapOne sees to a job that seems to have no worker. Others may see to it, too, and its worker may
// end it at last.
func (s *Store) reapOne(ctx context.Context, tx session, id int64) error {
	var until, now int64
	leases, err := each(ctx, tx, func(row scanner) (n int64, err error) { return n, row.Scan(&until, &now) },
		"SELECT until, "+s.dialect.Clock+" FROM leases WHERE job = ? "+s.dialect.Skip, id)
	if err != nil || len(leases) > 0 && until >= now {
		return err // it was renewed
	}
	var j store.Job
	if len(leases) > 0 {
		j, err = s.queue.Job(ctx, tx.tx, id)
	} else if j, err = s.lockJob(ctx, tx, id); err == nil {
		// It may have one that another has locked, or that was made since.
		if n, err := number(tx.row(ctx, "SELECT COUNT(*) FROM leases WHERE job = ?", id)); err != nil || n > 0 {
			return err
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if _, gone := tx.exec(ctx, "DELETE FROM leases WHERE job = ?", id); gone != nil || err != nil || j.State != store.JobRunning {
		return gone // of a job that was changed by other means than ours
	}
	at, err := s.clock(ctx, tx)
	if err != nil {
		return err
	}
	e := ending{state: store.JobWaiting, at: at, due: at, attempt: j.Attempt, text: "its worker, " + strconv.Quote(j.Worker) + ", was not heard of any more: it was killed, or cut off"}
	if j.Attempt >= j.MaxAttempts {
		e.state, e.says = store.JobFailed, tired(j.Attempt)
		e.text += "; it was tried often enough"
	}
	return s.end(ctx, tx, j, e)
}

// tired is what is said of what was tried too often.
func tired(attempts int) string {
	return "it was tried " + strconv.Itoa(attempts) + " times, and each time it ended before there was a report"
}

func (s *Store) wake(ctx context.Context) error {
	return s.change(ctx, func(tx session) error { return s.queue.Wake(ctx, tx.tx, tidied) })
}

// tidy removes what is of no use any more.
func (s *Store) tidy(ctx context.Context) error {
	return s.change(ctx, func(tx session) error {
		now, err := s.clock(ctx, tx)
		if err != nil {
			return err
		}
		if _, err := tx.exec(ctx, "DELETE FROM workers WHERE seen < ?", nanoseconds(now.Add(-10*alive))); err != nil {
			return err
		}
		return s.queue.Clean(ctx, tx.tx, now.Add(-endedFor), now.Add(-failedFor), tidied)
	})
}
