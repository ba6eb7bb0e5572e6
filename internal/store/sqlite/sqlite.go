// Package sqlite is a store in one file, for one machine: several processes may use it, one
// of them writes at a time.
//
// The file is in WAL mode, and what was acknowledged is on the disk: it survives the process,
// and the machine. Beside it are two more while it is open, named FILE-wal and FILE-shm, and
// FILE-lock, which is empty.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	sqlite "github.com/glebarez/go-sqlite"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/detonaut/detonaut/internal/lock"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/queue"
	"github.com/detonaut/detonaut/internal/store/tables"
)

//go:embed migrations/*.sql
var migrations embed.FS

func dialect() tables.Dialect {
	files, _ := fs.Sub(migrations, "migrations") // it is there
	return tables.Dialect{
		Goose:      goose.DialectSQLite3,
		Migrations: files,
		Each:       "json_each(?)",
		// There is one writer, so numbers are committed in their order.
		Next:     []string{"UPDATE changes SET value = value + 1 RETURNING value"},
		Horizon:  []string{"SELECT value FROM changes"},
		Clock:    "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER) * 1000000",
		Queue:    func(db *sql.DB) queue.Driver { return riversqlite.New(db) },
		Conflict: conflict,
	}
}

// conflict tells whether an error is of a row there can be only one of.
func conflict(err error) bool {
	var e *sqlite.Error
	const unique, primary = 2067, 1555 // SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY
	return errors.As(err, &e) && (e.Code() == unique || e.Code() == primary)
}

// readers is how many look at the same time.
const readers = 8

// Open opens the store in a file, which is made if it is not there, and its directory, too: for
// nobody but the user. Tables of an older version are brought up to date.
func Open(ctx context.Context, path string, o store.Options) (store.Store, error) {
	s, err := open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, o store.Options) (s *tables.Store, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite would let others read it
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	// Two processes may not migrate at once.
	alone, err := lock.Wait(ctx, path+"-lock", func() {})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, alone.Close()) }()
	write, err := sql.Open("sqlite", name(path, "busy_timeout(20000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "cache_size(-65536)")+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", name(path, "busy_timeout(20000)", "query_only(ON)", "cache_size(-16384)"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return tables.Open(ctx, dialect(), read, write, o)
}

// name is that of a file and of how to open it, as SQLite wants it.
func name(path string, pragmas ...string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + url.Values{"_pragma": pragmas}.Encode()
}
