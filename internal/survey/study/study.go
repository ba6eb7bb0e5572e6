// Package study counts what came of a survey: the numbers at the end, with intervals where
// they are of a sample. docs/study.md explains every table, and how its figures are made.
//
// Results are read one after another. What is needed of memory does not depend on how many
// there are: a table has at most [maxRows] rows, and lines them up by exact counts; what comes
// later than that is in one row for all others. That an image is counted once, however many
// repositories have it, needs its digest: [Of] holds [maxDigests] at once and reads the results
// again for the next, so that the figures are exact all the same.
package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
)

// Bounds of what is held in memory.
const (
	maxRows    = 1 << 15 // of a table
	maxStrata  = 512
	maxDigests = 1 << 22
	batch      = 1000 // results that are read at once
)

// Options say what is counted.
type Options struct {
	// Survey is which.
	Survey store.Survey
	// Now is from when ages are counted; zero is when the survey ended or, of one that has not, when
	// it was created.
	Now time.Time
}

// Study counts. It is of one goroutine.
type Study struct {
	o      Options
	census bool
	strata strata
	tables []*tally
	uses   []*amount
	raw    raw

	// A pass counts the images whose digest is of one of so many parts, and only the first counts
	// anything else.
	part, parts int
	once        map[key]groupSet
	limit       int
	full        bool

	at repository
}

// raw is what is counted of all that was listed, and not estimated.
type raw struct {
	repositories map[store.CandidateState]int64
	items        map[store.ItemState]int64
	seen         int64 // items that had a report before
	images       int64 // that were analysed, each digest once (in a sample once in a repository)
	otherAim     int64 // items whose report has another aim
	otherSchema  int64 // items whose report is measured in another way
	unweighted   int64 // repositories without a weight that makes sense
}

// New begins a study.
func New(o Options) *Study {
	if o.Now.IsZero() {
		o.Now = o.Survey.Ended
	}
	if o.Now.IsZero() {
		o.Now = o.Survey.Created
	}
	s := &Study{
		o: o, census: o.Survey.Choice.Sample == "", parts: 1, once: map[key]groupSet{}, limit: maxDigests,
		raw: raw{repositories: map[store.CandidateState]int64{}, items: map[store.ItemState]int64{}},
	}
	s.strata = strata{ids: map[string]int{}}
	for _, t := range tables() {
		s.tables = append(s.tables, newTally(t))
	}
	for _, m := range amounts() {
		s.uses = append(s.uses, &amount{def: m})
	}
	return s
}

// Add counts a result. Those of one repository must come one after another.
func (s *Study) Add(r store.Result) {
	if s.at.number != r.Candidate.Number || !s.at.open {
		s.flush()
		s.enter(&r.Candidate, r.Item)
	}
	if r.Item == nil {
		return
	}
	if s.part == 0 {
		s.raw.items[r.Item.State]++
		if r.Item.Seen {
			s.raw.seen++
		}
		s.item(r.Item)
	}
	if r.Item.State != store.ItemDone || r.Measured == nil || !s.at.sampled {
		return
	}
	if r.Measured.Schema != measure.Schema {
		if s.part == 0 {
			s.raw.otherSchema++
		}
		return
	}
	if s.part == 0 && r.Aim != s.o.Survey.Aim {
		s.raw.otherAim++
	}
	s.image(&r)
}

// item counts what became of an image, whether it was analysed or not.
func (s *Study) item(i *store.Item) {
	if !s.at.sampled {
		return
	}
	name := "not yet"
	switch i.State {
	case store.ItemDone:
		name = "analysed"
	case store.ItemSkipped, store.ItemFailed:
		name = reason(i.Reason)
	case store.ItemReady, store.ItemQueued:
	}
	s.count(itemTable, name, whole)
	s.base(itemTable, whole)
}

