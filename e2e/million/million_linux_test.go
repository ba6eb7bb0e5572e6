package million

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/server"
	"github.com/detonaut/detonaut/internal/server/guard"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/crowdtest"
	"github.com/detonaut/detonaut/internal/store/postgres"
	"github.com/detonaut/detonaut/internal/store/query"
	"github.com/detonaut/detonaut/internal/store/sqlite"
	"github.com/detonaut/detonaut/internal/testenv"
)

// BenchmarkMillion measures stores in which are a million reports, 50,000 facts and 30 million
// times that a report has one. It takes some minutes and 4 GB of disk to fill each.
//
//	go test -run '^$' -bench Million -benchtime 200x -timeout 1h ./e2e/million
func BenchmarkMillion(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "store.db")
		measure(b, func() store.Store { return opened(b)(sqlite.Open(b.Context(), path, store.Options{})) }, bulk{
			driver: "sqlite", source: "file:" + path + "?_pragma=synchronous(OFF)&_pragma=cache_size(-400000)&_pragma=busy_timeout(60000)",
			argument: "?", rows: "json_each(?)",
			series: "WITH RECURSIVE s(i) AS (VALUES(%[1]d) UNION ALL SELECT i + %[3]d FROM s WHERE i + %[3]d <= %[2]d) SELECT %[4]v, i FROM s",
			seq:    "UPDATE changes SET value = %d", after: []string{"ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"},
		})
	})
	b.Run("postgres", func(b *testing.B) {
		url := testenv.PostgresURL(b)
		measure(b, func() store.Store { return opened(b)(postgres.Open(b.Context(), url, store.Options{})) }, bulk{
			driver: "pgx", source: url, argument: "$1", rows: "json_array_elements(CAST($1 AS json))",
			series: "SELECT %[4]v, i FROM generate_series(%[1]d, %[2]d, %[3]d) s(i)",
			seq:    "SELECT setval('changes', %d)", explicit: "OVERRIDING SYSTEM VALUE",
			after: []string{"SELECT setval(pg_get_serial_sequence('bodies', 'id'), (SELECT MAX(id) FROM bodies))", "VACUUM ANALYZE"},
		})
	})
}

