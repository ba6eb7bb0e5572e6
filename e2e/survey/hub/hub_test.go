package hub_test

import (
	"net/http/httptest"
	"testing"

	"github.com/detonaut/detonaut/e2e/survey/hub"
)

func TestServe(t *testing.T) {
	h, err := hub.New(hub.Options{Seed: 1, Repositories: 10000})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	s := httptest.NewServer(h.Registry())
	defer s.Close()
	counts := map[hub.Kind]int{}
	for _, r := range h.Repositories() {
		counts[r.Kind]++
	}
	t.Log(counts)
}
