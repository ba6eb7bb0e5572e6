package guard

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/internal/store"
)

// Caller is who asks.
type Caller struct {
	Kind Kind
	// Who is the id of a key, or the name of a person; empty for anybody.
	Who    string
	Scopes []store.Scope
	// From is the address of the client, "" if it has none.
	From string
	// Public is set on a public server: anybody may read, and nobody submit.
	Public bool
}

// Kind is what somebody is known by.
type Kind string

// Kinds of callers.
const (
	Nobody Kind = ""
	Key    Kind = "key"
	Person Kind = "person"
)

// May tells whether a caller may do what needs a scope.
func (c Caller) May(s store.Scope) bool {
	if c.Public && (s == store.ScopeRead || s == store.ScopeSubmit) {
		return s == store.ScopeRead
	}
	return slices.ContainsFunc(c.Scopes, func(have store.Scope) bool { return includes(have, s) })
}

// includes tells whether who has one scope has another: admin has all of them, submit and
// download have read, too.
func includes(have, want store.Scope) bool {
	return have == want || have == store.ScopeAdmin || want == store.ScopeRead && (have == store.ScopeSubmit || have == store.ScopeDownload)
}

// Scopes are all there are, the least first.
func Scopes() []store.Scope {
	return []store.Scope{store.ScopeRead, store.ScopeSubmit, store.ScopeDownload, store.ScopeAdmin}
}

type callerKey struct{}

func with(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// As is a request of somebody, for tests of handlers behind a guard.
func As(r *http.Request, c Caller) *http.Request { return r.WithContext(with(r.Context(), c)) }

// Of is who asks; nobody, where no guard stands before it.
func Of(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// Allowed tells whether who sent r may do what needs s.
func Allowed(r *http.Request, s store.Scope) bool { return Of(r.Context()).May(s) }

// Who is the id of a key or the name of a person; empty for anybody.
func Who(r *http.Request) string { return Of(r.Context()).Who }

// identify finds out who sent r. A key that is no good is a problem, a session that is none
// is nobody's: people who may read without one are not to be kept from it.
func (g *Guard) identify(r *http.Request) (Caller, *Problem) {
	var c Caller
	var p *Problem
	if text := r.Header.Get("Authorization"); text != "" {
		secret, ok := secretOf(r, text)
		if !ok {
			return c, &Problem{Status: http.StatusUnauthorized, Detail: "authorize with Bearer and a key"}
		}
		c, p = g.byKey(r, Hash(secret), Wellformed(secret))
	} else if g.o.Sessions != nil {
		if s, ok := g.o.Sessions.Read(r); ok {
			c, p = g.bySession(r, s)
		}
	}
	return c, p
}

// secretOf is the key in the header Authorization. The API takes it as a password, too: of what
// registries tell of pushes, most can be given an address, and no header.
func secretOf(r *http.Request, header string) (string, bool) {
	if _, password, ok := r.BasicAuth(); ok && strings.HasPrefix(r.URL.Path, "/api/") {
		return password, true
	}
	scheme, secret, _ := strings.Cut(header, " ")
	return strings.TrimSpace(secret), strings.EqualFold(scheme, "Bearer")
}

func (g *Guard) bySession(r *http.Request, s Session) (Caller, *Problem) {
	if s.KeyHash == "" {
		return Caller{Kind: Person, Who: s.Who, Scopes: s.Scopes}, nil
	}
	c, p := g.byKey(r, s.KeyHash, true)
	if p != nil && p.Status == http.StatusUnauthorized {
		return Caller{}, nil // as if there were no session
	}
	return c, p
}

// byKey finds out whose a key is, by its hash.
func (g *Guard) byKey(r *http.Request, hash string, wellformed bool) (Caller, *Problem) {
	wrong := &Problem{Status: http.StatusUnauthorized, Detail: "this is no key that is good here"}
	if !wellformed {
		return Caller{}, wrong
	}
	k, err := g.o.Store.KeyOf(r.Context(), hash)
	switch {
	case errors.Is(err, store.ErrNotFound):
		g.o.Log.Warn("key is unknown or revoked", "from", Of(r.Context()).From)
		return Caller{}, wrong
	case err != nil:
		return Caller{}, g.failed(err, "look up key")
	case subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hash)) != 1, !k.Revoked.IsZero():
		return Caller{}, wrong
	case !k.Expires.IsZero() && !g.o.Now().Before(k.Expires):
		return Caller{}, &Problem{Status: http.StatusUnauthorized, Detail: "this key has expired"}
	}
	return Caller{Kind: Key, Who: k.ID, Scopes: k.Scopes}, nil
}

// failed is a failure of ours. What it was is in the log alone.
func (g *Guard) failed(err error, what string) *Problem {
	g.o.Log.Error("request failed", "what", what, "error", err)
	return &Problem{Status: http.StatusServiceUnavailable, Detail: "the server cannot do this now"}
}

// Note adds to the log of who did what: the caller of ctx, something about something. Why it
// was refused is empty for what was done. That it cannot be noted is a reason not to do it.
func (g *Guard) Note(ctx context.Context, what, about, refused string) error {
	c := Of(ctx)
	return g.o.Store.Note(ctx, store.Deed{
		At: g.o.Now().UTC(), Who: c.Who, From: c.From, What: what, About: cut(about, 512), Refused: cut(refused, 512),
	})
}

// cut bounds what a client sent.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
