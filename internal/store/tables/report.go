package tables

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, d detonaut.Digest, key string) (*store.Entry, error) {
	query, args := `SELECT r.key, r.aim, r.registry, r.repository, r.tag, r.stored, b.blobs, b.body
FROM reports r JOIN bodies b ON b.id = r.body WHERE r.digest = ? AND `, []any{clean(d)}
	if key == "" {
		query += "r.newest"
	} else {
		query, args = query+"r.key = ?", append(args, clean(key))
	}
	var e store.Entry
	var stored int64
	var blobs string
	var body []byte
	err := s.look().row(ctx, query, args...).Scan(&e.Key, &e.Aim, &e.Name.Registry, &e.Name.Repository, &e.Name.Tag, &stored, &blobs, &body)
	if err == nil {
		err = json.Unmarshal([]byte(blobs), &e.Blobs)
	}
	if err == nil {
		e.Report, err = unpack(body)
	}
	if err != nil {
		return nil, fmt.Errorf("get report: %w", none(err))
	}
	e.Stored = moment(stored)
	return &e, nil
}

// Under implements [store.Store].
func (s *Store) Under(ctx context.Context, d detonaut.Digest, aim string) (key string, err error) {
	err = s.look().row(ctx, "SELECT key FROM reports WHERE digest = ? AND aim = ? AND aim <> '' ORDER BY seq DESC LIMIT 1", clean(d), brief(aim)).Scan(&key)
	if err != nil {
		return "", fmt.Errorf("look for report: %w", none(err))
	}
	return key, nil
}

// Analyses implements [store.Store].
func (s *Store) Analyses(ctx context.Context, d detonaut.Digest) ([]store.Summary, error) {
	found, err := each(ctx, s.look(), scanSummary, ofReports+"WHERE r.digest = ? ORDER BY r.seq DESC", clean(d))
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	return found, nil
}

// Drop implements [store.Store].
func (s *Store) Drop(ctx context.Context, d detonaut.Digest, key string) error {
	err := s.change(ctx, func(tx session) error { return s.drop(ctx, tx, detonaut.Digest(clean(d)), clean(key)) })
	if err != nil {
		return fmt.Errorf("drop report: %w", err)
	}
	return nil
}

func (s *Store) drop(ctx context.Context, tx session, d detonaut.Digest, key string) error {
	if err := s.alone(ctx, tx, string(d)); err != nil {
		return err
	}
	var id, body int64
	var latest bool
	if err := tx.row(ctx, "SELECT id, body, newest FROM reports WHERE digest = ? AND key = ?", d, key).Scan(&id, &body, &latest); err != nil {
		return none(err)
	}
	if latest {
		if err := s.age(ctx, tx, d); err != nil {
			return err
		}
	}
	if err := tx.one(ctx, "DELETE FROM reports WHERE id = ?", id); err != nil {
		return err
	}
	if err := tx.one(ctx, "DELETE FROM bodies WHERE id = ?", body); err != nil {
		return err
	}
	if !latest {
		return nil
	}
	return s.renew(ctx, tx, d)
}
