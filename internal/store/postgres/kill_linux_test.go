package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/postgres"
	"github.com/detonaut/detonaut/internal/store/storetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// Variables that make a process of this test one that is to be killed: the database that it puts
// reports in, and the number of the first.
const (
	childURL  = "DETONAUT_TEST_STORE"
	childFrom = "DETONAUT_TEST_FROM"
)

// childSurvey stands for the number of one that works at a survey.
const childSurvey = "survey"

func TestMain(m *testing.M) {
	url := os.Getenv(childURL)
	if url == "" {
		os.Exit(m.Run())
	}
	if err := child(context.Background(), url); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(ctx context.Context, url string) error {
	works, err := storetest.WorkForever(func(ctx context.Context, o store.Options) (store.Store, error) { return postgres.Open(ctx, url, o) })
	if works {
		return err
	}
	s, err := postgres.Open(ctx, url, store.Options{})
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

func TestKill(t *testing.T) {
	url := testenv.PostgresURL(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	storetest.TestKill(t, func(from uint64) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), childURL+"="+url, fmt.Sprint(childFrom, "=", from))
		return cmd
	}, func() store.Store {
		s, err := postgres.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		storetest.CheckTables(t, raw(t, url))
		return s
	})
}

func TestSurveyKill(t *testing.T) {
	url := testenv.PostgresURL(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	storetest.TestSurveyKill(t, func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), childURL+"="+url, childFrom+"="+childSurvey)
		return cmd
	}, func() store.Store {
		s, err := postgres.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
	storetest.CheckTables(t, raw(t, url))
}

func TestStuck(t *testing.T) {
	url := testenv.PostgresURL(t)
	storetest.TestStuck(t, func(o store.Options) store.Store { return open(t, url, o) }, raw(t, url))
}

// TestRestart kills the server while several put reports, and starts it again.
func TestRestart(t *testing.T) {
	server := testenv.Postgres(t)
	url := server.URL(t)
	s, other := open(t, url, store.Options{}), open(t, url, store.Options{})
	storetest.TestRestart(t, s, other, func() { server.Stop(t) }, func() { server.Start(t) })
	storetest.CheckTables(t, raw(t, url))
}

// TestStalled has somebody stop in the middle of a change. Others can still put and search; what was
// put since is found when it is known that nothing comes before it.
func TestStalled(t *testing.T) {
	url := testenv.PostgresURL(t)
	s, db := open(t, url, store.Options{}), raw(t, url)
	put := func(n uint64) {
		t.Helper()
		if _, err := s.Put(t.Context(), store.Entry{Report: reporttest.Realistic(n)}); err != nil {
			t.Fatal(err)
		}
	}
	find := func(want int) {
		t.Helper()
		r, err := s.Find(t.Context(), store.Query{Page: store.Page{Limit: 10}})
		if err != nil || r.Total != want {
			t.Errorf("%v is found, %v; want %d", r, err, want)
		}
	}
	put(1)
	find(1)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"SELECT pg_advisory_xact_lock_shared(1145132097, 1)", "SELECT nextval('changes')"} {
		if _, err := tx.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	put(2)
	find(1)
	if _, err := s.All(t.Context(), 0, 10); err == nil {
		t.Error("all reports are told of, and it is not known whether there are more")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	find(2)
	if all, err := s.All(t.Context(), 0, 10); err != nil || len(all) != 2 {
		t.Errorf("all reports are %v, %v", all, err)
	}
}

// raw is the database without the store.
func raw(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("pgx", url)
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

// dump are the columns, indexes, constraints and sequences of the database.
const dump = `
SELECT concat_ws(' ', 'column', table_name, row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position), column_name, data_type, is_nullable, column_default, collation_name) AS line
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'
UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%'
UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'goose%'
UNION ALL SELECT 'sequence ' || sequencename FROM pg_sequences WHERE schemaname = 'public' AND sequencename NOT LIKE 'goose%'
ORDER BY line`

func TestMigrations(t *testing.T) {
	url := testenv.PostgresURL(t)
	s := open(t, url, store.Options{})
	storetest.TestMigrations(t, s, raw(t, url), dump)
	storetest.TestNewer(t, raw(t, url), func(ctx context.Context) error {
		_, err := postgres.Open(ctx, url, store.Options{})
		return err
	})
}
