package testenv_test

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/testenv"
)

// query runs one statement, and returns what it says.
func query(t *testing.T, database, statement string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command="+statement, database).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", statement, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestPostgresURL(t *testing.T) {
	first, second := testenv.PostgresURL(t), testenv.PostgresURL(t)
	query(t, first, "create table t (n int)")
	if got := query(t, second, "select count(*) from pg_tables where tablename = 't'"); got != "0" {
		t.Errorf("another database has %s tables of the first", got)
	}
	if got := query(t, first, "show fsync"); got != "on" {
		t.Errorf("fsync is %s", got)
	}
}

// What was committed before a server was killed is there when it has been started again,
// and nothing of the server is there after the test.
func TestPostgresStop(t *testing.T) {
	var dir string
	t.Run("server", func(t *testing.T) {
		server := testenv.Postgres(t, "full_page_writes=on")
		database := server.URL(t)
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		dir = u.Query().Get("host")
		query(t, database, "create table t as select generate_series(1, 1000) as n")
		server.Stop(t)
		if err := exec.CommandContext(t.Context(), "psql", "--command=select 1", database).Run(); err == nil {
			t.Error("the server answers after it was stopped")
		}
		server.Start(t)
		if got := query(t, database, "select count(*) from t"); got != "1000" {
			t.Errorf("%s lines are left of 1000", got)
		}
	})
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
	running, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range running {
		if line, _ := os.ReadFile(file); strings.Contains(string(line), dir) {
			t.Errorf("a process is left: %q", line)
		}
	}
}
