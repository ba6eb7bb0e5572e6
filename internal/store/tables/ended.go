package tables

import (
	"cmp"
	"context"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// tellSurvey tells a survey that a job that is not of an image has ended: done, failed for good or
// cancelled. It is called in the transaction that ends the job. reason is why it has failed.
func (s *Store) tellSurvey(ctx context.Context, tx session, j store.Job, state store.JobState, reason store.Reason) error {
	switch j.Kind {
	case store.JobLook:
		return s.finishLook(ctx, tx, j.Batch, state, reason)
	case store.JobList:
		return s.finishList(ctx, tx, j.Survey, state)
	}
	return nil
}

// finishing is how many items are ended at a time.
const finishing = 1_000

// finishItems ends the items of a digest that are in the queue, of all surveys with an aim, or of all if
// that is empty: with a state, and why if that is not done. When there is a report, those are done, too, that have failed before. It is
// called in the transaction that puts the report, or ends the job.
func (s *Store) finishItems(ctx context.Context, tx session, d detonaut.Digest, aim string, state store.ItemState, reason store.Reason) error {
	to, from := isDone, isTried
	switch state {
	case store.ItemDone:
		reason = ""
	case store.ItemFailed:
		to, from, reason = isFailed, "state IN (1, 6)", cutText(cmp.Or(reason, store.ReasonBroken), maxReason)
	default:
		to, from, reason = isCancelled, "state IN (1, 6)", cutText(cmp.Or(reason, store.ReasonCancelled), maxReason)
	}
	return s.turnTried(ctx, tx, d, aim, from, to, reason)
}

// requeueItems has the items of a digest that have failed, or were cancelled, be in the queue again, of all
// surveys with an aim that go on, or of all if that is empty.
func (s *Store) requeueItems(ctx context.Context, tx session, d detonaut.Digest, aim string) error {
	return s.turnTried(ctx, tx, d, aim, "state IN (4, 5)", isQueued, "")
}

// turnTried has the items of a digest that meet a condition be in another state.
func (s *Store) turnTried(ctx context.Context, tx session, d detonaut.Digest, aim, from string, to int, reason store.Reason) error {
	if d == "" {
		return nil
	}
	column, of := columnOf(d), "(SELECT id FROM surveys WHERE ? IN ('', aim))"
	if to == isQueued {
		of = "(SELECT id FROM surveys WHERE ? IN ('', aim) AND state NOT IN ('done', 'cancelled'))"
	}
	for {
		all, err := each(ctx, tx, scanOpen, `SELECT i.survey, i.candidate, i.number, i.state, i.reason FROM items i
WHERE substr(i.digest, 1, 12) = ? AND i.digest = ? AND i.`+isTried+" AND i."+from+" AND i.survey IN "+of+`
ORDER BY i.survey, i.candidate, i.number LIMIT ? `+s.dialect.Lock, prefix(column), column, clean(aim), finishing)
		if err != nil || len(all) == 0 {
			return err
		}
		if err := s.endItems(ctx, tx, all, to, reason); err != nil {
			return err
		}
		if len(all) < finishing {
			return nil
		}
	}
}

// openItem is an item that is to be another.
type openItem struct {
	survey, candidate, number int64
	state                     int
	reason                    store.Reason
}

func scanOpen(row scanner) (e openItem, err error) {
	return e, row.Scan(&e.survey, &e.candidate, &e.number, &e.state, &e.reason)
}

func (s *Store) endItems(ctx context.Context, tx session, all []openItem, to int, reason store.Reason) error {
	rows := make([][]any, len(all))
	tallies := map[int64]tally{}
	for i, e := range all {
		rows[i] = []any{e.survey, e.candidate, e.number, to, false, reason}
		t := tallies[e.survey]
		if t == nil {
			t = tally{}
			tallies[e.survey] = t
		}
		t.item(itemStates[e.state], -1)
		t.reason(e.reason, -1)
		t.item(itemStates[to], 1)
		t.reason(reason, 1)
	}
	if err := s.moveItems(ctx, tx, rows); err != nil {
		return err
	}
	for survey, t := range tallies {
		if err := t.keep(ctx, s, tx, survey); err != nil {
			return err
		}
	}
	return nil
}

// finishLook ends a batch. What was not looked at is skipped: another job would end the same way.
func (s *Store) finishLook(ctx context.Context, tx session, id int64, state store.JobState, reason store.Reason) error {
	query, args := "DELETE FROM looks WHERE id = ?", []any{id}
	switch state {
	case store.JobFailed:
		reason = cutText(cmp.Or(reason, store.ReasonUnlooked), maxReason)
		query, args = "UPDATE looks SET failed = ? WHERE id = ?", []any{reason, id} // somebody may have it tried again
	case store.JobCancelled:
		reason = store.ReasonCancelled
	default:
		reason = store.ReasonUnlooked
	}
	return s.turnBatch(ctx, tx, query, args, isLooking, isPassed, reason)
}

// requeueBatch has a batch whose job has failed be looked at again, if its survey goes on.
func (s *Store) requeueBatch(ctx context.Context, tx session, id int64) error {
	failed, err := each(ctx, tx, text, `SELECT failed FROM looks WHERE id = ? AND failed <> ''
  AND survey IN (SELECT id FROM surveys WHERE state NOT IN ('done', 'cancelled'))`, id)
	if err != nil || len(failed) == 0 {
		return err
	}
	return s.turnBatch(ctx, tx, "UPDATE looks SET failed = '' WHERE id = ?", []any{id}, isPassed, isLooking, store.Reason(failed[0]))
}

// turnBatch has the repositories of a batch, which query changes, be in another state, if they are in one:
// when they are skipped, for a reason.
func (s *Store) turnBatch(ctx context.Context, tx session, query string, args []any, from, to int, reason store.Reason) error {
	type batch struct {
		survey  int64
		numbers string
	}
	batches, err := each(ctx, tx, func(row scanner) (b batch, err error) { return b, row.Scan(&b.survey, &b.numbers) }, query+" RETURNING survey, numbers", args...)
	if err != nil || len(batches) == 0 {
		return err
	}
	b, was, is := batches[0], store.Reason(""), reason
	if from == isPassed {
		was, is = reason, ""
	}
	n, err := tx.exec(ctx, "UPDATE candidates SET state = ?, reason = ? WHERE survey = ? AND state = ? AND reason = ? AND number IN (SELECT CAST(e.value->>0 AS INTEGER) FROM "+
		s.dialect.Each+" e)", to, is, b.survey, from, was, b.numbers)
	if err != nil {
		return err
	}
	t := tally{}
	t.candidate(candidateState(from, true), -n)
	t.candidate(candidateState(to, true), n)
	t.reason(was, -n)
	t.reason(is, n)
	return t.keep(ctx, s, tx, b.survey)
}

// finishList pauses a survey whose repositories could not be listed: whoever lets it go on has it go on
// where it stopped. A list of which a part was told is none to draw from.
func (s *Store) finishList(ctx context.Context, tx session, name string, state store.JobState) error {
	if state != store.JobFailed && state != store.JobCancelled {
		return nil
	}
	_, err := tx.exec(ctx, "UPDATE surveys SET state = ? WHERE name = ? AND state = ? AND NOT listed", store.SurveyPaused, clean(name), store.SurveyListing)
	return err
}
