package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut/internal/store"
)

// PutRepository implements [store.Store].
func (s *Store) PutRepository(ctx context.Context, r store.Repository) error {
	err := s.change(ctx, func(tx session) error { return s.putRepository(ctx, tx, r) })
	if err != nil {
		return fmt.Errorf("put repository: %w", err)
	}
	return nil
}

func (s *Store) putRepository(ctx context.Context, tx session, r store.Repository) error {
	registry, name := brief(r.Registry), brief(r.Name)
	if registry == "" && name == "" {
		return fmt.Errorf("a repository without a name: %w", store.ErrInvalid)
	}
	if err := s.alone(ctx, tx, registry+"\x01"+name); err != nil {
		return err
	}
	// Pulls are in summaries, so those of its reports change with them.
	var pulls, seq int64
	err := tx.row(ctx, "SELECT pulls, seq FROM repositories WHERE registry = ? AND name = ?", registry, name).Scan(&pulls, &seq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err != nil || pulls != r.Pulls {
		if seq, err = s.next(ctx, tx); err != nil {
			return err
		}
	}
	_, err = tx.exec(ctx, `INSERT INTO repositories (registry, name, seq, description, pulls, stars, official, verified, updated)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (registry, name) DO UPDATE SET seq = excluded.seq, description = excluded.description, pulls = excluded.pulls,
  stars = excluded.stars, official = excluded.official, verified = excluded.verified, updated = excluded.updated`,
		registry, name, seq, clean(r.Description), r.Pulls, r.Stars, r.Official, r.Verified, nanoseconds(r.Updated))
	return err
}

// Repository implements [store.Store].
func (s *Store) Repository(ctx context.Context, registry, name string) (*store.Repository, error) {
	registry, name = brief(registry), brief(name)
	r, err := s.repository(ctx, registry, name)
	if err != nil {
		return nil, fmt.Errorf("get repository: %w", err)
	}
	return r, nil
}

func (s *Store) repository(ctx context.Context, registry, name string) (*store.Repository, error) {
	db := s.look()
	tags, err := each(ctx, db, text, "SELECT DISTINCT tag FROM history WHERE registry = ? AND repository = ?", registry, name)
	if err != nil {
		return nil, err
	}
	r := &store.Repository{Registry: registry, Name: name, Pulls: -1, Stars: -1}
	var updated int64
	err = db.row(ctx, "SELECT description, pulls, stars, official, verified, updated FROM repositories WHERE registry = ? AND name = ?", registry, name).
		Scan(&r.Description, &r.Pulls, &r.Stars, &r.Official, &r.Verified, &updated)
	if errors.Is(err, sql.ErrNoRows) && len(tags) > 0 {
		err = nil
	}
	if err != nil {
		return nil, none(err)
	}
	r.Updated = moment(updated)
	r.Tags = slices.DeleteFunc(tags, func(tag string) bool { return tag == "" })
	slices.Sort(r.Tags)
	return r, nil
}

// text scans one string.
func text(row scanner) (t string, err error) { return t, row.Scan(&t) }

// History implements [store.Store].
func (s *Store) History(ctx context.Context, registry, name, tag string, p store.Page) (found []store.Summary, next string, err error) {
	before, limit, err := page(p)
	if err != nil {
		return nil, "", fmt.Errorf("list history: %w", err)
	}
	query, args := ofHistory+"WHERE h.registry = ? AND h.repository = ? AND h.id < ?", []any{brief(registry), brief(name), before}
	if tag != "" {
		query, args = query+" AND h.tag = ?", append(args, brief(tag))
	}
	lines, err := each(ctx, s.look(), numbered, query+" ORDER BY h.id DESC"+more(limit), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list history: %w", err)
	}
	found, next = cut(lines, limit)
	return found, next, nil
}

var ofHistory = summaries("h.id,", "FROM history h JOIN reports r ON r.id = h.report", "h")
