package api

import (
	"context"
	"strings"

	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

// NewDispute is what somebody says against a report.
type NewDispute struct {
	Text    string `json:"text" minLength:"1" maxLength:"4000" doc:"What is wrong with the report, and why."`
	Contact string `json:"contact,omitempty" maxLength:"200" doc:"Where to answer."`
}

type disputeInput struct {
	Image
	Body NewDispute
}

type disputeOutput struct{ Body store.Dispute }

func (a *API) dispute(ctx context.Context, in *disputeInput) (*disputeOutput, error) {
	if _, err := a.summary(ctx, Analysis{Image: in.Image}); err != nil {
		return nil, err
	}
	d := store.Dispute{
		ID: guard.NewID("dispute"), Digest: in.digest(), At: a.o.Now().UTC(), From: guard.Of(ctx).From,
		Text: strings.TrimSpace(in.Body.Text), Contact: strings.TrimSpace(in.Body.Contact),
	}
	if err := a.note(ctx, "dispute", in.Digest); err != nil {
		return nil, err
	}
	if err := a.o.Store.AddDispute(ctx, d); err != nil {
		return nil, err
	}
	return &disputeOutput{d}, nil
}

type disputesInput struct {
	Part
	Digest string `query:"digest" pattern:"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})?$" doc:"Those of one image; without it all."`
}

func (a *API) disputes(ctx context.Context, in *disputesInput) (*listOutput[store.Dispute], error) {
	i := Image{Digest: in.Digest}
	found, next, err := a.o.Store.Disputes(ctx, i.digest(), in.page())
	if err != nil {
		return nil, err
	}
	return list(&in.Part, found, next), nil
}
