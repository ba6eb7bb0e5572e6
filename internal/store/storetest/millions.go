package storetest

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
)

// Candidates is the variable with the number of repositories that [BenchmarkCatalogue] is about; there are
// four millions with an image that anybody pulls.
const Candidates = "DETONAUT_BENCH_CANDIDATES"

// Raw is a database without its store.
type Raw struct {
	*sql.DB
	// Each makes rows of the elements of an array in JSON, which is the one argument.
	Each string
	// Size is how many bytes the database has on the disk.
	Size func() int64
}

// BenchmarkCatalogue is about a survey of many repositories: listed as a source does, then with one image of
// each, and reports, which are put there by other means than the store's. Each part says what it has to
// say in its metrics.
func BenchmarkCatalogue(b *testing.B, s store.Store, db Raw) {
	n := 20_000
	if text := os.Getenv(Candidates); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 10_000 {
			b.Fatalf("%s is %q, not a number of at least 10000", Candidates, text)
		}
	}
	c := &catalogue{b: b, s: s, db: db, n: n, before: db.Size()}
	c.list()
	c.look()
	c.feed()
	c.ask()
	c.tell()
	c.draw()
	c.drop()
}

// catalogue is what the parts of [BenchmarkCatalogue] are about.
type catalogue struct {
	b      *testing.B
	s      store.Store
	db     Raw
	n      int
	before int64
}

func (c *catalogue) must(err error) {
	c.b.Helper()
	if err != nil {
		c.b.Fatal(err)
	}
}

// say is a part of which everything was measured already.
func (c *catalogue) say(name string, metrics map[string]float64) {
	c.b.Run(name, func(b *testing.B) {
		for b.Loop() {
			continue
		}
		b.ReportMetric(0, "ns/op")
		for unit, v := range metrics {
			b.ReportMetric(v, unit)
		}
	})
}

