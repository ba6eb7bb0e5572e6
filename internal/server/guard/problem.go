package guard

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/detonaut/detonaut/internal/store"
)

// Problem says why a request was refused, as RFC 9457 has it.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// Write answers with p.
func (p Problem) Write(w http.ResponseWriter) {
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	b, _ := json.Marshal(p) // of strings and a number
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}

// Missing is the problem of who lacks a scope.
func Missing(s store.Scope) *Problem {
	return &Problem{Status: http.StatusForbidden, Detail: fmt.Sprintf("this needs the scope %s", s)}
}

func tooLarge(limit int64) *Problem {
	return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("a body has at most %d bytes", limit)}
}
