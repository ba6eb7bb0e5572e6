package queue

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/detonaut/detonaut/internal/store"
)

const (
	// takers is how many of those are remembered who had a job.
	takers = 10
	// maxError is how much is kept of why an attempt failed, in bytes.
	maxError = 16 << 10
)

// Take takes at most so many jobs from a queue whose time has come, the most urgent first. They run
// then: the caller gives each a lease in the same transaction.
func (q *Queue) Take(ctx context.Context, tx *sql.Tx, n Name, worker string, limit int) ([]store.Job, error) {
	exec := q.driver.UnwrapExecutor(tx)
	taken, err := exec.JobGetAvailable(ctx, &riverdriver.JobGetAvailableParams{
		ClientID: worker, MaxAttemptedBy: takers, MaxToLock: limit, Queue: string(n),
	})
	if err != nil {
		return nil, fmt.Errorf("take jobs: %w", err)
	}
	var jobs []store.Job
	for _, row := range taken.Jobs {
		j, err := job(row)
		if err = errors.Join(err, taken.DecodeErrors[row.ID]); err != nil {
			// Nobody can do it, and nobody is to try.
			if _, err := q.End(ctx, tx, row.ID, End{State: store.JobFailed, At: row.AttemptedAt.UTC(), Error: err.Error(), Attempt: row.Attempt}); err != nil {
				return nil, err
			}
			continue
		}
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b store.Job) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
	return jobs, nil
}

// End is how a job goes on that runs.
type End struct {
	// State is what it is then: waiting and later are for Due.
	State store.JobState
	At    time.Time // now
	Due   time.Time
	// Attempt is how often it was tried.
	Attempt int
	// Error is why it failed; empty if it did not.
	Error string
}

// End ends a job that runs, or puts it back. It returns what it is then: somebody else may have
// cancelled it. [store.ErrConflict] if it does not run.
func (q *Queue) End(ctx context.Context, tx *sql.Tx, id int64, e End) (store.JobState, error) {
	if e.State == store.JobDone && e.Error == "" {
		return e.State, q.done(ctx, tx, id, e.At)
	}
	p := &riverdriver.JobSetStateIfRunningManyParams{
		ID: []int64{id}, Attempt: []*int{&e.Attempt}, ErrData: [][]byte{nil}, FinalizedAt: []*time.Time{nil},
		MetadataDoMerge: []bool{false}, MetadataUpdates: [][]byte{nil}, Now: &e.At, ScheduledAt: []*time.Time{nil},
	}
	switch e.State {
	case store.JobWaiting:
		p.State, p.ScheduledAt[0] = []rivertype.JobState{rivertype.JobStateAvailable}, &e.Due
	case store.JobLater:
		p.State, p.ScheduledAt[0] = []rivertype.JobState{rivertype.JobStateScheduled}, &e.Due
	case store.JobFailed:
		p.State, p.FinalizedAt[0] = []rivertype.JobState{rivertype.JobStateDiscarded}, &e.At
	case store.JobCancelled:
		p.State, p.FinalizedAt[0] = []rivertype.JobState{rivertype.JobStateCancelled}, &e.At
	default:
		return "", fmt.Errorf("end a job as %q: %w", e.State, store.ErrInvalid)
	}
	if e.Error != "" {
		p.ErrData[0], _ = json.Marshal(rivertype.AttemptError{At: e.At, Attempt: e.Attempt, Error: e.Error[:min(len(e.Error), maxError)]}) // of text
	}
	rows, err := q.driver.UnwrapExecutor(tx).JobSetStateIfRunningMany(ctx, p)
	if err != nil {
		return "", fmt.Errorf("end job: %w", err)
	}
	if len(rows) == 0 {
		return "", fmt.Errorf("end job: there is none: %w", store.ErrConflict)
	}
	return stateOf(rows[0].State), nil
}

// done ends a job with which nothing is wrong, as the driver would. Its statement is made for any change
// of many jobs, and takes several times as long to plan as this one takes as a whole; nearly all jobs
// end so.
func (q *Queue) done(ctx context.Context, tx *sql.Tx, id int64, at time.Time) error {
	statement, finalized := "UPDATE river_job SET state = 'completed', finalized_at = $1 WHERE id = $2 AND state = 'running'", any(at)
	if q.driver.DatabaseName() == riverdriver.DatabaseNameSQLite {
		statement = "UPDATE river_job SET state = 'completed', finalized_at = ? WHERE id = ? AND state = 'running'"
		finalized = at.UTC().Round(time.Millisecond).Format("2006-01-02 15:04:05.000") // as the driver writes times
	}
	ended, err := tx.ExecContext(ctx, statement, finalized, id)
	if err != nil {
		return fmt.Errorf("end job: %w", err)
	}
	if n, err := ended.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, fmt.Errorf("end job: it does not run: %w", store.ErrConflict))
	}
	return nil
}

// Wake has jobs wait whose time has come, at most so many.
func (q *Queue) Wake(ctx context.Context, tx *sql.Tx, limit int) error {
	if _, err := q.driver.UnwrapExecutor(tx).JobSchedule(ctx, &riverdriver.JobScheduleParams{Max: limit}); err != nil {
		return fmt.Errorf("wake jobs: %w", err)
	}
	return nil
}

// Clean forgets at most so many jobs that ended before a time, and those that failed before another.
func (q *Queue) Clean(ctx context.Context, tx *sql.Tx, ended, failed time.Time, limit int) error {
	_, err := q.driver.UnwrapExecutor(tx).JobDeleteBefore(ctx, &riverdriver.JobDeleteBeforeParams{
		CancelledDoDelete: true, CancelledFinalizedAtHorizon: ended,
		CompletedDoDelete: true, CompletedFinalizedAtHorizon: ended,
		DiscardedDoDelete: true, DiscardedFinalizedAtHorizon: failed,
		Max: limit,
	})
	if err != nil {
		return fmt.Errorf("clean queue: %w", err)
	}
	return nil
}
