package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/draw"
)

// drawn is a candidate that was drawn.
type drawn struct {
	draw.Drawn
	stratum string
}

// draw draws the sample of a survey, and ends its listing. It may be interrupted, and done again:
// nobody looks at what is chosen until that has ended.
func (s *Store) draw(ctx context.Context, name string) error {
	for {
		v, err := s.survey(ctx, s.look(), name, "")
		if err != nil || v.listed {
			return err
		}
		sample, err := s.sample(ctx, &v)
		if err != nil {
			return fmt.Errorf("draw sample: %w", err)
		}
		done, err := s.choose(ctx, &v, sample)
		if err != nil || done {
			return err
		}
		// Somebody has added repositories meanwhile.
	}
}

// sample draws those that are to be chosen, by number.
func (s *Store) sample(ctx context.Context, v *survey) (all []drawn, err error) {
	if v.Choice.Sample == store.SampleStratified {
		return s.stratified(ctx, v)
	}
	size, sized := func(*unit) float64 { return 1 }, true
	switch v.Choice.Sample {
	case store.SamplePulls:
		size = func(u *unit) float64 { return draw.Pulled(u.pulls) }
	case store.SampleRecent:
		size = func(u *unit) float64 { return draw.Recent(secondsOf(u.updated), v.Created) }
	default:
		sized = false
	}
	sample := draw.New(v.Choice.Size, sized)
	err = s.units(ctx, v, func(u *unit) { sample.Add(u.number, uint64(u.key), size(u)) }) //nolint:gosec // bits
	for _, d := range sample.Drawn() {
		all = append(all, drawn{d, ""})
	}
	return all, err
}

// stratified draws as many of each stratum.
func (s *Store) stratified(ctx context.Context, v *survey) (all []drawn, err error) {
	sizes := map[string]int{}
	if err := s.units(ctx, v, func(u *unit) { sizes[u.stratum()]++ }); err != nil {
		return nil, err
	}
	samples := map[string]*draw.Sample{}
	for name, n := range draw.Allocate(sizes, v.Choice.Size) {
		samples[name] = draw.New(n, false)
	}
	err = s.units(ctx, v, func(u *unit) {
		if sample := samples[u.stratum()]; sample != nil {
			sample.Add(u.number, uint64(u.key), 1) //nolint:gosec // bits
		}
	})
	for name, sample := range samples {
		for _, d := range sample.Drawn() {
			all = append(all, drawn{d, name})
		}
	}
	slices.SortFunc(all, func(a, b drawn) int { return int(a.Number - b.Number) })
	return all, err
}

// unit is what is drawn.
type unit struct {
	number, key, pulls, updated int64
	class                       int
}

func (u *unit) stratum() string {
	return draw.Stratum(string(classes[min(max(u.class-1, 0), len(classes)-1)]), u.pulls)
}

// units tells of all that can be drawn. It holds none of them.
func (s *Store) units(ctx context.Context, v *survey, tell func(*unit)) (err error) {
	db := s.look()
	rows, err := db.QueryContext(ctx, db.text("SELECT number, draw, pulls, updated, class FROM candidates WHERE survey = ? AND number <= ? AND state <> ?"),
		v.id, v.last, isPassed)
	if err != nil {
		return why(ctx, err)
	}
	defer func() { err = why(ctx, errors.Join(err, rows.Close())) }()
	for rows.Next() {
		var u unit
		if err := rows.Scan(&u.number, &u.key, &u.pulls, &u.updated, &u.class); err != nil {
			return err
		}
		tell(&u)
	}
	return rows.Err()
}

// choosing is how many are chosen in one transaction: others have to write, too.
const choosing = 5_000

// choose chooses what was drawn, and ends the listing; unless there are more repositories by now.
func (s *Store) choose(ctx context.Context, v *survey, sample []drawn) (done bool, err error) {
	step := func(do func(tx session) error) error {
		return s.change(ctx, func(tx session) error {
			now, err := s.openSurvey(ctx, tx, v.Name)
			if done = err == nil && now.listed; err != nil || now.listed || now.last != v.last {
				return err
			}
			return do(tx)
		})
	}
	// One who was interrupted may have chosen others, of fewer.
	err = step(func(tx session) error {
		_, err := tx.exec(ctx, "UPDATE candidates SET state = ?, weight = 0, stratum = '' WHERE survey = ? AND state = 1", isListed, v.id) // isChosen
		return err
	})
	for part := range slices.Chunk(sample, choosing) {
		if err == nil && !done {
			err = step(func(tx session) error { return s.chosen(ctx, tx, v, part) })
		}
	}
	if err != nil || done {
		return done, err
	}
	err = step(func(tx session) error {
		done = true
		t, n := tally{}, int64(len(sample))
		var left int64
		if err := tx.row(ctx, "SELECT COALESCE(SUM(n), 0) FROM tallies WHERE survey = ? AND kind = ? AND value = ?", v.id, ofCandidates, store.CandidateListed).Scan(&left); err != nil {
			return err
		}
		t.candidate(store.CandidateListed, -left)
		t.candidate(store.CandidateChosen, n)
		t.candidate(store.CandidateLeftOut, left-n)
		if err := t.keep(ctx, s, tx, v.id); err != nil {
			return err
		}
		return tx.one(ctx, "UPDATE surveys SET listed = TRUE, state = CASE WHEN state = ? THEN ? ELSE state END WHERE id = ?",
			store.SurveyListing, store.SurveyRunning, v.id)
	})
	return done && err == nil, err
}

// chosen marks some of those that were drawn.
func (s *Store) chosen(ctx context.Context, tx session, v *survey, part []drawn) error {
	rows := make([][]any, len(part))
	for i, d := range part {
		rows[i] = []any{d.Number, d.Weight, d.stratum, v.id}
	}
	_, err := tx.exec(ctx, `UPDATE candidates SET state = ?, weight = w.weight, stratum = w.stratum
FROM (SELECT CAST(e.value->>0 AS INTEGER) AS number, CAST(e.value->>1 AS DOUBLE PRECISION) AS weight, e.value->>2 AS stratum,
  CAST(e.value->>3 AS INTEGER) AS survey FROM `+s.dialect.Each+` e) w
WHERE candidates.survey = w.survey AND candidates.number = w.number`, isChosen, list(rows))
	return err
}
