// Package tables is a store in the tables of a database: what SQLite and PostgreSQL have
// in common, which is nearly all. A [Dialect] is the rest. Each of both has its own
// migrations, which make the same tables.
//
// Reports are kept as compressed JSON, and what is listed of them in columns. Each change
// of what can be found has a number, Seq: that of a report, of a repository whose pulls
// have changed, or of a report that was dropped. Numbers are taken such that who has seen
// one never misses a smaller one that is committed later.
//
// Text of a database holds neither invalid UTF-8 nor, in PostgreSQL, the character NUL. Both
// are kept as U+FFFD, and looked for as that. A report as a whole is kept as it is, but for what
// JSON does to invalid UTF-8, which is the same.
package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/index"
	"github.com/detonaut/detonaut/internal/store/queue"
)

// Dialect is in what databases differ.
type Dialect struct {
	Goose      goose.Dialect
	Migrations fs.FS
	// Migrating are options of the one who migrates: how processes wait for each other.
	Migrating []goose.ProviderOption
	// Numbered is set if arguments are $1, $2 ... instead of ?.
	Numbered bool
	// Each makes rows of the elements of an array in JSON, which is an argument: a row has a
	// column "value", of which ->>0 is the first element.
	Each string
	// Next takes the number of a change, which is what the last statement gives.
	Next []string
	// Alone has a transaction wait for others with the same argument, a string; empty if there
	// is one writer anyway.
	Alone string
	// Horizon finds the greatest number that was taken; what is before the last statement waits until
	// all that were taken are committed, or never will be.
	Horizon []string
	// Busy tells whether an error is of Horizon, which has waited too long; nil if that never does.
	Busy func(error) bool
	// Skip has a query lock its rows, and pass over those that are locked.
	Skip string
	// Lock has a query lock its rows; Keep has others not remove them.
	Lock, Keep string
	// Clock is the time by the clock of the database, in nanoseconds since 1970.
	Clock string
	// Queue is the driver of jobs in a database.
	Queue func(*sql.DB) queue.Driver
	// Conflict tells whether an error is that of something there can be only one of.
	Conflict func(error) bool
}

// Store is a [store.Store].
type Store struct {
	dialect Dialect
	// read and write are the same for a database with several writers.
	read, write *sql.DB
	now         func() time.Time
	counts      counts
	index       *index.Index
	// queue changes jobs, listing looks at them.
	queue, listing *queue.Queue
}

var _ store.Store = (*Store)(nil)

// Open brings the tables up to date, and returns the store. The databases are closed with it;
// also if this fails.
func Open(ctx context.Context, d Dialect, read, write *sql.DB, o store.Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{dialect: d, read: read, write: write, now: o.Now}
	s.index = index.New(source{s})
	err := s.migrate(ctx)
	if err == nil {
		s.queue, err = queue.New(d.Queue(write))
	}
	if err == nil {
		s.listing, err = queue.New(d.Queue(read))
	}
	if err == nil {
		err = s.adopt(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close implements [store.Store].
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write {
		err = errors.Join(s.read.Close(), err)
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// migrate brings the tables up to date. It refuses those of a newer version of the program.
func (s *Store) migrate(ctx context.Context) error {
	p, err := s.Migrations()
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate store: %w", err)
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate store: %w", err)
	}
	if current > target {
		return fmt.Errorf("migrate store: its tables have version %d, this program knows %d: use a newer one", current, target)
	}
	return nil
}

// queueMigration is the number of that which makes the tables of jobs.
const queueMigration = 5

// Migrations are those of the database, forward and back.
func (s *Store) Migrations() (*goose.Provider, error) {
	options := append([]goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(queue.Migration(queueMigration, s.dialect.Queue)),
	}, s.dialect.Migrating...)
	p, err := goose.NewProvider(s.dialect.Goose, s.write, s.dialect.Migrations, options...)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// session is a database or a transaction.
type session struct {
	runner
	numbered bool
	tx       *sql.Tx // nil if it is none
}

type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// look is for reading.
func (s *Store) look() session { return session{s.read, s.dialect.Numbered, nil} }

// change does something in a transaction.
func (s *Store) change(ctx context.Context, do func(session) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(session{tx, s.dialect.Numbered, tx}); err != nil {
		_ = tx.Rollback() // the error is why
		return why(ctx, err)
	}
	return why(ctx, tx.Commit())
}

// why is an error, and that the context has ended if that may be why: a database says in its
// own words that it was interrupted.
func why(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, ctx.Err()) || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// text is a query as the database wants it.
func (s session) text(query string) string {
	if !s.numbered {
		return query
	}
	var b strings.Builder
	parts := strings.Split(query, "?")
	for i, p := range parts {
		b.WriteString(p)
		if i < len(parts)-1 {
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(i + 1))
		}
	}
	return b.String()
}

func (s session) row(ctx context.Context, query string, args ...any) scanner {
	return oneRow{ctx, s.QueryRowContext(ctx, s.text(query), args...)}
}

type oneRow struct {
	ctx context.Context //nolint:containedctx // of the call that the row is of
	row *sql.Row
}

func (r oneRow) Scan(into ...any) error { return why(r.ctx, r.row.Scan(into...)) }

// exec returns how many rows have changed.
func (s session) exec(ctx context.Context, query string, args ...any) (int64, error) {
	done, err := s.ExecContext(ctx, s.text(query), args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

// one is exec of what concerns one thing: [store.ErrNotFound] if there is none.
func (s session) one(ctx context.Context, query string, args ...any) error {
	n, err := s.exec(ctx, query, args...)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}

// each reads all rows of a query.
func each[T any](ctx context.Context, s session, scan func(scanner) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := s.QueryContext(ctx, s.text(query), args...)
	if err != nil {
		return nil, why(ctx, err)
	}
	defer func() { err = why(ctx, errors.Join(err, rows.Close())) }()
	for rows.Next() {
		t, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

type scanner interface{ Scan(into ...any) error }

// number scans one number.
func number(row scanner) (n int64, err error) { return n, row.Scan(&n) }

// none is [store.ErrNotFound] for no rows.
func none(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}

// conflict is [store.ErrConflict] for something there can be only one of.
func (s *Store) conflict(err error) error {
	if err != nil && s.dialect.Conflict(err) {
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	}
	return err
}