// image counts an analysed image of the repository that it is at, if it is the first time.
func (s *Study) image(r *store.Result) {
	k := keyOf(r.Item.Digest)
	again := s.at.has(k)
	if again {
		return
	}
	fresh := whole
	if s.census {
		fresh = s.unseen(k)
		if fresh == 0 && s.part > 0 {
			return
		}
	}
	if fresh&1 != 0 {
		s.raw.images++
	}
	for i, t := range s.tables {
		if t.def.image == nil {
			continue
		}
		if !t.def.image(r.Measured, func(row string) { s.count(i, row, fresh) }) {
			continue
		}
		s.base(i, fresh)
	}
	for _, a := range s.uses {
		a.add(r.Measured, &s.at, fresh)
	}
}

// enter begins with a repository.
func (s *Study) enter(c *store.Candidate, first *store.Item) {
	sampled := c.State == store.CandidateChosen || c.State == store.CandidateLooked || c.State == store.CandidateSkipped
	w := c.Weight
	if s.census {
		w = 1
	} else if sampled && (!(w > 0) || math.IsInf(w, 0)) {
		w = 1
		if s.part == 0 {
			s.raw.unweighted++
		}
	}
	if len(s.at.images) > batch { // to clear a large map takes time however little is in it
		s.at.images = nil
	}
	s.at = repository{
		number: c.Number, open: true, sampled: sampled, weight: w, pulls: c.Pulls, groups: groupsOf(c, first, s.o.Now),
		images: s.at.images, rows: s.at.rows, bases: s.at.bases,
	}
	clear(s.at.images)
	if sampled {
		s.at.stratum = s.strata.of(c.Stratum, w, s.part == 0)
	}
	if s.part > 0 {
		return
	}
	s.raw.repositories[c.State]++
	for i, t := range s.tables {
		if t.def.repository == nil || !sampled {
			continue
		}
		if t.def.repository(c, func(row string) { s.count(i, row, whole) }) {
			s.base(i, whole)
		}
	}
}

// unseen are the groups of the repository in which an image was not counted yet; none if it is
// of another part.
func (s *Study) unseen(k key) groupSet {
	if k.part(s.parts) != s.part {
		return 0
	}
	before, known := s.once[k]
	if !known && len(s.once) >= s.limit {
		s.full = true
		return 0
	}
	s.once[k] = before | s.at.groups.set()
	return s.at.groups.fresh(before)
}

// begin makes ready for a pass.
func (s *Study) begin(part, parts int) {
	s.flush()
	s.part, s.parts, s.at = part, parts, repository{images: s.at.images}
	clear(s.once)
}

var errFull = errors.New("more images than were expected")

// Of counts all results of a survey.
func Of(ctx context.Context, surveys store.Surveys, name string) (*Report, error) {
	return of(ctx, surveys, name, maxDigests)
}

// of holds at most so many digests at once.
func of(ctx context.Context, surveys store.Surveys, name string, limit int) (*Report, error) {
	survey, err := surveys.Survey(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("count survey: %w", err)
	}
	// Of chance some parts have more than others: there is some room.
	for parts := survey.Items[store.ItemDone]/limit*5/4 + 1; ; parts *= 2 {
		s := New(Options{Survey: *survey})
		s.limit = limit
		err := s.read(ctx, surveys, name, parts)
		if errors.Is(err, errFull) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("count survey: %w", err)
		}
		return s.Report(), nil
	}
}

// read reads all results, as often as there are parts.
func (s *Study) read(ctx context.Context, surveys store.Surveys, name string, parts int) error {
	if !s.census {
		parts = 1 // nothing is held from one repository to the next
	}
	for part := range parts {
		s.begin(part, parts)
		var after store.Place
		for {
			found, err := surveys.Results(ctx, name, after, batch)
			if err != nil {
				return fmt.Errorf("read results: %w", err)
			}
			for i := range found {
				s.Add(found[i])
			}
			if s.full {
				return errFull
			}
			if len(found) == 0 {
				break
			}
			last := &found[len(found)-1]
			after = store.Place{Candidate: last.Candidate.Number}
			if last.Item != nil {
				after.Item = last.Item.Number
			}
		}
	}
	s.flush()
	return nil
}
