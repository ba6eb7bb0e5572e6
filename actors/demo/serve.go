package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/blob"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

// remember puts the runs that a scan has kept in folders of dir into a store there, as a
// server has it, and returns the file of its database.
func remember(ctx context.Context, dir string) (database string, err error) {
	database = filepath.Join(dir, "store.db")
	blobs, err := blob.Open(ctx, filepath.Join(dir, "blobs"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	s, err := sqlite.Open(ctx, database, store.Options{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	runs, err := filepath.Glob(filepath.Join(dir, "runs", "*", "report.json"))
	if err != nil {
		return "", err
	}
	for _, file := range runs {
		if err := rememberRun(ctx, s, blobs, os.DirFS(filepath.Dir(file))); err != nil {
			return "", fmt.Errorf("remember %s: %w", filepath.Dir(file), err)
		}
	}
	return database, nil
}

// rememberRun puts one run.
func rememberRun(ctx context.Context, s store.Reports, blobs *blob.Blobs, run fs.FS) error {
	text, err := fs.ReadFile(run, "report.json")
	if err != nil {
		return err
	}
	e := store.Entry{Report: new(detonaut.Report)}
	if err := json.Unmarshal(text, e.Report); err != nil {
		return err
	}
	e.Name = store.Name{Registry: "actors", Repository: path.Base(string(e.Report.Image.Ref)), Tag: "latest"}
	if e.Blobs, err = blobs.PutAll(ctx, run, "report.json"); err != nil {
		return err
	}
	_, err = s.Put(ctx, e)
	return err
}

// serve serves what was remembered until it is interrupted, if somebody is there to look at
// it; else it says how that is done.
func serve(ctx context.Context, database string, wanted bool) error {
	args := []string{"serve", "--public", "--listen", "127.0.0.1:0", "--database", database}
	fmt.Printf("\n$ bin/detonaut %s\n", strings.Join(args, " "))
	if !wanted {
		return nil
	}
	fmt.Println("The results are at the address below, until you press Ctrl-C.")
	cmd := exec.CommandContext(ctx, "bin/detonaut", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// terminal tells whether a person reads what is printed.
func terminal() bool {
	out, err := os.Stdout.Stat()
	if err != nil || out.Mode()&fs.ModeCharDevice == 0 {
		return false
	}
	nowhere, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(out, nowhere)
}
