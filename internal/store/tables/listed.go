package tables

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// Listed implements [store.Store].
func (s *Store) Listed(ctx context.Context, name string, found []store.Candidate, cursor string, end bool) error {
	var drawn bool
	err := s.change(ctx, func(tx session) (err error) {
		drawn, err = s.listed(ctx, tx, name, found, cursor, end)
		return err
	})
	if err == nil && drawn {
		err = s.draw(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("keep repositories of survey: %w", err)
	}
	return nil
}

// listed keeps them, and tells whether a sample is to be drawn: then it has not ended yet.
func (s *Store) listed(ctx context.Context, tx session, name string, found []store.Candidate, cursor string, end bool) (drawn bool, err error) {
	if len(cursor) > maxCursor {
		return false, fmt.Errorf("a cursor of %d bytes: %w", len(cursor), store.ErrInvalid)
	}
	v, err := s.openSurvey(ctx, tx, name)
	if err != nil {
		return false, err
	}
	t, all := tally{}, prepare(&v, found)
	if err := s.keepCandidates(ctx, tx, &v, all, t); err != nil {
		return false, err
	}
	drawn = end && !v.listed && v.Choice.Sample != ""
	if end && !drawn {
		v.listed = true
	}
	state := v.State
	if state != store.SurveyPaused {
		state = v.goes()
	}
	if _, err := tx.exec(ctx, "UPDATE surveys SET cursor = ?, candidates = ?, listed = ?, state = ? WHERE id = ?",
		clean(cursor), v.last, v.listed, state, v.id); err != nil {
		return false, err
	}
	if err := t.keep(ctx, s, tx, v.id); err != nil {
		return false, err
	}
	return drawn, s.keepRepositories(ctx, tx, all) // last, for it takes a number
}

// openSurvey is a survey that is not over, and to which nobody else adds repositories meanwhile.
func (s *Store) openSurvey(ctx context.Context, tx session, name string) (v survey, err error) {
	if err := s.alone(ctx, tx, "\x01survey "+clean(name)); err != nil {
		return v, err
	}
	v, err = s.survey(ctx, tx, name, s.dialect.Keep)
	if err == nil && v.over() {
		err = fmt.Errorf("it is %s: %w", v.State, store.ErrConflict)
	}
	return v, err
}

// prepare makes candidates of what a source told, each once: what is told of it last, and all that is
// wanted. What is told of a repository is hostile, as its registry is.
func prepare(v *survey, found []store.Candidate) (all []candidate) {
	place := map[int64]int{}
	for _, f := range found {
		c := candidate{Candidate: f, state: isChosen}
		c.Registry, c.Name, c.Description = brief(f.Registry), brief(f.Name), cutText(f.Description, maxDescription)
		if c.Name == "" {
			continue // it is none
		}
		c.Class, c.Weight, c.Reason, c.Stratum, c.Wanted = told(&f), 1, "", "", nil
		c.Pulls, c.Stars, c.Updated = max(f.Pulls, -1), min(max(f.Stars, -1), 1<<31-1), sensible(f.Updated)
		c.add(f.Wanted)
		c.due = len(c.Wanted) == 0
		c.key = keyOf(v, c.Registry, c.Name)
		switch {
		case c.Registry != clean(f.Registry) || c.Name != clean(f.Name): // it was cut: no registry has such names
			c.state, c.Reason = isPassed, store.ReasonBroken
		case v.Choice.Sample != "":
			c.state, c.Weight = isListed, 0
		}
		at, ok := place[c.key]
		if !ok {
			place[c.key] = len(all)
			all = append(all, c)
			continue
		}
		old := all[at]
		old.add(c.Wanted)
		c.Wanted, c.due = old.Wanted, c.due || old.due
		all[at] = c
	}
	return all
}

// Bounds of texts, in bytes.
const (
	maxDescription = 4096
	maxReason      = 100
)

// cutText cleans and cuts a text.
func cutText[T ~string](s T, most int) T { return T(clean(string(s)[:min(len(s), most)])) }

// sensible is a time that a column can have; none for one that nobody can mean.
func sensible(t time.Time) time.Time {
	if t.Year() < 1980 || t.Year() > 2200 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// seconds is a time in a column of seconds; 0 is none.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// keepCandidates adds those that are new to a survey, and brings others up to date.
func (s *Store) keepCandidates(ctx context.Context, tx session, v *survey, all []candidate, t tally) error {
	if len(all) == 0 {
		return nil
	}
	known, err := s.knownCandidates(ctx, tx, v, all)
	if err != nil {
		return err
	}
	if len(known) < len(all) && v.listed && !v.Watch {
		return fmt.Errorf("its listing has ended: %w", store.ErrConflict)
	}
	var fresh, changed [][]any
	for i := range all {
		c := &all[i]
		if k, ok := known[c.key]; ok {
			if c.renew(&k, t) {
				changed = append(changed, c.row())
			}
			continue
		}
		if v.last++; v.last > store.MaxCandidates {
			return fmt.Errorf("more than %d repositories: %w", store.MaxCandidates, store.ErrInvalid)
		}
		c.Number, c.rank = v.last, rankOf(cmp.Or(c.Class, store.ClassCommunity), c.Pulls)
		fresh = append(fresh, c.row())
		t.candidate(candidateState(c.state, v.listed), 1)
		t.reason(c.Reason, 1)
	}
	if err := s.insertCandidates(ctx, tx, v, fresh); err != nil {
		return err
	}
	return s.updateCandidates(ctx, tx, v, changed)
}

// row is what is written of it.
func (c *candidate) row() []any {
	class := cmp.Or(c.Class, store.ClassCommunity)
	return []any{c.Number, c.key, c.Registry, c.Name, slices.Index(classes, class) + 1, c.Pulls, c.Stars, seconds(c.Updated), c.state, c.rank, c.Weight, c.Reason, c.want()}
}

// renew makes of what is told of one that is known what it is to be. It tells whether it differs.
func (c *candidate) renew(known *candidate, t tally) bool {
	k := *known
	if c.Class != "" {
		k.Class = c.Class
	}
	if c.Pulls >= 0 {
		k.Pulls = c.Pulls
	}
	if c.Stars >= 0 {
		k.Stars = c.Stars
	}
	if !c.Updated.IsZero() {
		k.Updated = c.Updated
	}
	if k.rank >= 1<<rankBits {
		k.rank = rankOf(k.Class, k.Pulls)
	}
	waits := k.state == isListed || k.state == isChosen || k.state == isLooking
	if !waits {
		k.due = false
	}
	fresh := k.add(c.Wanted)
	if fresh && !waits && k.Weight > 0 && k.Reason != store.ReasonBroken {
		t.candidate(k.State, -1)
		t.reason(k.Reason, -1)
		t.candidate(store.CandidateChosen, 1)
		k.state, k.Reason = isChosen, ""
	}
	if waits && c.due {
		k.due = true
	}
	c.Candidate, c.rank, c.state, c.due = store.Candidate{
		Number: k.Number, Repository: store.Repository{Registry: c.Registry, Name: c.Name, Description: c.Description, Pulls: k.Pulls, Stars: k.Stars, Updated: k.Updated},
		Class: k.Class, Wanted: k.Wanted, Weight: k.Weight, Reason: k.Reason,
	}, k.rank, k.state, k.due
	return k.Class != known.Class || k.Pulls != known.Pulls || k.Stars != known.Stars || !k.Updated.Equal(known.Updated) || c.want() != known.want() || k.state != known.state
}

// knownCandidates are those of some that a survey has, by key. SQLite takes a CROSS JOIN in the order in which
// it is written: it would rather look at all repositories of the survey.
func (s *Store) knownCandidates(ctx context.Context, tx session, v *survey, all []candidate) (map[int64]candidate, error) {
	keys := make([][1]int64, len(all))
	for i, c := range all {
		keys[i][0] = c.key
	}
	found, err := each(ctx, tx, scanCandidate(v.listed), "SELECT "+columnsOfCandidate+" FROM "+s.dialect.Each+` e
CROSS JOIN candidates c WHERE c.survey = ? AND c.draw = CAST(e.value->>0 AS BIGINT)`, list(keys), v.id)
	known := make(map[int64]candidate, len(found))
	for _, c := range found {
		known[c.key] = c
	}
	return known, err
}

func (s *Store) insertCandidates(ctx context.Context, tx session, v *survey, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.exec(ctx, `INSERT INTO candidates (survey, number, draw, registry, repository, class, pulls, stars, updated, state, rank, weight, stratum, reason, wanted)
SELECT CAST(? AS INTEGER), CAST(e.value->>0 AS INTEGER), CAST(e.value->>1 AS BIGINT), e.value->>2, e.value->>3, CAST(e.value->>4 AS SMALLINT),
  CAST(e.value->>5 AS BIGINT), CAST(e.value->>6 AS INTEGER), CAST(e.value->>7 AS BIGINT), CAST(e.value->>8 AS SMALLINT),
  CAST(e.value->>9 AS INTEGER), CAST(e.value->>10 AS DOUBLE PRECISION), '', e.value->>11, e.value->>12 FROM `+s.dialect.Each+" e", v.id, list(rows))
	return err
}

func (s *Store) updateCandidates(ctx context.Context, tx session, v *survey, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		rows[i] = append(rows[i], v.id)
	}
	_, err := tx.exec(ctx, `UPDATE candidates SET class = w.class, pulls = w.pulls, stars = w.stars, updated = w.updated, state = w.state,
  rank = w.rank, reason = w.reason, wanted = w.wanted
FROM (SELECT CAST(e.value->>0 AS INTEGER) AS number, CAST(e.value->>4 AS SMALLINT) AS class, CAST(e.value->>5 AS BIGINT) AS pulls,
  CAST(e.value->>6 AS INTEGER) AS stars, CAST(e.value->>7 AS BIGINT) AS updated, CAST(e.value->>8 AS SMALLINT) AS state,
  CAST(e.value->>9 AS INTEGER) AS rank, e.value->>11 AS reason, e.value->>12 AS wanted, CAST(e.value->>13 AS INTEGER) AS survey FROM `+s.dialect.Each+` e) w
WHERE candidates.survey = w.survey AND candidates.number = w.number`, list(rows))
	return err
}

// keepRepositories keeps what a source tells of repositories, in the order of their names, so that two who
// do wait for each other in that order alone. A source that tells nothing but the name changes nothing. All
// changes of pulls have one number: one for each would be dear, and who reads changes reads them all.
func (s *Store) keepRepositories(ctx context.Context, tx session, all []candidate) error {
	if len(all) == 0 {
		return nil
	}
	seq, err := s.next(ctx, tx)
	if err != nil {
		return err
	}
	var classed, others [][]any
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Name, b.Name))
	})
	for i := range all {
		c := &all[i]
		row := []any{c.Registry, c.Name, c.Description, c.Pulls, c.Stars, c.Class == store.ClassOfficial, c.Class == store.ClassVerified, nanoseconds(c.Updated)}
		if c.Class == "" {
			others = append(others, row)
		} else {
			classed = append(classed, row)
		}
	}
	if err := s.upsertRepositories(ctx, tx, seq, classed, ", official = excluded.official, verified = excluded.verified"); err != nil {
		return err
	}
	return s.upsertRepositories(ctx, tx, seq, others, "")
}

func (s *Store) upsertRepositories(ctx context.Context, tx session, seq int64, rows [][]any, set string) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.exec(ctx, `INSERT INTO repositories (registry, name, seq, description, pulls, stars, official, verified, updated)
SELECT e.value->>0, e.value->>1, CAST(? AS BIGINT), e.value->>2, CAST(e.value->>3 AS BIGINT), CAST(e.value->>4 AS BIGINT),
  CAST(e.value->>5 AS BOOLEAN), CAST(e.value->>6 AS BOOLEAN), CAST(e.value->>7 AS BIGINT) FROM `+s.dialect.Each+` e WHERE TRUE
ON CONFLICT (registry, name) DO UPDATE SET seq = CASE WHEN repositories.pulls = excluded.pulls THEN repositories.seq ELSE excluded.seq END,
  description = excluded.description, pulls = excluded.pulls, stars = excluded.stars, updated = excluded.updated`+set+`
WHERE excluded.pulls >= 0 OR excluded.stars >= 0 OR excluded.updated > 0 OR excluded.description <> ''`, seq, list(rows))
	return err
}

// secondsOf is the time of a column of seconds.
func secondsOf(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
