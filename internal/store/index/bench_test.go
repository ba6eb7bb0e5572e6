package index_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/index"
)

const million = 1_000_000

// crowd is a database with as many reports as there are images that anybody pulls, of which
// only the numbers are made up.
type crowd struct {
	n    int64
	zipf func() uint64
	r    *rand.Rand
}

func newCrowd(n int64) *crowd {
	r := rand.New(rand.NewPCG(1, 2))
	return &crowd{n: n, r: r, zipf: rand.NewZipf(r, 1.1, 20, 400_000).Uint64}
}

func (c *crowd) Changes(_ context.Context, after int64, tell func(index.Change) error) (int64, error) {
	for seq := after + 1; seq <= c.n; seq++ {
		s := c.summary(seq)
		if err := tell(index.Change{Report: &s}); err != nil {
			return 0, err
		}
	}
	return c.n, nil
}

// Having: "every 2" is a fact of half of all.
func (c *crowd) Having(_ context.Context, f store.Fact, after, upTo int64) (seqs []int64, _ error) {
	var every int64
	if _, err := fmt.Sscanf(f.Value, "every %d", &every); err != nil {
		return nil, err
	}
	for seq := after + 1; seq <= upTo; seq++ {
		if (seq*7919)%every == 0 {
			seqs = append(seqs, seq)
		}
	}
	return seqs, nil
}

var (
	nouns = []string{"nginx", "redis", "api", "web", "backend", "proxy", "worker", "db", "client", "server", "miner", "agent", "test", "app", "demo", "node", "python", "bot", "monitor", "gateway"}
	deeds = []string{
		"mines cryptocurrency", "opens a shell to a stranger", "holds hacking tools", "steals credentials", "scans the network", "removes other miners",
		"installs itself in cron", "downloads a program and runs it", "hides its processes", "encrypts files", "brings a web shell", "sends what it found",
	}
)

func (c *crowd) summary(seq int64) store.Summary {
	r := c.r
	var sum [32]byte
	for i := 0; i < 32; i += 8 {
		x := r.Uint64()
		for j := range 8 {
			sum[i+j] = byte(x >> (8 * j))
		}
	}
	repository := c.zipf()
	s := store.Summary{
		Seq: seq, Digest: detonaut.Digest("sha256:" + hex.EncodeToString(sum[:])), Key: hex.EncodeToString(sum[8:16]),
		Name: store.Name{
			Registry:   some(r, "docker.io", "docker.io", "docker.io", "docker.io", "docker.io", "docker.io", "ghcr.io", "quay.io", "registry.gitlab.com"),
			Repository: fmt.Sprintf("user%d/%s-%s", repository%150_000, nouns[repository%20], nouns[repository/20%20]),
			Tag:        some(r, "latest", "latest", "latest", fmt.Sprintf("%d.%d", r.IntN(20), r.IntN(30)), fmt.Sprintf("v%d.%d.%d", r.IntN(5), r.IntN(30), r.IntN(30)), hex.EncodeToString(sum[:4])),
		},
		Verdict: detonaut.Clean, Sentence: "Nothing bad was seen, and nothing was missed.",
		Vulnerability: some(r, detonaut.Critical, detonaut.Critical, detonaut.High, detonaut.High, detonaut.Medium, detonaut.Low, detonaut.NoSeverity),
		Platform:      some(r, "linux/amd64", "linux/amd64", "linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64"),
		Size:          r.Int64N(2 << 30), Pulls: int64(repository * repository % 1_000_003),
		Analysed: start.Add(time.Duration(seq) * 25 * time.Second),
	}
	switch n := r.IntN(1000); {
	case n < 12:
		s.Verdict, s.Category, s.Family = some(r, detonaut.Malicious, detonaut.Unwanted), some(r, detonaut.Categories()...), fmt.Sprintf("family%d", r.IntN(150))
		s.Sentence = fmt.Sprintf("It %s (%s), %s and %s.", some(r, deeds...), s.Family, some(r, deeds...), some(r, deeds...))
	case n < 60:
		s.Verdict = detonaut.Suspicious
		s.Sentence = fmt.Sprintf("It %s and %s.", some(r, deeds...), some(r, deeds...))
	case n < 360:
		s.Verdict = detonaut.Inconclusive
		s.Sentence = fmt.Sprintf("Nothing bad was seen, and not everything was: %s (and %d more).", some(r, "it was not run", "it waited for a database", "it ended at once", "events were lost"), r.IntN(6))
	}
	return s
}

