package tables

import (
	"cmp"
	"context"
	"fmt"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Looked implements [store.Store].
func (s *Store) Looked(ctx context.Context, name string, number int64, found []store.Item, reason store.Reason) error {
	err := s.change(ctx, func(tx session) error { return s.looked(ctx, tx, name, number, found, reason) })
	if err != nil {
		return fmt.Errorf("keep images of survey: %w", err)
	}
	return nil
}

func (s *Store) looked(ctx context.Context, tx session, name string, number int64, found []store.Item, reason store.Reason) error {
	v, err := s.survey(ctx, tx, name, s.dialect.Keep)
	if err != nil {
		return err
	}
	if v.over() {
		return fmt.Errorf("it is %s: %w", v.State, store.ErrConflict)
	}
	c, err := scanCandidate(v.listed)(tx.row(ctx, "SELECT "+columnsOfCandidate+" FROM candidates c WHERE c.survey = ? AND c.number = ? "+s.dialect.Lock, v.id, number))
	if err != nil {
		return none(err)
	}
	if c.state == isListed {
		return fmt.Errorf("it is not chosen: %w", store.ErrConflict)
	}
	k := keeping{s: s, tx: tx, survey: v.id, c: &c, t: tally{}}
	many, err := k.items(ctx, found)
	if err != nil {
		return err
	}
	after, say := isLooked, store.Reason("")
	switch {
	case many:
		say = store.ReasonMany
	case reason != "" && k.count == 0:
		after, say = isPassed, cutText(reason, maxReason)
	}
	if err := k.become(ctx, after, say); err != nil {
		return err
	}
	return k.t.keep(ctx, s, tx, v.id)
}

// become changes the state of a candidate that was looked at. One that was pushed to meanwhile is
// looked at again.
func (k *keeping) become(ctx context.Context, after int, reason store.Reason) error {
	c := k.c
	if c.state == isChosen && len(c.Wanted) > 0 {
		return nil
	}
	if len(c.Wanted) > 0 && c.due { // now what the choice takes
		_, err := k.tx.exec(ctx, "UPDATE candidates SET state = ?, wanted = '', rank = ? WHERE survey = ? AND number = ?",
			isChosen, rankOf(c.Class, c.Pulls), k.survey, c.Number)
		return err
	}
	k.t.candidate(candidateState(c.state, true), -1)
	k.t.reason(c.Reason, -1)
	k.t.candidate(candidateState(after, true), 1)
	k.t.reason(reason, 1)
	return k.tx.one(ctx, "UPDATE candidates SET state = ?, reason = ?, wanted = '', rank = ? WHERE survey = ? AND number = ?",
		after, reason, rankOf(c.Class, c.Pulls), k.survey, c.Number)
}

// keeping is what is kept of the items of a candidate.
type keeping struct {
	s      *Store
	tx     session
	survey int64
	c      *candidate
	t      tally
	// count is how many items there are.
	count int
}

// place is what one item at a time is of.
type place struct{ tag, platform string }

// there is the last item of a place.
type there struct {
	place
	number int64
	digest string
	state  int
	reason store.Reason
}

// items adds what was found to what there is. many is set if not all have room.
func (k *keeping) items(ctx context.Context, found []store.Item) (many bool, err error) {
	many = len(found) > store.MaxItems
	found = found[:min(len(found), store.MaxItems)]
	old, err := each(ctx, k.tx, func(row scanner) (v there, err error) {
		return v, row.Scan(&v.number, &v.tag, &v.platform, &v.digest, &v.state, &v.reason)
	}, "SELECT number, tag, platform, digest, state, reason FROM items WHERE survey = ? AND candidate = ? ORDER BY number", k.survey, k.c.Number)
	if err != nil {
		return false, err
	}
	known := map[place]there{}
	for _, v := range old {
		known[v.place] = v
	}
	last := int64(len(old))
	var fresh [][]any
	for _, f := range found {
		f = cleanItem(f)
		at := place{f.Name.Tag, f.Platform}
		v, ok := known[at]
		if ok && v.digest == string(f.Digest) && (v.state != isSkipped || f.State != store.ItemReady && v.reason == f.Reason) {
			continue
		}
		if ok && (v.state == isReady || v.state == isSkipped) {
			replaced, err := k.replace(ctx, v, f)
			if err != nil {
				return false, err
			}
			if replaced {
				known[at] = there{at, v.number, string(f.Digest), stateOf(f.State), f.Reason}
				continue
			}
		}
		if last++; last > store.MaxItems {
			many = true
			break
		}
		fresh = append(fresh, []any{last, f.Name.Tag, f.Platform, f.Digest, f.Size, seconds(f.Pushed), stateOf(f.State), k.c.rank, f.Reason})
		known[at] = there{at, -1, string(f.Digest), isDone, ""} // a second one of this place would be a lie
		k.t.item(f.State, 1)
		k.t.reason(f.Reason, 1)
	}
	k.count = len(old) + len(fresh)
	return many, k.insert(ctx, fresh)
}

// replace has what is under a tag by now take the place of what was not analysed. It tells whether it
// did: the old one may be in the queue by now.
func (k *keeping) replace(ctx context.Context, v there, f store.Item) (bool, error) {
	n, err := k.tx.exec(ctx, "UPDATE items SET digest = ?, size = ?, pushed = ?, state = ?, rank = ?, reason = ? WHERE survey = ? AND candidate = ? AND number = ? AND state = ?",
		f.Digest, f.Size, seconds(f.Pushed), stateOf(f.State), k.c.rank, f.Reason, k.survey, k.c.Number, v.number, v.state)
	if err != nil || n == 0 {
		return false, err
	}
	k.t.item(itemStates[v.state], -1)
	k.t.reason(v.reason, -1)
	k.t.item(f.State, 1)
	k.t.reason(f.Reason, 1)
	return true, nil
}

func (k *keeping) insert(ctx context.Context, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := k.tx.exec(ctx, `INSERT INTO items (survey, candidate, number, tag, platform, digest, size, pushed, state, rank, seen, reason)
SELECT CAST(? AS INTEGER), CAST(? AS INTEGER), CAST(e.value->>0 AS INTEGER), e.value->>1, e.value->>2, e.value->>3, CAST(e.value->>4 AS BIGINT),
  CAST(e.value->>5 AS BIGINT), CAST(e.value->>6 AS SMALLINT), CAST(e.value->>7 AS INTEGER), FALSE, e.value->>8 FROM `+k.s.dialect.Each+" e",
		k.survey, k.c.Number, list(rows))
	return err
}

// stateOf is the column of a state that an item has when it is found.
func stateOf(state store.ItemState) int {
	if state == store.ItemReady {
		return isReady
	}
	return isSkipped
}

// cleanItem is one as it is kept, but for its digest, which is that of the column: ready, or skipped with
// a reason.
func cleanItem(f store.Item) store.Item {
	f.Name.Tag, f.Platform, f.Reason = brief(f.Name.Tag), brief(f.Platform), cutText(f.Reason, maxReason)
	f.Size, f.Pushed = max(f.Size, 0), sensible(f.Pushed)
	ready := f.Reason == "" && (f.State == store.ItemReady || f.State == "")
	if ready && (f.Digest == "" || len(f.Digest) > maxID) {
		ready, f.Reason = false, store.ReasonBroken
	}
	f.Digest = detonaut.Digest(columnOf(f.Digest[:min(len(f.Digest), maxID)]))
	f.State = store.ItemReady
	if !ready {
		f.State, f.Reason = store.ItemSkipped, cmp.Or(f.Reason, store.ReasonBroken)
	}
	return f
}

// Pushed implements [store.Store].
func (s *Store) Pushed(ctx context.Context, name string, c store.Candidate, tags []string) error {
	err := s.change(ctx, func(tx session) error { return s.pushed(ctx, tx, name, c, tags) })
	if err != nil {
		return fmt.Errorf("keep what was pushed: %w", err)
	}
	return nil
}

func (s *Store) pushed(ctx context.Context, tx session, name string, told store.Candidate, tags []string) error {
	v, err := s.openSurvey(ctx, tx, name)
	if err != nil {
		return err
	}
	sampled := v.Choice.Sample != ""
	if !v.Watch || sampled && !v.listed {
		return fmt.Errorf("it does not watch, or its sample is not drawn yet: %w", store.ErrConflict)
	}
	t := tally{}
	all := prepare(&v, []store.Candidate{told})
	if len(all) == 0 || all[0].state == isPassed || len(tags) == 0 {
		return fmt.Errorf("no repository that there may be, or no tag: %w", store.ErrInvalid)
	}
	all[0].Wanted = nil // it is not known whether it is known
	known, err := s.knownCandidates(ctx, tx, &v, all)
	if err != nil {
		return err
	}
	if _, ok := known[all[0].key]; !ok {
		if err := s.keepCandidates(ctx, tx, &v, all, t); err != nil {
			return err
		}
		if err := tx.one(ctx, "UPDATE surveys SET candidates = ? WHERE id = ?", v.last, v.id); err != nil {
			return err
		}
	}
	c, err := scanCandidate(v.listed)(tx.row(ctx, "SELECT "+columnsOfCandidate+" FROM candidates c WHERE c.survey = ? AND c.draw = ? "+s.dialect.Lock, v.id, all[0].key))
	if err != nil {
		return err
	}
	if len(known) == 0 || c.state != isChosen && c.state != isLooking {
		c.due = false // it was looked at, or is not of what was listed
	}
	c.add(tags)
	t.candidate(c.State, -1)
	t.reason(c.Reason, -1)
	t.candidate(store.CandidateChosen, 1)
	if _, err := tx.exec(ctx, "UPDATE candidates SET state = ?, reason = '', wanted = ?, rank = ? WHERE survey = ? AND number = ?",
		isChosen, c.want(), rankPushed, v.id, c.Number); err != nil {
		return err
	}
	if err := t.keep(ctx, s, tx, v.id); err != nil || len(known) > 0 {
		return err
	}
	return s.keepRepositories(ctx, tx, all) // last, for it takes a number
}
