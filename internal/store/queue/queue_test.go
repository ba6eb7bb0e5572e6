package queue_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/queue"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

// base has the tables of a queue, of a file.
type base struct {
	t  *testing.T
	db *sql.DB
	q  *queue.Queue
}

func newBase(t *testing.T) *base {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.sqlite")
	s, err := sqlite.Open(t.Context(), path, store.Options{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	q, err := queue.New(riversqlite.New(db))
	if err != nil {
		t.Fatal(err)
	}
	return &base{t, db, q}
}

// change does something in a transaction.
func (b *base) change(do func(ctx context.Context, tx *sql.Tx) error) {
	b.t.Helper()
	tx, err := b.db.BeginTx(b.t.Context(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if err = do(b.t.Context(), tx); err == nil {
		err = tx.Commit()
	} else {
		_ = tx.Rollback() // the error is why
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *base) take(limit int) (jobs []store.Job) {
	b.t.Helper()
	b.change(func(ctx context.Context, tx *sql.Tx) (err error) {
		jobs, err = b.q.Take(ctx, tx, queue.Catalogue, "w", limit)
		return err
	})
	return jobs
}

func (b *base) job(id int64) store.Job {
	b.t.Helper()
	j, err := b.q.Job(b.t.Context(), nil, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return j
}

func (b *base) put(now time.Time, jobs ...store.Job) (ids []int64) {
	b.t.Helper()
	b.change(func(ctx context.Context, tx *sql.Tx) (err error) {
		ids, _, err = b.q.Put(ctx, tx, now, jobs)
		return err
	})
	return ids
}

// TestTimes: the times of a job are those that are told, whatever the clock of this process says.
func TestTimes(t *testing.T) {
	b := newBase(t)
	past, future := time.Date(2001, 2, 3, 4, 5, 6, 789e6, time.UTC), time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
	id := b.put(past, store.Job{Kind: store.JobLook, Survey: "s", Batch: 7, Priority: 2})[0]
	want := store.Job{ID: id, Kind: store.JobLook, State: store.JobWaiting, Priority: 2, Survey: "s", Batch: 7, MaxAttempts: store.MaxAttempts, Created: past, Due: past}
	if diff := cmp.Diff(want, b.job(id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.put(future, store.Job{Kind: store.JobLook, Survey: "s", Batch: 8})
	if jobs := b.take(10); len(jobs) != 1 || jobs[0].ID != id || jobs[0].Worker != "w" || jobs[0].Attempt != 1 {
		t.Fatalf("got %+v", jobs)
	}
	end := func(e queue.End) store.Job {
		t.Helper()
		b.change(func(ctx context.Context, tx *sql.Tx) error {
			is, err := b.q.End(ctx, tx, id, e)
			if err == nil && is != e.State {
				err = fmt.Errorf("it is %s", is)
			}
			return err
		})
		return b.job(id)
	}
	if j := end(queue.End{State: store.JobLater, At: past, Due: future, Attempt: 1, Error: strings.Repeat("x", 1<<20)}); !j.Due.Equal(future) || len(j.Errors) != 1 || len(j.Errors[0].Text) > 1<<15 || !j.Errors[0].At.Equal(past) {
		t.Errorf("got %+v", j)
	}
	b.change(func(ctx context.Context, tx *sql.Tx) error { return b.q.Retry(ctx, tx, id) })
	b.take(10)
	if j := end(queue.End{State: store.JobFailed, At: past, Attempt: 2}); !j.Finished.Equal(past) {
		t.Errorf("got %+v", j)
	}
	clean := func(ended, failed time.Time) {
		t.Helper()
		b.change(func(ctx context.Context, tx *sql.Tx) error { return b.q.Clean(ctx, tx, ended, failed, 10) })
	}
	clean(future, past)
	b.job(id)
	b.change(func(ctx context.Context, tx *sql.Tx) error { return b.q.Retry(ctx, tx, id) })
	b.take(10)
	if j := end(queue.End{State: store.JobDone, At: past, Attempt: 3}); !j.Finished.Equal(past) || j.Attempt != 3 {
		t.Errorf("got %+v", j)
	}
	clean(past, future)
	b.job(id)
	clean(past.Add(time.Second), past)
	if _, err := b.q.Job(t.Context(), nil, id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what ended long ago is still there: %v", err)
	}
	for _, state := range []store.JobState{store.JobDone, store.JobFailed, store.JobWaiting} {
		tx, err := b.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.q.End(t.Context(), tx, id, queue.End{State: state, At: past, Due: past}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("end what is not there: %v", err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoJob: what somebody else has put into the tables, and makes no sense, fails, and is in nobody's way.
func TestNoJob(t *testing.T) {
	b := newBase(t)
	now := time.Now()
	ids := b.put(now, store.Job{Kind: store.JobLook, Survey: "s", Batch: 1}, store.Job{Kind: store.JobLook, Survey: "s", Batch: 2}, store.Job{Kind: store.JobLook, Survey: "s", Batch: 3})
	for id, args := range map[int64]string{ids[0]: `jsonb('{"batch": "many"}')`, ids[1]: `jsonb('[1]')`} {
		if _, err := b.db.ExecContext(t.Context(), fmt.Sprintf("UPDATE river_job SET args = %s WHERE id = %d", args, id)); err != nil {
			t.Fatal(err)
		}
	}
	if jobs := b.take(10); len(jobs) != 1 || jobs[0].ID != ids[2] {
		t.Errorf("got %+v", jobs)
	}
	failed, err := b.q.Jobs(t.Context(), "", store.JobFailed, 1<<60, 10)
	if err != nil || len(failed) != 2 || len(failed[1].Errors) == 0 {
		t.Errorf("got %+v and %v", failed, err)
	}
}
