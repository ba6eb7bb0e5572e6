package tables

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// SteerSurvey implements [store.Store].
func (s *Store) SteerSurvey(ctx context.Context, name string, to store.SurveyState) error {
	err := s.change(ctx, func(tx session) error { return s.steer(ctx, tx, name, to) })
	if err != nil {
		return fmt.Errorf("steer survey: %w", err)
	}
	return nil
}

func (s *Store) steer(ctx context.Context, tx session, name string, to store.SurveyState) error {
	if err := s.alone(ctx, tx, feeding); err != nil {
		return err
	}
	v, err := s.survey(ctx, tx, name, "")
	switch {
	case err != nil:
		return err
	case v.over():
		return fmt.Errorf("it is %s: %w", v.State, store.ErrConflict)
	}
	var ended time.Time
	switch to {
	case store.SurveyPaused:
		err = s.stop(ctx, tx, &v, isWithheld, "")
	case store.SurveyCancelled:
		ended = s.or(time.Time{})
		err = s.stop(ctx, tx, &v, isCancelled, store.ReasonCancelled)
	case store.SurveyRunning, store.SurveyListing:
		if to = v.goes(); v.State == store.SurveyPaused {
			err = s.turn(ctx, tx, &v, isWithheld, isQueued, "") // and Feed puts their jobs again
		}
	default:
		err = fmt.Errorf("state %q: %w", to, store.ErrInvalid)
	}
	if err != nil {
		return err
	}
	// Others may wait for what was taken from the queue.
	if _, err := tx.exec(ctx, "UPDATE surveys SET mended = 0 WHERE mended <> 0 AND state IN ('listing', 'running')"); err != nil {
		return err
	}
	_, err = tx.exec(ctx, "UPDATE surveys SET state = ?, ended = ?, mended = 0 WHERE id = ?", to, nanoseconds(ended), v.id)
	return err
}

// stop takes what waits from the queue. What runs goes on.
func (s *Store) stop(ctx context.Context, tx session, v *survey, to int, reason store.Reason) error {
	if err := s.withdraw(ctx, tx, v.Name); err != nil {
		return err
	}
	if err := s.turn(ctx, tx, v, isQueued, to, reason); err != nil || to == isWithheld {
		return err
	}
	return s.turn(ctx, tx, v, isWithheld, to, reason)
}

// turn has all items of a survey that are in one state be in another. Those that end just now are passed
// over.
func (s *Store) turn(ctx context.Context, tx session, v *survey, from, to int, reason store.Reason) error {
	for {
		all, err := each(ctx, tx, scanOpen, "SELECT survey, candidate, number, state, reason FROM items WHERE survey = ? AND state = "+strconv.Itoa(from)+" ORDER BY rank, candidate, number LIMIT ? "+
			s.dialect.Skip, v.id, finishing)
		if err != nil || len(all) == 0 {
			return err
		}
		if err := s.endItems(ctx, tx, all, to, reason); err != nil {
			return err
		}
	}
}

// DropSurvey implements [store.Store]. It forgets a part at a time: others have to write, too. What is
// left if it is interrupted is forgotten when the next one is dropped.
func (s *Store) DropSurvey(ctx context.Context, name string) error {
	err := s.change(ctx, func(tx session) error {
		if err := s.alone(ctx, tx, feeding); err != nil {
			return err
		}
		v, err := s.survey(ctx, tx, name, "")
		if err != nil {
			return err
		}
		if err := s.withdraw(ctx, tx, v.Name); err != nil {
			return err
		}
		return tx.one(ctx, "UPDATE surveys SET name = ?, state = ? WHERE id = ?", "dropped/"+strconv.FormatInt(v.id, 10), store.SurveyCancelled, v.id)
	})
	if err == nil {
		err = s.sweepSurveys(ctx)
	}
	if err != nil {
		return fmt.Errorf("drop survey: %w", err)
	}
	return nil
}

// sweeping is how many repositories are forgotten in one transaction.
const sweeping = 1_000

// sweepSurveys forgets what is left of surveys that were dropped.
func (s *Store) sweepSurveys(ctx context.Context) error {
	ids, err := each(ctx, s.look(), number, "SELECT id FROM surveys WHERE name LIKE 'dropped/%'")
	for _, id := range ids {
		for from, more := int64(0), true; more && err == nil; {
			err = s.change(ctx, func(tx session) (err error) {
				from, more, err = s.sweepSurvey(ctx, tx, id, from)
				return err
			})
		}
	}
	return err
}

// sweepSurvey forgets the next repositories of a survey after a number, and returns the last; at the end the
// survey. What was forgotten is not looked at again: PostgreSQL passes over it one by one until it is cleaned up.
func (s *Store) sweepSurvey(ctx context.Context, tx session, id, from int64) (upTo int64, more bool, err error) {
	if err := s.alone(ctx, tx, feeding); err != nil {
		return 0, false, err
	}
	err = tx.row(ctx, "SELECT COALESCE(MAX(number), 0) FROM (SELECT number FROM candidates WHERE survey = ? AND number > ? ORDER BY number LIMIT ?) c", id, from, sweeping).Scan(&upTo)
	if err != nil {
		return 0, false, err
	}
	if upTo > 0 {
		for _, q := range []string{"DELETE FROM items WHERE survey = ? AND candidate > ? AND candidate <= ?", "DELETE FROM candidates WHERE survey = ? AND number > ? AND number <= ?"} {
			if _, err := tx.exec(ctx, q, id, from, upTo); err != nil {
				return 0, false, err
			}
		}
		return upTo, true, nil
	}
	for _, q := range []string{"DELETE FROM looks WHERE survey = ?", "DELETE FROM tallies WHERE survey = ?", "DELETE FROM surveys WHERE id = ?"} {
		if _, err := tx.exec(ctx, q, id); err != nil {
			return 0, false, err
		}
	}
	return 0, false, nil
}
