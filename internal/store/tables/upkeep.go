package tables

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/fact"
)

// All implements [store.Store].
func (s *Store) All(ctx context.Context, after int64, limit int) ([]store.Summary, error) {
	upTo, err := s.horizon(ctx, after)
	if err != nil {
		return nil, fmt.Errorf("list all reports: %w", err)
	}
	all, err := each(ctx, s.look(), scanSummary, ofReports+"WHERE r.seq > ? AND r.seq <= ? ORDER BY r.seq LIMIT "+strconv.Itoa(max(1, limit)), after, upTo)
	if err != nil {
		return nil, fmt.Errorf("list all reports: %w", err)
	}
	return all, nil
}

// Named implements [store.Store].
func (s *Store) Named(ctx context.Context, after string, limit int) ([]string, error) {
	named, err := each(ctx, s.look(), text, "SELECT DISTINCT hash FROM blobs WHERE hash > ? ORDER BY hash LIMIT "+strconv.Itoa(max(1, limit)), clean(after))
	if err != nil {
		return nil, fmt.Errorf("list blobs: %w", err)
	}
	return named, nil
}

// FactsOf implements [store.Store].
func (s *Store) FactsOf(ctx context.Context, d detonaut.Digest, key string) ([]store.Fact, error) {
	facts, err := s.factsOf(ctx, clean(d), clean(key))
	if err != nil {
		return nil, fmt.Errorf("list facts: %w", err)
	}
	return facts, nil
}

func (s *Store) factsOf(ctx context.Context, d, key string) ([]store.Fact, error) {
	db := s.look()
	var packed []byte
	err := db.row(ctx, "SELECT b.facts FROM reports r JOIN bodies b ON b.id = r.body WHERE r.digest = ? AND r.key = ?", d, key).Scan(&packed)
	if err != nil {
		return nil, none(err)
	}
	ids, err := unpackIDs(packed)
	if err != nil {
		return nil, err
	}
	facts, err := each(ctx, db, func(row scanner) (f store.Fact, err error) { return f, row.Scan(&f.Kind, &f.Value) },
		"SELECT f.kind, f.value FROM "+s.dialect.Each+" e JOIN facts f ON f.id = CAST(e.value->>0 AS BIGINT)", numbers(ids))
	slices.SortFunc(facts, fact.Compare)
	return facts, err
}

// ended are submissions that ended before a time.
const ended = "submissions WHERE state NOT IN ('queued', 'running') AND finished < ?"

// Expire implements [store.Store].
func (s *Store) Expire(ctx context.Context, before time.Time, dry bool) (store.Expired, error) {
	var e store.Expired
	at := nanoseconds(before)
	err := s.change(ctx, func(tx session) error {
		for _, count := range []struct {
			into  *int
			query string
		}{
			{&e.Submissions, "SELECT COUNT(*) FROM " + ended},
			{&e.Progress, "SELECT COUNT(*) FROM progress WHERE submission IN (SELECT n FROM " + ended + ")"},
			{&e.Deeds, "SELECT COUNT(*) FROM deeds WHERE at < ?"},
		} {
			if err := tx.row(ctx, count.query, at).Scan(count.into); err != nil {
				return err
			}
		}
		if dry {
			return nil
		}
		if _, err := tx.exec(ctx, "DELETE FROM "+ended, at); err != nil {
			return err
		}
		_, err := tx.exec(ctx, "DELETE FROM deeds WHERE at < ?", at)
		return err
	})
	if err != nil {
		return store.Expired{}, fmt.Errorf("expire submissions: %w", err)
	}
	return e, nil
}
