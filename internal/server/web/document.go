package web

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/report/page"
	"github.com/detonaut/detonaut/internal/store"
)

// document is a page before it is written.
type document struct {
	// name is that of its template.
	name string
	// title is the head of the page, about says in a sentence what is on it. Strings of the
	// subject may be in them.
	title, about string
	// path is where it is to be found, if that is not where it was asked for.
	path string
	// data is what the template shows.
	data any
	// twin is what programs get; nil if there is nothing for them.
	twin any
	// script is the path of a script that it has beside that of all pages.
	script string
	// to is where whoever asked is sent instead, unless it is empty.
	to string
	// status is that of the answer; 0 is that all is well.
	status int
	// private is set for a page that is not the same for everybody, noIndex for one that is
	// not to be found by search engines.
	private, noIndex bool
	// make makes a page that has no template; it is nil for others.
	make func(io.Writer, page.Chrome) error
}

// maker makes a document; a sender answers with something else.
type (
	maker  func(*http.Request) (*document, error)
	sender func(http.ResponseWriter, *http.Request) error
)

//go:embed templates
var templateFiles embed.FS

// frames are parts of the others.
var frames = []string{"templates/frame.html", "templates/parts.html"}

// templates are by the names of their documents.
var templates = sync.OnceValue(func() map[string]*template.Template {
	all := map[string]*template.Template{}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, file := range files {
		if !slices.Contains(frames, file) {
			name := strings.TrimSuffix(path.Base(file), ".html")
			all[name] = template.Must(page.Layout().Funcs(functions).ParseFS(templateFiles, append([]string{file}, frames...)...))
		}
	}
	return all
})

// view is what a template is executed with.
type view struct {
	page.Chrome
	Heading string
	// Style is the path of the style of these pages.
	Style string
	// Script is the path of one of its own; empty for none.
	Script string
	Data   any
}

// page answers with a document.
func (s *site) page(make maker) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, err := make(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", s.caching(d.private))
		if d.status >= http.StatusBadRequest {
			w.Header().Set("Cache-Control", "no-store")
		}
		if isTwin(r) && (d.twin != nil || d.to == "") {
			if d.twin == nil {
				s.refuse(w, r, store.ErrNotFound)
				return
			}
			s.sendJSON(w, r, d.twin)
			return
		}
		if d.to != "" {
			http.Redirect(w, r, d.to, http.StatusFound)
			return
		}
		if d.make != nil {
			var b bytes.Buffer
			err := d.make(&b, s.chrome(r, d))
			s.sendHTML(w, r, http.StatusOK, b.Bytes(), err)
			return
		}
		s.sendPage(w, r, cmp.Or(d.status, http.StatusOK), d)
	})
}

// file answers with something that is no document.
func (s *site) file(send sender) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := send(w, r); err != nil {
			s.refuse(w, r, err)
		}
	})
}

// caching is how long others may keep what they were given. A report may be replaced by a
// newer one at any time, and what an address shows may depend on who asks.
func (s *site) caching(private bool) string {
	if private || !s.Public {
		return "private, no-cache"
	}
	return "public, max-age=60"
}

// chrome is what is around a page.
func (s *site) chrome(r *http.Request, d *document) page.Chrome {
	c := page.Chrome{
		Site:  page.Site{Mode: page.Public, Search: true, Query: r.URL.Query().Get("q"), URL: s.base(r), Theme: theme(r), Nav: s.nav(r)},
		Title: d.title + " · Detonaut", Description: d.about, Path: cmp.Or(d.path, r.URL.EscapedPath()), NoIndex: d.noIndex, Feed: "/feed.xml",
	}
	if !s.Public {
		c.Site.Mode, c.NoIndex = page.Private, true
	}
	if s.Person != nil {
		c.Site.Person = s.Person(r)
	}
	if d.twin != nil {
		c.JSON = twinPath(r.URL)
	}
	return c
}

// twinPath is the address of the same for programs.
func twinPath(u *url.URL) string {
	p := u.EscapedPath()
	if p == "/" {
		p = "/index"
	}
	q := u.Query()
	q.Del("as")
	if len(q) == 0 {
		return p + twinSuffix
	}
	return p + twinSuffix + "?" + q.Encode()
}

// nav leads to the main pages.
func (s *site) nav(r *http.Request) []page.Link {
	links := []page.Link{{Text: "Images", Href: "/search"}, {Text: "Surveys", Href: "/surveys"}, {Text: "Compare", Href: "/compare"}, {Text: "Rules", Href: "/rules"}, {Text: "Documents", Href: "/docs"}, {Text: "About", Href: "/about"}}
	if s.Submit != nil {
		links = append(links, page.Link{Text: "Submit", Href: "/submit"})
	}
	if s.Allowed(r, store.ScopeAdmin) {
		links = append(links, page.Link{Text: "Queue", Href: "/queue"})
	}
	for i := range links {
		links[i].Current = r.URL.Path == links[i].Href
	}
	return links
}

// theme is what a reader has chosen.
func theme(r *http.Request) string {
	if c, err := r.Cookie("theme"); err == nil {
		return c.Value // the layout knows two
	}
	return ""
}

// sendPage writes a page, whole or not at all.
func (s *site) sendPage(w http.ResponseWriter, r *http.Request, status int, d *document) {
	var b bytes.Buffer
	err := templates()[d.name].ExecuteTemplate(&b, "layout", view{s.chrome(r, d), d.title, ownAssetPath("site.css"), d.script, d.data})
	s.sendHTML(w, r, status, b.Bytes(), err)
}

// sendHTML writes a page that was made, unless that failed.
func (s *site) sendHTML(w http.ResponseWriter, r *http.Request, status int, b []byte, err error) {
	if err != nil {
		s.Log.ErrorContext(r.Context(), "a page could not be made", "path", r.URL.Path, "error", err)
		http.Error(w, "This page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Add("Vary", "Accept, Cookie")
	s.send(w, r, status, "text/html; charset=utf-8", b)
}

// sendJSON writes what programs get.
func (s *site) sendJSON(w http.ResponseWriter, r *http.Request, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		s.refuse(w, r, fmt.Errorf("encode twin: %w", err))
		return
	}
	s.send(w, r, http.StatusOK, "application/json", append(report.EscapeJSON(b), '\n'))
}

// base is where the site is, without a slash at the end.
func (s *site) base(r *http.Request) string {
	if s.URL != "" {
		return s.URL
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// twinKey marks a request for the twin of a page.
type twinKey struct{}

func isTwin(r *http.Request) bool { return r.Context().Value(twinKey{}) != nil }

// twins has requests with ".json" at the end of their path answered by the page at that path.
// A page whose path ends so has "as=page" in its address.
func (s *site) twins(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutSuffix(r.URL.Path, twinSuffix)
		if !ok || strings.Contains(path, "/download/") || r.URL.Query().Get("as") == "page" {
			next.ServeHTTP(w, r)
			return
		}
		if path == "/index" {
			path = "/"
		}
		u := *r.URL
		u.Path, u.RawPath = path, strings.TrimSuffix(u.RawPath, twinSuffix)
		r = r.WithContext(context.WithValue(r.Context(), twinKey{}, true))
		r.URL = &u
		next.ServeHTTP(w, r)
	})
}
