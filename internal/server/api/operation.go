package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

// keyScheme is what the description calls keys.
const keyScheme = "key"

// operation is one of the API. Nobody has to be known for one that needs no scope.
type operation struct {
	id, tag, summary, description string
	method, path                  string
	scope                         store.Scope
	status                        int   // of success; 0 is 200, or 204 without a body
	errors                        []int // beside those that any may have
	responses                     map[string]*huma.Response
}

// register adds an operation. Errors of handle become problems here.
func register[I, O any](a *API, op operation, handle func(context.Context, *I) (*O, error)) {
	h := huma.Operation{
		OperationID: op.id, Method: op.method, Path: base + op.path, Summary: op.summary, Description: op.description,
		Tags: []string{op.tag}, DefaultStatus: op.status, MaxBodyBytes: maxBody, BodyReadTimeout: a.o.Wait,
		Errors: append([]int{http.StatusTooManyRequests}, op.errors...), Responses: op.responses,
	}
	if op.scope != "" {
		h.Errors = append(h.Errors, http.StatusUnauthorized, http.StatusForbidden)
		h.Security = []map[string][]string{{keyScheme: {string(op.scope)}}}
		h.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
			if p := a.denied(ctx.Context(), op); p != nil {
				_ = huma.WriteErr(a.api, ctx, p.Status, p.Detail)
				return
			}
			next(ctx)
		}}
	}
	huma.Register(a.api, h, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, op.id, err)
		}
		return out, nil
	})
}

// denied says why a caller may not do an operation; nil if it may. What a key or a person
// tried is noted.
func (a *API) denied(ctx context.Context, op operation) *guard.Problem {
	c := guard.Of(ctx)
	if c.May(op.scope) {
		return nil
	}
	p := guard.Missing(op.scope)
	if a.o.Public && op.scope == store.ScopeSubmit {
		p.Detail = "this server is read-only: nothing can be submitted"
	} else if c.Kind == guard.Nobody {
		return &guard.Problem{Status: http.StatusUnauthorized, Detail: "a key is needed: Authorization: Bearer dtn_..."}
	}
	if c.Kind != guard.Nobody {
		if err := a.o.Note(ctx, op.id, "", p.Detail); err != nil {
			a.o.Log.Error("refusal not noted", "error", err)
		}
	}
	return p
}

// problem is what a client is told of an error. Of one that is ours it is told nothing more:
// the log has it.
func (a *API) problem(ctx context.Context, what string, err error) error {
	if _, ok := errors.AsType[huma.StatusError](err); ok {
		return err
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, detonaut.ErrNotFound):
		return huma.Error404NotFound("there is no such thing")
	case errors.Is(err, store.ErrConflict):
		return huma.Error409Conflict("it has changed meanwhile, or is over")
	case errors.Is(err, detonaut.ErrUsage), errors.Is(err, store.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, detonaut.ErrUnauthorized):
		return huma.Error403Forbidden(err.Error())
	case errors.Is(err, detonaut.ErrLimit):
		return huma.Error429TooManyRequests(err.Error())
	case ctx.Err() != nil:
		return huma.Error503ServiceUnavailable("the request ended before it was answered")
	}
	a.o.Log.Error("request failed", "what", what, "error", err)
	return huma.Error500InternalServerError("the server failed; its log says why")
}

// note adds to the log of who did what, before it is done: what cannot be noted is not done.
func (a *API) note(ctx context.Context, what, about string) error {
	return a.o.Note(ctx, what, about, "")
}
