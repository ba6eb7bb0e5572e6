package store

import (
	"context"
	"time"

	"github.com/detonaut/detonaut"
)

// Access knows who may do what, and who did.
type Access interface {
	// AddKey keeps a key of the API, by the hash of its secret.
	AddKey(ctx context.Context, k APIKey) error
	// KeyOf returns the key whose secret has a hash: SHA-256 in hex. [ErrNotFound] also for one
	// that was revoked; whether it has expired is the caller's to see.
	KeyOf(ctx context.Context, hash string) (*APIKey, error)
	Keys(ctx context.Context) ([]APIKey, error)
	RevokeKey(ctx context.Context, id string) error

	// Note adds to the log of who did what, which nobody changes.
	Note(ctx context.Context, d Deed) error
	// Deeds are those, the newest first.
	Deeds(ctx context.Context, p Page) (found []Deed, next string, err error)

	// AddDispute keeps what somebody says against a report; Disputes are those of a digest, or
	// all if it is empty, the newest first.
	AddDispute(ctx context.Context, d Dispute) error
	Disputes(ctx context.Context, d detonaut.Digest, p Page) (found []Dispute, next string, err error)
}

// Scope is what a key is good for.
type Scope string

// Scopes of keys. Each one includes those before it, but for Download.
const (
	ScopeRead     Scope = "read"
	ScopeSubmit   Scope = "submit"
	ScopeDownload Scope = "download" // payloads, bodies and packets
	ScopeAdmin    Scope = "admin"
)

// APIKey is a key of the API. Its secret is known to its owner alone.
type APIKey struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Hash    string    `json:"-"`
	Scopes  []Scope   `json:"scopes"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero is never
	Revoked time.Time `json:"revoked,omitzero"`
}

// Deed is something that somebody did: submitted, downloaded, revoked ...
type Deed struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`  // id of a key, or name of a person; "" is anybody
	From    string    `json:"from"` // address
	What    string    `json:"what"`
	About   string    `json:"about,omitempty"`
	Refused string    `json:"refused,omitempty"` // why it was not done
}

// Dispute is what somebody says against a report.
type Dispute struct {
	ID      string          `json:"id"`
	Digest  detonaut.Digest `json:"digest"`
	At      time.Time       `json:"at"`
	From    string          `json:"-"`
	Contact string          `json:"contact,omitempty"`
	Text    string          `json:"text"`
}

// Hooks are addresses that are told of reports.
type Hooks interface {
	AddHook(ctx context.Context, h Hook) error
	AllHooks(ctx context.Context) ([]Hook, error)
	DropHook(ctx context.Context, id string) error
	// Due gives at most so many deliveries whose time has come to a sender for so long, the
	// oldest first; each time is an attempt. There is a delivery for each hook and report: Put and
	// Finish make them, again for one that is put again.
	Due(ctx context.Context, sender string, lease time.Duration, limit int) ([]Delivery, error)
	// Delivered ends one, or puts it off until a time if failure is not empty; it is given up
	// if that is zero.
	Delivered(ctx context.Context, id int64, failure string, again time.Time) error
}

// Hook is an address that is told of reports.
type Hook struct {
	ID     string `json:"id"`
	URL    string `json:"url"`
	Secret string `json:"-"` // of the signature
	// Verdicts are those of which it is told; none is all.
	Verdicts []detonaut.Word `json:"verdicts,omitempty"`
	Owner    string          `json:"owner,omitempty"`
	Created  time.Time       `json:"created"`
}

// Delivery is one report that one hook is to be told of.
type Delivery struct {
	ID       int64
	Hook     Hook
	Report   Summary
	Attempts int // with this one
	Failure  string
}
