package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// repositories adds what is about them.
func (a *API) repositories() {
	register(a, operation{
		id: "get-repository", tag: "reports", method: http.MethodGet, path: "/repository", scope: store.ScopeRead,
		summary: "Get a repository", description: "What its registry says of a repository, and the tags of it that were analysed.",
		errors: []int{http.StatusNotFound},
	}, a.repository)
	register(a, operation{
		id: "list-history", tag: "reports", method: http.MethodGet, path: "/repository/history", scope: store.ScopeRead,
		summary: "List what was found in a repository", description: "Reports of images of a repository, or of one tag, the newest first.",
	}, a.history)
}

// RepositoryName names a repository.
type RepositoryName struct {
	Registry string `query:"registry" required:"true" minLength:"1" maxLength:"255" example:"docker.io"`
	Name     string `query:"name" required:"true" minLength:"1" maxLength:"255" example:"library/nginx"`
}

type repositoryOutput struct{ Body *store.Repository }

func (a *API) repository(ctx context.Context, in *RepositoryName) (*repositoryOutput, error) {
	r, err := a.o.Store.Repository(ctx, in.Registry, in.Name)
	if err != nil {
		return nil, err
	}
	return &repositoryOutput{r}, nil
}

type historyInput struct {
	RepositoryName
	Part
	Tag string `query:"tag" maxLength:"128"`
}

func (a *API) history(ctx context.Context, in *historyInput) (*listOutput[store.Summary], error) {
	found, next, err := a.o.Store.History(ctx, in.Registry, in.Name, in.Tag, in.page())
	if err != nil {
		return nil, err
	}
	return list(&in.Part, found, next), nil
}

// facts adds what is about facts.
func (a *API) facts() {
	register(a, operation{
		id: "find-fact", tag: "facts", method: http.MethodGet, path: "/facts", scope: store.ScopeRead,
		summary: "Find images with a fact", description: "The newest report of each image that has a fact, the newest first: which images talk to a host, hold a file, pay a wallet.",
	}, a.having)
	register(a, operation{
		id: "count-facts", tag: "facts", method: http.MethodGet, path: "/facts/prevalence", scope: store.ScopeRead,
		summary: "Count images with facts", description: "In how many images each of some facts was found, in the order of the parameters.",
	}, a.prevalence)
	register(a, operation{
		id: "list-related", tag: "facts", method: http.MethodGet, path: "/reports/{digest}/related", scope: store.ScopeRead,
		summary: "List related images", description: "The facts that an image shares with few others, those that say most first, and some of these.",
		errors: []int{http.StatusNotFound},
	}, a.related)
}

// Relation is what images have in common.
type Relation struct {
	Fact   store.Fact      `json:"fact"`
	Total  int             `json:"total" doc:"How many images have it, this one included."`
	Images []store.Summary `json:"images" nullable:"false" doc:"Some of the others."`
}

type relatedOutput struct {
	Body struct {
		Items []Relation `json:"items" nullable:"false"`
	}
}

func (a *API) related(ctx context.Context, in *Analysis) (*relatedOutput, error) {
	e, err := a.o.Store.Get(ctx, in.digest(), in.Fingerprint)
	if err != nil {
		return nil, err
	}
	out := &relatedOutput{}
	if a.o.Related != nil {
		if out.Body.Items, err = a.o.Related(ctx, e.Report); err != nil {
			return nil, err
		}
	}
	if out.Body.Items == nil {
		out.Body.Items = []Relation{}
	}
	return out, nil
}

// factKind is the kind of a fact, of which the description lists all.
type factKind string

// Schema describes it.
func (factKind) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, k := range fact.Kinds() {
		s.Enum = append(s.Enum, string(k))
	}
	return s
}

type havingInput struct {
	Part
	Kind  factKind `query:"kind" required:"true"`
	Value string   `query:"value" required:"true" minLength:"1" maxLength:"512" example:"pool.example.com"`
}

func (a *API) having(ctx context.Context, in *havingInput) (*listOutput[store.Summary], error) {
	f, err := clean(string(in.Kind), in.Value)
	if err != nil {
		return nil, err
	}
	found, next, err := a.o.Store.Having(ctx, f, in.page())
	if err != nil {
		return nil, err
	}
	return list(&in.Part, found, next), nil
}

// clean writes a fact that a client sent as the store has it.
func clean(kind, value string) (store.Fact, error) {
	v, ok := fact.Clean(store.Kind(kind), value)
	if !ok {
		return store.Fact{}, fmt.Errorf("%w: there is no fact of kind %.32q with the value %.64q", detonaut.ErrUsage, kind, value)
	}
	return store.Fact{Kind: store.Kind(kind), Value: v}, nil
}

type prevalenceInput struct {
	Facts []string `query:"fact,explode" required:"true" minItems:"1" maxItems:"100" doc:"KIND:VALUE, as often as there are facts." example:"domain:pool.example.com"`
}

// Prevalence is in how many images a fact was found.
type Prevalence struct {
	store.Fact
	Images int `json:"images"`
}

type prevalenceOutput struct {
	Body struct {
		Items []Prevalence `json:"items" nullable:"false"`
	}
}

func (a *API) prevalence(ctx context.Context, in *prevalenceInput) (*prevalenceOutput, error) {
	facts := make([]store.Fact, 0, len(in.Facts))
	for _, text := range in.Facts {
		kind, value, _ := strings.Cut(text, ":")
		f, err := clean(kind, value)
		if err != nil {
			return nil, err
		}
		facts = append(facts, f)
	}
	counts, err := a.o.Store.Prevalence(ctx, facts)
	if err != nil {
		return nil, err
	}
	out := &prevalenceOutput{}
	for i, f := range facts {
		out.Body.Items = append(out.Body.Items, Prevalence{f, counts[i]})
	}
	return out, nil
}
