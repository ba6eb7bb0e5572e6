package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
)

// survey begins one that is called "s".
func survey(t *testing.T, s store.Store, change func(*store.Survey)) {
	t.Helper()
	v := store.Survey{Name: "s", Sources: []string{"file:list"}, Aim: "aim", Choice: store.Choice{Seed: 7, Platforms: []string{"linux/amd64"}}}
	if change != nil {
		change(&v)
	}
	must(t, s.NewSurvey(t.Context(), v))
}

// listed are candidates with numbers in their names and as many pulls.
func listed(from, to int) (all []store.Candidate) {
	for n := from; n <= to; n++ {
		all = append(all, store.Candidate{Repository: store.Repository{
			Registry: "docker.io", Name: fmt.Sprintf("some/image-%d", n), Pulls: int64(n), Stars: 1, Updated: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		}})
	}
	return all
}

// image is an item that was found under a tag, with a digest that is made of a number.
func image(tag string, n uint64) store.Item {
	return store.Item{Name: store.Name{Tag: tag}, Digest: digest(n), Platform: "linux/amd64", Size: 1000}
}

// digest is that of the report of a number.
func digest(n uint64) detonaut.Digest { return reporttest.Realistic(n).Image.Digest }

// feed feeds, and returns how many jobs were put.
func feed(t *testing.T, s store.Store) int {
	t.Helper()
	return got(s.Feed(t.Context(), 100))(t)
}

func counts(t *testing.T, s store.Store) *store.Survey {
	t.Helper()
	return got(s.Survey(t.Context(), "s"))(t)
}

func testSurvey(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	survey(t, s, nil)
	must(t, s.Listed(t.Context(), "s", listed(1, 60), "half", false))
	feed(t, s)
	must(t, s.Listed(t.Context(), "s", listed(50, 100), "", true))
	feed(t, s)
	same(t, "the state", store.SurveyRunning, counts(t, s).State)
	n := 0
	for batch := range int64(10) {
		for _, c := range got(s.Candidates(t.Context(), "s", batch))(t) {
			n++
			must(t, s.Looked(t.Context(), "s", c.Number, []store.Item{image("latest", uint64(c.Number)%5), image("1", uint64(c.Number)%7)}, ""))
		}
	}
	same(t, "how many were looked at", 100, n)
	feed(t, s)
	items := pages(t, 30, func(p store.Page) ([]store.Item, string, error) { return s.Items(t.Context(), "s", "", p) })
	same(t, "how many items there are", 200, len(items))
	results := got(s.Results(t.Context(), "s", store.Place{}, 1000))(t)
	same(t, "how many results there are", 200, len(results))
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyPaused))
	same(t, "items of a survey that is paused", map[store.ItemState]int{store.ItemReady: 200}, counts(t, s).Items)
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyRunning))
	feed(t, s)
	must(t, s.SteerSurvey(t.Context(), "s", store.SurveyCancelled))
	same(t, "items of a survey that is cancelled", map[store.ItemState]int{store.ItemSkipped: 200}, counts(t, s).Items)
	must(t, s.DropSurvey(t.Context(), "s"))
}
