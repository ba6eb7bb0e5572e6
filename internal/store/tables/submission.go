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
  attempts, worker, lease, told, created, started, finished) VALUES (?, ?, ?, ?, ?, 'queued', '', '', '', '', 0, '', 0, 0, ?, 0, 0)`,
		id, clean(v.Ref), key, clean(v.Owner), clean(list(v.Options)), nanoseconds(now))
	if err != nil {
		return kept, err
	}
	return scanSubmission(tx.row(ctx, ofSubmissions+"WHERE id = ?", id))
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

// tired is what is said of a submission that was tried too often.
var tired = fmt.Sprintf("it was tried %d times, and each time it ended before there was a report", store.MaxAttempts)

// Claim implements [store.Store].
func (s *Store) Claim(ctx context.Context, worker string, lease time.Duration) (*store.Submission, error) {
	var claimed line[store.Submission]
	now := s.or(time.Time{})
	err := s.change(ctx, func(tx session) error {
		_, err := tx.exec(ctx, `UPDATE submissions SET state = 'failed', stage = '', failure = ?, finished = ?
WHERE n IN (SELECT n FROM submissions WHERE state IN ('queued', 'running') AND state = 'running' AND lease < ? AND attempts >= ? `+s.dialect.Skip+`)`,
			tired, nanoseconds(now), nanoseconds(now), store.MaxAttempts)
		if err != nil {
			return err
		}
		var n int64
		err = tx.row(ctx, `SELECT n FROM submissions WHERE state IN ('queued', 'running') AND (state = 'queued' OR lease < ?)
  AND attempts < ? ORDER BY n LIMIT 1 `+s.dialect.Skip, nanoseconds(now), store.MaxAttempts).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // what has failed stays so
		}
		if err != nil {
			return err
		}
		_, err = tx.exec(ctx, `UPDATE submissions SET state = 'running', stage = '', worker = ?, lease = ?, attempts = attempts + 1,
  started = CASE WHEN started = 0 THEN ? ELSE started END WHERE n = ?`, clean(worker), nanoseconds(now.Add(lease)), nanoseconds(now), n)
		if err != nil {
			return err
		}
		claimed, err = scanSubmission(tx.row(ctx, ofSubmissions+"WHERE n = ?", n))
		return err
	})
	if err == nil && claimed.n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("claim submission: %w", err)
	}
	return &claimed.what, nil
}

// claimed returns a submission that a worker has claimed: [store.ErrConflict] if it has not. Nobody
// else changes it until the transaction has ended.
func (s *Store) claimed(ctx context.Context, tx session, id, worker string) (v store.Submission, err error) {
	l, err := scanSubmission(tx.row(ctx, ofSubmissions+"WHERE id = ? "+s.dialect.Lock, clean(id)))
	switch {
	case err != nil:
		return v, none(err)
	case l.what.State != store.Running:
		return l.what, fmt.Errorf("it is %s: %w", l.what.State, store.ErrConflict)
	case l.what.Worker != clean(worker):
		return l.what, fmt.Errorf("it is another's: %w", store.ErrConflict)
	}
	return l.what, nil
}

// Renew implements [store.Store].
func (s *Store) Renew(ctx context.Context, id, worker string, lease time.Duration) error {
	err := s.change(ctx, func(tx session) error {
		if _, err := s.claimed(ctx, tx, id, worker); err != nil {
			return err
		}
		return tx.one(ctx, "UPDATE submissions SET lease = ? WHERE id = ?", nanoseconds(s.now().Add(lease)), clean(id))
	})
	if err != nil {
		return fmt.Errorf("renew claim: %w", err)
	}
	return nil
}

// Finish implements [store.Store].
func (s *Store) Finish(ctx context.Context, id, worker string, e *store.Entry, failure string) error {
	var p *parcel
	if e != nil {
		var err error
		if p, err = s.parcel(e); err != nil {
			return fmt.Errorf("finish submission: %w", err)
		}
	}
	err := s.change(ctx, func(tx session) error { return s.finish(ctx, tx, id, worker, p, clean(failure)) })
	if err != nil {
		return fmt.Errorf("finish submission: %w", err)
	}
	return nil
}

func (s *Store) finish(ctx context.Context, tx session, id, worker string, p *parcel, failure string) error {
	v, err := s.claimed(ctx, tx, id, worker)
	if err != nil {
		if p != nil && v.State == store.Done && v.Worker == clean(worker) && v.Digest == p.Digest && v.Fingerprint == p.Key {
			return nil // it was told before, and did not hear that it was heard
		}
		return err
	}
	state, finished := store.Failed, nanoseconds(s.or(time.Time{}))
	switch {
	case p != nil:
		if err := s.put(ctx, tx, p); err != nil {
			return err
		}
		state, v.Digest, v.Fingerprint, failure = store.Done, p.Digest, p.Key, ""
	case failure == "" && v.Attempts < store.MaxAttempts:
		state, finished = store.Queued, 0
	case failure == "":
		failure = tired
	}
	return tx.one(ctx, "UPDATE submissions SET state = ?, stage = '', digest = ?, fingerprint = ?, failure = ?, finished = ?, lease = 0 WHERE id = ?",
		state, v.Digest, v.Fingerprint, failure, finished, v.ID)
}

// Cancel implements [store.Store].
func (s *Store) Cancel(ctx context.Context, id string) error {
	err := s.change(ctx, func(tx session) error {
		l, err := scanSubmission(tx.row(ctx, ofSubmissions+"WHERE id = ? "+s.dialect.Lock, clean(id)))
		if err != nil {
			return none(err)
		}
		if l.what.State.Ended() {
			return fmt.Errorf("it is %s: %w", l.what.State, store.ErrConflict)
		}
		return tx.one(ctx, "UPDATE submissions SET state = 'cancelled', stage = '', finished = ? WHERE n = ?", nanoseconds(s.now()), l.n)
	})
	if err != nil {
		return fmt.Errorf("cancel submission: %w", err)
	}
	return nil
}