// timed says how long something takes, the first time and then.
func (c *catalogue) timed(name string, do func() error) {
	c.b.Helper()
	begin := time.Now()
	c.must(do())
	first := time.Since(begin)
	c.b.Run(name, func(b *testing.B) {
		for b.Loop() {
			if err := do(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(first.Microseconds())/1000, "ms-first")
	})
}

// settle has the database write down all, and count.
func (c *catalogue) settle(queries ...string) {
	c.b.Helper()
	for _, q := range queries {
		_, err := c.db.ExecContext(c.b.Context(), q)
		c.must(err)
	}
}

// member is a repository as there are in a registry: few are pulled often.
func member(n int) store.Candidate {
	c := store.Candidate{Class: store.ClassCommunity, Repository: store.Repository{
		Registry: "docker.io", Name: fmt.Sprintf("user%d/%s-%d", n*7919%900_000, []string{"api", "web", "worker", "nginx-proxy"}[n%4], n),
		Description: "An image of something that somebody has built once."[:n%50], Pulls: int64(1e9 / float64(n+1)), Stars: int64(n % 10),
		Updated: pushedAt.Add(-time.Duration(n%2000) * 24 * time.Hour),
	}}
	if n < 200 {
		c.Class = store.ClassOfficial
	} else if n < 5_000 {
		c.Class = store.ClassVerified
	}
	return c
}

// list has a source list all, a thousand at a time.
func (c *catalogue) list() {
	c.must(c.s.NewSurvey(c.b.Context(), store.Survey{Name: "s", Aim: "aim"}))
	begin := time.Now()
	var slowest time.Duration
	for from := 0; from < c.n; from += 1000 {
		var part []store.Candidate
		for n := from; n < min(from+1000, c.n); n++ {
			part = append(part, member(n))
		}
		one := time.Now()
		c.must(c.s.Listed(c.b.Context(), "s", part, fmt.Sprint(from), false))
		slowest = max(slowest, time.Since(one))
	}
	took := time.Since(begin)
	c.say("list", map[string]float64{
		"rows/s": float64(c.n) / took.Seconds(), "ms-slowest": float64(slowest.Milliseconds()),
		"B/row": float64(c.db.Size()-c.before) / float64(c.n), "MB-peak": peak(),
	})
	again := []store.Candidate{}
	for n := range 1000 {
		again = append(again, member(c.n/2+n))
	}
	c.timed("list 1000 again", func() error { return c.s.Listed(c.b.Context(), "s", again, "", false) })
}

// draw draws ten thousand of a copy.
func (c *catalogue) draw() {
	columns := "number, draw, registry, repository, class, pulls, stars, updated, rank, weight, stratum, reason, wanted"
	for _, sample := range []store.Sample{store.SamplePulls, store.SampleStratified} {
		name := string(sample)
		c.must(c.s.NewSurvey(c.b.Context(), store.Survey{Name: name, Choice: store.Choice{Sample: sample, Size: c.n / 400}}))
		c.settle(
			"INSERT INTO candidates (survey, state, "+columns+") SELECT (SELECT id FROM surveys WHERE name = '"+name+"'), 0, "+columns+" FROM candidates WHERE survey = (SELECT id FROM surveys WHERE name = 's')",
			"UPDATE surveys SET candidates = (SELECT candidates FROM surveys WHERE name = 's') WHERE name = '"+name+"'",
			"INSERT INTO tallies (survey, kind, value, n) SELECT id, 'repository', 'listed', candidates FROM surveys WHERE name = '"+name+"'",
		)
		begin := time.Now()
		c.must(c.s.Listed(c.b.Context(), name, nil, "", true))
		c.say("draw by "+name, map[string]float64{"s": time.Since(begin).Seconds(), "MB-peak": peak()})
		begin = time.Now()
		c.must(c.s.DropSurvey(c.b.Context(), name))
		c.say("drop what was drawn by "+name, map[string]float64{"s": time.Since(begin).Seconds()})
	}
}

// look looks at some as a worker does, and has one image of all others be there.
func (c *catalogue) look() {
	ctx := c.b.Context()
	c.must(c.s.Listed(ctx, "s", nil, "", true))
	begin := time.Now()
	put, err := c.s.Feed(ctx, 100)
	c.must(err)
	c.say("feed jobs that look", map[string]float64{"ms": float64(time.Since(begin).Microseconds()) / 1000, "jobs": float64(put)})
	some := min(c.n/10, 2000)
	begin = time.Now()
	for n := 1; n <= some; n++ {
		c.must(c.s.Looked(ctx, "s", int64(n), []store.Item{{Name: store.Name{Tag: "latest"}, Platform: "linux/amd64", Digest: detonaut.Digest("sha256:" + numbered64(uint64(n))), Size: 1}}, ""))
	}
	c.say("look", map[string]float64{"rows/s": float64(some) / time.Since(begin).Seconds()})

	size := c.db.Size()
	c.fill(`INSERT INTO items (survey, candidate, number, tag, platform, digest, size, pushed, state, rank, seen, reason)
SELECT c.survey, c.number, 1, 'latest', 'linux/amd64', e.value->>1, 123456789, 1767323045, 0, c.rank, FALSE, '' FROM EACH e
CROSS JOIN candidates c WHERE c.survey = (SELECT id FROM surveys WHERE name = 's') AND c.number = CAST(e.value->>0 AS INTEGER)`, some+1, c.n, func(n int) any {
		return []any{n, base64.RawStdEncoding.EncodeToString(hash(uint64(n)))}
	})
	c.say("images", map[string]float64{"B/row": float64(c.db.Size()-size) / float64(c.n-some)})
	c.settle("UPDATE candidates SET state = 3 WHERE survey = (SELECT id FROM surveys WHERE name = 's')", "DELETE FROM looks", "DELETE FROM tallies",
		"INSERT INTO tallies (survey, kind, value, n) SELECT id, 'repository', 'looked', candidates FROM surveys WHERE name = 's'",
		"INSERT INTO tallies (survey, kind, value, n) SELECT id, 'item', 'ready', candidates FROM surveys WHERE name = 's'")
}

// hash is a digest that is made of a number.
func hash(n uint64) []byte {
	b := make([]byte, 32)
	for i := 0; i < len(b); i += 8 {
		n = n*6364136223846793005 + 1442695040888963407
		binary.BigEndian.PutUint64(b[i:], n)
	}
	return b
}

func numbered64(n uint64) string { return fmt.Sprintf("%x", hash(n)) }

// fill does a query with rows of all numbers from one to another.
func (c *catalogue) fill(query string, from, to int, row func(int) any) {
	c.b.Helper()
	query = strings.Replace(query, "EACH", c.db.Each, 1)
	for ; from <= to; from += 5000 {
		var rows []any
		for n := from; n < min(from+5000, to+1); n++ {
			rows = append(rows, row(n))
		}
		text, err := json.Marshal(rows)
		c.must(err)
		_, err = c.db.ExecContext(c.b.Context(), query, string(text))
		c.must(err)
	}
}

// feed feeds of all that there is.
func (c *catalogue) feed() {
	ctx := c.b.Context()
	c.settle("ANALYZE")
	begin := time.Now()
	put, err := c.s.Feed(ctx, 1000)
	c.must(err)
	c.say("feed jobs of images", map[string]float64{"ms": float64(time.Since(begin).Microseconds()) / 1000, "jobs": float64(put)})
	c.timed("feed when enough waits", func() error { _, err := c.s.Feed(ctx, 1000); return err })
}

// ask asks what pages show.
func (c *catalogue) ask() {
	ctx := c.b.Context()
	c.timed("counts", func() error { _, err := c.s.Survey(ctx, "s"); return err })
	middle := store.Page{Limit: 100, Cursor: fmt.Sprintf("%d.1", c.n/2)}
	for _, state := range []store.ItemState{"", store.ItemReady, store.ItemFailed, store.ItemDone} {
		c.timed("list images in state "+string(state), func() error { _, _, err := c.s.Items(ctx, "s", state, middle); return err })
	}
}

// reported is how many images have a report, at most: those are large.
const reported = 500_000

// tell has reports of images, and reads all results.
func (c *catalogue) tell() {
	ctx := c.b.Context()
	read := func(name string) {
		begin := time.Now()
		var after store.Place
		total, measured := 0, 0
		for {
			part, err := c.s.Results(ctx, "s", after, store.MaxResults)
			c.must(err)
			if len(part) == 0 {
				break
			}
			total += len(part)
			for _, r := range part {
				if r.Measured != nil {
					measured++
				}
			}
			last := part[len(part)-1]
			after = store.Place{Candidate: last.Candidate.Number, Item: last.Item.Number}
		}
		if total != c.n {
			c.b.Fatalf("there are %d results of %d repositories", total, c.n)
		}
		c.say(name, map[string]float64{"rows/s": float64(total) / time.Since(begin).Seconds(), "measured": float64(measured), "MB-peak": peak()})
	}
	read("results without reports")
	text, err := json.Marshal(measure.Of(reporttest.Realistic(1)))
	c.must(err)
	size, many := c.db.Size(), min(c.n, reported)
	c.fill("INSERT INTO bodies (body, blobs, facts) SELECT '', '{}', '' FROM EACH e", 1, many, func(n int) any { return []any{n} })
	c.fill(`INSERT INTO reports (body, seq, digest, key, newest, registry, repository, tag, verdict, sentence, category, family, vulnerability, platform, size, analysed, stored, aim, measure)
SELECT CAST(e.value->>0 AS BIGINT), CAST(e.value->>0 AS BIGINT), e.value->>1, 'k', TRUE, 'docker.io', e.value->>2, 'latest', 'clean', 'Nothing bad was seen.', '', '', 'low', 'linux/amd64', 1, 1, 1, 'aim', e.value->>3 FROM EACH e`, 1, many,
		func(n int) any {
			return []any{n, "sha256:" + numbered64(uint64(n)), member(n - 1).Name, string(text)}
		})
	c.say("reports", map[string]float64{"B/row": float64(c.db.Size()-size) / float64(many), "B/measure": float64(len(text))})
	c.settle("ANALYZE")
	read("results")
	c.settle("UPDATE surveys SET mended = 0")
	begin := time.Now()
	_, err = c.s.Feed(ctx, 5000)
	c.must(err)
	c.say("feed what has reports", map[string]float64{"ms": float64(time.Since(begin).Microseconds()) / 1000})
}

// drop forgets the survey.
func (c *catalogue) drop() {
	begin := time.Now()
	c.must(c.s.DropSurvey(c.b.Context(), "s"))
	c.say("drop", map[string]float64{"rows/s": float64(2*c.n) / time.Since(begin).Seconds(), "MB-peak": peak()})
}

// peak is the most memory that this process has had, in MB; 0 where nobody says.
func peak() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("VmHWM:"))
	var kb float64
	_, _ = fmt.Sscan(string(rest), &kb) // then it is 0
	return kb / 1000
}
