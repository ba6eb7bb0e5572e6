package tables

import (
	"context"
	"errors"
	"fmt"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/index"
)

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, q store.Query) (*store.Results, error) {
	return s.index.Find(ctx, q)
}

// Numbers implements [store.Store].
func (s *Store) Numbers(ctx context.Context) (*store.Numbers, error) { return s.index.Numbers(ctx) }

// source is what the index reads: the newest reports of all digests.
type source struct{ s *Store }

var _ index.Source = source{}

// Changes implements [index.Source].
func (x source) Changes(ctx context.Context, after int64, tell func(index.Change) error) (upTo int64, err error) {
	upTo, err = x.s.horizon(ctx, after)
	if err != nil && after > 0 && x.s.dialect.Busy != nil && x.s.dialect.Busy(err) {
		return after, nil // somebody takes long; nothing is told until it is known what comes first
	}
	if err == nil && upTo > after {
		err = x.changes(ctx, after, upTo, tell)
	}
	if err != nil {
		return 0, fmt.Errorf("read changes: %w", err)
	}
	return upTo, nil
}

func (x source) changes(ctx context.Context, after, upTo int64, tell func(index.Change) error) error {
	err := x.rows(ctx, func(row scanner) error {
		v, err := scanSummary(row)
		if err != nil {
			return err
		}
		return tell(index.Change{Report: &v})
	}, ofReports+"WHERE r.newest AND r.seq > ? AND r.seq <= ? ORDER BY r.seq", after, upTo)
	if err != nil || after == 0 {
		return err
	}
	err = x.rows(ctx, func(row scanner) error {
		var c index.Change
		if err := row.Scan(&c.Dropped, &c.Number); err != nil {
			return err
		}
		return tell(c)
	}, "SELECT digest, seq FROM dropped WHERE seq > ? AND seq <= ?", after, upTo)
	if err != nil {
		return err
	}
	return x.rows(ctx, func(row scanner) error {
		c := index.Change{Pulled: &store.Name{}}
		if err := row.Scan(&c.Pulled.Registry, &c.Pulled.Repository, &c.Pulls); err != nil {
			return err
		}
		return tell(c)
	}, "SELECT registry, name, pulls FROM repositories WHERE seq > ? AND seq <= ?", after, upTo)
}

// rows tells of the rows of a query.
func (x source) rows(ctx context.Context, tell func(scanner) error, query string, args ...any) (err error) {
	db := x.s.look()
	rows, err := db.QueryContext(ctx, db.text(query), args...)
	if err != nil {
		return why(ctx, err)
	}
	defer func() { err = why(ctx, errors.Join(err, rows.Close())) }()
	for rows.Next() {
		if err := tell(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Having implements [index.Source].
func (x source) Having(ctx context.Context, f store.Fact, after, upTo int64) ([]int64, error) {
	seqs, err := each(ctx, x.s.look(), number, `SELECT seq FROM found
WHERE fact = (SELECT id FROM facts WHERE hash = ?) AND seq > ? AND seq <= ? ORDER BY seq`, nameFact(f).hash, after, upTo)
	if err != nil {
		return nil, fmt.Errorf("read reports of a fact: %w", err)
	}
	return seqs, nil
}
