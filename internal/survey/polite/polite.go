// Package polite asks servers no more often than they like, all processes of a fleet together:
// an [http.RoundTripper] that takes a token for each request from the buckets of
// [store.Politeness], and has everybody wait when a server says that it has had enough.
package polite

import (
	"log/slog"
	"net/http"
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
	// Log is told when a server asks to be left alone; nil is nobody.
	Log *slog.Logger
}

// Transport takes tokens for the requests of one process. It may be used from any goroutine.
type Transport struct {
	options Options
	keep    store.Politeness
}

// New makes one on a store.
func New(keep store.Politeness, o Options) *Transport { return &Transport{options: o, keep: keep} }

// Wrap returns a transport that asks next, when it is its turn. All that are made of one
// Transport share its tokens.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper { return next }
