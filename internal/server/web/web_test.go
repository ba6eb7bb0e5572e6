package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/detonaut/detonaut/internal/store"
)

// memory is a store of the tests.
type memory struct {
	store.Store
}

func (memory) Numbers(context.Context) (*store.Numbers, error) { return &store.Numbers{}, nil }
func (memory) Find(context.Context, store.Query) (*store.Results, error) {
	return &store.Results{}, nil
}

func TestFront(t *testing.T) {
	w := httptest.NewRecorder()
	New(Options{Store: memory{}, Public: true}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusOK {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}
