// Package vulntest gives tests a real vulnerability database, which is in the
// repository.
package vulntest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
)

// Archive is the path of the database as it is published; latest.json lies beside it.
func Archive(tb testing.TB) string {
	tb.Helper()
	start, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for dir := start; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		file := filepath.Join(dir, "testdata", "vulndb", "grype-v6.1.10.tar.zst")
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	tb.Fatalf("find the vulnerability database: no testdata/vulndb above %s", start)
	return ""
}

// Dir makes a directory with that database, as [vuln.Open] and grype's command want it.
func Dir(tb testing.TB) string {
	tb.Helper()
	store, err := vulndb.New(vulndb.Options{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	if err := store.Import(tb.Context(), Archive(tb)); err != nil {
		tb.Fatal(err)
	}
	return store.Dir()
}
