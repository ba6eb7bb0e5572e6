package study_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/draw"
	"github.com/detonaut/detonaut/internal/store/measure"
)

// now is from when ages count.
var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

const aim = "0123456789abcdef"

// population is a registry with planted truth: what it has depends on who publishes it, how
// often it is pulled, and what else is in the repository.
type population struct {
	survey       store.Survey
	repositories []planted
}

type planted struct {
	store.Candidate
	items []store.Result
}

// grow makes a population: equal seeds make equal ones.
func grow(seed uint64, n int) *population {
	chance := rand.New(rand.NewPCG(seed, 1))
	p := &population{survey: store.Survey{
		Name: "truth", Sources: []string{"dockerhub"}, Aim: aim, State: store.SurveyDone, Created: now.Add(-time.Hour), Ended: now,
		Choice: store.Choice{Tags: 1, Platforms: []string{"linux/amd64"}},
	}}
	shared := make([]*measure.Measure, 0, 40)
	for i := range 40 {
		shared = append(shared, image(chance, store.ClassCommunity, 1000, 0.3))
		shared[i].Base = fmt.Sprintf("shared %d", i)
	}
	number := int64(0)
	for i := range n {
		c := store.Candidate{Number: int64(i + 1), State: store.CandidateLooked, Weight: 1, Class: store.ClassCommunity}
		c.Registry, c.Name = "registry.example", fmt.Sprintf("r/%d", i)
		c.Pulls = int64(math.Exp(chance.NormFloat64()*2 + 4))
		switch x := chance.IntN(100); {
		case x < 3:
			c.Class, c.Official, c.Pulls = store.ClassOfficial, true, c.Pulls*500
		case x < 10:
			c.Class, c.Verified, c.Pulls = store.ClassVerified, true, c.Pulls*20
		case x < 12:
			c.Pulls = -1
		}
		c.Updated = now.AddDate(0, -chance.IntN(100), -1)
		r := planted{Candidate: c}
		if chance.IntN(4) == 0 {
			r.State, r.Reason = store.CandidateSkipped, store.ReasonImageless
			p.repositories = append(p.repositories, r)
			continue
		}
		leaning := chance.Float64() // what the images of a repository have in common
		for range 1 + chance.IntN(3)*chance.IntN(2) {
			number++
			item := &store.Item{Survey: "truth", Candidate: c.Number, Number: number, State: store.ItemDone, Platform: "linux/amd64", Pushed: c.Updated}
			item.Digest = digest(fmt.Sprint("image", seed, number))
			m := image(chance, c.Class, c.Pulls, leaning)
			switch x := chance.IntN(100); {
			case x < 10: // one that others have, too
				k := chance.IntN(len(shared))
				m, item.Digest, item.Seen = shared[k], digest(fmt.Sprint("shared", seed, k)), true
			case x < 14:
				item.State, item.Reason, m = store.ItemSkipped, store.ReasonPlatform, nil
			case x < 16:
				item.State, item.Reason, m = store.ItemFailed, "the image cannot be read", nil
			}
			r.items = append(r.items, store.Result{Item: item, Measured: m, Key: "k", Aim: aim})
		}
		p.repositories = append(p.repositories, r)
	}
	return p
}

