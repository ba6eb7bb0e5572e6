package survey_test

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/e2e/survey/hub"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/source"
)

// All of a hub is listed, with what it tells of each: who publishes it, and how often it is pulled.
func TestListing(t *testing.T) {
	h, err := hub.New(hub.Options{Seed: 3, Repositories: 500})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	server := httptest.NewServer(h.Listing())
	t.Cleanup(server.Close)
	from, err := source.Open("dockerhub:", source.Options{DockerHub: server.URL, HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	type told struct {
		Class        store.Class
		Pulls, Stars int64
	}
	got, want := map[string]told{}, map[string]told{}
	for cursor, end := "", false; !end; {
		var found []store.Candidate
		if found, cursor, end, err = from.List(t.Context(), cursor); err != nil {
			t.Fatal(err)
		}
		for _, c := range found {
			known := got[c.Name]
			if c.Class == "" {
				c.Class = known.Class // a search does not tell
			}
			got[c.Name] = told{c.Class, c.Pulls, c.Stars}
		}
	}
	for _, r := range h.Repositories() {
		c := told{store.Class(r.Class), r.Pulls, r.Stars}
		if r.Class == hub.Community {
			c.Class = ""
		}
		want[r.Name] = c
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("repositories (-planted +listed):\n%s", diff)
	}
}
