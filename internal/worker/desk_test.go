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

// desk is a store of submissions in memory, which is away when it is told so.
type desk struct {
	store.Submissions

	mu       sync.Mutex
	all      []*store.Submission
	lease    map[string]time.Time
	entries  map[string]*store.Entry
	told     map[string][]store.Progress
	away     error
	renewals int
	finished []string // what was asked of Finish: "id report", "id failure", "id nothing"
}

func newDesk(refs ...string) *desk {
	d := &desk{lease: map[string]time.Time{}, entries: map[string]*store.Entry{}, told: map[string][]store.Progress{}}
	for i, ref := range refs {
		d.all = append(d.all, &store.Submission{ID: fmt.Sprint("s", i), Ref: detonaut.Ref(ref), State: store.Queued})
	}
	return d
}

func (d *desk) Claim(_ context.Context, worker string, lease time.Duration) (*store.Submission, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away != nil {
		return nil, d.away
	}
	for _, s := range d.all {
		if s.State == store.Queued || s.State == store.Running && d.lease[s.ID].Before(time.Now()) {
			s.State, s.Worker = store.Running, worker
			s.Attempts++
			d.lease[s.ID] = time.Now().Add(lease)
			c := *s
			return &c, nil
		}
	}
	return nil, store.ErrNotFound
}

// claimed has d.mu.
func (d *desk) claimed(id, worker string) (*store.Submission, error) {
	if d.away != nil {
		return nil, d.away
	}
	for _, s := range d.all {
		if s.ID == id {
			if s.State != store.Running || s.Worker != worker {
				return nil, store.ErrConflict
			}
			return s, nil
		}
	}
	return nil, store.ErrNotFound
}

func (d *desk) Renew(_ context.Context, id, worker string, lease time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.claimed(id, worker)
	if err == nil {
		d.renewals++
		d.lease[id] = time.Now().Add(lease)
	}
	return err
}

func (d *desk) Finish(_ context.Context, id, worker string, e *store.Entry, failure string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.claimed(id, worker)
	if err != nil {
		return err
	}
	switch {
	case e != nil:
		d.finished = append(d.finished, id+" report")
		s.State, d.entries[id] = store.Done, e
	case failure != "":
		d.finished = append(d.finished, id+" failure")
		s.State, s.Failure = store.Failed, failure
	default:
		d.finished = append(d.finished, id+" nothing")
		s.State, s.Worker = store.Queued, ""
	}
	return nil
}

func (d *desk) AddProgress(_ context.Context, id string, told []store.Progress) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away != nil {
		return d.away
	}
	d.told[id] = append(d.told[id], told...)
	return nil
}

// take gives a submission to another, as if its lease had ended.
func (d *desk) take(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.all {
		if s.ID == id {
			s.Worker = "another"
			d.lease[id] = time.Now().Add(time.Hour)
		}
	}
}

func (d *desk) setAway(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = err
}

func (d *desk) get(id string) store.Submission {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.all {
		if s.ID == id {
			return *s
		}
	}
	return store.Submission{}
}

var errAway = errors.New("database is away")

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
