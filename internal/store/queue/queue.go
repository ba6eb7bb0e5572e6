// Package queue keeps jobs in the tables of River, and is the only door to it: what others
// see are jobs of package store.
//
// River's client puts jobs, lists them, and pauses queues. Jobs are taken, and ended, by the
// statements of River's driver, in transactions of ours: a job runs if and only if it has a lease,
// which River does not know of, and it ends together with what came of it. Why it is not River's
// client that has jobs done is told in docs/adr/0021-jobs-on-river.md.
//
// All times are those of the database, which callers pass: clocks of machines differ.
package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Driver is River's for a database.
type Driver = riverdriver.Driver[*sql.Tx]

// Name is the name of a queue.
type Name string

// Queues: images take long, and what feeds them must not wait for them.
const (
	Images    Name = "image"
	Catalogue Name = "catalogue"
)

// Names are all of them.
var Names = []Name{Images, Catalogue}

// Of is the queue of a kind of jobs.
func Of(k store.JobKind) Name {
	if k == store.JobImage {
		return Images
	}
	return Catalogue
}

// Queue is the queues of a database.
type Queue struct {
	driver Driver
	client *river.Client[*sql.Tx]
}

// New makes one of a driver.
func New(d Driver) (*Queue, error) {
	d = quiet{d}
	c, err := river.NewClient(d, &river.Config{
		MaxAttempts: store.MaxAttempts,
		Hooks:       []rivertype.Hook{&clock{}},
		Logger:      slog.New(slog.DiscardHandler), // what fails is returned
	})
	if err != nil {
		return nil, fmt.Errorf("make queue: %w", err)
	}
	return &Queue{d, c}, nil
}

// quiet is a driver that tells nobody of new jobs: nobody listens.
type quiet struct{ Driver }

// SupportsListenNotify implements [riverdriver.Driver].
func (quiet) SupportsListenNotify() bool { return false }

// clock gives jobs the time of the database: the driver takes that of the process.
type clock struct{ river.HookDefaults }

type clockKey struct{}

// InsertBegin implements [rivertype.HookInsertBegin].
func (*clock) InsertBegin(ctx context.Context, p *rivertype.JobInsertParams) error {
	now, ok := ctx.Value(clockKey{}).(time.Time)
	if !ok {
		return errors.New("a job is put at no time")
	}
	p.CreatedAt, p.ScheduledAt = &now, &now
	return nil
}

// What River keeps of a job, by its kind. Of those with the same unique fields one waits or runs.
type (
	imageArgs struct {
		Submission string           `json:"submission,omitempty"`
		Survey     string           `json:"survey,omitempty"`
		Ref        detonaut.Ref     `json:"ref,omitempty"`
		Digest     detonaut.Digest  `json:"digest,omitempty" river:"unique"`
		Aim        string           `json:"aim,omitempty" river:"unique"`
		Options    store.RunOptions `json:"options,omitzero"`
	}
	listArgs struct {
		Survey string `json:"survey" river:"unique"`
	}
	lookArgs struct {
		Survey string `json:"survey" river:"unique"`
		Batch  int64  `json:"batch" river:"unique"`
	}
)

// Kind implements [river.JobArgs].
func (imageArgs) Kind() string { return string(store.JobImage) }

// Kind implements [river.JobArgs].
func (listArgs) Kind() string { return string(store.JobList) }

// Kind implements [river.JobArgs].
func (lookArgs) Kind() string { return string(store.JobLook) }

// open are the states in which there is one job of what is unique.
var open = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled,
}

func params(j store.Job) (p river.InsertManyParams, err error) {
	unique := river.UniqueOpts{ByArgs: true, ByState: open}
	switch j.Kind {
	case store.JobImage:
		p.Args = imageArgs{j.Submission, j.Survey, j.Ref, j.Digest, j.Aim, j.Options}
		if j.Submission != "" {
			unique = river.UniqueOpts{} // each has its own
		}
	case store.JobList:
		p.Args = listArgs{j.Survey}
	case store.JobLook:
		p.Args = lookArgs{j.Survey, j.Batch}
	default:
		return p, fmt.Errorf("a job of kind %q: %w", j.Kind, store.ErrInvalid)
	}
	if j.Priority == 0 {
		j.Priority = store.PrioritySurvey
	}
	p.InsertOpts = &river.InsertOpts{Queue: string(Of(j.Kind)), Priority: j.Priority, UniqueOpts: unique}
	return p, nil
}

