package tables

import (
	"context"
	"errors"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// finishItems ends the items that are in the queue, of all surveys with an aim, whose digest it is; of all
// aims if that is empty. It is called in the transaction in which their job ends.
func (s *Store) finishItems(context.Context, session, detonaut.Digest, string, store.ItemState, store.Reason) error {
	return nil
}

// requeueItems has those that have failed be in the queue again.
func (s *Store) requeueItems(context.Context, session, detonaut.Digest, string) error { return nil }

// tellSurvey tells a survey that a job that is not of an image has ended: done, failed for good or
// cancelled. It is called in the transaction that ends the job. reason is why it has failed.
func (s *Store) tellSurvey(context.Context, session, store.Job, store.JobState, store.Reason) error {
	return nil
}

// What is not built yet. Who builds it moves it to a file of its own.

func (s *Store) NewSurvey(context.Context, store.Survey) error    { return errors.ErrUnsupported }
func (s *Store) DropSurvey(context.Context, string) error         { return errors.ErrUnsupported }
func (s *Store) Feed(context.Context, int) (int, error)           { return 0, errors.ErrUnsupported }
func (s *Store) Hosts(context.Context) ([]store.HostState, error) { return nil, errors.ErrUnsupported }
func (s *Store) AllSurveys(context.Context) ([]store.Survey, error) {
	return nil, errors.ErrUnsupported
}
func (s *Store) Survey(context.Context, string) (*store.Survey, error) {
	return nil, errors.ErrUnsupported
}

func (s *Store) SteerSurvey(context.Context, string, store.SurveyState) error {
	return errors.ErrUnsupported
}

func (s *Store) Listed(context.Context, string, []store.Candidate, string, bool) error {
	return errors.ErrUnsupported
}

func (s *Store) Candidates(context.Context, string, int64) ([]store.Candidate, error) {
	return nil, errors.ErrUnsupported
}

func (s *Store) Looked(context.Context, string, int64, []store.Item, store.Reason) error {
	return errors.ErrUnsupported
}

func (s *Store) Pushed(context.Context, string, store.Candidate, []string) error {
	return errors.ErrUnsupported
}

func (s *Store) Items(context.Context, string, store.ItemState, store.Page) ([]store.Item, string, error) {
	return nil, "", errors.ErrUnsupported
}

func (s *Store) Results(context.Context, string, store.Place, int) ([]store.Result, error) {
	return nil, errors.ErrUnsupported
}

func (s *Store) Take(context.Context, string, store.HostRate, int) (int, time.Duration, error) {
	return 0, 0, errors.ErrUnsupported
}

func (s *Store) HoldHost(context.Context, string, time.Duration, string) error {
	return errors.ErrUnsupported
}
