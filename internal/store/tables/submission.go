package tables

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// again is how long a submission stands for others with the same key.
const again = 24 * time.Hour

const ofSubmissions = `SELECT n, id, ref, key, owner, options, state, stage, digest, fingerprint, failure, attempts, worker,
  created, started, finished FROM submissions `

func scanSubmission(row scanner) (l line[store.Submission], err error) {
	var options string
	var created, started, finished int64
	v := &l.what
	err = row.Scan(&l.n, &v.ID, &v.Ref, &v.Key, &v.Owner, &options, &v.State, &v.Stage, &v.Digest, &v.Fingerprint, &v.Failure,
		&v.Attempts, &v.Worker, &created, &started, &finished)
	if err == nil {
		err = json.Unmarshal([]byte(options), &v.Options)
	}
	v.Created, v.Started, v.Finished = moment(created), moment(started), moment(finished)
	return l, err
}

// newID is one that nobody guesses.
func newID() string { return strings.ToLower(rand.Text()) }

// Submit implements [store.Store].
func (s *Store) Submit(ctx context.Context, v store.Submission) (*store.Submission, error) {
	var kept line[store.Submission]
	err := s.change(ctx, func(tx session) (err error) {
		kept, err = s.submit(ctx, tx, v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("submit: %w", err)
	}
	return &kept.what, nil
}

func (s *Store) submit(ctx context.Context, tx session, v store.Submission) (kept line[store.Submission], err error) {
	now, key := s.or(time.Time{}), clean(v.Key)
	if v.Ref == "" || len(v.Key) > maxID || len(v.Owner) > maxID {
		return kept, fmt.Errorf("a submission without a ref, or with a key or owner of more than %d bytes: %w", maxID, store.ErrInvalid)
	}
	if key != "" {
		if err := s.alone(ctx, tx, key); err != nil {
			return kept, err
		}
		kept, err = scanSubmission(tx.row(ctx, ofSubmissions+"WHERE key = ? AND key <> '' AND created >= ? ORDER BY n DESC LIMIT 1", key, nanoseconds(now.Add(-again))))
		if !errors.Is(err, sql.ErrNoRows) {
			return kept, err
		}
	}
	id := newID()
	_, err = tx.exec(ctx, `INSERT INTO submissions (id, ref, key, owner, options, state, stage, digest, fingerprint, failure,
  attempts, worker, told, created, started, finished) VALUES (?, ?, ?, ?, ?, 'queued', '', '', '', '', 0, '', 0, ?, 0, 0)`,
		id, clean(v.Ref), key, clean(v.Owner), clean(list(v.Options)), nanoseconds(now))
	if err != nil {
		return kept, err
	}
	if kept, err = scanSubmission(tx.row(ctx, ofSubmissions+"WHERE id = ?", id)); err != nil {
		return kept, err
	}
	return kept, s.queueUp(ctx, tx, kept)
}

// Submission implements [store.Store].
func (s *Store) Submission(ctx context.Context, id string) (*store.Submission, error) {
	l, err := scanSubmission(s.look().row(ctx, ofSubmissions+"WHERE id = ?", clean(id)))
	if err != nil {
		return nil, fmt.Errorf("get submission: %w", none(err))
	}
	return &l.what, nil
}

// Recent implements [store.Store].
func (s *Store) Recent(ctx context.Context, owner string, p store.Page) (found []store.Submission, next string, err error) {
	before, limit, err := page(p)
	if err != nil {
		return nil, "", fmt.Errorf("list submissions: %w", err)
	}
	query, args := ofSubmissions+"WHERE n < ?", []any{before}
	if owner != "" {
		query, args = query+" AND owner = ?", append(args, clean(owner))
	}
	lines, err := each(ctx, s.look(), scanSubmission, query+" ORDER BY n DESC"+more(limit), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list submissions: %w", err)
	}
	found, next = cut(lines, limit)
	return found, next, nil
}

// Cancel implements [store.Store].
func (s *Store) Cancel(ctx context.Context, id string) error {
	err := s.cancelled(ctx, func(tx session) (job int64, err error) {
		v, err := scanSubmission(tx.row(ctx, ofSubmissions+"WHERE id = ?", clean(id)))
		if err != nil {
			return 0, none(err)
		}
		if v.what.State.Ended() {
			return 0, fmt.Errorf("it is %s: %w", v.what.State, store.ErrConflict)
		}
		return number(tx.row(ctx, "SELECT job FROM submissions WHERE n = ?", v.n))
	})
	if err != nil {
		return fmt.Errorf("cancel submission: %w", err)
	}
	return nil
}

// jobOf is the job of a submission.
func jobOf(v store.Submission) store.Job {
	return store.Job{Kind: store.JobImage, Priority: store.PriorityPerson, Submission: v.ID, Ref: v.Ref, Options: v.Options}
}

// queueUp gives a submission its job.
func (s *Store) queueUp(ctx context.Context, tx session, v line[store.Submission]) error {
	ids, _, err := s.putJobs(ctx, tx, []store.Job{jobOf(v.what)})
	if err != nil {
		return err
	}
	return tx.one(ctx, "UPDATE submissions SET job = ? WHERE n = ?", ids[0], v.n)
}

// adopt gives jobs to submissions of before there were any, once.
func (s *Store) adopt(ctx context.Context) error {
	const orphans = ofSubmissions + "WHERE state IN ('queued', 'running') AND job = 0 ORDER BY n"
	if some, err := each(ctx, s.look(), scanSubmission, orphans); err != nil || len(some) == 0 {
		return err
	}
	return s.change(ctx, func(tx session) error {
		if err := s.alone(ctx, tx, "submissions without a job"); err != nil {
			return err
		}
		all, err := each(ctx, tx, scanSubmission, orphans)
		if err != nil {
			return err
		}
		for _, v := range all {
			if err := tx.one(ctx, "UPDATE submissions SET state = 'queued', stage = '', attempts = 0 WHERE n = ?", v.n); err != nil {
				return err
			}
			if err := s.queueUp(ctx, tx, v); err != nil {
				return err
			}
		}
		return nil
	})
}
