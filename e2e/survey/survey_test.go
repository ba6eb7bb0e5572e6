//go:build linux

package survey_test

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut/e2e/survey/compare"
	"github.com/detonaut/detonaut/e2e/survey/hub"
	"github.com/detonaut/detonaut/e2e/survey/product"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
	"github.com/detonaut/detonaut/internal/survey/study"
)

// repositories is how many there are: each costs some twenty milliseconds of the processor.
var repositories = flag.Int("repositories", 10_000, "how many repositories the hub has")

// sample is how many images of each role are run by the real chamber.
const sample = 3

// A survey of a hub says exactly what is planted there, though it is killed on the way.
func TestSurvey(t *testing.T) {
	_, byRole := images(t)
	h, host := openHub(t, *repositories, byRole)
	const rate, burst = 1000, 200
	began := time.Now()
	p := product.New(t, tapes, settings(host, rate, burst))
	p.Run(t, "survey", "new", "all", "--source", "registry:"+host)
	database := filepath.Join(p.Dir, "data/detonaut/store.db")
	tell(t, database, h, host)

	killed := p.Start(t, "killed", "worker", "--concurrency", "3")
	waitFor(t, database, killed, func(s *store.Survey) bool { return s.Items[store.ItemDone] > *repositories/8 })
	killed.Kill()
	w := p.Start(t, "worker", "worker", "--concurrency", "3")
	waitFor(t, database, w, func(s *store.Survey) bool { return s.State == store.SurveyDone })
	w.Kill()

	s := open(t, database)
	digests := compare.Results(t, h, s, "all")
	once(t, p, digests)
	var rep study.Report
	p.Read(t, &rep, "survey", "report", "all", "-o", "json")
	compare.Study(t, h, &rep)
	compare.Polite(t, h, began, rate, burst)
	// Of those that do something at once each may have a request under way, and some in hand.
	if most := 10 * h.Rests(); h.Restless() > most || h.Rests() == 0 {
		t.Errorf("%d requests came in %d pauses that the registry had asked for, want at most %d", h.Restless(), h.Rests(), most)
	}
	t.Logf("%d requests in %d pauses", h.Restless(), h.Rests())
}

// openHub serves a hub, at an address of the loopback.
func openHub(t *testing.T, repositories int, byRole map[string]v1.Image) (h *hub.Hub, host string) {
	t.Helper()
	real := map[string]hub.Real{}
	for name, img := range byRole {
		real[name] = hub.Real{Image: img, Count: sample}
	}
	h, err := hub.New(hub.Options{Seed: 1, Repositories: repositories, Real: real})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h.Registry())
	t.Cleanup(server.Close)
	t.Cleanup(h.Close) // first
	return h, strings.TrimPrefix(server.URL, "http://")
}

// settings are those of a product that works at a survey of a hub. Its chambers have time, also where the
// machine has none for them: a server that waits is seen to do so after a second, or after a minute.
func settings(host string, rate, burst int) string {
	return fmt.Sprintf("run:\n  duration: 5m\npoliteness:\n  rates: [%q]\n", fmt.Sprintf("%s=%d/%d", host, rate, burst))
}

// open opens a store until the end of the test.
func open(t testing.TB, database string) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// tell tells a survey who publishes what, and how often that is pulled: what a registry does not
// know, and another source has told.
func tell(t *testing.T, database string, h *hub.Hub, host string) {
	t.Helper()
	s := open(t, database)
	var found []store.Candidate
	for _, r := range h.Repositories() {
		found = append(found, store.Candidate{
			Class:      store.Class(r.Class),
			Repository: store.Repository{Registry: host, Name: r.Name, Description: r.Description, Pulls: r.Pulls, Stars: r.Stars, Updated: r.Updated},
		})
	}
	if err := s.Listed(t.Context(), "all", found, "", false); err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until a survey is so, while a process works at it.
func waitFor(t testing.TB, database string, w *product.Process, so func(*store.Survey) bool) {
	t.Helper()
	s := open(t, database)
	for look := time.NewTicker(time.Second); ; <-look.C {
		found, err := s.Survey(t.Context(), "all")
		if err != nil {
			t.Fatal(err)
		}
		if so(found) {
			return
		}
		if !w.Runs() {
			t.Fatalf("%s has ended: the survey is %s, %v, %v:\n%s", w.Name, found.State, found.Repositories, found.Items, w.Said())
		}
	}
}

// once holds how often each image was run to once: of those that a killed process was at, twice.
func once(t *testing.T, p *product.Product, digests map[string]int) {
	t.Helper()
	again := 0
	ran := p.Detonations(t)
	for d, n := range ran {
		if n > 1 {
			again += n - 1
		}
		if digests[d] == 0 {
			t.Errorf("%s was run, and is no result", d)
		}
	}
	if again > 3 { // so many images were analysed at once when it was killed
		t.Errorf("%d runs were made again", again)
	}
	if len(ran) != len(digests) {
		t.Errorf("%d images were run, %d are results", len(ran), len(digests))
	}
}
