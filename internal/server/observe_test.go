package server_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/server"
	"github.com/detonaut/detonaut/internal/store"
)

// Requests are told of by the routes of the program, whatever path is asked for.
func TestObserve(t *testing.T) {
	var mu sync.Mutex
	var told []string
	r := serve(t, server.Options{Observe: func(route string, status int, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if took < 0 {
			t.Errorf("%s took %v", route, took)
		}
		told = append(told, fmt.Sprint(route, " ", status))
	}})
	key := r.key(t, store.ScopeRead)
	for _, path := range []string{
		"/healthz", "/api/v1/reports", "/api/v1/nothing/of/the/kind", "/nothing",
		"/api/v1/reports/sha256:" + fmt.Sprintf("%064d", 7),
	} {
		r.get(t, path, key, "*/*")
	}
	r.get(t, "/api/v1/reports", "", "*/*")
	want := []string{
		"GET /healthz 200", "GET /api/v1/reports 200", "/api/ 404", "/ 404",
		"GET /api/v1/reports/{digest} 404", " 401",
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
