package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/detonaut/detonaut/internal/store"
)

// Queries of what River's driver has no statement for, with ? for arguments.
const (
	// Counts has a row of kind, state and number for each kind and state that is not an end.
	Counts = `SELECT kind, state, COUNT(*) FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled') GROUP BY kind, state`
	// Waiting counts those of a kind that may run now.
	Waiting = `SELECT COUNT(*) FROM river_job WHERE kind = ? AND state IN ('available', 'pending')`
	// PutBack has a row of survey and number for each survey with jobs of a kind that wait for their time.
	PutBack = `SELECT COALESCE(args ->> 'survey', ''), COUNT(*) FROM river_job WHERE kind = ? AND state IN ('retryable', 'scheduled') GROUP BY 1`
	// Ready is how many may be taken from a queue: none or one.
	Ready = `SELECT COUNT(*) FROM (SELECT 1 FROM river_job WHERE state = 'available' AND queue = ? LIMIT 1) AS one`
	// Orphans are at most so many that run, but have no lease.
	Orphans = `SELECT id FROM river_job WHERE state = 'running' AND id NOT IN (SELECT job FROM leases) ORDER BY id LIMIT 100`
	// Lock locks one.
	Lock = `SELECT id FROM river_job WHERE id = ?`
)

// State is that of a row of [Counts].
func State(s string) store.JobState { return stateOf(rivertype.JobState(s)) }

func none(err error) error {
	if errors.Is(err, rivertype.ErrNotFound) || errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}

// Job returns one; in a transaction, or without.
func (q *Queue) Job(ctx context.Context, tx *sql.Tx, id int64) (j store.Job, err error) {
	var row *rivertype.JobRow
	if tx != nil {
		row, err = q.client.JobGetTx(ctx, tx, id)
	} else {
		row, err = q.client.JobGet(ctx, id)
	}
	if err != nil {
		return j, none(err)
	}
	return job(row)
}

// Jobs are at most so many of a kind and state, both if empty any, whose id is smaller than one, the
// greatest first.
func (q *Queue) Jobs(ctx context.Context, kind store.JobKind, state store.JobState, before int64, limit int) (jobs []store.Job, err error) {
	p := river.NewJobListParams().First(limit).OrderBy(river.JobListOrderByID, river.SortOrderDesc).
		States(statesOf(state)...).Where("id < @before", river.NamedArgs{"before": before})
	if kind != "" {
		p = p.Kinds(string(kind))
	}
	found, err := q.client.JobList(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, row := range found.Jobs {
		j, err := job(row)
		if err != nil {
			j.Errors = append(j.Errors, store.JobError{Text: err.Error()}) // it is listed all the same
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// Oldest is that which waits longest; [store.ErrNotFound] if none does.
func (q *Queue) Oldest(ctx context.Context) (j store.Job, err error) {
	found, err := q.client.JobList(ctx, river.NewJobListParams().First(1).
		States(rivertype.JobStateAvailable).OrderBy(river.JobListOrderByScheduledAt, river.SortOrderAsc))
	if err != nil {
		return j, err
	}
	if len(found.Jobs) == 0 {
		return j, store.ErrNotFound
	}
	return job(found.Jobs[0])
}

// Retry has one run again that has ended, or waits for its time.
func (q *Queue) Retry(ctx context.Context, tx *sql.Tx, id int64) error {
	_, err := q.client.JobRetryTx(ctx, tx, id)
	return none(err)
}

// Cancel ends one that waits.
func (q *Queue) Cancel(ctx context.Context, tx *sql.Tx, id int64) error {
	_, err := q.client.JobCancelTx(ctx, tx, id)
	return none(err)
}

// Withdraw takes at most so many jobs of a survey that wait from the queue, and returns how many.
func (q *Queue) Withdraw(ctx context.Context, tx *sql.Tx, survey string, limit int) (int, error) {
	gone, err := q.client.JobDeleteManyTx(ctx, tx, river.NewJobDeleteManyParams().First(limit).
		States(rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateScheduled).
		Where("args ->> 'survey' = @survey", river.NamedArgs{"survey": survey}))
	if err != nil {
		return 0, fmt.Errorf("withdraw jobs: %w", err)
	}
	return len(gone.Jobs), nil
}

// Pause has nobody take jobs, or lets them go on.
func (q *Queue) Pause(ctx context.Context, tx *sql.Tx, paused bool) error {
	exec := q.driver.UnwrapExecutor(tx)
	for _, n := range Names {
		// There is none before it was paused for the first time.
		_, err := exec.QueueCreateOrSetUpdatedAt(ctx, &riverdriver.QueueCreateOrSetUpdatedAtParams{Name: string(n), Metadata: []byte("{}")})
		if err == nil && paused {
			err = exec.QueuePause(ctx, &riverdriver.QueuePauseParams{Name: string(n)})
		} else if err == nil {
			err = exec.QueueResume(ctx, &riverdriver.QueueResumeParams{Name: string(n)})
		}
		if err != nil {
			return fmt.Errorf("pause queue: %w", err)
		}
	}
	return nil
}

// Paused tells whether nobody is to take jobs.
func (q *Queue) Paused(ctx context.Context, tx *sql.Tx) (bool, error) {
	var row *rivertype.Queue
	var err error
	if tx != nil {
		row, err = q.client.QueueGetTx(ctx, tx, string(Images))
	} else {
		row, err = q.client.QueueGet(ctx, string(Images))
	}
	if errors.Is(err, rivertype.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at queue: %w", err)
	}
	return row.PausedAt != nil, nil
}
