package person

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
)

// Provider is one of OpenID Connect, and what its people may do here.
type Provider struct {
	// Issuer is its URL, Name what the link to it says.
	Issuer, Name string
	// ID and Secret are ours with it; it sends people back to Callback.
	ID, Secret, Callback string
	// Rights are who gets which scope: "@example.com" is everybody with such an address that
	// the provider has verified, "ann@example.com" one of them, "group:analysts" a group.
	Rights map[store.Scope][]string
	// Client makes the requests to it; nil is one with a timeout.
	Client *http.Client

	mu    sync.Mutex
	found *oidc.Provider
}

// maxAnswer bounds what a provider may say, in bytes.
const maxAnswer = 1 << 20

// context is one in which the provider is asked by our client.
func (p *Provider) context(ctx context.Context) context.Context {
	c := p.Client
	if c == nil {
		c = &http.Client{Timeout: 10 * time.Second, Transport: bounded{http.DefaultTransport}}
	}
	return oidc.ClientContext(ctx, c)
}

// bounded is a transport whose answers end.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// discover asks the provider what it is, once it is needed: a server starts without it.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil {
		// The keys of the provider are fetched again later, when this request is long over.
		found, err := oidc.NewProvider(p.context(context.WithoutCancel(ctx)), p.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("ask provider: %w", err)
		}
		p.found = found
	}
	return p.found, &oauth2.Config{
		ClientID: p.ID, ClientSecret: p.Secret, Endpoint: p.found.Endpoint(), RedirectURL: p.Callback,
		Scopes: []string{oidc.ScopeOpenID, "email", "profile", "groups"},
	}, nil
}

// pending is a sign-in that was begun, in a cookie.
type pending struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	To       string    `json:"to"`
	Ends     time.Time `json:"ends"`
}

const (
	pendingCookie = "detonaut-sign-in"
	pendingLife   = 10 * time.Minute
)

// start sends a browser to the provider.
func (d *Door) start(w http.ResponseWriter, r *http.Request) {
	_, config, err := d.o.Provider.discover(r.Context())
	if err != nil {
		d.fail(w, err)
		return
	}
	p := pending{
		State: chance(), Nonce: chance(), Verifier: oauth2.GenerateVerifier(),
		To: local(r.URL.Query().Get("to")), Ends: time.Now().Add(pendingLife),
	}
	text, err := d.o.Sessions.Seal("sign-in", p)
	if err != nil {
		d.fail(w, err)
		return
	}
	http.SetCookie(w, d.o.Sessions.Cookie(pendingCookie, text, pendingLife))
	http.Redirect(w, r, config.AuthCodeURL(p.State, oidc.Nonce(p.Nonce), oauth2.S256ChallengeOption(p.Verifier)), http.StatusSeeOther)
}

// callback is where the provider sends it back to.
func (d *Door) callback(w http.ResponseWriter, r *http.Request) {
	var p pending
	c, err := r.Cookie(pendingCookie)
	if err == nil {
		err = d.o.Sessions.Open("sign-in", c.Value, &p)
	}
	http.SetCookie(w, d.o.Sessions.Cookie(pendingCookie, "", -1))
	q := r.URL.Query()
	if err != nil || time.Now().After(p.Ends) || p.State == "" || q.Get("state") != p.State {
		d.show(w, http.StatusForbidden, page{Heading: "This sign-in was not begun here", Text: "It took too long, or began in another browser. Begin again."})
		return
	}
	if q.Get("error") != "" || q.Get("code") == "" {
		d.show(w, http.StatusForbidden, page{Heading: "The provider did not sign you in", Text: "Begin again, or ask whoever runs it."})
		return
	}
	who, err := d.o.Provider.identify(r.Context(), q.Get("code"), p)
	if err != nil {
		d.o.Log.Error("identity not taken", "error", err)
		d.show(w, http.StatusForbidden, page{Heading: "The provider did not sign you in", Text: "The log of the server says why. Begin again, or ask whoever runs it."})
		return
	}
	scopes := who.scopes(d.o.Provider.Rights)
	if len(scopes) == 0 {
		if err := d.o.Note(r.Context(), "sign-in", who.name(), "no right here"); err != nil {
			d.o.Log.Error("refusal not noted", "error", err)
		}
		d.show(w, http.StatusForbidden, page{Heading: "You have no right here", Text: "The provider knows you, but nobody gave you a right to this server."})
		return
	}
	d.begin(w, r, guard.Session{Who: who.name(), Scopes: scopes}, who.name(), p.To)
}

// claims are what a provider says of a person.
type claims struct {
	Subject  string `json:"sub"`
	Email    string `json:"email"`
	Verified flag   `json:"email_verified"`
	Groups   names  `json:"groups"`
}

// flag is a truth value; some providers write it as a string.
type flag bool

// UnmarshalJSON reads true and "true" as true, and everything else as false.
func (f *flag) UnmarshalJSON(b []byte) error {
	*f = string(b) == "true" || string(b) == `"true"`
	return nil
}

// names is a list of strings, of which one may stand alone.
type names []string

// UnmarshalJSON reads a list or a string; what is neither is empty.
func (n *names) UnmarshalJSON(b []byte) error {
	var one string
	*n = nil
	if json.Unmarshal(b, (*[]string)(n)) != nil {
		*n = nil
		if json.Unmarshal(b, &one) == nil {
			*n = names{one}
		}
	}
	return nil
}

// identify asks the provider who came back.
func (p *Provider) identify(ctx context.Context, code string, begun pending) (claims, error) {
	var c claims
	found, config, err := p.discover(ctx)
	if err != nil {
		return c, err
	}
	token, err := config.Exchange(p.context(ctx), code, oauth2.VerifierOption(begun.Verifier))
	if err != nil {
		return c, fmt.Errorf("exchange code: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return c, errors.New("exchange code: no token of an identity")
	}
	id, err := found.Verifier(&oidc.Config{ClientID: p.ID}).Verify(p.context(ctx), raw)
	if err != nil {
		return c, fmt.Errorf("verify identity: %w", err)
	}
	if id.Nonce != begun.Nonce {
		return c, errors.New("verify identity: it is of another sign-in")
	}
	if err := id.Claims(&c); err != nil {
		return c, fmt.Errorf("read identity: %w", err)
	}
	c.Subject = id.Subject
	return c, nil
}

// name is what a person is called in the log of what was done: an address that was verified,
// or what the provider calls them.
func (c claims) name() string {
	if c.address() != "" {
		return c.address()
	}
	return "person:" + c.Subject
}

func (c claims) address() string {
	if !c.Verified || strings.Count(c.Email, "@") != 1 {
		return ""
	}
	return strings.ToLower(c.Email)
}

// scopes are what a person may do.
func (c claims) scopes(rights map[store.Scope][]string) (scopes []store.Scope) {
	for _, s := range guard.Scopes() {
		if slices.ContainsFunc(rights[s], c.is) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// is tells whether a person is meant.
func (c claims) is(whom string) bool {
	if group, ok := strings.CutPrefix(whom, "group:"); ok {
		return slices.Contains(c.Groups, group)
	}
	whom, address := strings.ToLower(whom), c.address()
	if address == "" {
		return false
	}
	if strings.HasPrefix(whom, "@") {
		return strings.HasSuffix(address, whom)
	}
	return address == whom
}
