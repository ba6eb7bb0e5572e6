package storetest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
)

// BenchmarkPut puts realistic reports of digests that are new, as one and as several at once do, and
// looks at how long it takes to find what they have in common.
func BenchmarkPut(b *testing.B, s store.Store) {
	var reports []*detonaut.Report
	for n := range uint64(64) {
		reports = append(reports, reporttest.Realistic(n))
	}
	var next atomic.Uint64
	one := func(b *testing.B) {
		n := next.Add(1)
		r := *reports[n%uint64(len(reports))]
		r.Image.Digest = detonaut.Digest(fmt.Sprintf("sha256:%064x", n))
		r.Files = append(slices.Clone(r.Files), detonaut.File{SHA256: fmt.Sprintf("%064x", n)}) // a fact that is new
		e := store.Entry{Report: &r, Name: store.Name{Registry: "docker.io", Repository: fmt.Sprint("some/image-", n/4), Tag: "1"}}
		if _, err := s.Put(b.Context(), e); err != nil {
			b.Error(err)
		}
	}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			one(b)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	})
	b.Run("eight", func(b *testing.B) {
		b.SetParallelism(4) // for each of two processors
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				one(b)
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	})
}

// million is how many reports [BenchmarkLookUp] looks in.
const million = 1_000_000

// BenchmarkLookUp looks things up among a million reports, which are made in the tables themselves: a
// fact that all have, and one that each tenth has, and many that one has. settle is a statement that
// makes a number that of the last change.
func BenchmarkLookUp(b *testing.B, s store.Store, db *sql.DB, settle string) {
	all, tenth := domain("all.example"), domain("tenth.example")
	first := withDomain(0, all.Value, tenth.Value)
	for i := range 100 {
		first.Report.Run.Names = append(first.Report.Run.Names, fmt.Sprintf("%d.example", i))
	}
	if _, err := s.Put(b.Context(), first); err != nil {
		b.Fatal(err)
	}
	for _, query := range []string{
		"INSERT INTO bodies (body, blobs, facts) SELECT '', '{}', '' FROM ROWS",
		`INSERT INTO reports (body, seq, digest, key, newest, registry, repository, tag, verdict, sentence, category, family, vulnerability, platform, size, analysed, stored)
SELECT (SELECT MAX(id) FROM bodies) + 1 - i, i + 1000, 'sha256:' || i, 'k', TRUE, 'docker.io', 'some/image-' || (i % 200000), 'tag', 'clean', 'Nothing bad was seen.', '', '', 'low', 'linux/amd64', i, i, i FROM ROWS`,
		"INSERT INTO history (registry, repository, tag, report) SELECT registry, repository, tag, id FROM reports WHERE seq > 1000",
		"INSERT INTO found (fact, seq) SELECT f.id, r.seq FROM facts f, reports r WHERE f.value = 'all.example' AND r.seq > 1000",
		"INSERT INTO found (fact, seq) SELECT f.id, r.seq FROM facts f, reports r WHERE f.value = 'tenth.example' AND r.seq > 1000 AND r.seq % 10 = 0",
		fmt.Sprintf(settle, million+1000),
		"ANALYZE",
	} {
		query = strings.Replace(query, "ROWS", fmt.Sprintf("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS numbers", million), 1)
		if _, err := db.ExecContext(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
	var rare []store.Fact
	for i := range 100 {
		rare = append(rare, domain(fmt.Sprintf("%d.example", i)))
	}
	middle := store.Page{Limit: 50, Cursor: fmt.Sprint(million / 2)}
	for _, look := range []struct {
		name string
		up   func() error
	}{
		{"what all have", func() error { _, _, err := s.Having(b.Context(), all, store.Page{Limit: 50}); return err }},
		{"what all have, in the middle", func() error { _, _, err := s.Having(b.Context(), all, middle); return err }},
		{"what a tenth has", func() error { _, _, err := s.Having(b.Context(), tenth, middle); return err }},
		{"what one has", func() error { _, _, err := s.Having(b.Context(), rare[0], store.Page{Limit: 50}); return err }},
		{"how many have each of 100 that one has", func() error { _, err := s.Prevalence(b.Context(), rare); return err }},
		{"how many have what all have", func() error { _, err := s.Prevalence(b.Context(), []store.Fact{all}); return err }},
		{"history", func() error {
			_, _, err := s.History(b.Context(), "docker.io", "some/image-777", "tag", store.Page{Limit: 50})
			return err
		}},
		{"analyses", func() error { _, err := s.Analyses(b.Context(), "sha256:777"); return err }},
		{"put one again", func() error { _, err := s.Put(b.Context(), first); return err }},
		{"search, which loads all at first", func() error { _, err := s.Find(b.Context(), store.Query{Page: store.Page{Limit: 50}}); return err }},
	} {
		b.Run(look.name, func(b *testing.B) {
			begin := time.Now()
			if err := look.up(); err != nil {
				b.Fatal(err)
			}
			took := time.Since(begin)
			for b.Loop() {
				if err := look.up(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(took.Microseconds())/1000, "ms-first")
		})
	}
}
