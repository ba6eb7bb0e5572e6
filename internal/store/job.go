package store

import (
	"context"
	"log/slog"
	"time"

	"github.com/detonaut/detonaut"
)

// Jobs are what is to be done, in a queue that all processes with one database share. They
// come from [Submissions] and from [Surveys]; nobody puts one there by itself.
//
// A job belongs to who has taken it as long as its lease is renewed, which Work does: that
// of a process that was killed, or is cut off, runs elsewhere within a minute. What comes of
// a job is kept in the transaction that ends it, so it is kept once, whoever believes to have it.
type Jobs interface {
	// Work has jobs done until ctx ends. Then it takes none, and those that run may go on for
	// o.Grace; what is not done by then is put back, and runs elsewhere at once.
	// It returns when nothing of it runs any more. The error is nil if it ended because ctx did.
	Work(ctx context.Context, o WorkOptions) error
	// Queue is what waits and runs.
	Queue(ctx context.Context) (*Queue, error)
	// Jobs are those of a kind and state, both if empty any, the newest first.
	Jobs(ctx context.Context, kind JobKind, state JobState, p Page) (found []Job, next string, err error)
	Job(ctx context.Context, id int64) (*Job, error)
	// RetryJob has one run again that has failed for good, or waits; CancelJob ends one that
	// has not ended, also while it runs, and what wanted it with it. [ErrConflict] if it is not so.
	RetryJob(ctx context.Context, id int64) error
	CancelJob(ctx context.Context, id int64) error
	// PauseQueue has nobody take jobs until it is called with false. What runs goes on.
	PauseQueue(ctx context.Context, paused bool) error
}

// JobKind is what is to be done.
type JobKind string

// Kinds of jobs.
const (
	JobImage JobKind = "image" // analyse an image
	JobList  JobKind = "list"  // go on with listing the repositories of a survey
	JobLook  JobKind = "look"  // look what is under the tags of some repositories
)

// JobState is how far a job is.
type JobState string

// States of jobs.
const (
	JobWaiting   JobState = "waiting" // may run now
	JobLater     JobState = "later"   // may run at a time
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobFailed    JobState = "failed" // set aside: it will not be tried again by itself
	JobCancelled JobState = "cancelled"
)

// Priorities of jobs: the smaller comes first.
const (
	PriorityPerson  = 1
	PriorityPush    = 2 // of an image that was just pushed
	PrioritySurvey  = 3
	PriorityRoutine = 4
)

// Job is something to be done. What does not belong to its kind is empty.
type Job struct {
	ID       int64    `json:"id"`
	Kind     JobKind  `json:"kind"`
	State    JobState `json:"state"`
	Priority int      `json:"priority"`
	// Submission is the id of that which it is of; Survey the name of the survey. Of an image
	// that several surveys want it is the first of them.
	Submission string `json:"submission,omitempty"`
	Survey     string `json:"survey,omitempty"`
	// Ref, Digest and Options are of an image. That of a submission has no digest yet. Aim is
	// [Aim] of those who want it; empty is any.
	Ref     detonaut.Ref    `json:"ref,omitempty"`
	Digest  detonaut.Digest `json:"digest,omitempty"`
	Aim     string          `json:"aim,omitempty"`
	Options RunOptions      `json:"options,omitzero"`
	// Batch is which repositories of the survey are to be looked at: see [Surveys].Candidates.
	Batch int64 `json:"batch,omitempty"`
	// Attempt counts from 1 while it runs, and is how often it was tried otherwise. What was put
	// back without having failed does not count.
	Attempt     int       `json:"attempt"`
	MaxAttempts int       `json:"max_attempts"`
	Worker      string    `json:"worker,omitempty"` // who had it last
	Created     time.Time `json:"created"`
	Due         time.Time `json:"due"`
	Started     time.Time `json:"started,omitzero"`
	Finished    time.Time `json:"finished,omitzero"`
	// Errors are why attempts have failed, the first first.
	Errors []JobError `json:"errors,omitempty"`
}

// JobError is why an attempt failed: for operators, as it names what is inside.
type JobError struct {
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"`
	Text    string    `json:"text"`
}

// WorkOptions say who works, and how.
type WorkOptions struct {
	// Name is what lists and logs call the worker.
	Name string
	// Images is how many images are analysed at once, at most, and Catalogue how many jobs of
	// the other kinds run; 0 is none.
	Images, Catalogue int
	// Vacant is how many more images may be taken now, whatever Images allows; nil is any number. It
	// is called often, and must not block.
	Vacant func() int
	// Do does a job. Its ctx ends when the job is cancelled, when it is another's by now, or when
	// the grace is over: what it returns then counts for nothing, but is to come soon.
	Do func(ctx context.Context, j Job) Outcome
	// Lease is for how long a job is its worker's that does not renew it; zero is 30 seconds.
	Lease time.Duration
	// Grace is for how long jobs go on when the worker is to end.
	Grace time.Duration
	// Poll is how often a worker that has nothing to do looks for more; zero is a second.
	Poll time.Duration
	// Wake has it look now; nil is nobody's.
	Wake <-chan struct{}
	// Log is told of what goes wrong; nil is nobody.
	Log *slog.Logger
}

// Outcome is what came of a job: the first of these that is set. With none it is done.
type Outcome struct {
	// Entry is a report, which is put in the transaction that ends the job.
	Entry *Entry
	// Known is the key of a report of the digest that there was already, or was made meanwhile.
	Known *Known
	// Failure is why there is nothing.
	Failure *Failure
	// Later puts the job back for so long, without an attempt being counted: the registry, or this
	// machine, has no time now. It has at least that of a nanosecond.
	Later time.Duration
	// Why is said of Later in logs.
	Why string
}

// Known is a report that was made before.
type Known struct {
	Digest detonaut.Digest
	Key    string
}

// Failure is an attempt that failed.
type Failure struct {
	// Says is for those who asked; Detail for operators, with what a poisoned image left in logs.
	Says   string
	Detail string
	// Final is set if another attempt would end in the same way. The others are made after
	// Pause, and more with every one, until there were so many: then it is set aside.
	Final bool
	Pause time.Duration
}

// Queue is what there is to do.
type Queue struct {
	Paused bool `json:"paused"`
	// Jobs are how many there are of each kind in each state that is not an end.
	Jobs map[JobKind]map[JobState]int `json:"jobs"`
	// Oldest is since when the one waits that waits longest; zero if none does.
	Oldest time.Time `json:"oldest,omitzero"`
	// Workers are those who have jobs, or had some within the last minute.
	Workers []WorkerState `json:"workers"`
}

// WorkerState is a worker that is known to live.
type WorkerState struct {
	Name    string    `json:"name"`
	Running int       `json:"running"`
	Seen    time.Time `json:"seen"`
}
