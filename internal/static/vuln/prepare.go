package vuln

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/spf13/afero"

	"github.com/detonaut/detonaut"
)

// Client is the version of the format for which [Prepare] makes indexes.
func Client() string { return fmt.Sprintf("v%d.%d.%d", v6.ModelVersion, v6.Revision, v6.Addition) }

// Prepare makes a database of the file FileName in folder, which came from somewhere:
// it makes the indexes that are left out for the transport, and notes what it is, for
// us and for grype's command. The digest and what else r says are those of the file as it
// came. It is [detonaut.ErrCorrupt] if the file is no database of this format.
func Prepare(ctx context.Context, folder string, r Record) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("prepare vulnerability database: %w: panic: %v", detonaut.ErrCorrupt, p)
		}
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := v6.Hydrater()(escape(folder)); err != nil {
		return fmt.Errorf("index vulnerability database: %w", blame(err))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := v6.WriteImportMetadata(afero.NewOsFs(), folder, r.Source); err != nil {
		return fmt.Errorf("note what the database is: %w", err)
	}
	info, err := os.Stat(filepath.Join(folder, FileName))
	if err != nil {
		return err
	}
	r.Size, r.Client = info.Size(), Client()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, RecordName), append(b, '\n'), 0o644) //nolint:gosec // it is no secret
}

// blame tells a damaged database from a machine that cannot hold one.
func blame(err error) error {
	var coded interface{ Code() int } // an error of SQLite, sqlite.org/rescode.html
	if errors.As(err, &coded) {
		switch coded.Code() & 0xff {
		case 13:
			return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
		case 7, 10, 14: // no memory, no such file, a failure of input and output
			return err
		}
	}
	return fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
}

// Verify reads the whole database, and is [detonaut.ErrCorrupt] if that is damaged, or
// knows of nothing: then every image would seem to be without a fault.
func (d *Database) Verify(ctx context.Context) error {
	if err := d.verify(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("check vulnerability database: %w: %w", detonaut.ErrCorrupt, err)
	}
	return nil
}

func (d *Database) verify(ctx context.Context) error {
	db, err := d.reader.GetDB().DB()
	if err != nil {
		return err
	}
	var word string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&word); err != nil {
		return err
	}
	if word != "ok" {
		return errors.New(bounded(word, maxReason))
	}
	var some bool
	const ask = "SELECT EXISTS (SELECT 1 FROM vulnerability_handles) AND (EXISTS (SELECT 1 FROM affected_package_handles) OR EXISTS (SELECT 1 FROM affected_cpe_handles))"
	if err := db.QueryRowContext(ctx, ask).Scan(&some); err != nil {
		return err
	}
	if !some {
		return errors.New("there are no vulnerabilities in it")
	}
	return nil
}
