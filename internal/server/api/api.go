// Package api is the API of the server, under /api/v1: what is remembered, as JSON, and what
// programs may ask for. docs/openapi.yaml describes it, and is made of this package.
//
// It stands behind a [guard.Guard], which knows who asks; each operation says which scope it
// needs. It reads the store and adds submissions to it, and analyses nothing itself.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Options say what the API is made of. What is zero is as [New] says.
type Options struct {
	Store store.Store
	// Public is set when nothing can be submitted.
	Public bool
	// URL is where people reach the server; nil if that is not known.
	URL *url.URL
	// Ref holds a ref that a client sent to what may be submitted, and writes it out in full.
	// An error says what is wrong with it, for the client; nil takes none.
	Ref func(detonaut.Ref) (detonaut.Ref, error)
	// Note is [guard.Guard.Note].
	Note func(ctx context.Context, what, about, refused string) error
	// Version is that of the program.
	Version string
	// Poll is how often the store is asked for news of a submission, half a second if 0;
	// Heartbeat how often a client that waits for some hears that it is not forgotten, 15
	// seconds if 0. Watchers bounds how many wait at once, 256 if 0.
	Poll, Heartbeat time.Duration
	Watchers        int
	// Closing is closed when the server is about to end: nobody waits any longer.
	Closing <-chan struct{}
	// Now is the clock; nil is [time.Now]. Log may be nil.
	Now func() time.Time
	Log *slog.Logger
}

// API answers under /api/v1.
type API struct {
	o   Options
	mux *http.ServeMux
}

// New makes an API.
func New(o Options) (*API, error) {
	if o.Store == nil || o.Note == nil {
		return nil, errors.New("make API: a store and a log are needed")
	}
	a := &API{o: o, mux: http.NewServeMux()}
	return a, nil
}

// ServeHTTP answers.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// DescriptionPath is where the API is described, in OpenAPI 3.1.
const DescriptionPath = "/api/v1/openapi.yaml"
