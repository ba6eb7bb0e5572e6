package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// mixed are repositories of all classes, with pulls of all sizes.
func mixed(n int) (all []store.Candidate) {
	for i := range n {
		c := repository(i)
		c.Pulls = []int64{-1, 0, 7, 50, 600, 700_000}[i%6]
		c.Class = []store.Class{store.ClassOfficial, store.ClassVerified, store.ClassCommunity, store.ClassCommunity}[i%4]
		c.Updated = pushedAt.Add(-time.Duration(i) * 24 * time.Hour)
		all = append(all, c)
	}
	return all
}

// weights are what is chosen of a survey, by name, and how many each stands for.
func weights(t *testing.T, s store.Store, name string) (all []string, sum float64, strata map[string]int) {
	t.Helper()
	strata = map[string]int{}
	for _, r := range results(t, s, name, 100) {
		c := r.Candidate
		if c.State == store.CandidateChosen {
			all = append(all, fmt.Sprintf("%s %.9f %s", c.Name, c.Weight, c.Stratum))
			sum += c.Weight
			strata[c.Stratum]++
		} else if c.State != store.CandidateLeftOut || c.Weight != 0 {
			t.Errorf("a repository that is not chosen is %s, and stands for %g", c.State, c.Weight)
		}
	}
	slices.Sort(all)
	return all, sum, strata
}

func testSamples(t *testing.T, open Opener) {
	const of, n = 600, 60
	clock := newClock()
	s := open(t, clock.options())
	list := mixed(of)
	back := slices.Clone(list)
	slices.Reverse(back)
	for _, sample := range []store.Sample{store.SampleRandom, store.SamplePulls, store.SampleRecent, store.SampleStratified} {
		var drawn [3][]string
		for i := range 3 {
			name := fmt.Sprintf("%s-%d", sample, i)
			begin(t, s, name, func(v *store.Survey) {
				v.Choice.Sample, v.Choice.Size = sample, n
				if i == 2 {
					v.Choice.Seed++
				}
			})
			order := list
			if i == 1 {
				order = back
			}
			for part := range slices.Chunk(order, 70) {
				must(t, s.Listed(t.Context(), name, part, "", false))
				clock.pass(time.Hour)
			}
			feed(t, s)
			same(t, "what is chosen before all is listed", map[store.CandidateState]int{store.CandidateListed: of}, counts(t, s, name).Repositories)
			must(t, s.Listed(t.Context(), name, nil, "", true))
			must(t, s.Listed(t.Context(), name, nil, "", true)) // by one who was interrupted
			isCounted(t, s, name, store.SurveyRunning, map[store.CandidateState]int{store.CandidateChosen: n, store.CandidateLeftOut: of - n}, nil, nil)
			var sum float64
			var strata map[string]int
			drawn[i], sum, strata = weights(t, s, name)
			switch {
			case sample == store.SamplePulls: // what is hardly ever drawn stands for very many
			case sample == store.SampleRecent:
				if math.Abs(sum-of) > of/2 {
					t.Errorf("a sample of %d by %s stands for %g", of, sample, sum)
				}
			case math.Abs(sum-of) > 1e-6:
				t.Errorf("a sample of %d by %s stands for %g", of, sample, sum)
			}
			if sample == store.SampleStratified {
				same(t, "how many strata there are", 12, len(strata))
				for name, is := range strata {
					if is != n/12 {
						t.Errorf("of stratum %s there are %d", name, is)
					}
				}
			}
			must(t, s.SteerSurvey(t.Context(), name, store.SurveyCancelled))
		}
		if sample != store.SampleRecent { // it is as of when the survey began
			same(t, "what is drawn of another order", drawn[0], drawn[1])
		}
		if slices.Equal(drawn[0], drawn[2]) {
			t.Errorf("another seed draws the same by %s", sample)
		}
	}
	popular := func(name string) (n int) {
		for _, r := range results(t, s, name, 500) {
			if r.Candidate.State == store.CandidateChosen && r.Candidate.Pulls == 700_000 {
				n++
			}
		}
		return n
	}
	if by, random := popular("pulls-0"), popular("random-0"); by < 55 || random > 25 {
		t.Errorf("of the most popular there are %d drawn by pulls, and %d by chance", by, random)
	}
}

