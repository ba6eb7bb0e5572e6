// Package web is what the simulated internet says over HTTP: what a subject
// expects to hear, so that it goes on. Cloud metadata with credentials that are
// bait, the APIs of clusters, package indexes, repositories, pastes and drops,
// services that tell an address, and for all else a file or page of the kind
// that was asked for, which does nothing.
//
// It reads nothing but the request, all of which is hostile, and does no I/O.
// Whatever it hands out is inert.
package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"time"

	"github.com/detonaut/detonaut/chamber/bait"
	"github.com/detonaut/detonaut/chamber/plan"
)

// Options of a site. Baits and Now are required.
type Options struct {
	Baits *bait.Set
	// Canned answers come before all others.
	Canned []plan.Answer
	// Now is the time that the subject sees.
	Now func() time.Time
}

// A Site answers for every host. It is safe for concurrent use.
type Site struct {
	opts Options
}

// New makes a site.
func New(o Options) *Site { return &Site{o} }

// Response is an answer. Whoever gets it owns it, but must not write to Body.
type Response struct {
	Status int
	Header http.Header
	// Body is empty in the answer to a HEAD, whose Content-Length is set.
	Body []byte
	// Answer says who answered: "canned", "metadata/aws", "package/apt",
	// "drop/transfer.sh", "default/html" ...
	Answer string
}

// maxPath is how long a path may be, as that of nginx is by default.
const maxPath = 8 << 10

// Answer answers a request of which body was read, sent to an address. The
// scheme of links is that of r.URL, else it follows from r.TLS and the port.
func (s *Site) Answer(r *http.Request, body []byte, to netip.AddrPort) Response {
	q := newRequest(r, body, to)
	if len(q.path) > maxPath {
		return s.finish(q, reply("default", http.StatusRequestURITooLong, "text/html", page("414 Request-URI Too Large", "")))
	}
	for _, answer := range answerers {
		if a, ok := answer(s, q); ok {
			return s.finish(q, a)
		}
	}
	return s.finish(q, s.fallback(q))
}

// Canned gives an answer of the plan; ok tells whether one fits.
func (s *Site) Canned(r *http.Request, body []byte, to netip.AddrPort) (_ Response, ok bool) {
	q := newRequest(r, body, to)
	if a, ok := s.canned(q); ok {
		return s.finish(q, a), true
	}
	return Response{}, false
}

// An answerer answers the requests that it knows, and leaves the others.
type answerer func(*Site, *request) (Response, bool)

// answerers are asked in this order. Those that go by address or host come
// before those that go by path.
var answerers = []answerer{
	(*Site).canned,
	(*Site).websocket,
	(*Site).metadata,
	(*Site).echo,
	(*Site).captive,
	(*Site).drop,
	(*Site).cluster,
	(*Site).tor,
	(*Site).git,
	(*Site).github,
	(*Site).packages,
	(*Site).panel,
}

// reply makes a response with a type of content; none if it is empty.
func reply(answer string, status int, kind, body string) Response {
	h := http.Header{}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	return Response{Status: status, Header: h, Body: []byte(body), Answer: answer}
}

// with sets a header.
func (r Response) with(name, value string) Response {
	r.Header.Set(name, value)
	return r
}

// token is a text of n hexadecimal digits, at most 64, that is the same
// whenever the parts are: what stands for an id, and for what is not bait.
func (s *Site) token(n int, parts ...string) string {
	h := sha256.New()
	h.Write([]byte(s.opts.Baits.Value("env-password"))) // another one each run
	for _, p := range parts {
		h.Write([]byte("\x00" + p))
	}
	return hex.EncodeToString(h.Sum(nil))[:n]
}
