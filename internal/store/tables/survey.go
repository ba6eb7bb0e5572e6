package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// survey is one with what only the tables know.
type survey struct {
	store.Survey
	id int64
	// listed is set when listing has ended, last the number of the last candidate.
	listed bool
	last   int64
	mended time.Time
}

const ofSurveys = `SELECT id, name, sources, choice, options, aim, state, listed, watch, priority, cursor, candidates, mended, created, ended
FROM surveys `

func scanSurvey(row scanner) (v survey, err error) {
	var sources, choice, options string
	var mended, created, ended int64
	err = row.Scan(&v.id, &v.Name, &sources, &choice, &options, &v.Aim, &v.State, &v.listed, &v.Watch, &v.Priority, &v.Cursor, &v.last,
		&mended, &created, &ended)
	for _, part := range []struct {
		text string
		into any
	}{{sources, &v.Sources}, {choice, &v.Choice}, {options, &v.Options}} {
		if err == nil {
			err = json.Unmarshal([]byte(part.text), part.into)
		}
	}
	v.mended, v.Created, v.Ended = moment(mended), moment(created), moment(ended)
	return v, err
}

// survey finds one. lock is of its row, or empty.
func (s *Store) survey(ctx context.Context, tx session, name, lock string) (survey, error) {
	v, err := scanSurvey(tx.row(ctx, ofSurveys+"WHERE name = ? "+lock, clean(name)))
	return v, none(err)
}

// over tells whether nothing more happens to it.
func (v *survey) over() bool { return v.State == store.SurveyDone || v.State == store.SurveyCancelled }

// goes is its state when it is not paused.
func (v *survey) goes() store.SurveyState {
	if v.listed {
		return store.SurveyRunning
	}
	return store.SurveyListing
}

// feeding is the lock of who feeds the queue, or has surveys begin and end.
const feeding = "\x01feed"

var surveyName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)

// maxCursor is the size of what a source may leave to go on with, and of what says what a survey is, in
// bytes.
const maxCursor = 1 << 20

// NewSurvey implements [store.Store].
func (s *Store) NewSurvey(ctx context.Context, v store.Survey) error {
	err := s.checkSurvey(&v)
	if err == nil {
		err = s.change(ctx, func(tx session) error { return s.newSurvey(ctx, tx, v) })
	}
	if err != nil {
		return fmt.Errorf("begin survey: %w", err)
	}
	return nil
}

func (s *Store) checkSurvey(v *store.Survey) error {
	if v.Priority == 0 {
		v.Priority = store.PrioritySurvey
	}
	switch {
	case !surveyName.MatchString(v.Name):
		return fmt.Errorf("a name that is not of lower case letters, digits, dots and dashes, or has more than 63: %w", store.ErrInvalid)
	case v.Priority < store.PriorityPerson || v.Priority > store.PriorityRoutine:
		return fmt.Errorf("priority %d: %w", v.Priority, store.ErrInvalid)
	case len(list(v)) > maxCursor || len(v.Aim) > maxID:
		return fmt.Errorf("a survey of more than %d bytes: %w", maxCursor, store.ErrInvalid)
	}
	switch v.Choice.Sample {
	case "":
		return nil
	case store.SampleRandom, store.SamplePulls, store.SampleRecent, store.SampleStratified:
		if v.Choice.Size > 0 && v.Choice.Size <= store.MaxCandidates {
			return nil
		}
		return fmt.Errorf("a sample of %d repositories: %w", v.Choice.Size, store.ErrInvalid)
	}
	return fmt.Errorf("a sample that is drawn by %q: %w", v.Choice.Sample, store.ErrInvalid)
}

func (s *Store) newSurvey(ctx context.Context, tx session, v store.Survey) error {
	if err := s.alone(ctx, tx, feeding); err != nil {
		return err
	}
	var id int64
	err := tx.row(ctx, `INSERT INTO surveys (name, sources, choice, options, aim, state, listed, watch, priority, cursor, candidates, mended, created, ended)
VALUES (?, ?, ?, ?, ?, ?, FALSE, ?, ?, ?, 0, 0, ?, 0) RETURNING id`, v.Name, clean(list(v.Sources)), clean(list(v.Choice)), clean(list(v.Options)),
		clean(v.Aim), store.SurveyListing, v.Watch, v.Priority, clean(v.Cursor), nanoseconds(s.or(v.Created))).Scan(&id)
	if err != nil {
		return s.conflict(err)
	}
	_, err = s.enqueue(ctx, tx, []store.Job{listing(&v)})
	return err
}

// listing is the job that lists the repositories of a survey.
func listing(v *store.Survey) store.Job {
	return store.Job{Kind: store.JobList, Survey: v.Name, Priority: v.Priority}
}

// Survey implements [store.Store].
func (s *Store) Survey(ctx context.Context, name string) (*store.Survey, error) {
	db := s.look()
	v, err := s.survey(ctx, db, name, "")
	if err == nil {
		err = v.count(ctx, db)
	}
	if err != nil {
		return nil, fmt.Errorf("get survey: %w", err)
	}
	return &v.Survey, nil
}

// AllSurveys implements [store.Store].
func (s *Store) AllSurveys(ctx context.Context) ([]store.Survey, error) {
	all, err := each(ctx, s.look(), scanSurvey, ofSurveys+"WHERE name NOT LIKE '%/%' ORDER BY id DESC")
	if err != nil {
		return nil, fmt.Errorf("list surveys: %w", err)
	}
	surveys := make([]store.Survey, len(all))
	for i, v := range all {
		surveys[i] = v.Survey
	}
	return surveys, nil
}