// same is equal for jobs of which there is one.
type same struct {
	kind           store.JobKind
	survey, digest string
	aim            string
	batch          int64
}

func sameAs(j store.Job) same {
	if j.Kind == store.JobImage {
		return same{kind: j.Kind, digest: string(j.Digest), aim: j.Aim}
	}
	return same{kind: j.Kind, survey: j.Survey, batch: j.Batch}
}

// Put puts jobs, in the transaction. It returns the id of each, and whether it is new: otherwise it is
// that of the same one that waits or runs.
func (q *Queue) Put(ctx context.Context, tx *sql.Tx, now time.Time, jobs []store.Job) (ids []int64, fresh []bool, err error) {
	ids, fresh = make([]int64, len(jobs)), make([]bool, len(jobs))
	var all []river.InsertManyParams
	place := make([]int, len(jobs)) // of each job, in all
	seen := map[same]int{}
	for i, j := range jobs {
		if at, ok := seen[sameAs(j)]; ok && j.Submission == "" {
			place[i] = at
			continue
		}
		p, err := params(j)
		if err != nil {
			return nil, nil, err
		}
		place[i], fresh[i] = len(all), true
		if j.Submission == "" {
			seen[sameAs(j)] = len(all)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, nil, nil
	}
	put, err := q.client.InsertManyTx(context.WithValue(ctx, clockKey{}, now), tx, all)
	if err != nil {
		return nil, nil, fmt.Errorf("put jobs: %w", err)
	}
	for i, at := range place {
		ids[i], fresh[i] = put[at].Job.ID, fresh[i] && !put[at].UniqueSkippedAsDuplicate
	}
	return ids, fresh, nil
}

// job is a job of a row.
func job(r *rivertype.JobRow) (j store.Job, err error) {
	j = store.Job{
		ID: r.ID, Kind: store.JobKind(r.Kind), State: stateOf(r.State), Priority: r.Priority,
		Attempt: r.Attempt, MaxAttempts: r.MaxAttempts, Created: r.CreatedAt.UTC(), Due: r.ScheduledAt.UTC(),
	}
	if r.AttemptedAt != nil {
		j.Started = r.AttemptedAt.UTC()
	}
	if r.FinalizedAt != nil {
		j.Finished = r.FinalizedAt.UTC()
	}
	if n := len(r.AttemptedBy); n > 0 {
		j.Worker = r.AttemptedBy[n-1]
	}
	for _, e := range r.Errors {
		j.Errors = append(j.Errors, store.JobError{At: e.At.UTC(), Attempt: e.Attempt, Text: e.Error})
	}
	var a struct {
		imageArgs
		Batch int64 `json:"batch"`
	}
	if err := json.Unmarshal(r.EncodedArgs, &a); err != nil {
		return j, fmt.Errorf("read job %d: %w", r.ID, err)
	}
	j.Submission, j.Survey, j.Ref, j.Digest, j.Aim, j.Options, j.Batch = a.Submission, a.Survey, a.Ref, a.Digest, a.Aim, a.Options, a.Batch
	return j, nil
}

func stateOf(s rivertype.JobState) store.JobState {
	switch s {
	case rivertype.JobStateAvailable, rivertype.JobStatePending:
		return store.JobWaiting
	case rivertype.JobStateRetryable, rivertype.JobStateScheduled:
		return store.JobLater
	case rivertype.JobStateRunning:
		return store.JobRunning
	case rivertype.JobStateCompleted:
		return store.JobDone
	case rivertype.JobStateDiscarded:
		return store.JobFailed
	case rivertype.JobStateCancelled:
	}
	return store.JobCancelled
}

// statesOf are those of River that are one of ours.
func statesOf(s store.JobState) (all []rivertype.JobState) {
	for _, r := range rivertype.JobStates() {
		if s == "" || stateOf(r) == s {
			all = append(all, r)
		}
	}
	return all
}
