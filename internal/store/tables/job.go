package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/queue"
)

// clock is the time of the database: clocks of processes differ.
func (s *Store) clock(ctx context.Context, tx session) (time.Time, error) {
	now, err := number(tx.row(ctx, "SELECT "+s.dialect.Clock))
	return moment(now), err
}

// enqueue puts jobs, and tells which of them are new: of the others there is one that waits or runs.
func (s *Store) enqueue(ctx context.Context, tx session, jobs []store.Job) ([]bool, error) {
	_, fresh, err := s.putJobs(ctx, tx, jobs)
	return fresh, err
}

// putJobs puts jobs, and returns their ids, too.
func (s *Store) putJobs(ctx context.Context, tx session, jobs []store.Job) (ids []int64, fresh []bool, err error) {
	if len(jobs) == 0 {
		return nil, nil, nil
	}
	now, err := s.clock(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	cleaned := make([]store.Job, len(jobs))
	for i, j := range jobs {
		j.Ref, j.Digest, j.Aim = detonaut.Ref(clean(j.Ref)), detonaut.Digest(clean(j.Digest)), clean(j.Aim)
		j.Survey, j.Options.Platform, j.Options.Profile = clean(j.Survey), clean(j.Options.Platform), clean(j.Options.Profile)
		cleaned[i] = j
	}
	return s.queue.Put(ctx, tx.tx, now, cleaned)
}

// withdraw takes the jobs of a survey that wait out of the queue.
func (s *Store) withdraw(ctx context.Context, tx session, survey string) error {
	const some = 1000
	for {
		gone, err := s.queue.Withdraw(ctx, tx.tx, survey, some)
		if err != nil || gone < some {
			return err
		}
	}
}

// waiting is how many jobs of a kind may run now.
func (s *Store) waiting(ctx context.Context, tx session, kind store.JobKind) (int, error) {
	n, err := number(tx.row(ctx, queue.Waiting, kind))
	return int(n), err
}

// putBack is how many jobs of a kind each survey has that wait for their time.
func (s *Store) putBack(ctx context.Context, tx session, kind store.JobKind) (map[string]int, error) {
	type count struct {
		survey string
		n      int
	}
	counts, err := each(ctx, tx, func(row scanner) (c count, err error) { return c, row.Scan(&c.survey, &c.n) }, queue.PutBack, kind)
	by := make(map[string]int, len(counts))
	for _, c := range counts {
		by[c.survey] = c.n
	}
	return by, err
}

// alive is for how long a worker is listed that was not heard of.
const alive = time.Minute

// Queue implements [store.Store].
func (s *Store) Queue(ctx context.Context) (*store.Queue, error) {
	q, err := s.queueNow(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at queue: %w", err)
	}
	return q, nil
}

func (s *Store) queueNow(ctx context.Context) (q *store.Queue, err error) {
	db := s.look()
	q = &store.Queue{Jobs: map[store.JobKind]map[store.JobState]int{}}
	if q.Paused, err = s.listing.Paused(ctx, nil); err != nil {
		return nil, err
	}
	type count struct {
		kind  store.JobKind
		state string
		n     int
	}
	counts, err := each(ctx, db, func(row scanner) (c count, err error) { return c, row.Scan(&c.kind, &c.state, &c.n) }, queue.Counts)
	if err != nil {
		return nil, err
	}
	for _, c := range counts {
		if q.Jobs[c.kind] == nil {
			q.Jobs[c.kind] = map[store.JobState]int{}
		}
		q.Jobs[c.kind][queue.State(c.state)] += c.n
	}
	oldest, err := s.listing.Oldest(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	q.Oldest = oldest.Due
	q.Workers, err = each(ctx, db, func(row scanner) (w store.WorkerState, err error) {
		var seen int64
		err = row.Scan(&w.Name, &seen, &w.Running)
		w.Seen = moment(seen)
		return w, err
	}, `SELECT w.name, w.seen, (SELECT COUNT(*) FROM leases l WHERE l.process = w.process) FROM workers w
WHERE w.seen > `+s.dialect.Clock+" - "+strconv.FormatInt(int64(alive), 10)+" ORDER BY w.name, w.process")
	return q, err
}

// Jobs implements [store.Store].
func (s *Store) Jobs(ctx context.Context, kind store.JobKind, state store.JobState, p store.Page) (found []store.Job, next string, err error) {
	before, limit, err := page(p)
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", err)
	}
	jobs, err := s.listing.Jobs(ctx, kind, state, before, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", why(ctx, err))
	}
	var lines []line[store.Job]
	for _, j := range jobs {
		lines = append(lines, line[store.Job]{j.ID, j})
	}
	found, next = cut(lines, limit)
	return found, next, nil
}

// Job implements [store.Store].
func (s *Store) Job(ctx context.Context, id int64) (*store.Job, error) {
	j, err := s.listing.Job(ctx, nil, id)
	if err != nil {
		return nil, fmt.Errorf("get job: %w", why(ctx, err))
	}
	return &j, nil
}

// PauseQueue implements [store.Store].
func (s *Store) PauseQueue(ctx context.Context, paused bool) error {
	return s.change(ctx, func(tx session) error { return s.queue.Pause(ctx, tx.tx, paused) })
}

// RetryJob implements [store.Store].
func (s *Store) RetryJob(ctx context.Context, id int64) error {
	err := s.change(ctx, func(tx session) error {
		j, err := s.lockJob(ctx, tx, id)
		if err != nil {
			return err
		}
		switch j.State {
		case store.JobFailed, store.JobLater, store.JobWaiting:
		default:
			return fmt.Errorf("it is %s: %w", j.State, store.ErrConflict)
		}
		if err := s.queue.Retry(ctx, tx.tx, id); err != nil {
			return s.conflict(err)
		}
		if j.State != store.JobFailed {
			return nil
		}
		if j.Submission != "" {
			_, err := tx.exec(ctx, "UPDATE submissions SET state = 'queued', stage = '', failure = '', finished = 0 WHERE id = ?", clean(j.Submission))
			return err
		}
		if j.Kind == store.JobLook {
			return s.requeueBatch(ctx, tx, j.Batch)
		}
		return s.requeueItems(ctx, tx, j.Digest, j.Aim)
	})
	if err != nil {
		return fmt.Errorf("retry job: %w", err)
	}
	return nil
}

// lockJob returns a job that nobody else changes until the transaction has ended.
func (s *Store) lockJob(ctx context.Context, tx session, id int64) (j store.Job, err error) {
	if _, err := number(tx.row(ctx, queue.Lock+" "+s.dialect.Lock, id)); err != nil {
		return j, none(err)
	}
	return s.queue.Job(ctx, tx.tx, id)
}

// CancelJob implements [store.Store].
func (s *Store) CancelJob(ctx context.Context, id int64) error {
	err := s.cancelled(ctx, func(session) (int64, error) { return id, nil })
	if err != nil {
		return fmt.Errorf("cancel job: %w", err)
	}
	return nil
}

// errMoved is a job that was taken, or put back, while it was looked at.
var errMoved = errors.New("the job does not stay as it is")

// cancelled cancels the job that find finds, and what wanted it.
func (s *Store) cancelled(ctx context.Context, find func(session) (int64, error)) error {
	for {
		err := s.change(ctx, func(tx session) error {
			id, err := find(tx)
			if err != nil {
				return err
			}
			return s.cancel(ctx, tx, id)
		})
		if !errors.Is(err, errMoved) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// cancel cancels a job. Who ends one that runs removes its lease first, so one waits for the other, and never
// each for each.
func (s *Store) cancel(ctx context.Context, tx session, id int64) error {
	_, err := number(tx.row(ctx, "DELETE FROM leases WHERE job = ? RETURNING job", id))
	leased := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	var j store.Job
	if leased {
		j, err = s.queue.Job(ctx, tx.tx, id)
	} else {
		j, err = s.lockJob(ctx, tx, id)
	}
	if err != nil {
		return err
	}
	now, err := s.clock(ctx, tx)
	if err != nil {
		return err
	}
	e := ending{state: store.JobCancelled, at: now, attempt: j.Attempt}
	switch {
	case j.State == store.JobRunning:
		if n, err := number(tx.row(ctx, "SELECT COUNT(*) FROM leases WHERE job = ?", id)); err != nil || n > 0 && !leased {
			return errors.Join(err, errMoved) // it was taken since
		}
		return s.end(ctx, tx, j, e)
	case j.State != store.JobWaiting && j.State != store.JobLater:
		return fmt.Errorf("it is %s: %w", j.State, store.ErrConflict)
	}
	if err := s.queue.Cancel(ctx, tx.tx, id); err != nil {
		return err
	}
	return s.tell(ctx, tx, j, e)
}

// PutJobs puts jobs that nobody has submitted, and no survey feeds: for tests, and to measure. It tells
// which of them are new.
func (s *Store) PutJobs(ctx context.Context, jobs []store.Job) (fresh []bool, err error) {
	err = s.change(ctx, func(tx session) error {
		fresh, err = s.enqueue(ctx, tx, jobs)
		return err
	})
	return fresh, err
}
