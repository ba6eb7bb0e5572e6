package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// desk has jobs in memory, and gives them to a worker as a store does that loses nothing.
type desk struct {
	mu       sync.Mutex
	jobs     []*store.Job
	due      map[int64]time.Time
	outcomes map[int64][]store.Outcome
	told     map[string][]store.Progress
}

// newDesk has a job for a submission of each ref.
func newDesk(refs ...string) *desk {
	d := &desk{due: map[int64]time.Time{}, outcomes: map[int64][]store.Outcome{}, told: map[string][]store.Progress{}}
	for i, ref := range refs {
		d.add(store.Job{Kind: store.JobImage, Submission: fmt.Sprint("s", i), Ref: detonaut.Ref(ref)})
	}
	return d
}

func (d *desk) add(j store.Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	j.ID, j.State, j.MaxAttempts = int64(len(d.jobs)), store.JobWaiting, store.MaxAttempts
	d.jobs = append(d.jobs, &j)
}

// take is a job that waits; nil if none does.
func (d *desk) take(o store.WorkOptions) *store.Job {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range d.jobs {
		if j.State == store.JobWaiting && !time.Now().Before(d.due[j.ID]) && (j.Kind == store.JobImage || o.Catalogue > 0) {
			j.State, j.Worker = store.JobRunning, o.Name
			j.Attempt++
			return j
		}
	}
	return nil
}

// Work does what [store.Jobs.Work] says, but for leases.
func (d *desk) Work(ctx context.Context, o store.WorkOptions) error {
	work, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	context.AfterFunc(ctx, func() { time.AfterFunc(o.Grace, giveUp) })
	var all sync.WaitGroup
	for range o.Images {
		all.Go(func() {
			for ctx.Err() == nil {
				if j := d.take(o); j != nil {
					d.end(work, j, o.Do(work, *j))
					continue
				}
				select {
				case <-ctx.Done():
				case <-o.Wake:
				case <-time.After(o.Poll):
				}
			}
		})
	}
	all.Wait()
	return nil
}

func (d *desk) end(work context.Context, j *store.Job, o store.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if work.Err() != nil {
		j.State = store.JobWaiting
		j.Attempt--
		return
	}
	d.outcomes[j.ID] = append(d.outcomes[j.ID], o)
	switch f := o.Failure; {
	case f == nil && o.Later == 0:
		j.State = store.JobDone
	case f == nil:
		j.State, d.due[j.ID] = store.JobWaiting, time.Now().Add(o.Later)
		j.Attempt--
	case f.Final || j.Attempt >= j.MaxAttempts:
		j.State = store.JobFailed
	default:
		j.State, d.due[j.ID] = store.JobWaiting, time.Now().Add(f.Pause<<(j.Attempt-1))
	}
}

func (d *desk) AddProgress(_ context.Context, id string, told []store.Progress) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told[id] = append(d.told[id], told...)
	return nil
}

// get is a job, with what came of it at last.
func (d *desk) get(id int64) (store.Job, store.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var last store.Outcome
	if all := d.outcomes[id]; len(all) > 0 {
		last = all[len(all)-1]
	}
	return *d.jobs[id], last
}

// shelf keeps blobs in memory. It fails so often first.
type shelf struct {
	mu    sync.Mutex
	fails int
	kept  map[string]string
}

func (s *shelf) Put(_ context.Context, r io.Reader) (string, int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return "", 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails > 0 {
		s.fails--
		return "", 0, errors.New("bucket is away")
	}
	sum := sha256.Sum256(b)
	if s.kept == nil {
		s.kept = map[string]string{}
	}
	s.kept[hex.EncodeToString(sum[:])] = string(b)
	return hex.EncodeToString(sum[:]), int64(len(b)), nil
}