func opened(b *testing.B) func(store.Store, error) store.Store {
	return func(s store.Store, err error) store.Store {
		b.Helper()
		must(b, err)
		return s
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// first is the Seq before that of the first of the million.
const first = 1000

// facts is how many there are.
const facts = 50_000

// bulk is how a database is filled faster than by Put.
type bulk struct {
	driver, source string
	argument       string
	rows           string // of a JSON array in an argument
	series         string // rows of something, and of numbers from one to another in steps
	explicit       string // has ids as they are given
	seq            string // sets the number of the last change
	after          []string
}

// fill puts the million. Facts and bodies are made by the store itself.
func (f *bulk) fill(b *testing.B, s store.Store) {
	c := crowdtest.New()
	var bodies [][2][]byte
	db, err := sql.Open(f.driver, f.source)
	must(b, err)
	defer func() { must(b, db.Close()) }()
	db.SetMaxOpenConns(1)
	random := rand.New(rand.NewPCG(5, 6))
	for n := 0; n < facts; n += 5000 {
		v := fresh(c, random)
		packages := make([]int, 5000)
		for i := range packages {
			packages[i] = n + i
		}
		v, err := s.Put(b.Context(), store.Entry{Report: crowdtest.Report(&v, packages...)})
		must(b, err)
		must(b, s.Drop(b.Context(), v.Digest, v.Key))
	}
	for range 16 {
		v := fresh(c, random)
		v, err := s.Put(b.Context(), store.Entry{Report: crowdtest.Report(&v, packagesOf(random.Int64N(crowdtest.Million))...)})
		must(b, err)
		var body [2][]byte
		must(b, db.QueryRowContext(b.Context(), fmt.Sprintf(
			"SELECT b.body, b.facts FROM bodies b JOIN reports r ON b.id = r.body WHERE r.seq = %d", v.Seq)).Scan(&body[0], &body[1]))
		bodies = append(bodies, body)
	}
	run := func(statement string, args ...any) {
		b.Helper()
		_, err := db.ExecContext(b.Context(), statement, args...)
		if err != nil {
			b.Fatalf("%.200s: %v", statement, err)
		}
	}
	// The body of a report has its Seq as its id: those that were put have smaller ones.
	for i, body := range bodies {
		for j := range 10 { // or it would be one large transaction
			second := strings.Replace(f.argument, "1", "2", 1)
			from := first + 1 + i*10 + j
			run(fmt.Sprintf("INSERT INTO bodies (body, blobs, facts, id) "+f.explicit+" "+f.series,
				from, first+crowdtest.Million, len(bodies)*10, f.argument+", '{}', "+second), body[0], body[1])
		}
	}
	f.reports(b, db)
	run(fmt.Sprintf("INSERT INTO history (registry, repository, tag, report) SELECT registry, repository, tag, id FROM reports WHERE seq > %d ORDER BY id", first))
	run(fmt.Sprintf(`INSERT INTO repositories (registry, name, seq, description, pulls, stars, official, verified, updated)
SELECT registry, repository, %d, '', MIN(size) %% 1000003, -1, FALSE, FALSE, 0 FROM reports WHERE seq > %d GROUP BY registry, repository`, first, first))
	f.found(b, db)
	run(fmt.Sprintf(f.seq, first+crowdtest.Million))
	for _, statement := range f.after {
		run(statement)
	}
}

// reports inserts their lines.
func (f *bulk) reports(b *testing.B, db *sql.DB) {
	columns := "seq, body, digest, key, registry, repository, tag, verdict, sentence, category, family, vulnerability, platform, size, analysed"
	var values []string
	for i, name := range strings.Split(columns, ", ") {
		v := fmt.Sprintf("e.value->>%d", i)
		if slices.Contains([]string{"seq", "body", "size", "analysed"}, name) {
			v = "CAST(" + v + " AS BIGINT)"
		}
		values = append(values, v)
	}
	insert := "INSERT INTO reports (" + columns + ", newest, stored) SELECT " + strings.Join(values, ", ") + ", TRUE, 0 FROM " + f.rows + " e"
	c := crowdtest.New()
	const batch = 2000
	for n := 0; n < crowdtest.Million; n += batch {
		var rows [][]any
		for i := range batch {
			v := c.Summary(int64(first + n + i + 1))
			rows = append(rows, []any{
				v.Seq, v.Seq, v.Digest, v.Key, v.Name.Registry, v.Name.Repository, v.Name.Tag, v.Verdict, v.Sentence, v.Category, v.Family,
				v.Vulnerability, v.Platform, v.Size, v.Analysed.UnixNano(),
			})
		}
		text, err := json.Marshal(rows)
		must(b, err)
		_, err = db.ExecContext(b.Context(), insert, string(text))
		must(b, err)
	}
}

// found says which reports have which facts.
func (f *bulk) found(b *testing.B, db *sql.DB) {
	rows, err := db.QueryContext(b.Context(), "SELECT id, value FROM facts WHERE kind = 'package-name' ORDER BY id")
	must(b, err)
	var statements []string
	for rows.Next() {
		var id, n int
		var name string
		must(b, rows.Scan(&id, &name))
		_, err := fmt.Sscanf(name, "package-%d", &n)
		must(b, err)
		share := crowdtest.Share(n)
		from := first + 1 + ((n-first-1)%share+share)%share
		statements = append(statements, fmt.Sprintf("INSERT INTO found (fact, seq) "+f.series, from, first+crowdtest.Million, share, id))
	}
	must(b, rows.Err())
	must(b, rows.Close())
	for part := range slices.Chunk(statements, 100) {
		tx, err := db.BeginTx(b.Context(), nil)
		must(b, err)
		for _, s := range part {
			if _, err := tx.ExecContext(b.Context(), s); err != nil {
				b.Fatalf("%s: %v", s, err)
			}
		}
		must(b, tx.Commit())
	}
}

// packagesOf are the packages of the report with a Seq.
func packagesOf(seq int64) (list []int) {
	for n := range facts {
		if share := int64(crowdtest.Share(n)); seq%share == int64(n)%share {
			list = append(list, n)
		}
	}
	return list
}

// measure fills a store, and measures what it is asked.
func measure(b *testing.B, open func() store.Store, f bulk) {
	began := time.Now()
	s := open()
	f.fill(b, s)
	must(b, s.Close())
	s = open()
	b.Cleanup(func() { must(b, s.Close()) })
	filled := time.Since(began)
	began = time.Now()
	_, err := s.Find(b.Context(), store.Query{Page: store.Page{Limit: 1}})
	must(b, err)
	b.Logf("filled in %.0f s, the index loaded in %.1f s", filled.Seconds(), time.Since(began).Seconds())

	r := rand.New(rand.NewPCG(3, 4))
	c := crowdtest.New()
	var some []store.Summary
	for i := range crowdtest.Million {
		if v := c.Summary(int64(first + i + 1)); r.IntN(500) == 0 {
			some = append(some, v)
		}
	}
	one := func() store.Summary { return some[r.IntN(len(some))] }
	ctx := b.Context()
	queries := crowdtest.Queries()
	each(b, "Find", func(n int) error { _, err := s.Find(ctx, queries[n%len(queries)]); return err })
	each(b, "Numbers", func(int) error { _, err := s.Numbers(ctx); return err })
	each(b, "Having", func(int) error { return having(ctx, s, r) })
	each(b, "History", func(int) error {
		n := one().Name
		if r.IntN(2) == 0 {
			n.Tag = "" // all of them
		}
		_, _, err := s.History(ctx, n.Registry, n.Repository, n.Tag, store.Page{Limit: 50})
		return err
	})
	each(b, "Get", func(int) error { _, err := s.Get(ctx, one().Digest, ""); return err })
	each(b, "Analyses", func(int) error { _, err := s.Analyses(ctx, one().Digest); return err })
	each(b, "Prevalence", func(int) error {
		var list []store.Fact
		for _, n := range packagesOf(one().Seq) {
			list = append(list, crowdtest.Fact(n))
		}
		_, err := s.Prevalence(ctx, list)
		return err
	})
	visit := visitor(b, s)
	each(b, "PageFront", func(int) error { return visit("/") })
	each(b, "PageReport", func(int) error { return visit("/image/" + string(one().Digest)) })
	each(b, "PageSearch", func(n int) error {
		return visit("/search?q=" + url.QueryEscape(query.Format(queries[n%len(queries)])))
	})
	each(b, "PagePackage", func(int) error { return visit("/search?q=package:" + crowdtest.Package(r.IntN(facts))) })
	each(b, "PageRepository", func(int) error {
		n := one().Name
		return visit("/repo/" + n.Registry + "/" + n.Repository)
	})
	each(b, "Put", func(int) error { return put(ctx, s, r) })
	each(b, "PutThenFind", func(n int) error {
		if err := put(ctx, s, r); err != nil {
			return err
		}
		_, err := s.Find(ctx, queries[n%len(queries)])
		return err
	})
}

// visitor asks a public server for pages, as a browser does.
func visitor(b *testing.B, s store.Store) func(path string) error {
	much := guard.Rate{Minute: 1e9, Burst: 1e9}
	site, err := server.New(server.Options{Store: s, Public: true, Limits: guard.Limits{Address: much, Key: much}})
	must(b, err)
	return func(path string) error {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		site.Handler().ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			return fmt.Errorf("%s: %d", path, w.Code)
		}
		return nil
	}
}

// having reads a part of the reports with a fact: of a common one, or any.
func having(ctx context.Context, s store.Store, r *rand.Rand) error {
	n := r.IntN(facts)
	if n%2 == 0 {
		n = r.IntN(2 * crowdtest.Common)
	}
	found, _, err := s.Having(ctx, crowdtest.Fact(n), store.Page{Limit: 50})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("nothing has fact %d", n)
	}
	return err
}

