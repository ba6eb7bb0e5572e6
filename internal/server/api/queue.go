package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/detonaut/detonaut/internal/store"
)

// queue adds what is about jobs: all of it is for administrators.
func (a *API) queue() {
	admin := func(id, method, path, summary, description string, errors ...int) operation {
		return operation{
			id: id, tag: "queue", method: method, path: path, scope: store.ScopeAdmin,
			summary: summary, description: description, errors: errors,
		}
	}
	register(a, admin("get-queue", http.MethodGet, "/queue", "Get the queue", "How many jobs wait and run, and who works."), a.queueState)
	register(a, admin("pause-queue", http.MethodPut, "/queue/paused", "Pause or resume the queue", "Nobody takes jobs while it is paused; what runs goes on."), a.pauseQueue)
	register(a, admin("list-jobs", http.MethodGet, "/queue/jobs", "List jobs", "The newest first."), a.jobs)
	register(a, admin("get-job", http.MethodGet, "/queue/jobs/{id}", "Get a job", "With why its attempts have failed.", http.StatusNotFound), a.job)
	register(a, admin("retry-job", http.MethodPost, "/queue/jobs/{id}/retry", "Try a job again", "One that has failed for good, or waits for its time.",
		http.StatusNotFound, http.StatusConflict), a.retryJob)
	register(a, admin("cancel-job", http.MethodPost, "/queue/jobs/{id}/cancel", "Cancel a job", "Also one that runs.",
		http.StatusNotFound, http.StatusConflict), a.cancelJob)
	register(a, admin("list-hosts", http.MethodGet, "/queue/hosts", "List registries", "How often each was asked, and which rest because they have asked for it."), a.hosts)
}

type queueOutput struct{ Body *store.Queue }

func (a *API) queueState(ctx context.Context, _ *struct{}) (*queueOutput, error) {
	q, err := a.o.Store.Queue(ctx)
	if err != nil {
		return nil, err
	}
	if q.Workers == nil {
		q.Workers = []store.WorkerState{}
	}
	return &queueOutput{q}, nil
}

// Pausing is whether nobody is to take jobs.
type Pausing struct {
	Paused bool `json:"paused"`
}

func (a *API) pauseQueue(ctx context.Context, in *struct{ Body Pausing }) (*struct{}, error) {
	what := "resume-queue"
	if in.Body.Paused {
		what = "pause-queue"
	}
	if err := a.note(ctx, what, ""); err != nil {
		return nil, err
	}
	return nil, a.o.Store.PauseQueue(ctx, in.Body.Paused)
}

type jobsInput struct {
	Part
	Kind  store.JobKind  `query:"kind" enum:"image,list,look"`
	State store.JobState `query:"state" enum:"waiting,later,running,done,failed,cancelled"`
}

func (a *API) jobs(ctx context.Context, in *jobsInput) (*listOutput[store.Job], error) {
	found, next, err := a.o.Store.Jobs(ctx, in.Kind, in.State, in.page())
	if err != nil {
		return nil, err
	}
	return list(&in.Part, found, next), nil
}

type jobInput struct {
	ID int64 `path:"id" minimum:"1"`
}

type jobOutput struct{ Body *store.Job }

func (a *API) job(ctx context.Context, in *jobInput) (*jobOutput, error) {
	j, err := a.o.Store.Job(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &jobOutput{j}, nil
}

func (a *API) retryJob(ctx context.Context, in *jobInput) (*jobOutput, error) {
	if err := a.note(ctx, "retry-job", strconv.FormatInt(in.ID, 10)); err != nil {
		return nil, err
	}
	if err := a.o.Store.RetryJob(ctx, in.ID); err != nil {
		return nil, err
	}
	return a.job(ctx, in)
}

func (a *API) cancelJob(ctx context.Context, in *jobInput) (*jobOutput, error) {
	if err := a.note(ctx, "cancel-job", strconv.FormatInt(in.ID, 10)); err != nil {
		return nil, err
	}
	if err := a.o.Store.CancelJob(ctx, in.ID); err != nil {
		return nil, err
	}
	return a.job(ctx, in)
}

// Hosts are those that were asked.
type Hosts struct {
	Items []store.HostState `json:"items" nullable:"false"`
}

type hostsOutput struct{ Body Hosts }

func (a *API) hosts(ctx context.Context, _ *struct{}) (*hostsOutput, error) {
	all, err := a.o.Store.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	if all == nil {
		all = []store.HostState{}
	}
	return &hostsOutput{Hosts{all}}, nil
}
