package tables

import (
	"context"
	"errors"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// What is not built yet. Who builds it moves it to a file of its own.

func (s *Store) Work(context.Context, store.WorkOptions) error    { return errors.ErrUnsupported }
func (s *Store) Queue(context.Context) (*store.Queue, error)      { return nil, errors.ErrUnsupported }
func (s *Store) Job(context.Context, int64) (*store.Job, error)   { return nil, errors.ErrUnsupported }
func (s *Store) RetryJob(context.Context, int64) error            { return errors.ErrUnsupported }
func (s *Store) CancelJob(context.Context, int64) error           { return errors.ErrUnsupported }
func (s *Store) PauseQueue(context.Context, bool) error           { return errors.ErrUnsupported }
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

func (s *Store) Jobs(context.Context, store.JobKind, store.JobState, store.Page) ([]store.Job, string, error) {
	return nil, "", errors.ErrUnsupported
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
