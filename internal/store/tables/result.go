package tables

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
)

// Results implements [store.Store].
func (s *Store) Results(ctx context.Context, name string, after store.Place, limit int) ([]store.Result, error) {
	all, err := s.results(ctx, name, after, max(1, min(limit, store.MaxResults)))
	if err != nil {
		return nil, fmt.Errorf("list results of survey: %w", err)
	}
	return all, nil
}

func (s *Store) results(ctx context.Context, name string, after store.Place, limit int) ([]store.Result, error) {
	db := s.look()
	v, err := s.survey(ctx, db, name, "")
	if err != nil {
		return nil, err
	}
	scan := func(row scanner) (r store.Result, err error) {
		var c candidateScan
		var i itemScan
		if err := row.Scan(append(c.into(), i.into()...)...); err != nil {
			return r, err
		}
		done, err := c.done(v.listed)
		if err != nil {
			return r, err
		}
		r.Candidate = done.Candidate
		if r.Item, err = i.item(v.Name); r.Item != nil {
			r.Item.Name.Registry, r.Item.Name.Repository = r.Candidate.Registry, r.Candidate.Name
		}
		return r, err
	}
	// Two queries, for a condition of both numbers finds no index that begins with one of them.
	query := "SELECT " + columnsOfCandidate + ", " + columnsOfItem + " FROM candidates c %s JOIN items i ON i.survey = c.survey AND i.candidate = c.number WHERE c.survey = ? AND "
	all, err := each(ctx, db, scan, fmt.Sprintf(query, "")+"c.number = ? AND i.number > ? ORDER BY i.number LIMIT ?", v.id, after.Candidate, after.Item, limit)
	if err != nil {
		return nil, err
	}
	if left := limit - len(all); left > 0 {
		rest, err := each(ctx, db, scan, fmt.Sprintf(query, "LEFT")+"c.number > ? ORDER BY c.number, i.number LIMIT ?", v.id, after.Candidate, left)
		if err != nil {
			return nil, err
		}
		all = append(all, rest...)
	}
	return all, s.measured(ctx, db, all)
}

// measured adds what was measured of the newest report of each digest.
func (s *Store) measured(ctx context.Context, db session, all []store.Result) error {
	var digests [][1]string
	asked := map[detonaut.Digest]bool{}
	for _, r := range all {
		if r.Item != nil && r.Item.Digest != "" && !asked[r.Item.Digest] {
			asked[r.Item.Digest] = true
			digests = append(digests, [1]string{string(r.Item.Digest)})
		}
	}
	if len(digests) == 0 {
		return nil
	}
	type of struct {
		digest   detonaut.Digest
		key, aim string
		m        *measure.Measure
	}
	found, err := each(ctx, db, func(row scanner) (v of, err error) {
		var text *string
		if err := row.Scan(&v.digest, &v.key, &v.aim, &text); err != nil || text == nil {
			return v, err
		}
		v.m = &measure.Measure{}
		return v, json.Unmarshal([]byte(*text), v.m)
	}, "SELECT r.digest, r.key, r.aim, r.measure FROM "+s.dialect.Each+" e CROSS JOIN reports r WHERE r.digest = (e.value->>0) AND r.newest", list(digests))
	if err != nil {
		return err
	}
	by := make(map[detonaut.Digest]of, len(found))
	for _, v := range found {
		if v.m == nil { // it was put before anybody measured
			if v.m, err = s.measure(ctx, db, v.digest, v.key); err != nil {
				return err
			}
		}
		by[v.digest] = v
	}
	for i := range all {
		if r := &all[i]; r.Item != nil {
			v := by[r.Item.Digest]
			r.Measured, r.Key, r.Aim = v.m, v.key, v.aim
		}
	}
	return nil
}

// measure measures a report that is kept.
func (s *Store) measure(ctx context.Context, db session, d detonaut.Digest, key string) (*measure.Measure, error) {
	var body []byte
	err := db.row(ctx, "SELECT b.body FROM reports r JOIN bodies b ON b.id = r.body WHERE r.digest = ? AND r.key = ?", d, key).Scan(&body)
	if err != nil {
		return nil, none(err)
	}
	r, err := unpack(body)
	if err != nil {
		return nil, err
	}
	return measure.Of(r), nil
}
