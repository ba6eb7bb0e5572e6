package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// refusal is an error that is whoever's asked.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// refused says why something is not answered, in a sentence for people.
func refused(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// problem is a document of RFC 9457.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// problemOf is what is said about an error. What is wrong with us is for the log alone.
func problemOf(err error) problem {
	status, detail := http.StatusInternalServerError, "Something of ours broke. It was written down."
	var r *refusal
	switch {
	case errors.As(err, &r):
		status, detail = r.status, r.text
	case errors.Is(err, store.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.Is(err, detonaut.ErrNotFound):
		status, detail = http.StatusNotFound, "There is nothing here, or nothing yet."
	case errors.Is(err, store.ErrInvalid):
		status, detail = http.StatusBadRequest, "This makes no sense: it may be a link that was cut."
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status, detail = http.StatusServiceUnavailable, "This took too long. Try again."
	}
	return problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// refuse answers with an error: a page for people, a problem for programs.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "a request failed", "path", r.URL.Path, "error", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if wantsPage(r) {
		s.sendPage(w, r, p.Status, &document{name: "refusal", title: p.Title, data: p})
		return
	}
	b, _ := json.Marshal(p) // of strings and a number
	s.send(w, r, p.Status, "application/problem+json", append(b, '\n'))
}

// wantsPage tells whether people ask, as opposed to programs.
func wantsPage(r *http.Request) bool {
	return !isTwin(r) && strings.Contains(r.Header.Get("Accept"), "text/html")
}