// testSmallSample has fewer repositories than are to be drawn, none at all, and one that is listed late.
func testSmallSample(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	begin(t, s, "s", func(v *store.Survey) { v.Choice.Sample, v.Choice.Size, v.Watch = store.SampleRandom, 5, true })
	conflict(t, "push before the sample is drawn", s.Pushed(t.Context(), "s", repository(1), []string{"1"}))
	must(t, s.Listed(t.Context(), "s", repositories(1, 3), "", true))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateChosen: 3}, nil, nil)
	must(t, s.Listed(t.Context(), "s", repositories(2, 4), "", false))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateChosen: 3, store.CandidateLeftOut: 1}, nil, nil)
	conflict(t, "look at what is left out", s.Looked(t.Context(), "s", 4, nil, ""))
	must(t, s.Pushed(t.Context(), "s", repository(4), []string{"1"}))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateChosen: 4}, nil, nil)
	_, sum, _ := weights(t, s, "s")
	same(t, "for how many the sample stands", 3, sum)
	feed(t, s)
	if first := candidates(t, s)[0]; first.Number != 4 || first.Weight != 0 || !slices.Equal(first.Wanted, []string{"1"}) {
		t.Errorf("what was pushed is %+v", first)
	}

	begin(t, s, "none", func(v *store.Survey) { v.Choice.Sample, v.Choice.Size = store.SampleStratified, 5 })
	must(t, s.Listed(t.Context(), "none", nil, "", true))
	feed(t, s)
	isCounted(t, s, "none", store.SurveyDone, nil, nil, nil)
}

// testRelisted lists what is known once more.
func testRelisted(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	begin(t, s, "s", nil)
	list := repositories(1, 3)
	list[0].Class = store.ClassVerified
	must(t, s.Listed(t.Context(), "s", append(list, list...), "", false))
	list[0].Pulls, list[0].Class, list[0].Description = 1000, "", "of which more is said"
	bare := store.Candidate{Repository: store.Repository{Registry: "docker.io", Name: list[1].Name, Pulls: -1, Stars: -1}}
	must(t, s.Listed(t.Context(), "s", []store.Candidate{list[0], bare, repository(4)}, "", true))
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateChosen: 4}, nil, nil)
	feed(t, s)
	is := candidates(t, s)
	same(t, "numbers", []int64{1, 4, 3, 2}, numbers(is))
	if is[0].Pulls != 1000 || is[0].Class != store.ClassVerified || is[3].Pulls != 2 || is[3].Stars != 1 {
		t.Errorf("what was told again is %+v and %+v", is[0], is[3])
	}
	r := got(s.Repository(t.Context(), "docker.io", list[0].Name))(t)
	if r.Pulls != 1000 || !r.Verified || r.Description != "of which more is said" {
		t.Errorf("a repository is %+v", r)
	}
	if r := got(s.Repository(t.Context(), "docker.io", list[1].Name))(t); r.Pulls != 2 {
		t.Errorf("a repository of which nothing new was told is %+v", r)
	}
	must(t, s.Listed(t.Context(), "s", list, "", true))
	conflict(t, "list another when the list has ended", s.Listed(t.Context(), "s", repositories(1, 5), "", false))
	same(t, "how many there are", 4, counts(t, s, "s").Repositories[store.CandidateChosen])

	// Pulls are in what is found of reports.
	put(t, s, store.Entry{Report: entry(1).Report, Name: store.Name{Registry: "docker.io", Repository: list[2].Name, Tag: "1"}})
	pulls := func() int64 {
		return got(s.Find(t.Context(), store.Query{Page: store.Page{Limit: 1}}))(t).Found[0].Pulls
	}
	same(t, "pulls", 3, pulls())
	list[2].Pulls = 77
	must(t, s.Listed(t.Context(), "s", list, "", true))
	same(t, "pulls when they have changed", 77, pulls())
}

