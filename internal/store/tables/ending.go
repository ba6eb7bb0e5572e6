package tables

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/queue"
)

// ending is how an attempt of a job has ended.
type ending struct {
	state store.JobState
	at    time.Time // by the clock of the database
	// due is when one may run again that is put back: after so long.
	due   time.Time
	after time.Duration
	// attempt is how many attempts count.
	attempt int
	// says is why there is nothing, for those who asked; text for operators.
	says, text string
	// parcel is a report that is put, and aim that of who made it; known is one that there is.
	parcel *parcel
	aim    string
	known  *store.Known
}

// end ends an attempt of a job whose lease the transaction has removed, with all that comes of it.
//
// What is locked comes in this order: lease, job, submission, digest, items, and then what a report
// needs, which does not wait for others any more when it has taken its number. Who has more items wait for
// a job has it locked, too: so either they are seen here, or the job is seen to have ended there.
func (s *Store) end(ctx context.Context, tx session, j store.Job, e ending) error {
	if _, err := s.lockJob(ctx, tx, j.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := s.tell(ctx, tx, j, e); err != nil {
		return err
	}
	is, err := s.queue.End(ctx, tx.tx, j.ID, queue.End{State: e.state, At: e.at, Due: e.due, Attempt: e.attempt, Error: e.text})
	if err != nil {
		return err
	}
	if is == store.JobCancelled && e.state != is {
		// Somebody has cancelled it by other means than ours.
		e.state = is
		if err := s.tell(ctx, tx, j, e); err != nil {
			return err
		}
	}
	if e.parcel == nil {
		return nil
	}
	return s.put(ctx, tx, e.parcel)
}

// tell has those know of an ending who wanted the job.
func (s *Store) tell(ctx context.Context, tx session, j store.Job, e ending) error {
	digest, key := j.Digest, ""
	switch {
	case e.parcel != nil:
		digest, key = e.parcel.Digest, e.parcel.Key
	case e.known != nil:
		digest, key = detonaut.Digest(clean(e.known.Digest)), clean(e.known.Key)
	}
	if j.Submission != "" {
		if err := s.tellSubmission(ctx, tx, j, e, digest, key); err != nil {
			return err
		}
	}
	if j.Kind != store.JobImage {
		if e.state == store.JobWaiting || e.state == store.JobLater {
			return nil // it is put back
		}
		return s.tellSurvey(ctx, tx, j, e.state, store.Reason(clean(e.says)))
	}
	aim := j.Aim
	if j.Digest != "" {
		digest = j.Digest
	} else if aim = e.aim; digest == "" || aim == "" {
		return nil // no survey may have wanted that
	}
	return s.tellItems(ctx, tx, digest, aim, e)
}

// tellItems has the items of surveys know of an ending that are of a digest.
func (s *Store) tellItems(ctx context.Context, tx session, d detonaut.Digest, aim string, e ending) error {
	state, reason := store.ItemDone, store.Reason("")
	switch e.state {
	case store.JobDone:
	case store.JobFailed:
		state, reason = store.ItemFailed, store.Reason(clean(e.says))
	case store.JobCancelled:
		state, reason = store.ItemSkipped, store.ReasonCancelled
	default:
		return nil // it is put back
	}
	return s.finishItems(ctx, tx, d, aim, state, reason)
}

// stateTold is the data of progress of the kind "state".
type stateTold struct {
	State       store.State     `json:"state"`
	Attempt     int             `json:"attempt,omitempty"`
	Digest      detonaut.Digest `json:"digest,omitempty"`
	Fingerprint string          `json:"fingerprint,omitempty"`
	Failure     string          `json:"failure,omitempty"`
}

func (t stateTold) progress() []store.Progress {
	b, _ := json.Marshal(t) // of strings and numbers alone
	return []store.Progress{{Kind: "state", Data: b}}
}

func (s *Store) tellSubmission(ctx context.Context, tx session, j store.Job, e ending, digest detonaut.Digest, key string) error {
	t := stateTold{State: store.Queued, Attempt: j.Attempt, Failure: clean(e.says)}
	finished := nanoseconds(s.or(time.Time{}))
	failure := ""
	switch e.state {
	case store.JobDone:
		t = stateTold{State: store.Done, Digest: digest, Fingerprint: key}
	case store.JobFailed:
		t.State, t.Attempt, failure = store.Failed, 0, t.Failure
	case store.JobCancelled:
		t = stateTold{State: store.Cancelled}
	default:
		finished = 0
	}
	if t.State != store.Done {
		digest, key = "", ""
	}
	n, err := tx.exec(ctx, `UPDATE submissions SET state = ?, stage = '', digest = ?, fingerprint = ?, failure = ?, attempts = ?, finished = ?
WHERE id = ? AND state IN ('queued', 'running')`, t.State, digest, key, failure, e.attempt, finished, clean(j.Submission))
	if err != nil || n == 0 {
		return err // it was forgotten
	}
	return s.addProgress(ctx, tx, clean(j.Submission), t.progress())
}

// tellTaken has a submission know that somebody works at it.
func (s *Store) tellTaken(ctx context.Context, tx session, j store.Job, worker string) error {
	if j.Submission == "" {
		return nil
	}
	now := nanoseconds(s.or(time.Time{}))
	n, err := tx.exec(ctx, `UPDATE submissions SET state = 'running', stage = '', worker = ?, attempts = ?,
  started = CASE WHEN started = 0 THEN ? ELSE started END WHERE id = ? AND state IN ('queued', 'running')`,
		clean(worker), j.Attempt, now, clean(j.Submission))
	if err != nil || n == 0 {
		return err
	}
	return s.addProgress(ctx, tx, clean(j.Submission), stateTold{State: store.Running, Attempt: j.Attempt}.progress())
}
