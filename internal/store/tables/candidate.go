package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/draw"
)

// States of repositories, as columns have them. Of a survey whose sample is drawn those that are listed
// are left out: so the draw writes to those alone that it chooses.
const (
	isListed  = 0
	isChosen  = 1
	isLooking = 2 // it is of a batch that a job is to look at
	isLooked  = 3
	isPassed  = 4 // skipped
)

// candidate is one with what only the tables know.
type candidate struct {
	store.Candidate
	state int
	key   int64
	rank  int64
	// due is set if what the choice takes is to be looked at, too.
	due bool
}

// want is the column of what is to be looked at.
func (c *candidate) want() string {
	if len(c.Wanted) == 0 {
		return ""
	}
	all := c.Wanted
	if c.due {
		all = append([]string{""}, all...)
	}
	return list(all)
}

// add adds tags that are wanted, each once, the last if there are too many. It tells whether any is new.
func (c *candidate) add(tags []string) (fresh bool) {
	for _, tag := range tags {
		if tag = brief(tag); tag != "" && !slices.Contains(c.Wanted, tag) {
			c.Wanted, fresh = append(c.Wanted, tag), true
		}
	}
	c.Wanted = c.Wanted[max(0, len(c.Wanted)-store.MaxWanted):]
	return fresh
}

// columnsOfCandidate are those of a candidate c.
const columnsOfCandidate = `c.number, c.draw, c.registry, c.repository, c.class, c.pulls, c.stars, c.updated, c.state, c.rank, c.weight, c.stratum,
  c.reason, c.wanted`

// candidateScan scans one.
type candidateScan struct {
	c       candidate
	class   int
	updated int64
	wanted  string
}

func (v *candidateScan) into() []any {
	c := &v.c
	return []any{
		&c.Number, &c.key, &c.Registry, &c.Name, &v.class, &c.Pulls, &c.Stars, &v.updated, &c.state, &c.rank, &c.Weight, &c.Stratum,
		&c.Reason, &v.wanted,
	}
}

// done completes it. listed is set if the listing of its survey has ended.
func (v *candidateScan) done(listed bool) (candidate, error) {
	c := &v.c
	if v.class < 1 || v.class > len(classes) {
		return v.c, fmt.Errorf("read repository of survey: class %d", v.class)
	}
	c.Class = classes[v.class-1]
	c.Official, c.Verified = c.Class == store.ClassOfficial, c.Class == store.ClassVerified
	c.Updated = secondsOf(v.updated)
	c.State = candidateState(c.state, listed)
	c.due = v.wanted == ""
	if v.wanted == "" {
		return v.c, nil
	}
	err := json.Unmarshal([]byte(v.wanted), &c.Wanted)
	c.Wanted = slices.DeleteFunc(c.Wanted, func(tag string) bool {
		c.due = c.due || tag == ""
		return tag == ""
	})
	return v.c, err
}

// scanCandidate scans one of a survey whose listing has ended, or has not.
func scanCandidate(listed bool) func(scanner) (candidate, error) {
	return func(row scanner) (candidate, error) {
		var v candidateScan
		if err := row.Scan(v.into()...); err != nil {
			return v.c, err
		}
		return v.done(listed)
	}
}

// candidateState is what a state of a column is called.
func candidateState(state int, listed bool) store.CandidateState {
	switch state {
	case isChosen, isLooking:
		return store.CandidateChosen
	case isLooked:
		return store.CandidateLooked
	case isPassed:
		return store.CandidateSkipped
	}
	if listed {
		return store.CandidateLeftOut
	}
	return store.CandidateListed
}

// classes are those of repositories, in the order in which they are looked at. A column has the number of
// one, from 1.
var classes = []store.Class{store.ClassOfficial, store.ClassVerified, store.ClassCommunity}

// told is of whom a candidate is, as its source tells; empty if it does not.
func told(c *store.Candidate) store.Class {
	switch {
	case slices.Contains(classes, c.Class):
		return c.Class
	case c.Official:
		return store.ClassOfficial
	case c.Verified:
		return store.ClassVerified
	}
	return ""
}

// Ranks order what is looked at and analysed: what was pushed, official, verified, then the most pulled.
const (
	rankPushed = 0
	rankBits   = 29 // of pulls
)

// rankOf puts class and pulls, which are nearly exact, into 31 bits.
func rankOf(class store.Class, pulls int64) int64 {
	place := int64(slices.Index(classes, class)+1) << rankBits
	size := int64(math.Float32bits(float32(max(pulls, 0))) >> 3) // greater for what is greater, and below 2^28
	return place + 1<<rankBits - 1 - size
}

// keyOf is the hash by which a repository is drawn and found, as a column has it.
func keyOf(v *survey, registry, name string) int64 {
	return int64(draw.Key(v.Choice.Seed, registry, name)) //nolint:gosec // it is bits
}

// Candidates implements [store.Store].
func (s *Store) Candidates(ctx context.Context, name string, batch int64) ([]store.Candidate, error) {
	found, err := s.batch(ctx, name, batch)
	if err != nil {
		return nil, fmt.Errorf("list repositories of survey: %w", err)
	}
	return found, nil
}

func (s *Store) batch(ctx context.Context, name string, batch int64) ([]store.Candidate, error) {
	db := s.look()
	v, err := s.survey(ctx, db, name, "")
	if err != nil {
		return nil, err
	}
	numbers, err := each(ctx, db, text, "SELECT numbers FROM looks WHERE id = ? AND survey = ?", batch, v.id)
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	all, err := each(ctx, db, scanCandidate(v.listed), "SELECT "+columnsOfCandidate+" FROM "+s.dialect.Each+` e
CROSS JOIN candidates c WHERE c.survey = ? AND c.number = CAST(e.value->>0 AS INTEGER) AND c.state = ? ORDER BY c.rank, c.number`, numbers[0], v.id, isLooking)
	found := make([]store.Candidate, len(all))
	for i, c := range all {
		found[i] = c.Candidate
	}
	return found, err
}
