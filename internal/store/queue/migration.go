package queue

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

// version is that of River's tables that [Migration] makes. A newer one of River gets a migration of
// its own, from this one on.
const version = 8

// Migration makes River's tables, as one of our migrations: so there is one history of all tables,
// and whatever keeps several processes from migrating at once keeps them from this, too.
func Migration(number int64, driver func(*sql.DB) Driver) *goose.Migration {
	run := func(d rivermigrate.Direction, target int) *goose.GoFunc {
		o := &rivermigrate.MigrateOpts{TargetVersion: target}
		if driver(nil).DatabaseName() == riverdriver.DatabaseNameSQLite {
			// There is one connection, which has a transaction already.
			return &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
				return migrate(driver(nil), func(m *rivermigrate.Migrator[*sql.Tx]) error {
					_, err := m.MigrateTx(ctx, tx, d, o) //nolint:staticcheck // the steps that need several are those of PostgreSQL
					return err
				})
			}}
		}
		// Each step has a transaction of its own: PostgreSQL uses no word of an enumeration in that
		// which makes it.
		return &goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
			return migrate(driver(db), func(m *rivermigrate.Migrator[*sql.Tx]) error {
				_, err := m.Migrate(ctx, d, o)
				return err
			})
		}}
	}
	return goose.NewGoMigration(number, run(rivermigrate.DirectionUp, version), run(rivermigrate.DirectionDown, -1))
}

func migrate(d Driver, do func(*rivermigrate.Migrator[*sql.Tx]) error) error {
	m, err := rivermigrate.New(d, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("read migrations of queue: %w", err)
	}
	if err := do(m); err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	return nil
}
