package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// queueView is the page of the queue: for administrators.
type queueView struct {
	Queue  *store.Queue
	Kinds  []kindCounts
	States []page.Link
	Jobs   []store.Job
	Next   string
	Hosts  []store.HostState
}

// kindCounts are how many jobs of a kind there are, by states.
type kindCounts struct {
	Kind   store.JobKind
	Counts []int
}

// jobStates are in the order in which they are shown. Of the first three the queue knows how
// many there are.
var jobStates = []store.JobState{store.JobRunning, store.JobWaiting, store.JobLater, store.JobFailed, store.JobDone, store.JobCancelled}

const openStates = 3

// admin refuses whoever is no administrator: as if there were nothing.
func (s *site) admin(r *http.Request) error {
	if !s.Allowed(r, store.ScopeAdmin) {
		return store.ErrNotFound
	}
	return nil
}

// queue shows what waits and runs, who works, and which registries rest.
func (s *site) queue(r *http.Request) (*document, error) {
	if err := s.admin(r); err != nil {
		return nil, err
	}
	state := store.JobState(r.URL.Query().Get("state"))
	if state != "" && !slices.Contains(jobStates, state) {
		return nil, refused(http.StatusBadRequest, "There is no such state.")
	}
	at, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	v := queueView{States: []page.Link{{Text: "all", Href: "/queue", Current: state == ""}}}
	for _, st := range jobStates {
		v.States = append(v.States, page.Link{Text: string(st), Href: with("/queue", url.Values{"state": {string(st)}}), Current: st == state})
	}
	if v.Queue, err = s.Store.Queue(r.Context()); err != nil {
		return nil, err
	}
	for _, kind := range []store.JobKind{store.JobImage, store.JobLook, store.JobList} {
		k := kindCounts{Kind: kind}
		for _, st := range jobStates[:openStates] {
			k.Counts = append(k.Counts, v.Queue.Jobs[kind][st])
		}
		v.Kinds = append(v.Kinds, k)
	}
	var next string
	if v.Jobs, next, err = s.Store.Jobs(r.Context(), "", state, at); err != nil {
		return nil, err
	}
	v.Next, _ = nextPath(r, next)
	if v.Hosts, err = s.Store.Hosts(r.Context()); err != nil {
		return nil, err
	}
	return &document{name: "queue", title: "Queue", data: v, private: true, noIndex: true}, nil
}

// jobView is the page of a job.
type jobView struct {
	Job *store.Job
	// Open is set if it can be cancelled, Again if it can be tried again.
	Open, Again bool
}

// job shows one, with why its attempts have failed.
func (s *site) job(r *http.Request) (*document, error) {
	if err := s.admin(r); err != nil {
		return nil, err
	}
	id, err := jobID(r)
	if err != nil {
		return nil, err
	}
	j, err := s.Store.Job(r.Context(), id)
	if err != nil {
		return nil, err
	}
	open := j.State == store.JobWaiting || j.State == store.JobLater || j.State == store.JobRunning
	v := jobView{Job: j, Open: open, Again: j.State == store.JobFailed || j.State == store.JobLater}
	return &document{name: "job", title: "Job " + strconv.FormatInt(j.ID, 10), data: v, private: true, noIndex: true}, nil
}

func jobID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, store.ErrNotFound
	}
	return id, nil
}

// queueDeed is something that an administrator does about the queue.
type queueDeed struct {
	what string // as the log calls it
	do   func(ctx context.Context, id int64) error
}

// queueDeeds are by the last part of their address.
func (s *site) queueDeeds() map[string]queueDeed {
	pause := func(paused bool) func(context.Context, int64) error {
		return func(ctx context.Context, _ int64) error { return s.Store.PauseQueue(ctx, paused) }
	}
	return map[string]queueDeed{
		"/queue/pause":            {"pause-queue", pause(true)},
		"/queue/resume":           {"resume-queue", pause(false)},
		"/queue/jobs/{id}/retry":  {"retry-job", s.Store.RetryJob},
		"/queue/jobs/{id}/cancel": {"cancel-job", s.Store.CancelJob},
	}
}

// queueForm notes a deed, does it, and leads back.
func (s *site) queueForm(d queueDeed) sender {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.admin(r); err != nil {
			return err
		}
		if err := parseForm(w, r); err != nil {
			return err
		}
		var id int64
		to := "/queue"
		if r.PathValue("id") != "" {
			var err error
			if id, err = jobID(r); err != nil {
				return err
			}
			to = "/queue/jobs/" + strconv.FormatInt(id, 10)
		}
		if err := s.Note(r.Context(), d.what, to, ""); err != nil {
			return err
		}
		switch err := d.do(r.Context(), id); {
		case errors.Is(err, store.ErrConflict):
			return refused(http.StatusConflict, "It has changed meanwhile, or is over.")
		case err != nil:
			return err
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
}