// testWanted has sources and pushes name what is to be looked at.
func testWanted(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	begin(t, s, "s", func(v *store.Survey) { v.Watch = true })
	named := func(n int, tags ...string) store.Candidate {
		c := repository(n)
		c.Wanted = tags
		return c
	}
	must(t, s.Listed(t.Context(), "s", []store.Candidate{named(1, "a"), named(1, "b", "a"), named(2, "a"), repository(2), repository(3)}, "", true))
	feed(t, s)
	wanted := func() map[int64][]string {
		t.Helper()
		is := map[int64][]string{}
		for _, c := range candidates(t, s) {
			is[c.Number] = c.Wanted
		}
		return is
	}
	same(t, "what is wanted", map[int64][]string{1: {"a", "b"}, 2: {"a"}, 3: nil}, wanted())
	tags := func(c store.Candidate) (items []store.Item, _ store.Reason) {
		for _, tag := range append(slices.Clone(c.Wanted), "latest")[:max(1, len(c.Wanted))] {
			items = append(items, tagged(tag, uint64(c.Number)))
		}
		return items, ""
	}
	look(t, s, tags)
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateLooked: 2, store.CandidateChosen: 1}, map[store.ItemState]int{store.ItemReady: 4}, nil)
	feed(t, s)
	same(t, "what is wanted after that", map[int64][]string{2: nil}, wanted()) // what the choice takes
	look(t, s, tags)
	feed(t, s)
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateLooked: 3}, map[store.ItemState]int{store.ItemQueued: 5}, nil)

	must(t, s.Pushed(t.Context(), "s", repository(3), []string{"x", "y", "x"}))
	must(t, s.Pushed(t.Context(), "s", repository(9), []string{"z"}))
	must(t, s.Listed(t.Context(), "s", []store.Candidate{named(1, "c")}, "", false))
	invalid(t, "push no tag", s.Pushed(t.Context(), "s", repository(9), nil))
	invalid(t, "push to no repository", s.Pushed(t.Context(), "s", store.Candidate{}, []string{"z"}))
	feed(t, s)
	same(t, "what is wanted after pushes", map[int64][]string{1: {"c"}, 3: {"x", "y"}, 4: {"z"}}, wanted())
	same(t, "the order", []int64{3, 4, 1}, numbers(candidates(t, s)))
	must(t, s.Pushed(t.Context(), "s", repository(3), []string{"w"})) // while somebody looks
	look(t, s, tags)
	feed(t, s)
	same(t, "what is wanted of what was pushed meanwhile", map[int64][]string{3: {"x", "y", "w"}}, wanted())
	look(t, s, tags)
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprint(i), strings.Repeat("x", i*10)+"\x00\xff")
	}
	must(t, s.Pushed(t.Context(), "s", repository(3), many))
	feed(t, s)
	same(t, "how many tags are wanted at most", store.MaxWanted, len(wanted()[3]))
	same(t, "the state", store.SurveyRunning, counts(t, s, "s").State)

	begin(t, s, "deaf", nil)
	conflict(t, "push to what does not watch", s.Pushed(t.Context(), "deaf", repository(1), []string{"1"}))
}

// testMoved has tags move between two looks.
func testMoved(t *testing.T, open Opener) {
	s := open(t, store.Options{})
	begin(t, s, "s", func(v *store.Survey) { v.Watch = true })
	must(t, s.Listed(t.Context(), "s", repositories(1, 1), "", true))
	feed(t, s)
	see := func(items ...store.Item) { t.Helper(); must(t, s.Looked(t.Context(), "s", 1, items, "")) }
	see(tagged("a", 1), tagged("b", 2), store.Item{Name: store.Name{Tag: "c"}, State: store.ItemSkipped, Reason: store.ReasonPlatform})
	see(tagged("a", 1), tagged("b", 3), tagged("b", 4), store.Item{Name: store.Name{Tag: "c"}, State: store.ItemSkipped, Reason: store.ReasonArtifact})
	is := func(want ...string) {
		t.Helper()
		var all []string
		for _, i := range pages(t, 100, func(p store.Page) ([]store.Item, string, error) { return s.Items(t.Context(), "s", "", p) }) {
			all = append(all, fmt.Sprint(i.Number, " ", i.Name.Tag, " ", i.State, i.Reason))
		}
		same(t, "what there is", want, all)
	}
	is("1 a ready", "2 b ready", "3 c skippednot an image")
	feed(t, s)
	same(t, "what is queued", []string{string(digest(1)), string(digest(4))}, []string{string(found(t, s)[0]), string(found(t, s)[1])})
	see(tagged("a", 5), tagged("b", 4))
	is("1 a queued", "2 b queued", "3 c skippednot an image", "4 a ready")
	must(t, s.Looked(t.Context(), "s", 1, nil, store.ReasonGone)) // by now
	isCounted(t, s, "s", store.SurveyRunning, map[store.CandidateState]int{store.CandidateLooked: 1},
		map[store.ItemState]int{store.ItemQueued: 2, store.ItemReady: 1, store.ItemSkipped: 1}, map[store.Reason]int{store.ReasonArtifact: 1})
}
