package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/detonaut/detonaut"
)

// Submissions are requests to analyse an image. Each has a job from the beginning, which [Jobs.Work]
// has done, and ends with it: how far one is follows from that of its job. Work tells the states of
// a submission, as progress of the kind "state", in the transactions in which they change.
type Submissions interface {
	// Submit keeps a request, and returns it with its ID and times. If there is one with the
	// same Key that is not older than a day, that is returned instead.
	Submit(ctx context.Context, s Submission) (*Submission, error)
	Submission(ctx context.Context, id string) (*Submission, error)
	// Recent are submissions, the newest first; of one owner if that is not empty.
	Recent(ctx context.Context, owner string, p Page) (found []Submission, next string, err error)
	// Cancel ends one that is not finished, and its job. [ErrConflict] if it is.
	Cancel(ctx context.Context, id string) error

	// AddProgress adds to what is told of a submission, in this order. What is told gets the
	// numbers from 1 on; of one submission the last [MaxProgress] are kept. The last of kind
	// "stage", whose data is {"stage": NAME}, is the Stage of the submission.
	AddProgress(ctx context.Context, id string, told []Progress) error
	// Progress is what was told after a number.
	Progress(ctx context.Context, id string, after int64, limit int) ([]Progress, error)
}

// Bounds of submissions.
const (
	MaxAttempts = 3
	MaxProgress = 20_000
)

// Submission is a request to analyse an image.
type Submission struct {
	ID  string       `json:"id"`
	Ref detonaut.Ref `json:"ref"`
	// Key tells requests from one another that are sent twice; empty for none.
	Key string `json:"-"`
	// Owner is who asked: the id of an API key, or of a person.
	Owner string `json:"owner,omitempty"`
	// Options are of the run: what a person may choose.
	Options RunOptions `json:"options,omitzero"`
	State   State      `json:"state"`
	// Stage is what is being done, while it runs.
	Stage string `json:"stage,omitempty"`
	// Digest and Fingerprint are those of the report, when there is one.
	Digest      detonaut.Digest `json:"digest,omitempty"`
	Fingerprint string          `json:"fingerprint,omitempty"`
	// Failure says why there is none, in plain words.
	Failure  string    `json:"failure,omitempty"`
	Attempts int       `json:"attempts"`
	Worker   string    `json:"-"`
	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
}

// RunOptions are what may be chosen for a run; what is zero is as the server is configured.
type RunOptions struct {
	Platform string        `json:"platform,omitempty"`
	Profile  string        `json:"profile,omitempty"`
	Duration time.Duration `json:"duration_ns,omitempty"`
}

// State is how far a submission is.
type State string

// States of submissions.
const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended tells whether nothing more will happen.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled }

// Progress is something that is told of a submission while it runs.
type Progress struct {
	Number int64     `json:"number"`
	At     time.Time `json:"at"`
	// Kind is "state", "stage", "event" or "note". Those of "state" are the store's.
	Kind string `json:"kind"`
	// Data is JSON. Strings in it may be the subject's.
	Data json.RawMessage `json:"data"`
}
