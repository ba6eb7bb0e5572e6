package survey

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/detonaut/detonaut/internal/store"
)

// desk is a store of one survey in memory.
type desk struct {
	store.Surveys

	mu       sync.Mutex
	survey   store.Survey
	all      []store.Candidate
	items    map[int64][]store.Item
	feeds    int
	broken   error
	onListed func() // is called after each page, with mu
}

func newDesk(s store.Survey) *desk {
	s.Name, s.State = "s", store.SurveyListing
	return &desk{survey: s, items: map[int64][]store.Item{}}
}

func (d *desk) AllSurveys(context.Context) ([]store.Survey, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return []store.Survey{{Name: "another"}, d.survey}, d.broken
}

func (d *desk) Listed(_ context.Context, _ string, found []store.Candidate, cursor string, end bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	d.survey.Cursor = cursor
	for _, c := range found {
		if !slices.ContainsFunc(d.all, func(o store.Candidate) bool { return o.Registry == c.Registry && o.Name == c.Name }) {
			c.Number, c.State = int64(len(d.all)+1), store.CandidateChosen
			d.all = append(d.all, c)
		}
	}
	if end {
		d.survey.State = store.SurveyRunning
	}
	if d.onListed != nil {
		d.onListed()
	}
	return nil
}

func (d *desk) Candidates(_ context.Context, _ string, _ int64) (found []store.Candidate, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.all {
		if c.State == store.CandidateChosen {
			found = append(found, c)
		}
	}
	return found, d.broken
}

func (d *desk) Looked(_ context.Context, _ string, number int64, found []store.Item, reason store.Reason) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &d.all[number-1]
	if c.State != store.CandidateChosen {
		return fmt.Errorf("repository %d: %w", number, store.ErrConflict)
	}
	c.State, c.Reason = store.CandidateLooked, reason
	if reason != "" {
		c.State = store.CandidateSkipped
	}
	d.items[number] = found
	return d.broken
}

func (d *desk) Feed(context.Context, int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.feeds++
	return 0, d.broken
}

func (d *desk) names() (all []string) {
	for _, c := range d.all {
		all = append(all, c.Registry+"/"+c.Name)
	}
	return all
}

// states are those of repositories, with their reasons and how many items they have.
func (d *desk) states() string {
	text := ""
	for _, c := range slices.SortedFunc(maps.Values(index(d.all)), func(a, b store.Candidate) int { return cmp.Compare(a.Number, b.Number) }) {
		text += fmt.Sprintf("%s %s %q %d\n", c.Name, c.State, c.Reason, len(d.items[c.Number]))
	}
	return text
}

func index(all []store.Candidate) map[int64]store.Candidate {
	m := map[int64]store.Candidate{}
	for _, c := range all {
		m[c.Number] = c
	}
	return m
}
