// Package guard stands before everything that is served: it knows who asks and what they may
// do, how much they may ask for, and what a browser may do with the answer.
//
// [Guard.Handler] goes around the handlers of pages and of the API. These ask [Allowed] and
// [Who], which read what the guard found out about a request, and call [Guard.Note] for what
// is worth to be remembered. A secret is seen here once and is stored nowhere.
package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// Options say how to guard. What is zero is as [New] says.
type Options struct {
	// Store has the keys, and the log of what was done.
	Store store.Access
	// Public lets anybody read, and nobody submit.
	Public bool
	// URL is where people reach the server; nil if that is not known. Its host is one of Hosts.
	URL *url.URL
	// Hosts are the names by which the server may be asked for, without a port; none is any.
	Hosts []string
	// Proxies are the networks whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
	// Sessions are those of people; nil knows none.
	Sessions *Sessions
	// Open are paths for which nobody has to be known: one that ends in "/" with all below.
	Open []string
	// SignIn is where a browser is sent whose owner has to be known; empty is nowhere.
	SignIn string
	// Refuse shows a refusal to a browser; nil shows all of them as problems.
	Refuse func(w http.ResponseWriter, r *http.Request, p Problem)
	Limits Limits
	// Now is the clock; nil is [time.Now]. Log may be nil.
	Now func() time.Time
	Log *slog.Logger
}

// Limits bound what is taken from one client.
type Limits struct {
	// Address and Key are what an address and a key may ask for; a request that changes
	// something counts for ten.
	Address, Key Rate
	// Body is the largest body of a request, in bytes; 256 KiB if 0.
	Body int64
	// Wait is how long a client may be silent while it sends a body, or takes a part of an
	// answer; 20 seconds if 0.
	Wait time.Duration
}

// Rate is so many requests a minute, and so many at once.
type Rate struct{ Minute, Burst int }

// Defaults of [Limits].
var (
	defaultAddress = Rate{Minute: 300, Burst: 200}
	defaultKey     = Rate{Minute: 1200, Burst: 600}
)

const (
	defaultBody = 256 << 10
	defaultWait = 20 * time.Second
	costOfDeed  = 10
)

// Guard stands before handlers.
type Guard struct {
	o         Options
	hosts     map[string]bool
	addresses *buckets
	keys      *buckets
	origins   *http.CrossOriginProtection
}

// New makes a guard.
func New(o Options) (*Guard, error) {
	if o.Store == nil {
		return nil, errors.New("make guard: no store")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Limits.Address.Burst <= 0 || o.Limits.Address.Minute <= 0 {
		o.Limits.Address = defaultAddress
	}
	if o.Limits.Key.Burst <= 0 || o.Limits.Key.Minute <= 0 {
		o.Limits.Key = defaultKey
	}
	if o.Limits.Body <= 0 {
		o.Limits.Body = defaultBody
	}
	if o.Limits.Wait <= 0 {
		o.Limits.Wait = defaultWait
	}
	g := &Guard{
		o:         o,
		addresses: newBuckets(o.Limits.Address, o.Now), keys: newBuckets(o.Limits.Key, o.Now),
		origins: http.NewCrossOriginProtection(),
	}
	if len(o.Hosts) > 0 {
		g.hosts = map[string]bool{}
		for _, h := range o.Hosts {
			g.hosts[strings.ToLower(h)] = true
		}
		if o.URL != nil {
			g.hosts[strings.ToLower(o.URL.Hostname())] = true
		}
	}
	if o.URL != nil {
		if err := g.origins.AddTrustedOrigin(o.URL.Scheme + "://" + o.URL.Host); err != nil {
			return nil, fmt.Errorf("make guard: %w", err)
		}
	}
	return g, nil
}

// Handler lets through to next what may pass.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.headers(w, r)
		pw := newPatient(w, g.o.Limits.Wait)
		g.bound(pw, r)
		from := clientAddress(r, g.o.Proxies)
		r = r.WithContext(with(r.Context(), Caller{From: from}))
		if p := g.admit(pw, r); p != nil {
			g.refuse(pw, r, *p)
			return
		}
		if g.preflight(pw, r) {
			return
		}
		caller, p := g.identify(r)
		caller.From, caller.Public = from, g.o.Public
		r = r.WithContext(with(r.Context(), caller))
		if p == nil {
			p = g.enter(pw, r)
		}
		if p != nil {
			g.refuse(pw, r, *p)
			return
		}
		next.ServeHTTP(pw, r)
	})
}

// admit looks at what needs no knowledge of who asks.
func (g *Guard) admit(w http.ResponseWriter, r *http.Request) *Problem {
	if !g.host(r) {
		return &Problem{Status: http.StatusMisdirectedRequest, Detail: "this server has another name"}
	}
	if p := g.spend(w, g.addresses, addressKey(Of(r.Context()).From), cost(r)); p != nil {
		return p
	}
	if err := g.origins.Check(r); err != nil {
		return &Problem{Status: http.StatusForbidden, Detail: "a page of another site may not do this"}
	}
	if r.ContentLength > g.o.Limits.Body {
		w.Header().Set("Connection", "close")
		return tooLarge(g.o.Limits.Body)
	}
	return nil
}

// enter looks at what needs it.
func (g *Guard) enter(w http.ResponseWriter, r *http.Request) *Problem {
	c := Of(r.Context())
	if c.Kind == Key {
		if p := g.spend(w, g.keys, c.Who, cost(r)); p != nil {
			return p
		}
	}
	if c.May(store.ScopeRead) || g.open(r.URL.Path) {
		return nil
	}
	if c.Kind != Nobody {
		return Missing(store.ScopeRead)
	}
	return &Problem{Status: http.StatusUnauthorized, Detail: "a key is needed: Authorization: Bearer dtn_..."}
}

// open tells whether anybody may see a path.
func (g *Guard) open(path string) bool {
	for _, o := range g.o.Open {
		if path == o || strings.HasSuffix(o, "/") && strings.HasPrefix(path, o) {
			return true
		}
	}
	return false
}

func cost(r *http.Request) int {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return 1
	}
	return costOfDeed
}

// spend takes from the bucket of one client, and says what is left of it.
func (g *Guard) spend(w http.ResponseWriter, b *buckets, id string, n int) *Problem {
	left := b.take(id, n)
	h := w.Header()
	h.Set("RateLimit-Limit", strconv.Itoa(b.rate.Burst))
	h.Set("RateLimit-Remaining", strconv.Itoa(left.remaining))
	h.Set("RateLimit-Reset", seconds(left.full))
	if left.ok {
		return nil
	}
	h.Set("Retry-After", seconds(left.wait))
	return &Problem{Status: http.StatusTooManyRequests, Detail: "too many requests: wait, as Retry-After says"}
}

// seconds writes a duration as a whole number of them, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// refuse answers with a problem, in the way that suits the client.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, p Problem) {
	g.o.Log.Debug("request refused", "status", p.Status, "detail", p.Detail, "path", r.URL.Path, "from", Of(r.Context()).From)
	browser := WantsPage(r)
	switch {
	case p.Status == http.StatusUnauthorized && browser && g.o.SignIn != "" && r.Method == http.MethodGet:
		http.Redirect(w, r, g.o.SignIn+"?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	case browser && g.o.Refuse != nil:
		g.o.Refuse(w, r, p)
	default:
		if p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="detonaut"`)
		}
		p.Write(w)
	}
}

// WantsPage tells whether a person reads the answer in a browser.
func WantsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}