// fresh is a summary of an image that is none of the million.
func fresh(c *crowdtest.Crowd, r *rand.Rand) store.Summary {
	v := c.Summary(0)
	v.Digest = detonaut.Digest(fmt.Sprintf("sha256:%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()))
	return v
}

// put adds a report that is not there, with 100 packages.
func put(ctx context.Context, s store.Store, r *rand.Rand) error {
	v := fresh(crowdtest.New(), r)
	packages := make([]int, 100)
	for i := range packages {
		packages[i] = i + r.IntN(2)*r.IntN(facts-i)
	}
	_, err := s.Put(ctx, store.Entry{Report: crowdtest.Report(&v, packages...), Name: v.Name})
	return err
}

// each does something over and over, and tells how long it takes at the 50th and the 95th
// percentile, and at most.
func each(b *testing.B, name string, do func(n int) error) {
	b.Run(name, func(b *testing.B) {
		var times []time.Duration
		for n := range b.N {
			began := time.Now()
			if err := do(n); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(began))
		}
		slices.Sort(times)
		for unit, at := range map[string]int{"p50-ms": len(times) / 2, "p95-ms": len(times) * 95 / 100, "max-ms": len(times) - 1} {
			b.ReportMetric(float64(times[at].Microseconds())/1000, unit)
		}
	})
}
