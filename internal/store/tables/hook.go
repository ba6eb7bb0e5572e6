package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// columnsOfHook are those of a hook h.
const columnsOfHook = "h.n, h.id, h.url, h.secret, h.verdicts, h.owner, h.created"

// hookScan scans a hook, with its number.
type hookScan struct {
	n        int64
	hook     store.Hook
	verdicts string
	created  int64
}

func (h *hookScan) into() []any {
	return []any{&h.n, &h.hook.ID, &h.hook.URL, &h.hook.Secret, &h.verdicts, &h.hook.Owner, &h.created}
}

func (h *hookScan) done() error {
	h.hook.Created = moment(h.created)
	return json.Unmarshal([]byte(h.verdicts), &h.hook.Verdicts)
}

func scanHook(row scanner) (h hookScan, err error) {
	if err := row.Scan(h.into()...); err != nil {
		return h, err
	}
	return h, h.done()
}

// AddHook implements [store.Store].
func (s *Store) AddHook(ctx context.Context, h store.Hook) error {
	if err := identify(h.ID); err != nil {
		return fmt.Errorf("add hook: %w", err)
	}
	err := s.change(ctx, func(tx session) error {
		_, err := tx.exec(ctx, "INSERT INTO hooks (id, url, secret, verdicts, owner, created) VALUES (?, ?, ?, ?, ?, ?)",
			clean(h.ID), clean(h.URL), clean(h.Secret), clean(list(h.Verdicts)), clean(h.Owner), nanoseconds(s.or(h.Created)))
		return s.conflict(err)
	})
	if err != nil {
		return fmt.Errorf("add hook: %w", err)
	}
	return nil
}

// AllHooks implements [store.Store].
func (s *Store) AllHooks(ctx context.Context) ([]store.Hook, error) {
	scans, err := each(ctx, s.look(), scanHook, "SELECT "+columnsOfHook+" FROM hooks h ORDER BY h.n")
	if err != nil {
		return nil, fmt.Errorf("list hooks: %w", err)
	}
	var hooks []store.Hook
	for _, h := range scans {
		hooks = append(hooks, h.hook)
	}
	return hooks, nil
}

// DropHook implements [store.Store]. What it was to be told yet goes with it.
func (s *Store) DropHook(ctx context.Context, id string) error {
	err := s.change(ctx, func(tx session) error { return tx.one(ctx, "DELETE FROM hooks WHERE id = ?", clean(id)) })
	if err != nil {
		return fmt.Errorf("drop hook: %w", err)
	}
	return nil
}

// hooksOf are the numbers of the hooks that are told of a verdict. None of them is dropped until
// the transaction has ended.
func (s *Store) hooksOf(ctx context.Context, tx session, w detonaut.Word) (numbers []int64, err error) {
	scans, err := each(ctx, tx, scanHook, "SELECT "+columnsOfHook+" FROM hooks h ORDER BY h.n "+s.dialect.Keep)
	for _, h := range scans {
		if len(h.hook.Verdicts) == 0 || slices.Contains(h.hook.Verdicts, w) {
			numbers = append(numbers, h.n)
		}
	}
	return numbers, err
}

// Due implements [store.Store].
func (s *Store) Due(ctx context.Context, sender string, lease time.Duration, limit int) ([]store.Delivery, error) {
	var due []store.Delivery
	now := s.now()
	err := s.change(ctx, func(tx session) error {
		ids, err := each(ctx, tx, number, "SELECT id FROM deliveries WHERE due <= ? ORDER BY due, id LIMIT ? "+s.dialect.Skip,
			nanoseconds(now), max(1, min(limit, maxPage)))
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := tx.one(ctx, "UPDATE deliveries SET due = ?, sender = ?, attempts = attempts + 1 WHERE id = ?",
				nanoseconds(now.Add(lease)), clean(sender), id); err != nil {
				return err
			}
			d, err := scanDelivery(tx.row(ctx, ofDeliveries+"WHERE d.id = ?", id))
			if err != nil {
				return err
			}
			due = append(due, d)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return due, nil
}

var ofDeliveries = summaries("d.id, d.attempts, d.failure, "+columnsOfHook+",",
	"FROM deliveries d JOIN hooks h ON h.n = d.hook JOIN reports r ON r.id = d.report", "r")

func scanDelivery(row scanner) (d store.Delivery, err error) {
	var h hookScan
	var analysed int64
	columns := append([]any{&d.ID, &d.Attempts, &d.Failure}, h.into()...)
	if err := row.Scan(append(columns, into(&d.Report, &analysed)...)...); err != nil {
		return d, err
	}
	err = h.done()
	d.Hook, d.Report.Analysed = h.hook, moment(analysed)
	return d, err
}

// Delivered implements [store.Store].
func (s *Store) Delivered(ctx context.Context, id int64, failure string, again time.Time) error {
	err := s.change(ctx, func(tx session) error {
		if failure == "" || again.IsZero() {
			return tx.one(ctx, "DELETE FROM deliveries WHERE id = ?", id)
		}
		return tx.one(ctx, "UPDATE deliveries SET due = ?, failure = ?, sender = '' WHERE id = ?", nanoseconds(again), clean(failure), id)
	})
	if err != nil {
		return fmt.Errorf("end delivery: %w", err)
	}
	return nil
}
