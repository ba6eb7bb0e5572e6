package storetest

import (
	"context"
	"database/sql"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/detonaut/detonaut/internal/store"
)

// TestMigrations goes from each version of the tables to the one before, and forward again, and
// back to nothing and forward. dump is a query for all there is in the database but for the table
// of goose, a line of text each.
func TestMigrations(t *testing.T, s store.Store, db *sql.DB, dump string) {
	p := got(s.(interface {
		Migrations() (*goose.Provider, error)
	}).Migrations())(t)
	schema := func() (all []string) {
		t.Helper()
		rows := got(db.QueryContext(t.Context(), dump))(t)
		defer func() { must(t, rows.Close()) }()
		for rows.Next() {
			var line string
			must(t, rows.Scan(&line))
			all = append(all, line)
		}
		must(t, rows.Err())
		return all
	}
	newest := schema()
	if len(newest) < 20 {
		t.Fatalf("there are %d tables and columns", len(newest))
	}
	put(t, s, entry(1))
	for _, source := range p.ListSources() {
		got(p.DownTo(t.Context(), source.Version-1))(t)
		before := schema()
		got(p.UpTo(t.Context(), source.Version))(t)
		got(p.DownTo(t.Context(), source.Version-1))(t)
		same(t, "what is there after forward and back", before, schema())
		got(p.Up(t.Context()))(t)
		same(t, "what is there after back and forward", newest, schema())
	}
	got(p.DownTo(t.Context(), 0))(t)
	if left := schema(); len(left) > 0 {
		t.Errorf("all the way back there is still %q", left)
	}
	got(p.Up(t.Context()))(t)
	same(t, "what is there after all the way back and forward", newest, schema())
	sum := put(t, s, entry(1))
	same(t, "the analyses of a digest", []store.Summary{sum}, got(s.Analyses(t.Context(), sum.Digest))(t))
}

// TestNewer has tables that a newer program has made; open tries to open them.
func TestNewer(t *testing.T, db *sql.DB, open func(context.Context) error) {
	got(db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)"))(t)
	if err := open(t.Context()); err == nil {
		t.Error("tables of a newer version are opened")
	} else {
		t.Log(err)
	}
}

// beforeJobs is the version of tables in which submissions had no jobs.
const beforeJobs = 3

// TestBeforeJobs has submissions of before there were jobs, of which one was worked at: they are done. open
// opens the store of s again, db is its database.
func TestBeforeJobs(t *testing.T, s store.Store, db *sql.DB, open func() store.Store) {
	a, b, c := submit(t, s, "a"), submit(t, s, "b"), submit(t, s, "c")
	must(t, s.Cancel(t.Context(), c.ID))
	p := got(s.(interface {
		Migrations() (*goose.Provider, error)
	}).Migrations())(t)
	got(p.DownTo(t.Context(), beforeJobs))(t)
	got(db.ExecContext(t.Context(), "UPDATE submissions SET state = 'running', attempts = 3, worker = 'w' WHERE ref = 'a'"))(t)
	for range 2 { // the second time there is nothing to do
		s = open()
	}
	h := working(t, s, store.WorkOptions{Images: 1})
	for _, ref := range []string{"a", "b"} {
		j := h.submitted(ref)
		if j.Attempt != 1 || j.Priority != store.PriorityPerson {
			t.Errorf("the job of a submission of before is %+v", j.Job)
		}
		j.end(failed("no"))
	}
	becomes(t, s, a.ID, store.Failed)
	becomes(t, s, b.ID, store.Failed)
	same(t, "what is left to do", map[store.JobKind]map[store.JobState]int{}, got(s.Queue(t.Context()))(t).Jobs)
}
