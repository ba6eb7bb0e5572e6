package main

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/blob"
	"github.com/detonaut/detonaut/internal/store/sqlite"
)

// remember is the command "remember NUMBER...": it puts a report for each number into the
// store below XDG_DATA_HOME, with a tape of its own and a payload that all have.
func remember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: remember NUMBER...")
	}
	ctx, dir := context.Background(), filepath.Join(ts.Getenv("XDG_DATA_HOME"), "detonaut")
	db, err := sqlite.Open(ctx, filepath.Join(dir, "store.db"), store.Options{})
	ts.Check(err)
	blobs, err := blob.Open(ctx, filepath.Join(dir, "blobs"))
	ts.Check(err)
	payload, _, err := blobs.Put(ctx, strings.NewReader("inert"))
	ts.Check(err)
	for _, arg := range args {
		n, err := strconv.ParseUint(arg, 10, 64)
		ts.Check(err)
		tape, _, err := blobs.Put(ctx, strings.NewReader("tape "+arg))
		ts.Check(err)
		_, err = db.Put(ctx, store.Entry{
			Report: reporttest.Realistic(n), Name: store.Name{Registry: "docker.io", Repository: "team/app" + arg, Tag: "1"},
			Blobs: map[string]string{"tape.jsonl.zst": tape, "payloads/" + payload: payload},
		})
		ts.Check(err)
	}
	ts.Check(db.Close())
	ts.Check(blobs.Close())
}
