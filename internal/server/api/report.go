package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/query"
)

// reports adds what is about reports.
func (a *API) reports() {
	register(a, operation{
		id: "find-reports", tag: "reports", method: http.MethodGet, path: "/reports", scope: store.ScopeRead,
		summary:     "Find reports",
		description: "The newest report of each image that a query is about, in the language of the search box (docs/search.md); all of them without one.",
	}, a.find)
	register(a, operation{
		id: "get-report", tag: "reports", method: http.MethodGet, path: "/reports/{digest}", scope: store.ScopeRead,
		summary: "Get a report", description: "The report of an image, as docs/report.md describes it: the newest, or that of a fingerprint.",
		errors: []int{http.StatusNotFound}, responses: map[string]*huma.Response{"304": {Description: "It is the one that If-None-Match names."}},
	}, a.get)
	register(a, operation{
		id: "list-analyses", tag: "reports", method: http.MethodGet, path: "/reports/{digest}/analyses", scope: store.ScopeRead,
		summary: "List the reports of an image", description: "All reports of a digest, one of each fingerprint, the newest first.",
		errors: []int{http.StatusNotFound},
	}, a.analyses)
	register(a, operation{
		id: "dispute-report", tag: "reports", method: http.MethodPost, path: "/reports/{digest}/disputes", scope: store.ScopeRead,
		summary: "Dispute a report", description: "Says what is wrong with a report, to those who run the server.",
		status: http.StatusCreated, errors: []int{http.StatusNotFound},
	}, a.dispute)
}

// Image names an image.
type Image struct {
	Digest string `path:"digest" pattern:"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" doc:"The digest of the image's manifest."`
}

func (i *Image) digest() detonaut.Digest { return detonaut.Digest(i.Digest) }

// Analysis names one report of it.
type Analysis struct {
	Image
	Fingerprint string `query:"fingerprint" maxLength:"64" pattern:"^[0-9a-f]*$" doc:"The fingerprint of a report; without one it is the newest."`
}

type findInput struct {
	Part
	Query  string `query:"q" maxLength:"1000" doc:"What to look for."`
	Order  string `query:"order" enum:"newest,worst,pulls" doc:"How to sort; newest if neither this nor the query says."`
	Facets bool   `query:"facets" doc:"Count what was found by verdict, category, family, severity, registry and platform."`
}

// Found is a part of what was found.
type Found struct {
	Total  int                      `json:"total" doc:"How many reports there are in all parts."`
	Items  []store.Summary          `json:"items" nullable:"false"`
	Next   string                   `json:"next,omitempty" doc:"The cursor of the next part; not there at the end."`
	Facets map[string][]store.Count `json:"facets,omitempty" doc:"The most frequent values first, at most 20 of each."`
}

type findOutput struct {
	Link string `header:"Link" doc:"With rel=next, the address of the next part."`
	Body Found
}

func (a *API) find(ctx context.Context, in *findInput) (*findOutput, error) {
	q, err := query.Parse(in.Query)
	if err != nil {
		return nil, err
	}
	if in.Order != "" {
		q.Order = store.Order(in.Order)
	}
	q.Page, q.Facets = in.page(), in.Facets
	r, err := a.o.Store.Find(ctx, q)
	if err != nil {
		return nil, err
	}
	if r.Found == nil {
		r.Found = []store.Summary{}
	}
	return &findOutput{Link: in.link(r.Next), Body: Found{Total: r.Total, Items: r.Found, Next: r.Next, Facets: r.Facets}}, nil
}

type getInput struct {
	Analysis
	Known string `header:"If-None-Match" maxLength:"2000" doc:"The ETag of what the client has already."`
}

type getOutput struct {
	Versioned
	Body *detonaut.Report
}

// Versioned are the headers of something that may have changed when it is asked for again.
type Versioned struct {
	ETag     string    `header:"ETag"`
	Modified time.Time `header:"Last-Modified"`
	Cache    string    `header:"Cache-Control"`
}

func (a *API) get(ctx context.Context, in *getInput) (*getOutput, error) {
	s, err := a.summary(ctx, in.Analysis)
	if err != nil {
		return nil, err
	}
	v := a.version(s)
	if matches(in.Known, v.ETag) {
		return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {v.ETag}, "Cache-Control": {v.Cache}})
	}
	e, err := a.o.Store.Get(ctx, s.Digest, s.Key)
	if err != nil {
		return nil, err
	}
	v.Modified = e.Stored
	return &getOutput{Versioned: v, Body: e.Report}, nil
}

// summary is the line of one report.
func (a *API) summary(ctx context.Context, in Analysis) (store.Summary, error) {
	all, err := a.o.Store.Analyses(ctx, in.digest())
	if err != nil {
		return store.Summary{}, err
	}
	for _, s := range all {
		if in.Fingerprint == "" || s.Key == in.Fingerprint {
			return s, nil
		}
	}
	return store.Summary{}, store.ErrNotFound
}

// version tells one content of a report from the next: Seq grows when one is replaced.
func (a *API) version(s store.Summary) Versioned {
	v := Versioned{ETag: fmt.Sprintf(`"%s-%d"`, s.Key, s.Seq), Cache: "private, no-cache"}
	if a.o.Public {
		v.Cache = "public, no-cache" // it may be kept, and is asked for again
	}
	return v
}

// matches tells whether a list of entity tags has one, as RFC 9110 compares them weakly.
func matches(known, tag string) bool {
	for _, k := range strings.Split(known, ",") {
		if k = strings.TrimSpace(k); k == "*" || strings.TrimPrefix(k, "W/") == tag {
			return true
		}
	}
	return false
}

// Analyses are the reports of one image.
type Analyses struct {
	Items []store.Summary `json:"items" nullable:"false"`
}

type analysesOutput struct{ Body Analyses }

func (a *API) analyses(ctx context.Context, in *Image) (*analysesOutput, error) {
	all, err := a.o.Store.Analyses(ctx, in.digest())
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, store.ErrNotFound
	}
	return &analysesOutput{Analyses{all}}, nil
}
