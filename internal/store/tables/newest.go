package tables

import (
	"context"
	"database/sql"
	"errors"

	"github.com/detonaut/detonaut"
)

// age makes the newest report of a digest one that is not, if there is one.
func (s *Store) age(ctx context.Context, tx session, d detonaut.Digest) error {
	r, err := newest(ctx, tx, d, "AND r.newest")
	if err != nil || r == nil {
		return err
	}
	if err := s.unrelate(ctx, tx, r.seq, r.facts); err != nil {
		return err
	}
	_, err = tx.exec(ctx, "UPDATE reports SET newest = FALSE WHERE id = ?", r.id)
	return err
}

// row is what becomes and ceases to be the newest of a digest.
type row struct {
	id, seq int64
	facts   []int64
}

// newest returns the newest of the reports of a digest for which a condition is met; nil if there
// is none.
func newest(ctx context.Context, tx session, d detonaut.Digest, condition string) (*row, error) {
	var r row
	var packed []byte
	err := tx.row(ctx, "SELECT r.id, r.seq, b.facts FROM reports r JOIN bodies b ON b.id = r.body WHERE r.digest = ? "+condition+
		" ORDER BY r.seq DESC LIMIT 1", d).Scan(&r.id, &r.seq, &packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.facts, err = unpackIDs(packed)
	return &r, err
}

// renew makes the newest of the reports of a digest that are left the newest again. It gets
// the number of a change, for it is one: who has read all changes must hear of it. If none is left,
// that is the change.
func (s *Store) renew(ctx context.Context, tx session, d detonaut.Digest) error {
	seq, err := s.next(ctx, tx)
	if err != nil {
		return err
	}
	r, err := newest(ctx, tx, d, "")
	if err != nil {
		return err
	}
	if r == nil {
		_, err := tx.exec(ctx, "INSERT INTO dropped (digest, seq) VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET seq = excluded.seq", d, seq)
		return err
	}
	if _, err := tx.exec(ctx, "UPDATE reports SET seq = ?, newest = TRUE WHERE id = ?", seq, r.id); err != nil {
		return err
	}
	return s.relate(ctx, tx, seq, r.facts)
}
