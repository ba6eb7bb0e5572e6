package server

import (
	"context"
	"net/http"
	"time"
)

// Observe is told of a request when it was answered: by which route of the program, empty if
// the guard has answered; with which status; and how long that took, for followers the whole time.
type Observe func(route string, status int, took time.Duration)

type routeKey struct{}

// observed is next, whose answers o is told of; next routes with [routed] inside.
func observed(o Observe, next http.Handler) http.Handler {
	if o == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, route := time.Now(), ""
		s := &statusWriter{ResponseWriter: w}
		defer func() { o(route, max(s.status, http.StatusOK), time.Since(began)) }()
		next.ServeHTTP(s, r.WithContext(context.WithValue(r.Context(), routeKey{}, &route)))
	})
}

// routed is a tree of muxes, and notes which pattern of the innermost has answered.
func routed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if route, ok := r.Context().Value(routeKey{}).(*string); ok {
			defer func() { *route = r.Pattern }() // each mux sets it, the innermost last
		}
		next.ServeHTTP(w, r)
	})
}

// statusWriter remembers the first status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
