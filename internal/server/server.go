// Package server shows what is remembered, and takes what is to be analysed: the API, the
// pages, and the guard before both, as one handler.
//
// It sees contracts: the command line chooses the store, and runs the workers beside it.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/server/api"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/server/person"
	"github.com/detonaut/detonaut/internal/server/web"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// Options say what a server is made of.
type Options struct {
	Store store.Store
	// Blobs has the artifacts of runs; nil if there are none.
	Blobs api.Blobs
	Site  Site
	// Public lets anybody read, and nobody submit.
	Public bool
	// URL is where people reach the server; nil if that is not known.
	URL *url.URL
	// Hosts are the names by which it may be asked for; none is any.
	Hosts []string
	// Proxies are the networks whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
	Limits  guard.Limits
	// Secret signs sessions; an empty one is made, and good for this process. Session is how
	// long they last, 12 hours if 0.
	Secret  []byte
	Session time.Duration
	// Provider knows people; nil is none.
	Provider *person.Provider
	// Ref holds a ref to what may be submitted, and Submitted is called when something was:
	// see [api.Options].
	Ref       func(detonaut.Ref) (detonaut.Ref, error)
	Submitted func()
	// Pending is how many submissions of one owner may be unfinished, 100 if 0.
	Pending int
	// Version is that of the program.
	Version string
	// Log may be nil.
	Log *slog.Logger
	// Observe is told of requests; nil is nobody.
	Observe Observe
}

// Site is what pages show beside reports.
type Site struct {
	// Docs are the documents, as *.md; nil for none.
	Docs fs.FS
	// Rules are those by which reports were made, sorted by ID.
	Rules []web.Rule
	// Contact is where somebody can write to; it may be empty.
	Contact string
}

// Server answers over HTTP.
type Server struct {
	o       Options
	handler http.Handler
	door    *person.Door
	note    func(ctx context.Context, what, about, refused string) error
	studies *study.Latest
	closing chan struct{}
	close   sync.Once
}

// Bounds of connections.
const (
	maxConnections = 4096
	maxHeader      = 32 << 10 // bytes
	headerTime     = 10 * time.Second
	idleTime       = 2 * time.Minute
	// graceTime is how long requests may take to end when the server does.
	graceTime = 10 * time.Second
)

// New makes a server.
func New(o Options) (*Server, error) {
	if o.Store == nil {
		return nil, errors.New("make server: no store")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Session <= 0 {
		o.Session = 12 * time.Hour
	}
	s := &Server{o: o, studies: study.NewLatest(o.Store, o.Log), closing: make(chan struct{})}
	sessions, err := guard.NewSessions(o.Secret, o.URL != nil && o.URL.Scheme == "https", o.Session, nil)
	if err != nil {
		return nil, fmt.Errorf("make server: %w", err)
	}
	g, err := guard.New(guard.Options{
		Store: o.Store, Public: o.Public, URL: o.URL, Hosts: o.Hosts, Proxies: o.Proxies, Sessions: sessions,
		Open:   append(person.Open(), healthPath, readyPath, api.DescriptionPath, "/assets/", "/robots.txt", "/favicon.ico"),
		SignIn: person.SignInPath, Limits: o.Limits, Log: o.Log,
		Refuse: func(w http.ResponseWriter, r *http.Request, p guard.Problem) { s.door.Refuse(w, r, p) },
	})
	if err != nil {
		return nil, fmt.Errorf("make server: %w", err)
	}
	s.note = g.Note
	s.door, err = person.New(person.Options{Sessions: sessions, Keys: o.Store, Note: g.Note, Provider: o.Provider, Log: o.Log})
	if err != nil {
		return nil, fmt.Errorf("make server: %w", err)
	}
	a, err := api.New(api.Options{
		Store: o.Store, Blobs: o.Blobs, Public: o.Public, Ref: o.Ref, Submitted: o.Submitted, Note: g.Note, Version: o.Version,
		Wait: o.Limits.Wait, Closing: s.closing, Log: o.Log,
		Waiting: api.Waiting{Pending: o.Pending}, Related: s.related, Study: s.studies.Of,
	})
	if err != nil {
		return nil, fmt.Errorf("make server: %w", err)
	}
	s.handler = observed(o.Observe, g.Handler(compress(routed(s.routes(a, s.pages(a))))))
	return s, nil
}

// pages are those of the site, for which the API submits.
func (s *Server) pages(a *api.API) http.Handler {
	o := web.Options{
		Store: s.o.Store, Blobs: s.o.Blobs, Public: s.o.Public, Docs: s.o.Site.Docs, Rules: s.o.Site.Rules, Contact: s.o.Site.Contact,
		Study: s.studies.Of, Allowed: guard.Allowed, Person: guard.Who, Note: s.note, Log: s.o.Log,
		From: func(r *http.Request) string { return guard.Of(r.Context()).From },
		Submit: func(r *http.Request, ref detonaut.Ref, options store.RunOptions) (*store.Submission, error) {
			return a.Submit(r.Context(), ref, options, "")
		},
	}
	if s.o.URL != nil {
		o.URL = strings.TrimSuffix(s.o.URL.String(), "/")
	}
	return web.New(o)
}

// related finds related images as pages show them.
func (s *Server) related(ctx context.Context, r *detonaut.Report) ([]api.Relation, error) {
	_, found, err := web.Related(ctx, s.o.Store, r)
	all := make([]api.Relation, 0, len(found))
	for _, f := range found {
		all = append(all, api.Relation(f))
	}
	return all, err
}

// Handler is all of it, with its guard.
func (s *Server) Handler() http.Handler { return s.handler }

// Link is the path of a link that lets one person in, once; see [person.Door.Link].
func (s *Server) Link() string { return s.door.Link() }

// Paths by which those who run servers see whether this one lives, and can answer.
const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
)

func (s *Server) routes(a, pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", a)
	for _, path := range append(person.Open(), person.SignOutPath) {
		mux.Handle(path, s.door)
	}
	mux.HandleFunc("GET "+healthPath, func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET "+readyPath, s.ready)
	mux.Handle("GET /favicon.ico", http.RedirectHandler(page.AssetPath("icon.svg"), http.StatusFound))
	mux.Handle("/", pages)
	return mux
}

// ready tells whether the store answers, and that the server is not about to end.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	select {
	case <-s.closing:
		say(w, http.StatusServiceUnavailable, "about to end")
		return
	default:
	}
	if _, err := s.o.Store.Submission(ctx, "none"); err != nil && !errors.Is(err, store.ErrNotFound) {
		s.o.Log.Error("store does not answer", "error", err)
		say(w, http.StatusServiceUnavailable, "the store does not answer")
		return
	}
	say(w, http.StatusOK, "ready")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// Serve answers on l until ctx ends, then lets requests end that are under way. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	hs := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog:  slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		Protocols: new(http.Protocols),
	}
	hs.Protocols.SetHTTP1(true)
	ended := make(chan error, 1)
	go func() { ended <- hs.Serve(newBounded(l, maxConnections)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.close.Do(func() { close(s.closing) })
	s.studies.Close()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	err := hs.Shutdown(grace)
	if err != nil {
		err = hs.Close()
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("end server: %w", err)
	}
	return nil
}

// Loopback are the names of this machine itself, for [Options.Hosts] of a server that listens
// to nobody else; none for another.
func Loopback(address string) []string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	if a, err := netip.ParseAddr(host); strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback() {
		return []string{"localhost", "127.0.0.1", "::1", host}
	}
	return nil
}
