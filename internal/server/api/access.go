package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/hook"
	"github.com/detonaut/detonaut/internal/store"
)

// access adds what is about keys, hooks and what was done with them: all of it is for
// administrators.
func (a *API) access() {
	admin := func(id, method, path, summary, description string, status int, errors ...int) operation {
		return operation{
			id: id, tag: "access", method: method, path: path, scope: store.ScopeAdmin,
			summary: summary, description: description, status: status, errors: errors,
		}
	}
	register(a, admin("create-key", http.MethodPost, "/keys", "Create a key", "The answer has the secret, which is shown this once.", http.StatusCreated), a.createKey)
	register(a, admin("list-keys", http.MethodGet, "/keys", "List keys", "", 0), a.keys)
	register(a, admin("revoke-key", http.MethodDelete, "/keys/{id}", "Revoke a key", "", 0, http.StatusNotFound), a.revokeKey)
	register(a, admin("create-hook", http.MethodPost, "/hooks", "Create a hook",
		"An address that is told of reports. The answer has the secret that deliveries are signed with, which is shown this once.", http.StatusCreated), a.createHook)
	register(a, admin("list-hooks", http.MethodGet, "/hooks", "List hooks", "", 0), a.hooks)
	register(a, admin("get-hook", http.MethodGet, "/hooks/{id}", "Get a hook", "", 0, http.StatusNotFound), a.hook)
	register(a, admin("delete-hook", http.MethodDelete, "/hooks/{id}", "Delete a hook", "", 0, http.StatusNotFound), a.deleteHook)
	register(a, admin("list-deeds", http.MethodGet, "/audit", "List who did what", "The newest first.", 0), a.deeds)
	register(a, admin("list-disputes", http.MethodGet, "/disputes", "List disputes", "What was said against reports, the newest first.", 0), a.disputes)
}

// NewKey asks for a key.
type NewKey struct {
	Name   string        `json:"name" minLength:"1" maxLength:"100" doc:"What it is for."`
	Scopes []store.Scope `json:"scopes" nullable:"false" minItems:"1" maxItems:"4" enum:"read,submit,download,admin"`
	Days   *int          `json:"days,omitempty" minimum:"0" maximum:"36500" doc:"How long it is good for: 365 if nobody says, and 0 is without an end."`
}

// defaultDays is how long a key is good for, if nobody says.
const defaultDays = 365

// CreatedKey is a key, and its secret.
type CreatedKey struct {
	store.APIKey
	Secret string `json:"secret" doc:"What is sent as Authorization: Bearer. It is stored nowhere."`
}

type createKeyOutput struct {
	Cache string `header:"Cache-Control"`
	Body  CreatedKey
}

func (a *API) createKey(ctx context.Context, in *struct{ Body NewKey }) (*createKeyOutput, error) {
	days := defaultDays
	if in.Body.Days != nil {
		days = *in.Body.Days
	}
	k, secret, err := guard.NewKey(in.Body.Name, in.Body.Scopes, time.Duration(days)*24*time.Hour, a.o.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", detonaut.ErrUsage, err)
	}
	if err := a.note(ctx, "create-key", k.ID); err != nil {
		return nil, err
	}
	if err := a.o.Store.AddKey(ctx, k); err != nil {
		return nil, err
	}
	return &createKeyOutput{Cache: "no-store", Body: CreatedKey{k, secret}}, nil
}

// Keys are all there are.
type Keys struct {
	Items []store.APIKey `json:"items" nullable:"false"`
}

type keysOutput struct{ Body Keys }

func (a *API) keys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	all, err := a.o.Store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	if all == nil {
		all = []store.APIKey{}
	}
	return &keysOutput{Keys{all}}, nil
}

type nameInput struct {
	ID string `path:"id" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$"`
}

func (a *API) revokeKey(ctx context.Context, in *nameInput) (*struct{}, error) {
	if err := a.note(ctx, "revoke-key", in.ID); err != nil {
		return nil, err
	}
	return nil, a.o.Store.RevokeKey(ctx, in.ID)
}

// NewHook asks for a hook.
type NewHook struct {
	URL      string          `json:"url" maxLength:"2000" format:"uri" example:"https://hooks.example.com/detonaut"`
	Verdicts []detonaut.Word `json:"verdicts,omitempty" maxItems:"5" enum:"malicious,unwanted,suspicious,inconclusive,clean" doc:"Those of which it is told; none is all."`
	Secret   string          `json:"secret,omitempty" minLength:"16" maxLength:"200" doc:"That of the signature; without one it is made."`
}

// CreatedHook is a hook, and its secret.
type CreatedHook struct {
	store.Hook
	Secret string `json:"secret"`
}

type createHookOutput struct {
	Cache string `header:"Cache-Control"`
	Body  CreatedHook
}

// maxHooks bounds how many addresses are told of each report.
const maxHooks = 100

func (a *API) createHook(ctx context.Context, in *struct{ Body NewHook }) (*createHookOutput, error) {
	if err := hook.CheckURL(in.Body.URL); err != nil {
		return nil, fmt.Errorf("create hook: %w", err)
	}
	all, err := a.o.Store.AllHooks(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) >= maxHooks {
		return nil, fmt.Errorf("create hook: %w: there are %d", detonaut.ErrLimit, len(all))
	}
	h := store.Hook{
		ID: guard.NewID("hook"), URL: in.Body.URL, Secret: in.Body.Secret, Verdicts: in.Body.Verdicts,
		Owner: guard.Of(ctx).Who, Created: a.o.Now().UTC(),
	}
	if h.Secret == "" {
		h.Secret = rand.Text() + rand.Text()
	}
	if err := a.note(ctx, "create-hook", h.ID+" "+h.URL); err != nil {
		return nil, err
	}
	if err := a.o.Store.AddHook(ctx, h); err != nil {
		return nil, err
	}
	return &createHookOutput{Cache: "no-store", Body: CreatedHook{h, h.Secret}}, nil
}

// AllHooks are all there are.
type AllHooks struct {
	Items []store.Hook `json:"items" nullable:"false"`
}

type hooksOutput struct{ Body AllHooks }

func (a *API) hooks(ctx context.Context, _ *struct{}) (*hooksOutput, error) {
	all, err := a.o.Store.AllHooks(ctx)
	if err != nil {
		return nil, err
	}
	if all == nil {
		all = []store.Hook{}
	}
	return &hooksOutput{AllHooks{all}}, nil
}

type hookOutput struct{ Body store.Hook }

func (a *API) hook(ctx context.Context, in *nameInput) (*hookOutput, error) {
	all, err := a.o.Store.AllHooks(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if h.ID == in.ID {
			return &hookOutput{h}, nil
		}
	}
	return nil, store.ErrNotFound
}

func (a *API) deleteHook(ctx context.Context, in *nameInput) (*struct{}, error) {
	if err := a.note(ctx, "delete-hook", in.ID); err != nil {
		return nil, err
	}
	return nil, a.o.Store.DropHook(ctx, in.ID)
}

func (a *API) deeds(ctx context.Context, in *Part) (*listOutput[store.Deed], error) {
	found, next, err := a.o.Store.Deeds(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return list(in, found, next), nil
}