func digest(s string) detonaut.Digest {
	sum := sha256.Sum256([]byte(s))
	return detonaut.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// image makes what was measured of one.
func image(chance *rand.Rand, class store.Class, pulls int64, leaning float64) *measure.Measure {
	often := func(p float64) bool { return chance.Float64() < p }
	m := &measure.Measure{
		Schema: measure.Schema, Verdict: detonaut.Clean, Platform: "linux/amd64", Base: "debian " + strconv.Itoa(10+chance.IntN(4)), Full: true,
		Size: int64(chance.IntN(1 << 28)), Files: chance.IntN(20000), Layers: 1 + chance.IntN(20), Packages: chance.IntN(300),
		Vulnerability: detonaut.NoSeverity, Vulnerabilities: &measure.Vulnerabilities{},
	}
	if x := chance.Float64() * (0.5 + leaning); x > 0.45 {
		m.Vulnerability, m.Vulnerabilities.All.Critical = detonaut.Critical, 1+chance.IntN(9)
		m.Criticals = []measure.Package{{Name: fmt.Sprintf("p%d", chance.IntN(60)), Type: "deb", Reached: often(0.3)}}
		if m.Criticals[0].Reached {
			m.Vulnerabilities.Reached.Critical = 1
		}
	} else if x > 0.3 {
		m.Vulnerability, m.Vulnerabilities.All.High = detonaut.High, 3
	} else if x > 0.25 {
		m.Vulnerability, m.Vulnerabilities.All.Medium = detonaut.Medium, 3
	}
	bad := 0.06
	if class != store.ClassCommunity {
		bad = 0.01
	}
	if often(bad) {
		m.Verdict, m.Category, m.Tools = detonaut.Unwanted, detonaut.Miner, measure.ToolsHidden
		m.Categories, m.Families = []detonaut.Category{detonaut.Miner}, []string{"xmrig"}
		if often(0.4) {
			m.Declared, m.Tools = true, measure.ToolsDeclared
		}
	} else if often(bad / 3) {
		m.Verdict, m.Category = detonaut.Malicious, detonaut.WindowsMalware
		m.Categories = []detonaut.Category{detonaut.WindowsMalware}
		m.Windows = &measure.Windows{Threats: 1, Programs: 1, By: []string{measure.Bys()[chance.IntN(4)]}}
	}
	if often(0.2) {
		m.Secrets = &measure.Secrets{Count: 1, Kinds: []string{"private-key"}, Sure: often(0.5)}
	}
	m.Run = &measure.Run{
		End: "exited", Class: measure.Classes()[chance.IntN(len(measure.Classes()))], Elapsed: time.Duration(chance.IntN(60)) * time.Second,
		CPU: time.Duration(chance.IntN(1e9)), Memory: int64(chance.IntN(1 << 28)), Processes: 1 + chance.IntN(30),
	}
	if m.Run.Class == measure.ClassFailed {
		m.Needs = measure.Needs()[chance.IntN(4)]
	}
	if pulls > 100 && often(0.5) || often(leaning/2) {
		m.Run.Listens = []string{"tcp/" + []string{"80", "8080", "443", "5432"}[chance.IntN(4)]}
	}
	if often(leaning) {
		m.Run.Contacts, m.Run.Sent = 1+chance.IntN(4), int64(chance.IntN(1000))
	}
	if often(0.05) {
		m.Run.Fetches = measure.FetchRan
	}
	return m
}

// draw draws a sample as the store does.
func (p *population) draw(how store.Sample, size int, seed uint64) *population {
	s := &population{survey: p.survey, repositories: slices.Clone(p.repositories)}
	s.survey.Choice.Sample, s.survey.Choice.Size, s.survey.Choice.Seed = how, size, seed
	all := s.repositories
	samples, sizes := map[string]*draw.Sample{}, map[string]int{}
	for i := range all {
		if how == store.SampleStratified {
			all[i].Stratum = draw.Stratum(string(all[i].Class), all[i].Pulls)
		}
		sizes[all[i].Stratum]++
	}
	for name, n := range draw.Allocate(sizes, size) {
		samples[name] = draw.New(n, how == store.SamplePulls || how == store.SampleRecent)
	}
	for i := range all {
		c := &all[i].Candidate
		likely := draw.Pulled(c.Pulls)
		if how == store.SampleRecent {
			likely = draw.Recent(c.Updated, now)
		}
		samples[c.Stratum].Add(int64(i), draw.Key(seed, c.Registry, c.Name), likely)
	}
	chosen := map[int64]float64{}
	for _, sample := range samples {
		for _, d := range sample.Drawn() {
			chosen[d.Number] = d.Weight
		}
	}
	for i := range all {
		w, ok := chosen[int64(i)]
		if all[i].Weight = w; !ok {
			all[i].State, all[i].Reason, all[i].items = store.CandidateLeftOut, "", nil
		}
	}
	return s
}

// results are those of the survey, as a store returns them.
func (p *population) results() (all []store.Result) {
	for _, r := range p.repositories {
		if len(r.items) == 0 {
			all = append(all, store.Result{Candidate: r.Candidate})
		}
		for _, i := range r.items {
			i.Candidate = r.Candidate
			all = append(all, i)
		}
	}
	return all
}

// surveys is a store that has one survey.
type surveys struct {
	store.Surveys
	survey store.Survey
	all    []store.Result
	reads  int
}

func (p *population) store() *surveys {
	s := &surveys{survey: p.survey, all: p.results()}
	s.survey.Items = map[store.ItemState]int{}
	for _, r := range s.all {
		if r.Item != nil {
			s.survey.Items[r.Item.State]++
		}
	}
	return s
}

func (s *surveys) Survey(_ context.Context, name string) (*store.Survey, error) {
	if name != s.survey.Name {
		return nil, fmt.Errorf("survey %s: %w", name, store.ErrNotFound)
	}
	return &s.survey, nil
}

func (s *surveys) Results(_ context.Context, _ string, after store.Place, limit int) ([]store.Result, error) {
	place := func(r store.Result) store.Place {
		p := store.Place{Candidate: r.Candidate.Number}
		if r.Item != nil {
			p.Item = r.Item.Number
		}
		return p
	}
	i, found := slices.BinarySearchFunc(s.all, after, func(r store.Result, p store.Place) int {
		at := place(r)
		return cmp.Or(cmp.Compare(at.Candidate, p.Candidate), cmp.Compare(at.Item, p.Item))
	})
	if found {
		i++
	}
	if after == (store.Place{}) {
		s.reads++
	}
	return s.all[i:min(len(s.all), i+limit)], nil
}
