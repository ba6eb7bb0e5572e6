package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

// batch is how much is told of a submission at once.
const batch = 500

type followInput struct {
	ScanName
	Last string `header:"Last-Event-ID" maxLength:"20" doc:"The id of the last event that the client has."`
}

// follow tells of a submission until it has ended. The store is asked, so that it does not
// matter which server or worker does the work.
func (a *API) follow(ctx context.Context, in *followInput) (*huma.StreamResponse, error) {
	after, resumed := int64(0), false
	if in.Last != "" {
		n, err := strconv.ParseInt(in.Last, 10, 64)
		if err != nil || n < 0 {
			return nil, huma.Error422UnprocessableEntity("Last-Event-ID is no number")
		}
		after, resumed = n, true
	}
	f := &follower{api: a, id: in.ID, after: after}
	if err := f.look(ctx); err != nil {
		return nil, err
	}
	if resumed && f.over() {
		// A browser that lost the connection asks again, until it is told that this was all.
		return &huma.StreamResponse{Body: func(c huma.Context) { c.SetStatus(http.StatusNoContent) }}, nil
	}
	leave, ok := a.watchers.enter(guard.Of(ctx))
	if !ok {
		return nil, huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("too many clients wait here: try again later"), http.Header{"Retry-After": {"10"}})
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer leave()
		_, w := humago.Unwrap(c)
		c.SetHeader("Content-Type", "text/event-stream")
		c.SetHeader("Cache-Control", "no-store")
		c.SetHeader("X-Accel-Buffering", "no") // or a proxy keeps it to itself
		c.SetStatus(http.StatusOK)
		f.w, f.control = w, http.NewResponseController(w)
		if err := f.run(c.Context()); err != nil {
			a.o.Log.Debug("follower left", "submission", in.ID, "error", err)
		}
	}}, nil
}

// follower is a client that is told of a submission.
type follower struct {
	api     *API
	id      string
	after   int64 // the number of the last that it was told
	w       io.Writer
	control *http.ResponseController

	now  *store.Submission
	news []store.Progress
}

// look asks the store what is new. How far the submission is is asked first: what is told of
// one that has ended is all there then.
func (f *follower) look(ctx context.Context) (err error) {
	if f.now, err = f.api.o.Store.Submission(ctx, f.id); err != nil {
		return err
	}
	f.news, err = f.api.o.Store.Progress(ctx, f.id, f.after, batch)
	return err
}

// over tells whether there is nothing more to come.
func (f *follower) over() bool { return f.now.State.Ended() && len(f.news) == 0 }

// run tells until the submission has ended, the client has gone or the server is to end.
func (f *follower) run(ctx context.Context) error {
	poll := time.NewTicker(f.api.o.Waiting.Poll)
	defer poll.Stop()
	heartbeat := time.NewTicker(f.api.o.Waiting.Heartbeat)
	defer heartbeat.Stop()
	if _, err := fmt.Fprintf(f.w, "retry: 2000\n\n"); err != nil {
		return err
	}
	for {
		if err := f.tell(); err != nil {
			return err
		}
		if f.over() {
			return f.end(ctx)
		}
		if len(f.news) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-f.api.o.Closing:
				return nil // the client comes again, to another server
			case <-heartbeat.C:
				if _, err := io.WriteString(f.w, ": ping\n\n"); err != nil {
					return err
				}
				if err := f.control.Flush(); err != nil {
					return err
				}
			case <-poll.C:
			}
		}
		if err := f.look(ctx); err != nil {
			return err
		}
	}
}

// tell writes what is new.
func (f *follower) tell() error {
	for _, p := range f.news {
		data, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("write event: %w", err)
		}
		if _, err := fmt.Fprintf(f.w, "id: %d\nevent: %s\ndata: %s\n\n", p.Number, eventName(p.Kind), data); err != nil {
			return err
		}
		f.after = p.Number
	}
	return f.control.Flush()
}

// eventName is the name of an event: a line break in one would make another line.
func eventName(kind string) string {
	switch kind {
	case "state", "stage", "event", "note":
		return kind
	}
	return "message"
}

// end tells that it has ended.
func (f *follower) end(ctx context.Context) error {
	data, err := json.Marshal(shown(ctx, f.now))
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if _, err := fmt.Fprintf(f.w, "event: end\ndata: %s\n\n", data); err != nil {
		return err
	}
	return f.control.Flush()
}

// watchers bounds how many clients wait at once, together and of one caller.
type watchers struct {
	all, each int

	mu    sync.Mutex
	total int
	of    map[string]int
}

func newWatchers(w Waiting) *watchers {
	return &watchers{all: w.Watchers, each: w.Each, of: map[string]int{}}
}

// enter takes a place, and returns how to give it back.
func (w *watchers) enter(c guard.Caller) (leave func(), ok bool) {
	id := c.Who
	if id == "" {
		id = "from " + c.From
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.total >= w.all || w.of[id] >= w.each {
		return nil, false
	}
	w.total++
	w.of[id]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.total--
		if w.of[id]--; w.of[id] == 0 {
			delete(w.of, id)
		}
	}, true
}

// eventResponse describes what follow answers.
func eventResponse() map[string]*huma.Response {
	return map[string]*huma.Response{
		"200": {
			Description: "Events, until the submission has ended.",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
		},
		"204": {Description: "The client has all of it."},
	}
}
