// Package web is the site: every page, and what can be downloaded from one. It reads what a
// [store.Store] remembers and analyses nothing.
//
// A page is a [document]: what its template shows, and the same for programs at the address of
// the page with ".json" behind it. Nothing in a page needs JavaScript, and no page reads more
// than a bounded part of the store.
//
// Every string of a report is the subject's. It reaches a page as a string, through
// html/template, and nowhere else; what does not print is made visible first.
package web

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// Options are what a site is made of.
type Options struct {
	Store store.Store
	// Blobs has the artifacts of runs; nil if there are none.
	Blobs Blobs
	// Public is set for a site that anybody may read, and nobody may submit to.
	Public bool
	// URL is where the site is, without a slash at its end: "https://detonaut.example". If it
	// is empty, addresses that leave the site are those of the request.
	URL string
	// Docs are the documents, as *.md; nil for none.
	Docs fs.FS
	// Rules are those by which reports were made, sorted by ID.
	Rules []Rule
	// Allowed tells whether who asks may do what a scope is for; nil is nobody.
	Allowed func(*http.Request, store.Scope) bool
	// Submit asks for an analysis; nil if that is not possible, which it never is on a public
	// site. A ref that makes no sense is
	// [detonaut.ErrUsage], one that may not be asked for [detonaut.ErrUnauthorized], and too
	// many are [detonaut.ErrLimit].
	Submit func(*http.Request, detonaut.Ref, store.RunOptions) (*store.Submission, error)
	// Study is the last count of a survey, and when it was made: [study.ErrCounting] if there is none
	// yet.
	Study func(context.Context, *store.Survey) (*study.Report, time.Time, error)
	// Person is who is logged in, for people; nil is nobody.
	Person func(*http.Request) string
	// Note adds to the log of who did what; nil adds nothing.
	Note func(ctx context.Context, what, about, refused string) error
	// From is the address of who asks; nil is that of the connection.
	From func(*http.Request) string
	// Contact is where somebody can write to: an address of mail or of a page. It may be empty.
	Contact string
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
	// Log gets failures of ours; nil is nowhere.
	Log *slog.Logger
}

// Blobs has artifacts by the SHA-256 of their contents, in hex.
type Blobs interface {
	// Open reads an artifact, and tells its size in bytes. [store.ErrNotFound] if it is not
	// there. The caller closes it.
	Open(ctx context.Context, sum string) (io.ReadCloser, int64, error)
}

// Rule is a rule by which reports are made.
type Rule struct {
	// Kind is "behavior", of what an image does, or "file".
	Kind string
	// Finding is the claim that it makes.
	Finding    detonaut.Finding
	References []string
	// Text is its source: YAML.
	Text string
}

// site answers.
type site struct {
	Options
	rules map[string]*Rule
	tapes chan struct{} // a place for each tape that is read at the same time
	docs  func() (*manual, error)
}

// New makes the site.
func New(o Options) http.Handler {
	s := &site{Options: o, rules: map[string]*Rule{}, tapes: make(chan struct{}, maxTapes)}
	for i := range o.Rules {
		s.rules[o.Rules[i].Finding.ID] = &o.Rules[i]
	}
	s.docs = s.loadDocs()
	if s.Public {
		s.Submit = nil
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Allowed == nil {
		s.Allowed = func(*http.Request, store.Scope) bool { return false }
	}
	if s.Note == nil {
		s.Note = func(context.Context, string, string, string) error { return nil }
	}
	if s.Study == nil {
		s.Study = func(context.Context, *store.Survey) (*study.Report, time.Time, error) {
			return nil, time.Time{}, study.ErrCounting
		}
	}
	if s.From == nil {
		s.From = remoteHost
	}
	return s.twins(s.routes())
}

// remoteHost is the address at the other end of a connection.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// routes are all addresses of the site.
func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, make := range s.pages() {
		mux.Handle("GET "+pattern, s.page(make))
	}
	for pattern, send := range s.files() {
		mux.Handle("GET "+pattern, s.file(send))
	}
	protect := http.NewCrossOriginProtection()
	for pattern, do := range s.forms() {
		mux.Handle("POST "+pattern, protect.Handler(s.file(do)))
	}
	mux.HandleFunc("/", s.unrouted)
	return mux
}

// pages are made by templates, or for programs.
func (s *site) pages() map[string]maker {
	all := map[string]maker{
		"/{$}":                            s.front,
		"/image/{digest}":                 s.image,
		"/image/{digest}/{part}":          s.part,
		"/image/{digest}/events":          s.events,
		"/image/{digest}/events/{number}": s.event,
		"/image/{digest}/bodies/{sum}":    s.body,
		"/search":                         s.search,
		"/image/{digest}/dispute":         s.disputeForm,
		"/repo/{registry}/{name...}":      s.repository,
		"/compare":                        s.compare,
		"/rules":                          s.ruleList,
		"/rules/{value...}":               s.rule,
		"/rule/{value...}":                s.rule,
		"/surveys":                        s.surveys,
		"/surveys/{name}":                 s.survey,
		"/surveys/{name}/items":           s.items,
		"/queue":                          s.queue,
		"/queue/jobs/{id}":                s.job,
		"/live/{submission}":              s.live,
		"/submit":                         s.submitForm,
		"/docs":                           s.docList,
		"/docs/{page...}":                 s.doc,
		"/about":                          s.about,
		"/takedown":                       s.takedown,
	}
	for _, p := range pivots() {
		all["/"+string(p.kind)+"/{value...}"] = s.pivot(p)
	}
	return all
}

// files are all else that can be read.
func (s *site) files() map[string]sender {
	all := map[string]sender{
		"/image/{digest}/badge.svg":          s.badge,
		"/image/{digest}/download/{name...}": s.download,
		"/feed.xml":                          s.feed,
		"/robots.txt":                        s.robots,
		"/assets/{name}":                     s.asset,
	}
	for _, p := range pivots() {
		for _, name := range p.names {
			all["/"+name+"/{value...}"] = aliasPivot(p.kind)
		}
	}
	return all
}

// forms are what can be sent.
func (s *site) forms() map[string]sender {
	all := map[string]sender{
		"/image/{digest}/dispute": s.dispute,
		"/submit":                 s.submit,
	}
	for path, deed := range s.queueDeeds() {
		all[path] = s.queueForm(deed)
	}
	return all
}

// unrouted answers what no other route does.
func (s *site) unrouted(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.refuse(w, r, refused(http.StatusMethodNotAllowed, "This can only be read."))
		return
	}
	s.refuse(w, r, store.ErrNotFound)
}
