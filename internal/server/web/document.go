package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/detonaut/detonaut/internal/report"
)

// document is a page before it is written.
type document struct {
	// name is that of its template.
	name string
	// title is the head of the page; it may have strings of the subject in it.
	title string
	// data is what the template shows.
	data any
	// twin is what programs get. It must not be nil.
	twin any
	// to is where whoever asked is sent instead, unless it is empty.
	to string
	// private is set for a page that is not the same for everybody.
	private bool
}

//go:embed templates
var templateFiles embed.FS

// templates are by the names of their documents.
var templates = parseTemplates()

func parseTemplates() map[string]*template.Template {
	all := map[string]*template.Template{}
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		all[name] = template.Must(template.New("layout.html").Funcs(functions).
			ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/"+e.Name()))
	}
	return all
}

// page answers with a document.
func (s *site) page(make func(*http.Request) (*document, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, err := make(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", s.caching(d.private))
		if isTwin(r) {
			s.sendJSON(w, r, d.twin)
			return
		}
		if d.to != "" {
			http.Redirect(w, r, d.to, http.StatusFound)
			return
		}
		s.sendPage(w, r, http.StatusOK, d)
	})
}

// file answers with something that is no document.
func (s *site) file(send func(http.ResponseWriter, *http.Request) error) http.Handler {
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

// sendPage writes a page, whole or not at all.
func (s *site) sendPage(w http.ResponseWriter, r *http.Request, status int, d *document) {
	var b bytes.Buffer
	view := struct {
		Title     string
		Data      any
		Public    bool
		Canonical string
		Query     string
	}{d.title, d.data, s.Public, s.base(r) + r.URL.EscapedPath(), cut(r.URL.Query().Get("q"), maxQuery)}
	if err := templates[d.name].Execute(&b, view); err != nil {
		s.Log.ErrorContext(r.Context(), "a page could not be made", "page", d.name, "error", err)
		http.Error(w, "This page could not be made.", http.StatusInternalServerError)
		return
	}
	s.send(w, r, status, "text/html; charset=utf-8", b.Bytes())
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

// send writes bytes with their name, or says that they are known.
func (s *site) send(w http.ResponseWriter, r *http.Request, status int, kind string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusOK {
		sum := sha256.Sum256(b)
		tag := `"` + hex.EncodeToString(sum[:12]) + `"`
		h.Set("ETag", tag)
		if known(r, tag) {
			h.Del("Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", fmt.Sprint(len(b)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b) // whoever went away does not matter
	}
}

// known tells whether who asks has what a tag names.
func known(r *http.Request, tag string) bool {
	for name := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		name = strings.TrimPrefix(strings.TrimSpace(name), "W/")
		if name == tag || name == "*" {
			return true
		}
	}
	return false
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
