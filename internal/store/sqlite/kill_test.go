package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
	"github.com/detonaut/detonaut/internal/store/storetest"
)

// Variables that make a process of this test one that is to be killed: the file that it puts
// reports in, and the number of the first.
const (
	childFile = "DETONAUT_TEST_STORE"
	childFrom = "DETONAUT_TEST_FROM"
)

// childSurvey stands for the number of one that works at a survey.
const childSurvey = "survey"

func TestMain(m *testing.M) {
	path := os.Getenv(childFile)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := child(context.Background(), path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(ctx context.Context, path string) error {
	works, err := storetest.WorkForever(func(ctx context.Context, o store.Options) (store.Store, error) { return sqlite.Open(ctx, path, o) })
	if works {
		return err
	}
	if os.Getenv(childFrom) == "" {
		return fill(ctx, path)
	}
	s, err := sqlite.Open(ctx, path, store.Options{})
	if err != nil {
		return err
	}
	if os.Getenv(childFrom) == childSurvey {
		return storetest.SurveyForever(ctx, s, os.Stdout)
	}
	from, err := strconv.ParseUint(os.Getenv(childFrom), 10, 64)
	if err != nil {
		return err
	}
	return storetest.PutForever(ctx, s, from, os.Stdout)
}

// again is this test as another process.
func again(tb testing.TB, env ...string) *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), self)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	storetest.TestKill(t, func(from uint64) *exec.Cmd { return again(t, childFile+"="+path, fmt.Sprint(childFrom, "=", from)) }, func() store.Store {
		s, err := sqlite.Open(t.Context(), path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		checkFile(t, path)
		return s
	})
}

func TestSurveyKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	storetest.TestSurveyKill(t, func() *exec.Cmd { return again(t, childFile+"="+path, childFrom+"="+childSurvey) }, func() store.Store {
		s, err := sqlite.Open(t.Context(), path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
	checkFile(t, path)
}

func TestStuck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sqlite")
	storetest.TestStuck(t, func(o store.Options) store.Store { return open(t, path, o) }, raw(t, path))
}

// checkFile has SQLite look through the whole file.
func checkFile(tb testing.TB, path string) {
	tb.Helper()
	db, ctx := raw(tb, path), context.WithoutCancel(tb.Context()) // also at the end of a test
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		tb.Errorf("the file is not whole: %s, %v", said, err)
	}
	var broken int
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM pragma_foreign_key_check").Scan(&broken); err != nil || broken != 0 {
		tb.Errorf("%d references lead nowhere: %v", broken, err)
	}
	storetest.CheckTables(tb, db)
}

// raw is the database without the store.
func raw(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}
