// Package postgres is a store in PostgreSQL, for many processes on many machines.
//
// # Numbers of changes
//
// Who reads changes after a number must never miss a smaller one that is committed later, and
// PostgreSQL commits in any order. So whoever takes a number from the sequence has, from before
// that until the end of the transaction, a lock that all such share; and who wants to know up to
// which number all is settled waits for a moment until nobody has that lock. Writers do
// not wait for each other, as they would with one lock for each, and nothing needs to be read
// twice, as it would with an overlap, which would be a guess of how long a transaction takes.
//
// While somebody waits for all writers, new ones wait for them. So nobody may take the lock
// and then wait for something that another has who waits for the lock: in a transaction the lock
// of a digest comes first, then facts, sorted, then hooks, and then the number. What takes long, the
// body of a report on its way to the server, comes before it, too. Who waits for three
// seconds, because a process is stopped in the middle, gives up, and what is searched is as old as it
// was.
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/queue"
	"github.com/detonaut/detonaut/internal/store/tables"
)

//go:embed migrations/*.sql
var migrations embed.FS

// changes is the lock of those who take numbers: see the package. It is two numbers, so that it is
// never one of those that are a hash.
const changes = "1145132097, 1" // "DETA"

func dialect() (tables.Dialect, error) {
	files, _ := fs.Sub(migrations, "migrations") // it is there
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return tables.Dialect{}, err
	}
	return tables.Dialect{
		Goose:      goose.DialectPostgres,
		Migrations: files,
		Migrating:  []goose.ProviderOption{goose.WithSessionLocker(locker)},
		Numbered:   true,
		Each:       "json_array_elements(CAST(? AS json))",
		Next:       []string{"SELECT pg_advisory_xact_lock_shared(" + changes + ")", "SELECT nextval('changes')"},
		Horizon: []string{
			"SET LOCAL lock_timeout = '3s'",
			"SELECT pg_advisory_xact_lock(" + changes + ")",
			"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM changes",
		},
		Busy:     busy,
		Alone:    "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))",
		Skip:     "FOR UPDATE SKIP LOCKED",
		Lock:     "FOR UPDATE",
		Keep:     "FOR KEY SHARE",
		Clock:    "CAST(extract(epoch FROM clock_timestamp()) * 1000000000 AS BIGINT)",
		Queue:    func(db *sql.DB) queue.Driver { return riverdatabasesql.New(db) },
		Conflict: conflict,
	}, nil
}

// conflict tells whether an error is of a row there can be only one of.
func conflict(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "23505" // unique_violation
}

// busy tells whether an error is of a lock that another keeps for long.
func busy(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "55P03" // lock_not_available
}

// connections is how many a process has at most.
const connections = 16

// Open opens the store in the database of a URL, such as
// "postgres://user:password@host/database". Its tables are made, or those of an older version
// brought up to date.
func Open(ctx context.Context, url string, o store.Options) (store.Store, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err) // it shows no password
	}
	for name, value := range map[string]string{
		"application_name": "detonaut",
		// A process that is stopped in the middle, or a machine that is gone, does not keep others waiting.
		"idle_in_transaction_session_timeout": "60s",
		"tcp_keepalives_idle":                 "30",
		"tcp_user_timeout":                    "60s",
	} {
		if _, ok := c.RuntimeParams[name]; !ok {
			c.RuntimeParams[name] = value
		}
	}
	d, err := dialect()
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	s, err := tables.Open(ctx, d, db, db, o)
	if err != nil {
		return nil, fmt.Errorf("open store in database %q at %s: %w", c.Database, c.Host, err)
	}
	return s, nil
}
