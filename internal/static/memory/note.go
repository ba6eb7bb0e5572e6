package memory

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
)

// Name is what a note is found by: the hash of all that it follows from.
type Name = [sha256.Size]byte

// Note returns what was noted under a name; nil if nothing is.
func (m *Memory) Note(ctx context.Context, name Name) ([]byte, error) {
	var value []byte
	var day int64
	err := m.db.QueryRowContext(ctx, "SELECT value, used FROM notes WHERE name = ?", name[:]).Scan(&value, &day)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil && day < m.day() {
		_, err = m.db.ExecContext(ctx, "UPDATE notes SET used = ? WHERE name = ?", m.day(), name[:])
	}
	if err != nil {
		return nil, fmt.Errorf("recall note: %w", err)
	}
	return value, nil
}

// SetNote notes a value, which is not empty, under a name.
func (m *Memory) SetNote(ctx context.Context, name Name, value []byte) error {
	_, err := m.db.ExecContext(ctx, "INSERT OR REPLACE INTO notes (name, value, used) VALUES (?, ?, ?)", name[:], value, m.day())
	if err != nil {
		return fmt.Errorf("set note: %w", err)
	}
	return nil
}

// forget makes room: what was of no use for the longest time goes first, a day's at
// once, until a quarter of the room is free.
func (m *Memory) forget(ctx context.Context) error {
	size, err := m.size(ctx)
	if err != nil || size <= m.max {
		return err
	}
	for size > m.max/4*3 {
		var day sql.NullInt64
		err := m.db.QueryRowContext(ctx, "SELECT min(used) FROM (SELECT min(used) AS used FROM found UNION ALL SELECT min(used) FROM notes)").Scan(&day)
		if err != nil {
			return err
		}
		if !day.Valid {
			break // it is empty
		}
		for _, table := range []string{"found", "notes"} {
			if _, err := m.db.ExecContext(ctx, "DELETE FROM "+table+" WHERE used <= ?", day.Int64); err != nil {
				return err
			}
		}
		if size, err = m.size(ctx); err != nil {
			return err
		}
	}
	// It gives back a page with each step, of which Exec makes one.
	rows, err := m.db.QueryContext(ctx, "PRAGMA incremental_vacuum")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err tells
	for rows.Next() {
	}
	return rows.Err()
}

// size is how many bytes are in use.
func (m *Memory) size(ctx context.Context) (int64, error) {
	var pages, free, size int64
	err := m.db.QueryRowContext(ctx, "SELECT page_count, freelist_count, page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()").Scan(&pages, &free, &size)
	return (pages - free) * size, err
}
