// Package api is the API of the server, under /api/v1: what is remembered, as JSON, and what
// programs may ask for. docs/openapi.yaml describes it, and is made of this package.
//
// It stands behind a [guard.Guard], which knows who asks; each operation says which scope it
// needs. It reads the store and adds submissions and pushes to it, and analyses nothing itself.
package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// Options say what the API is made of. What is zero is as [New] says.
type Options struct {
	Store store.Store
	// Blobs has the artifacts of runs; nil if there are none.
	Blobs Blobs
	// Public is set when nothing can be submitted.
	Public bool
	// Ref holds a ref that a client sent to what may be submitted, and returns it as it is to
	// be submitted. An error says what is wrong with it, for the client; nil takes none.
	Ref func(detonaut.Ref) (detonaut.Ref, error)
	// Related finds other images that have to do with that of a report; nil finds none.
	Related func(context.Context, *detonaut.Report) ([]Relation, error)
	// Study is the last count of a survey, and when it was made: [study.ErrCounting] if there is none
	// yet. Nil counts none.
	Study func(context.Context, *store.Survey) (*study.Report, time.Time, error)
	// Submitted is called after each submission; it may be nil.
	Submitted func()
	// Note is [guard.Guard.Note].
	Note func(ctx context.Context, what, about, refused string) error
	// Version is that of the program.
	Version string
	// Wait is how long a body may take to come, 20 seconds if 0.
	Wait    time.Duration
	Waiting Waiting
	// Closing is closed when the server is about to end: nobody waits any longer.
	Closing <-chan struct{}
	// Now is the clock; nil is [time.Now]. Log may be nil.
	Now func() time.Time
	Log *slog.Logger
}

// Blobs has artifacts by the SHA-256 of their contents, in hex.
type Blobs interface {
	// Open reads an artifact, and tells its size in bytes. [store.ErrNotFound] if it is not
	// there. The caller closes it.
	Open(ctx context.Context, sum string) (io.ReadCloser, int64, error)
}

// Waiting bounds what waits for a submission, in the queue or at the API.
type Waiting struct {
	// Pending is how many submissions of one owner may be unfinished, 100 if 0.
	Pending int
	// Poll is how often the store is asked for news of a submission, half a second if 0;
	// Heartbeat how often a client that waits for some hears that it is not forgotten, 15
	// seconds if 0.
	Poll, Heartbeat time.Duration
	// Watchers bounds how many clients wait at once, 256 if 0; Each those of one caller, 16
	// if 0.
	Watchers, Each int
}

func (w *Waiting) fill() {
	for _, v := range []struct {
		value *int
		other int
	}{{&w.Pending, 100}, {&w.Watchers, 256}, {&w.Each, 16}} {
		if *v.value <= 0 {
			*v.value = v.other
		}
	}
	if w.Poll <= 0 {
		w.Poll = 500 * time.Millisecond
	}
	if w.Heartbeat <= 0 {
		w.Heartbeat = 15 * time.Second
	}
}

// API answers under /api/v1.
type API struct {
	o        Options
	mux      *http.ServeMux
	api      huma.API
	yaml     []byte
	watchers *watchers
}

// Paths of the API.
const (
	base = "/api/v1"
	// DescriptionPath is where the API is described, in OpenAPI 3.1.
	DescriptionPath = base + "/openapi.yaml"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 64 << 10

// New makes an API.
func New(o Options) (*API, error) {
	if o.Store == nil || o.Note == nil {
		return nil, errors.New("make API: a store and a log are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait <= 0 {
		o.Wait = 20 * time.Second
	}
	if o.Study == nil {
		o.Study = func(context.Context, *store.Survey) (*study.Report, time.Time, error) {
			return nil, time.Time{}, study.ErrCounting
		}
	}
	o.Waiting.fill()
	a := &API{o: o, mux: http.NewServeMux(), watchers: newWatchers(o.Waiting)}
	a.api = humago.New(a.mux, configuration())
	a.reports()
	a.exported()
	a.repositories()
	a.facts()
	a.scans()
	a.surveys()
	a.queue()
	a.access()
	a.about()
	var err error
	if a.yaml, err = a.api.OpenAPI().YAML(); err != nil {
		return nil, err
	}
	a.mux.HandleFunc("GET "+DescriptionPath, a.describe)
	return a, nil
}

// configuration is that of huma: JSON alone, and no pages of its own.
func configuration() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Detonaut", Version: "1",
				Description: "What container images do when they are run: reports, what is found in them, and submissions of images to be analysed.\n\n" +
					"Errors are problem documents (RFC 9457). Lists come in parts: the header Link leads to the next one. " +
					"Strings in reports come from images and are hostile: escape them. docs/server.md tells more.",
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					keyScheme: {Type: "http", Scheme: "bearer", Description: "A key, which begins with dtn_. A public server is read without one."},
				},
			},
			Tags: []*huma.Tag{
				{Name: "reports", Description: "What images are and do."},
				{Name: "facts", Description: "From something that was found to all images that have it."},
				{Name: "scans", Description: "Submissions of images to be analysed."},
				{Name: "surveys", Description: "Many images, and the numbers at the end."},
				{Name: "queue", Description: "What is to be done, and who does it."},
				{Name: "access", Description: "Keys, hooks and the log of who did what."},
				{Name: "server", Description: "The server itself."},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// schemaName is that of a type in the description. What is of a survey is called so: other packages
// have types of the same names.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	switch {
	case strings.HasSuffix(t.PkgPath(), "/survey/study"):
		return "Study" + name
	case t == reflect.TypeFor[store.Item]():
		return "SurveyItem"
	}
	return name
}

// ServeHTTP answers. What the routes refuse is a problem, too.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	refusal := &refusal{header: http.Header{}}
	h.ServeHTTP(refusal, r)
	p := guard.Problem{Status: http.StatusNotFound, Detail: "there is nothing of this name in the API: see " + DescriptionPath}
	if refusal.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", refusal.header.Get("Allow"))
		p = guard.Problem{Status: http.StatusMethodNotAllowed, Detail: "this cannot be done here: see Allow"}
	}
	p.Write(w)
}

// refusal keeps how a router refused.
type refusal struct {
	header http.Header
	status int
}

func (r *refusal) Header() http.Header         { return r.header }
func (r *refusal) Write(b []byte) (int, error) { return len(b), nil }
func (r *refusal) WriteHeader(status int)      { r.status = status }

// describe serves the description.
func (a *API) describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write(a.yaml)
}
