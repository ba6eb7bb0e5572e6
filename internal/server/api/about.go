package api

import (
	"context"
	"net/http"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// about adds what is about the server.
func (a *API) about() {
	register(a, operation{
		id: "get-numbers", tag: "server", method: http.MethodGet, path: "/numbers", scope: store.ScopeRead,
		summary: "Get the numbers", description: "Counts of the newest report of every image.",
	}, a.numbers)
	register(a, operation{
		id: "get-version", tag: "server", method: http.MethodGet, path: "/version", scope: store.ScopeRead,
		summary: "Get the version of the server",
	}, a.versions)
}

// Numbers are counts of the newest report of every image.
type Numbers struct {
	Reports      int           `json:"reports"`
	Repositories int           `json:"repositories"`
	Verdicts     []store.Count `json:"verdicts"`
	Categories   []store.Count `json:"categories"`
	Severities   []store.Count `json:"severities"`
	Families     []store.Count `json:"families" doc:"The 20 most frequent."`
	Days         []store.Count `json:"days" doc:"How many were found malicious or unwanted on each day with any, of the last 90."`
}

type numbersOutput struct{ Body Numbers }

func (a *API) numbers(ctx context.Context, _ *struct{}) (*numbersOutput, error) {
	n, err := a.o.Store.Numbers(ctx)
	if err != nil {
		return nil, err
	}
	return &numbersOutput{Numbers(*n)}, nil
}

// Version is that of the server.
type Version struct {
	Version string `json:"version" doc:"That of the program."`
	Schema  int    `json:"schema" doc:"That of the JSON of a report."`
	Public  bool   `json:"public" doc:"Set when anybody may read, and nobody submit."`
}

type versionOutput struct{ Body Version }

func (a *API) versions(context.Context, *struct{}) (*versionOutput, error) {
	return &versionOutput{Version{Version: a.o.Version, Schema: detonaut.Schema, Public: a.o.Public}}, nil
}
