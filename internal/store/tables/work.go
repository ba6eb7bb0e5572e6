package tables

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/queue"
)

const (
	// batch is how many jobs are taken at once, at most.
	batch = 100
	// gather is for how long a worker waits for more of its places to become free before it takes jobs:
	// a transaction for each would cost more than the time.
	gather = 2 * time.Millisecond
)

// work is what [Store.Work] does.
type work struct {
	s *Store
	o store.WorkOptions
	// process is this work among that of all processes.
	process string
	lines   []*workLine
	// freed has something when a job has ended.
	freed chan struct{}
	jobs  sync.WaitGroup
}

// workLine is the jobs of a queue.
type workLine struct {
	queue   queue.Name
	places  int
	running atomic.Int64
	// idle is set if there was nothing to take: then it is looked for first.
	idle bool
}

// Work implements [store.Store].
func (s *Store) Work(ctx context.Context, o store.WorkOptions) error {
	if o.Do == nil {
		return fmt.Errorf("work without anything to do: %w", store.ErrInvalid)
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Name = clean(o.Name)
	w := &work{s: s, o: o, process: rand.Text(), freed: make(chan struct{}, 1), lines: []*workLine{
		{queue: queue.Images, places: o.Images}, {queue: queue.Catalogue, places: o.Catalogue},
	}}
	// What looks after leases goes on as long as jobs do.
	live, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var upkeep sync.WaitGroup
	upkeep.Go(func() { w.lookAfter(live) })
	w.take(ctx)
	w.jobs.Wait()
	stop()
	upkeep.Wait()
	w.leave(context.WithoutCancel(ctx))
	return nil
}

// take takes jobs, and starts them, until ctx ends.
func (w *work) take(ctx context.Context) {
	for ctx.Err() == nil {
		more, err := w.round(ctx)
		if err != nil && ctx.Err() == nil {
			w.o.Log.Error("cannot take jobs", "error", err)
		}
		var freed <-chan struct{}
		if more {
			freed = w.freed
		}
		select {
		case <-ctx.Done():
		case <-w.o.Wake:
		case <-time.After(w.o.Poll):
		case <-freed:
			select {
			case <-ctx.Done():
			case <-time.After(gather):
			}
		}
	}
}

// round takes as many jobs as there are places for. There may be more if a queue gave as many as were
// asked for.
func (w *work) round(ctx context.Context) (more bool, err error) {
	for _, l := range w.lines {
		for {
			free := min(l.places-int(l.running.Load()), batch)
			some := l.queue == queue.Images && w.o.Vacant != nil
			if some {
				free = min(free, w.o.Vacant())
			}
			if free <= 0 {
				more = more || l.places > 0
				break
			}
			if l.idle {
				if some, err := number(w.s.look().row(ctx, queue.Ready, l.queue)); err != nil || some == 0 {
					if err != nil {
						return more, err
					}
					break
				}
			}
			claims, err := w.claim(ctx, l.queue, free)
			if err != nil {
				return more, err
			}
			l.idle = len(claims) == 0
			for _, c := range claims {
				l.running.Add(1)
				w.jobs.Go(func() {
					defer w.free(l)
					c.work(ctx)
				})
			}
			if len(claims) < free {
				break
			}
			if some { // those that were just taken have to be seen first
				more = true
				break
			}
		}
	}
	return more, nil
}

func (w *work) free(l *workLine) {
	l.running.Add(-1)
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// claim takes jobs, with a lease for each.
func (w *work) claim(ctx context.Context, n queue.Name, limit int) (claims []*claim, err error) {
	began := time.Now()
	err = w.s.change(ctx, func(tx session) error {
		if paused, err := w.s.queue.Paused(ctx, tx.tx); err != nil || paused {
			return err
		}
		jobs, err := w.s.queue.Take(ctx, tx.tx, n, w.o.Name, limit)
		if err != nil || len(jobs) == 0 {
			return err
		}
		rows := [][2]string{}
		for _, j := range jobs {
			c := &claim{w: w, job: j, holder: rand.Text()}
			claims, rows = append(claims, c), append(rows, [2]string{strconv.FormatInt(j.ID, 10), c.holder})
			if err := w.s.tellTaken(ctx, tx, j, w.o.Name); err != nil {
				return err
			}
		}
		_, err = tx.exec(ctx, `INSERT INTO leases (job, holder, process, until)
SELECT CAST(e.value->>0 AS BIGINT), e.value->>1, CAST(? AS TEXT), `+w.s.dialect.Clock+` + CAST(? AS BIGINT) FROM `+w.s.dialect.Each+` e WHERE TRUE
ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, process = excluded.process, until = excluded.until`,
			w.process, int64(w.o.Lease), list(rows))
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, c := range claims {
		c.held = began.Add(w.safe())
		c.log = w.o.Log.With("job", c.job.ID, "kind", string(c.job.Kind), "attempt", c.job.Attempt)
		if c.job.Ref != "" {
			c.log = c.log.With("ref", string(c.job.Ref))
		}
	}
	return claims, nil
}

// safe is for how long after a renewal was begun nobody else has a job, with room for clocks that
// do not go alike.
func (w *work) safe() time.Duration { return w.o.Lease - w.o.Lease/6 }

// leave has the worker be no more.
func (w *work) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = w.s.change(ctx, func(tx session) error { // otherwise it is not heard of
		_, err := tx.exec(ctx, "DELETE FROM workers WHERE process = ?", w.process)
		return err
	})
}
