// Package polite asks servers no more often than they like, all processes of a fleet together:
// an [http.RoundTripper] that takes a token for each request from the buckets of
// [store.Politeness], and has everybody wait when a server says that it has had enough.
package polite

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Busy is the error of a request that would have to wait for too long, or that was answered
// so: nothing was asked, or nothing was got, and it may be asked again later.
type Busy = detonaut.Busy

// Options say how often servers are asked. The zero value is polite to all.
type Options struct {
	// Rates are of hosts ("registry-1.docker.io", "registry.example:5000"); Default is of all others.
	// What is missing here is as in [Rates] and [DefaultRate].
	Rates   map[string]store.HostRate
	Default store.HostRate
	// Patience is for how long a request waits for its turn; zero is 20 seconds.
	Patience time.Duration
	// Waited is told how long each request has waited for its turn; nil is nobody.
	Waited func(host string, d time.Duration)
	// Log is told when a server asks to be left alone; nil is nobody.
	Log *slog.Logger
}

const (
	// maxHosts is how many hosts have a bucket of their own, of those that one process asks: a registry
	// may refer to any. All others share one.
	maxHosts = 2000
	others   = "*"
	// pulls is behind the name of a host in that of the bucket for what counts as a pull.
	pulls = " (pulls)"
	// maxHost bounds the name of a host, in bytes.
	maxHost = 255
	// maxBatch is how many tokens are taken at once, so that not every request is a transaction; fresh is
	// how long they are good: whoever is held back meanwhile by another process is so soon.
	maxBatch = 10
	fresh    = 2 * time.Second
)

// Transport takes tokens for the requests of one process. It may be used from any goroutine.
type Transport struct {
	keep     store.Politeness
	rates    map[string]store.HostRate
	standard store.HostRate
	patience time.Duration
	waited   func(host string, d time.Duration)
	log      *slog.Logger

	mu    sync.Mutex
	hosts map[string]*host
}

// host is a bucket, as far as this process knows it.
type host struct {
	name string
	rate store.HostRate
	turn chan struct{} // who has sent to it may use stock, taken and until
	// stock are tokens that were taken, at the time taken.
	stock int
	taken time.Time

	mu      sync.Mutex
	held    time.Time     // by an answer that this process got
	untold  time.Duration // what the next busy answer is taken for that does not tell
	counted bool          // it says how many pulls there may be
}

// New makes one on a store.
func New(keep store.Politeness, o Options) *Transport {
	t := &Transport{keep: keep, rates: Rates(), standard: o.Default, patience: o.Patience, waited: o.Waited, log: o.Log, hosts: map[string]*host{}}
	maps.Copy(t.rates, o.Rates)
	if t.standard.Second <= 0 {
		t.standard.Second = DefaultRate.Second
	}
	if t.standard.Burst <= 0 {
		t.standard.Burst = DefaultRate.Burst
	}
	if t.patience == 0 {
		t.patience = 20 * time.Second
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.waited == nil {
		t.waited = func(string, time.Duration) {}
	}
	return t
}

// Wrap returns a transport that asks next, when it is its turn. All that are made of one
// Transport share its tokens.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper {
	return &wrapped{t: t, next: next}
}

type wrapped struct {
	t    *Transport
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (w *wrapped) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	name := asked(req)
	h := w.t.host(name)
	began := time.Now()
	err := w.t.wait(ctx, h)
	if err == nil && begins(req) && h.counts() {
		err = w.t.wait(ctx, w.t.host(name+pulls))
	}
	w.t.waited(h.name, time.Since(began))
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as the contract wants, also of what is not sent
		}
		return nil, err
	}
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	wish := h.answered(resp)
	if wish.rest <= 0 {
		return resp, nil
	}
	if wish.pulls {
		h = w.t.host(name + pulls)
		h.hold(wish.rest)
	}
	w.t.log.WarnContext(ctx, "A server asks to be left alone.", "host", h.name, "for", wish.rest, "why", wish.why, "status", resp.StatusCode)
	// The request may be over because of this answer; the others are to know all the same.
	if err := w.t.keep.HoldHost(context.WithoutCancel(ctx), h.name, wish.rest, wish.why); err != nil {
		w.t.log.ErrorContext(ctx, "A host that asks to be left alone is not held.", "host", h.name, "error", err)
	}
	if refused(resp.StatusCode, resp.Header) && wish.rest > w.t.patience {
		_ = resp.Body.Close() // nothing that is wanted
		return nil, &Busy{Host: h.name, Wait: wish.rest, Why: wish.why}
	}
	return resp, nil
}

