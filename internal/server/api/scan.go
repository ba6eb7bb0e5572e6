package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

// scans adds what is about submissions.
func (a *API) scans() {
	register(a, operation{
		id: "submit-scan", tag: "scans", method: http.MethodPost, path: "/scans", scope: store.ScopeSubmit,
		summary: "Submit an image", description: "Asks for the analysis of an image in a registry. With the same Idempotency-Key it is asked for once, however often that is sent within a day.",
		status: http.StatusAccepted, errors: []int{http.StatusConflict},
	}, a.submit)
	register(a, operation{
		id: "list-scans", tag: "scans", method: http.MethodGet, path: "/scans", scope: store.ScopeRead,
		summary: "List submissions", description: "The newest first. Whose one is only its owner and an administrator see.",
	}, a.recent)
	register(a, operation{
		id: "get-scan", tag: "scans", method: http.MethodGet, path: "/scans/{id}", scope: store.ScopeRead,
		summary: "Get a submission", errors: []int{http.StatusNotFound},
	}, a.scan)
	register(a, operation{
		id: "cancel-scan", tag: "scans", method: http.MethodDelete, path: "/scans/{id}", scope: store.ScopeSubmit,
		summary: "Cancel a submission", description: "Ends one that is not finished. Its owner may, and an administrator.",
		errors: []int{http.StatusNotFound, http.StatusConflict},
	}, a.cancel)
	register(a, operation{
		id: "follow-scan", tag: "scans", method: http.MethodGet, path: "/scans/{id}/events", scope: store.ScopeRead,
		summary: "Follow a submission",
		description: "What is told of a submission, as server-sent events: of state, stage, event and note, with the number of each as its id, and " +
			"at last of end, with the submission. Last-Event-ID goes on behind one. A client that has all of it is answered with 204.",
		errors: []int{http.StatusNotFound, http.StatusServiceUnavailable}, responses: eventResponse(),
	}, a.follow)
}

// NewScan asks for an analysis.
type NewScan struct {
	Ref     string      `json:"ref" minLength:"1" maxLength:"1024" doc:"The name of an image in a registry." example:"docker.io/library/nginx:latest"`
	Options ScanOptions `json:"options,omitzero"`
}

// ScanOptions are what may be chosen for a run; what is left out is as the server is configured.
type ScanOptions struct {
	Platform string `json:"platform,omitempty" maxLength:"64" pattern:"^linux/[a-z0-9]+(/[a-z0-9.]+)?$" example:"linux/amd64"`
	Profile  string `json:"profile,omitempty" enum:"default,time"`
	Duration int64  `json:"duration_ns,omitempty" minimum:"1000000000" maximum:"600000000000" doc:"Longest time that it may run, in nanoseconds."`
}

type submitInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"Tells requests from one another that are sent twice."`
	Body NewScan
}

type submitOutput struct {
	Location string `header:"Location" doc:"The address of the submission."`
	Body     *store.Submission
}

func (a *API) submit(ctx context.Context, in *submitInput) (*submitOutput, error) {
	o := in.Body.Options
	s, err := a.Submit(ctx, detonaut.Ref(in.Body.Ref), store.RunOptions{Platform: o.Platform, Profile: o.Profile, Duration: time.Duration(o.Duration)}, in.Key)
	if err != nil {
		return nil, err
	}
	return &submitOutput{Location: base + "/scans/" + s.ID, Body: s}, nil
}

// Submit asks for an analysis, for the caller of ctx. The key tells requests from one another
// that are sent twice; empty is none. A ref that makes no sense is [detonaut.ErrUsage], one
// that may not be asked for [detonaut.ErrUnauthorized], too many are [detonaut.ErrLimit], and
// another one with the same key is [store.ErrConflict].
func (a *API) Submit(ctx context.Context, ref detonaut.Ref, o store.RunOptions, key string) (*store.Submission, error) {
	c := guard.Of(ctx)
	if !c.May(store.ScopeSubmit) || a.o.Ref == nil {
		return nil, fmt.Errorf("submit: %w: nothing can be submitted here, or not by you", detonaut.ErrUnauthorized)
	}
	ref, err := a.o.Ref(ref)
	if err != nil {
		return nil, err
	}
	if err := a.room(ctx, c.Who); err != nil {
		return nil, err
	}
	if err := a.note(ctx, "submit", string(ref)); err != nil {
		return nil, err
	}
	s, err := a.o.Store.Submit(ctx, store.Submission{Ref: ref, Key: idempotence(c.Who, key), Owner: c.Who, Options: o})
	if err != nil {
		return nil, err
	}
	if s.Ref != ref || s.Options != o {
		return nil, fmt.Errorf("submit: the Idempotency-Key belongs to another request: %w", store.ErrConflict)
	}
	if a.o.Submitted != nil {
		a.o.Submitted()
	}
	return s, nil
}

// room sees to it that nobody fills the queue for all.
func (a *API) room(ctx context.Context, owner string) error {
	if owner == "" {
		return nil
	}
	pending, cursor := 0, ""
	for seen := 0; seen <= a.o.Waiting.Pending; {
		found, next, err := a.o.Store.Recent(ctx, owner, store.Page{Cursor: cursor, Limit: 200})
		if err != nil {
			return err
		}
		for _, s := range found {
			if !s.State.Ended() {
				pending++
			}
		}
		seen, cursor = seen+len(found), next
		if next == "" {
			break
		}
	}
	if pending >= a.o.Waiting.Pending {
		return fmt.Errorf("submit: %w: %d submissions of yours are not finished", detonaut.ErrLimit, pending)
	}
	return nil
}

// idempotence is the key of a submission: that of one owner is not that of another.
func idempotence(owner, key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(owner + "\x00" + key))
	return hex.EncodeToString(sum[:])
}

type recentInput struct {
	Part
	Mine bool `query:"mine" doc:"Only those of the caller."`
}

func (a *API) recent(ctx context.Context, in *recentInput) (*listOutput[store.Submission], error) {
	owner := ""
	if in.Mine {
		if owner = guard.Of(ctx).Who; owner == "" {
			return list[store.Submission](&in.Part, nil, ""), nil
		}
	}
	found, next, err := a.o.Store.Recent(ctx, owner, in.page())
	if err != nil {
		return nil, err
	}
	for i := range found {
		shown(ctx, &found[i])
	}
	return list(&in.Part, found, next), nil
}

// owns tells whether a submission is the caller's to decide on.
func owns(ctx context.Context, s *store.Submission) bool {
	c := guard.Of(ctx)
	return c.May(store.ScopeAdmin) || c.Who != "" && c.Who == s.Owner
}

// shown leaves out what is not the caller's business.
func shown(ctx context.Context, s *store.Submission) *store.Submission {
	if !owns(ctx, s) {
		s.Owner = ""
	}
	return s
}

// ScanName names a submission.
type ScanName struct {
	ID string `path:"id" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$"`
}

type scanOutput struct{ Body *store.Submission }

func (a *API) scan(ctx context.Context, in *ScanName) (*scanOutput, error) {
	s, err := a.o.Store.Submission(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &scanOutput{shown(ctx, s)}, nil
}

func (a *API) cancel(ctx context.Context, in *ScanName) (*struct{}, error) {
	s, err := a.o.Store.Submission(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !owns(ctx, s) {
		return nil, fmt.Errorf("cancel: %w: it is another's", detonaut.ErrUnauthorized)
	}
	if s.State.Ended() {
		return nil, store.ErrConflict
	}
	if err := a.note(ctx, "cancel", s.ID); err != nil {
		return nil, err
	}
	return nil, a.o.Store.Cancel(ctx, s.ID)
}
