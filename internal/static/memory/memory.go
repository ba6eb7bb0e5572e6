// Package memory remembers, from one scan to the next, what was found in contents: a
// file that was in any image before costs a look-up.
//
// It is one SQLite database, used by several processes at once. Nothing depends on it:
// what it has lost, or cannot read, is read again. It holds what analyzers said of
// hostile files, and belongs to whoever runs them: its directory is open to nobody else.
package memory

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/glebarez/go-sqlite" // the driver "sqlite"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static"
)

// file is the name of the database. The number grows when its tables change, and an old
// one is left alone.
const file = "memory-1.sqlite"

// Options say where and how much. The zero value has no directory and is no option.
type Options struct {
	// Dir holds the database. It is made if it is not there.
	Dir string
	// Bytes is about how large the database may become; 0 is 1 GiB.
	Bytes int64
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
}

// Memory is an open database. It is used by several goroutines at once.
type Memory struct {
	db  *sql.DB
	max int64
	now func() time.Time
}

var _ static.Memory = (*Memory)(nil)

// pragmas make it quick, and safe to share. A power failure may lose the last notes, or
// all of them: then it is made anew.
const pragmas = "?_pragma=busy_timeout(5000)&_pragma=auto_vacuum(INCREMENTAL)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=temp_store(MEMORY)"

// used is the day, since 1970, on which it was last of use.
const schema = `
CREATE TABLE IF NOT EXISTS found (
  analyzer INTEGER NOT NULL,
  content  BLOB NOT NULL,
  findings BLOB NOT NULL,
  used     INTEGER NOT NULL,
  PRIMARY KEY (analyzer, content)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS analyzers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS notes (
  name  BLOB PRIMARY KEY,
  value BLOB NOT NULL,
  used  INTEGER NOT NULL
) WITHOUT ROWID;
`

// Open opens the memory, and makes a new one in the place of one that is broken. Close
// it after use.
func Open(ctx context.Context, o Options) (*Memory, error) {
	if o.Bytes == 0 {
		o.Bytes = 1 << 30
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make memory: %w", err)
	}
	path := filepath.Join(o.Dir, file)
	m, err := open(ctx, path, o)
	if err != nil && ctx.Err() == nil {
		for _, end := range []string{"", "-wal", "-shm"} {
			if rerr := os.Remove(path + end); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
				return nil, fmt.Errorf("open memory: %w", errors.Join(err, rerr))
			}
		}
		m, err = open(ctx, path, o)
	}
	if err != nil {
		return nil, fmt.Errorf("open memory: %w", err)
	}
	return m, nil
}

func open(ctx context.Context, path string, o Options) (*Memory, error) {
	db, err := sql.Open("sqlite", "file:"+path+pragmas)
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Memory{db: db, max: o.Bytes, now: o.Now}, nil
}

// Close makes room if it has grown too large, and ends its use.
func (m *Memory) Close() error {
	err := m.forget(context.Background())
	if cerr := m.db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("close memory: %w", err)
	}
	return nil
}

// maxAsked is how many contents are asked for in one query; SQLite takes 32,766
// parameters.
const maxAsked = 512

// Recall implements [static.Memory].
func (m *Memory) Recall(ctx context.Context, analyzer string, contents []string) (map[string][]detonaut.Finding, error) {
	id, err := m.analyzer(ctx, analyzer)
	if err != nil {
		return nil, fmt.Errorf("recall findings: %w", err)
	}
	known := map[string][]detonaut.Finding{}
	for len(contents) > 0 {
		n := min(len(contents), maxAsked)
		if err := m.recall(ctx, id, contents[:n], known); err != nil {
			return nil, fmt.Errorf("recall findings: %w", err)
		}
		contents = contents[n:]
	}
	return known, nil
}

func (m *Memory) recall(ctx context.Context, analyzer int64, contents []string, known map[string][]detonaut.Finding) error {
	args := []any{analyzer}
	for _, c := range contents {
		sum, err := hex.DecodeString(c)
		if err != nil {
			return err
		}
		args = append(args, sum)
	}
	query := "SELECT content, findings, used FROM found WHERE analyzer = ? AND content IN (?" + strings.Repeat(",?", len(contents)-1) + ")"
	rows, err := m.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // again
	var old []any
	for rows.Next() {
		var sum, text sql.RawBytes
		var day int64
		if err := rows.Scan(&sum, &text, &day); err != nil {
			return err
		}
		var found []detonaut.Finding
		if len(text) > 0 {
			if err := json.Unmarshal(text, &found); err != nil {
				continue // as if it were not there
			}
		}
		known[hex.EncodeToString(sum)] = found
		if day < m.day() {
			old = append(old, bytes.Clone(sum))
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return m.touch(ctx, analyzer, old)
}

// touch notes that contents were of use today.
func (m *Memory) touch(ctx context.Context, analyzer int64, contents []any) error {
	if len(contents) == 0 {
		return nil
	}
	query := "UPDATE found SET used = ? WHERE analyzer = ? AND content IN (?" + strings.Repeat(",?", len(contents)-1) + ")"
	_, err := m.db.ExecContext(ctx, query, append([]any{m.day(), analyzer}, contents...)...)
	return err
}

// Keep implements [static.Memory].
func (m *Memory) Keep(ctx context.Context, analyzer string, found map[string][]detonaut.Finding) error {
	if err := m.keep(ctx, analyzer, found); err != nil {
		return fmt.Errorf("remember findings: %w", err)
	}
	return nil
}

func (m *Memory) keep(ctx context.Context, analyzer string, found map[string][]detonaut.Finding) (err error) {
	id, err := m.analyzer(ctx, analyzer)
	if err != nil {
		return err
	}
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	insert, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO found (analyzer, content, findings, used) VALUES (?, ?, ?, ?)")
	if err != nil {
		return err
	}
	for content, findings := range found {
		sum, err := hex.DecodeString(content)
		if err != nil {
			return err
		}
		text := []byte{}
		if len(findings) > 0 {
			if text, err = json.Marshal(findings); err != nil {
				return err
			}
		}
		if _, err := insert.ExecContext(ctx, id, sum, text, m.day()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// analyzer is the number of an analyzer.
func (m *Memory) analyzer(ctx context.Context, name string) (id int64, err error) {
	const query = "SELECT id FROM analyzers WHERE name = ?"
	err = m.db.QueryRowContext(ctx, query, name).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	if _, err := m.db.ExecContext(ctx, "INSERT OR IGNORE INTO analyzers (name) VALUES (?)", name); err != nil {
		return 0, err
	}
	err = m.db.QueryRowContext(ctx, query, name).Scan(&id)
	return id, err
}

func (m *Memory) day() int64 { return m.now().Unix() / (24 * 60 * 60) }