// begins tells whether a request is one of those that registries count as pulls.
func begins(req *http.Request) bool {
	return req.Method == http.MethodGet && req.Response == nil && strings.Contains(req.URL.Path, "/manifests/")
}

// asked is the host that a request is counted for: that to which the first was sent, of those that
// redirects have led to others. A registry may redirect to any, and its blobs are elsewhere.
func asked(req *http.Request) string {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return strings.ToLower(req.URL.Host)
}

// host returns the bucket of a name.
func (t *Transport) host(name string) *host {
	t.mu.Lock()
	defer t.mu.Unlock()
	rate, known := t.rates[strings.TrimSuffix(name, pulls)]
	if !known {
		rate = t.standard
	}
	if len(name) > maxHost || !known && t.hosts[name] == nil && len(t.hosts) >= maxHosts {
		name = others
	}
	h := t.hosts[name]
	if h == nil {
		h = &host{name: name, rate: rate, turn: make(chan struct{}, 1), untold: shortRest, counted: name == dockerRegistry}
		t.hosts[name] = h
	}
	return h
}

// answered learns from an answer for how long its server is to be left alone.
func (h *host) answered(resp *http.Response) wish {
	h.mu.Lock()
	w := read(resp.StatusCode, resp.Header, time.Now(), h.untold)
	switch {
	case refused(resp.StatusCode, resp.Header):
		h.untold = min(2*h.untold, longRest)
	case resp.StatusCode < http.StatusBadRequest:
		h.untold = shortRest
	}
	if _, _, ok := quota(resp.Header.Get("Ratelimit-Limit")); ok {
		h.counted = true
	}
	h.mu.Unlock()
	if !w.pulls {
		h.hold(w.rest)
	}
	return w
}

// hold keeps this process from asking for so long.
func (h *host) hold(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until := time.Now().Add(d); d > 0 && until.After(h.held) {
		h.held = until
	}
}

// counts tells whether a host is known to count pulls.
func (h *host) counts() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counted
}

// heldFor is for how long this process knows that a host is held.
func (h *host) heldFor(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held.Sub(now)
}

// wait returns when there is a token for a request to h.
func (t *Transport) wait(ctx context.Context, h *host) error {
	patience := time.NewTimer(t.patience)
	defer patience.Stop()
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-patience.C:
		return &Busy{Host: h.name, Wait: t.patience, Why: "many others wait for it"}
	}
	end := time.Now().Add(t.patience)
	for {
		d, err := t.take(ctx, h)
		if err != nil || d == 0 {
			return err
		}
		if time.Now().Add(d).After(end) {
			return &Busy{Host: h.name, Wait: d, Why: "it is to be asked no more often"}
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take takes a token, of those in stock or from the store; if there is none it returns when to ask again.
// The caller has the turn.
func (t *Transport) take(ctx context.Context, h *host) (time.Duration, error) {
	now := time.Now()
	if d := h.heldFor(now); d > 0 {
		h.stock = 0
		return d, nil
	}
	if h.stock > 0 && now.Sub(h.taken) < fresh {
		h.stock--
		return 0, nil
	}
	n, d, err := t.keep.Take(ctx, h.name, h.rate, h.batch())
	switch {
	case err != nil:
		return 0, fmt.Errorf("take a token for %s: %w", h.name, err)
	case n > 0:
		h.stock, h.taken = n-1, now
		return 0, nil
	}
	return max(d, time.Millisecond), nil
}

// batch is how many tokens are taken at once: those of half a second, as others want some too.
func (h *host) batch() int {
	return max(1, min(maxBatch, int(h.rate.Second/2), h.rate.Burst))
}