// asked is what people ask.
func asked() []store.Query {
	fact := func(every int) store.Fact {
		return store.Fact{Kind: store.PackageName, Value: fmt.Sprintf("every %d", every)}
	}
	list := []store.Query{
		{},
		{Verdicts: []detonaut.Word{detonaut.Malicious}},
		{Order: store.Worst},
		{Order: store.Pulled},
		{Text: []string{"nginx"}},
		{Text: []string{"miner", "api*"}},
		{Text: []string{"e"}},
		{Text: []string{"docker.io"}, Order: store.Worst},
		{Text: []string{"nginx-redis:latest"}},
		{Text: []string{"cryptocurrency"}, Verdicts: []detonaut.Word{detonaut.Malicious, detonaut.Unwanted}, Order: store.Pulled},
		{Text: []string{"0123456"}},
		{Text: []string{"nothing", "seen", "user1*"}},
		{Families: []string{"family7"}},
		{Severities: []detonaut.Severity{detonaut.Critical}, Registries: []string{"ghcr.io"}, Platforms: []string{"linux/arm64"}},
		{MinPulls: 500_000, Order: store.Pulled},
		{After: start.Add(100 * 24 * time.Hour), Before: start.Add(130 * 24 * time.Hour), Order: store.Worst},
		{Facts: []store.Fact{fact(2)}},
		{Facts: []store.Fact{fact(2), fact(3)}, Order: store.Worst, Text: []string{"web"}},
		{Facts: []store.Fact{fact(50_000)}},
		{Facts: []store.Fact{fact(10)}, Verdicts: []detonaut.Word{detonaut.Malicious}, Order: store.Pulled},
	}
	for i := range list {
		list[i].Facets, list[i].Page.Limit = true, 50
	}
	return list
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkMillion searches a million reports with facets, each time in another way. Its
// p95-ms is the 95th percentile of a search, B/report what the index holds, load-s the time to
// load it (what is loaded is made up in that time, too: make-s).
func BenchmarkMillion(b *testing.B) {
	before := heap()
	began := time.Now()
	c := newCrowd(million)
	for seq := range int64(million) {
		c.summary(seq)
	}
	made := time.Since(began)
	began = time.Now()
	x := index.New(newCrowd(million))
	if err := x.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	loaded := time.Since(began)
	perReport := (heap() - before) / million
	queries := asked()
	var times []time.Duration
	first := make([]time.Duration, len(queries))
	worst := make([]time.Duration, len(queries))
	b.ResetTimer()
	for i := range b.N {
		k := i % len(queries)
		began := time.Now()
		r, err := x.Find(b.Context(), queries[k])
		if err != nil || r.Total == 0 && k != 10 {
			b.Fatalf("find %+v: %d found: %v", queries[k], r.Total, err)
		}
		t := time.Since(began)
		if first[k] == 0 {
			first[k] = t
		}
		worst[k] = max(worst[k], t)
		times = append(times, t)
	}
	b.StopTimer()
	for k, t := range worst {
		b.Logf("%5.1f ms first, %5.1f ms at most: %+v", ms(first[k]), ms(t), queries[k])
	}
	began = time.Now()
	if _, err := x.Numbers(b.Context()); err != nil {
		b.Fatal(err)
	}
	numbers := time.Since(began)
	slices.Sort(times)
	b.ReportMetric(ms(times[len(times)/2]), "p50-ms")
	b.ReportMetric(ms(times[len(times)*95/100]), "p95-ms")
	b.ReportMetric(ms(times[len(times)-1]), "max-ms")
	b.ReportMetric(ms(numbers), "numbers-ms")
	b.ReportMetric(perReport, "B/report")
	b.ReportMetric(loaded.Seconds(), "load-s")
	b.ReportMetric(made.Seconds(), "make-s")
	runtime.KeepAlive(x)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
