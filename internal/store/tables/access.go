package tables

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

const ofKeys = "SELECT id, hash, name, scopes, created, expires, revoked FROM keys "

func scanKey(row scanner) (k store.APIKey, err error) {
	var scopes string
	var created, expires, revoked int64
	err = row.Scan(&k.ID, &k.Hash, &k.Name, &scopes, &created, &expires, &revoked)
	if err == nil {
		err = json.Unmarshal([]byte(scopes), &k.Scopes)
	}
	k.Created, k.Expires, k.Revoked = moment(created), moment(expires), moment(revoked)
	return k, err
}

// AddKey implements [store.Store].
func (s *Store) AddKey(ctx context.Context, k store.APIKey) error {
	if err := identify(k.ID, k.Hash); err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	err := s.change(ctx, func(tx session) error {
		_, err := tx.exec(ctx, "INSERT INTO keys (id, hash, name, scopes, created, expires, revoked) VALUES (?, ?, ?, ?, ?, ?, ?)",
			clean(k.ID), clean(k.Hash), clean(k.Name), clean(list(k.Scopes)), nanoseconds(s.or(k.Created)), nanoseconds(k.Expires), nanoseconds(k.Revoked))
		return s.conflict(err)
	})
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	return nil
}

// KeyOf implements [store.Store].
func (s *Store) KeyOf(ctx context.Context, hash string) (*store.APIKey, error) {
	k, err := scanKey(s.look().row(ctx, ofKeys+"WHERE hash = ? AND revoked = 0", clean(hash)))
	if err != nil {
		return nil, fmt.Errorf("get key: %w", none(err))
	}
	return &k, nil
}

// Keys implements [store.Store].
func (s *Store) Keys(ctx context.Context) ([]store.APIKey, error) {
	keys, err := each(ctx, s.look(), scanKey, ofKeys+"ORDER BY n")
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// RevokeKey implements [store.Store]. The time at which it was revoked first stays.
func (s *Store) RevokeKey(ctx context.Context, id string) error {
	err := s.change(ctx, func(tx session) error {
		return tx.one(ctx, "UPDATE keys SET revoked = CASE WHEN revoked = 0 THEN ? ELSE revoked END WHERE id = ?", nanoseconds(s.now()), clean(id))
	})
	if err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	return nil
}

// Note implements [store.Store].
func (s *Store) Note(ctx context.Context, d store.Deed) error {
	err := s.change(ctx, func(tx session) error {
		_, err := tx.exec(ctx, "INSERT INTO deeds (at, who, origin, what, about, refused) VALUES (?, ?, ?, ?, ?, ?)",
			nanoseconds(s.or(d.At)), clean(d.Who), clean(d.From), clean(d.What), clean(d.About), clean(d.Refused))
		return err
	})
	if err != nil {
		return fmt.Errorf("note deed: %w", err)
	}
	return nil
}

// Deeds implements [store.Store].
func (s *Store) Deeds(ctx context.Context, p store.Page) (found []store.Deed, next string, err error) {
	before, limit, err := page(p)
	if err != nil {
		return nil, "", fmt.Errorf("list deeds: %w", err)
	}
	lines, err := each(ctx, s.look(), func(row scanner) (l line[store.Deed], err error) {
		var at int64
		d := &l.what
		err = row.Scan(&l.n, &at, &d.Who, &d.From, &d.What, &d.About, &d.Refused)
		d.At = moment(at)
		return l, err
	}, "SELECT n, at, who, origin, what, about, refused FROM deeds WHERE n < ? ORDER BY n DESC"+more(limit), before)
	if err != nil {
		return nil, "", fmt.Errorf("list deeds: %w", err)
	}
	found, next = cut(lines, limit)
	return found, next, nil
}

// AddDispute implements [store.Store].
func (s *Store) AddDispute(ctx context.Context, d store.Dispute) error {
	if err := identify(d.ID, string(d.Digest)); err != nil {
		return fmt.Errorf("add dispute: %w", err)
	}
	err := s.change(ctx, func(tx session) error {
		_, err := tx.exec(ctx, "INSERT INTO disputes (id, digest, at, origin, contact, text) VALUES (?, ?, ?, ?, ?, ?)",
			clean(d.ID), clean(d.Digest), nanoseconds(s.or(d.At)), clean(d.From), clean(d.Contact), clean(d.Text))
		return s.conflict(err)
	})
	if err != nil {
		return fmt.Errorf("add dispute: %w", err)
	}
	return nil
}

// Disputes implements [store.Store].
func (s *Store) Disputes(ctx context.Context, of detonaut.Digest, p store.Page) (found []store.Dispute, next string, err error) {
	before, limit, err := page(p)
	if err != nil {
		return nil, "", fmt.Errorf("list disputes: %w", err)
	}
	query, args := "SELECT n, id, digest, at, origin, contact, text FROM disputes WHERE n < ?", []any{before}
	if of != "" {
		query, args = query+" AND digest = ?", append(args, clean(of))
	}
	lines, err := each(ctx, s.look(), func(row scanner) (l line[store.Dispute], err error) {
		var at int64
		d := &l.what
		err = row.Scan(&l.n, &d.ID, &d.Digest, &at, &d.From, &d.Contact, &d.Text)
		d.At = moment(at)
		return l, err
	}, query+" ORDER BY n DESC"+more(limit), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list disputes: %w", err)
	}
	found, next = cut(lines, limit)
	return found, next, nil
}
