// Package crowdtest makes up as many reports as there are images that anybody pulls: of
// realistic shape, but small, and always the same. It is for benchmarks.
package crowdtest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Million is how many reports a benchmark is about.
const Million = 1_000_000

// Start is when the first was analysed.
var Start = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// Crowd makes summaries, one after the other.
type Crowd struct {
	r            *rand.Rand
	repositories *rand.Zipf
}

// New returns a crowd that begins anew.
func New() *Crowd {
	r := rand.New(rand.NewPCG(1, 2))
	return &Crowd{r, rand.NewZipf(r, 1.1, 20, 400_000)}
}

var (
	nouns = []string{
		"nginx", "redis", "api", "web", "backend", "proxy", "worker", "db", "client", "server", "miner", "agent", "test", "app", "demo",
		"node", "python", "bot", "monitor", "gateway",
	}
	deeds = []string{
		"mines cryptocurrency", "opens a shell to a stranger", "holds hacking tools", "steals credentials", "scans the network",
		"removes other miners", "installs itself in cron", "downloads a program and runs it", "hides its processes", "encrypts files",
		"brings a web shell", "sends what it found",
	}
	gaps = []string{"it was not run", "it waited for a database", "it ended at once", "events were lost"}
)

func some[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// Summary is the next.
func (c *Crowd) Summary(seq int64) store.Summary {
	r := c.r
	var sum [32]byte
	for i := 0; i < len(sum); i += 8 {
		binary.LittleEndian.PutUint64(sum[i:], r.Uint64())
	}
	repository := c.repositories.Uint64()
	s := store.Summary{
		Seq: seq, Digest: detonaut.Digest("sha256:" + hex.EncodeToString(sum[:])), Key: hex.EncodeToString(sum[8:16]),
		Name: store.Name{
			Registry:   some(r, "docker.io", "docker.io", "docker.io", "docker.io", "docker.io", "docker.io", "ghcr.io", "quay.io", "registry.gitlab.com"),
			Repository: fmt.Sprintf("user%d/%s-%s", repository%150_000, nouns[repository%20], nouns[repository/20%20]),
			Tag: some(r, "latest", "latest", "latest", fmt.Sprintf("%d.%d", r.IntN(20), r.IntN(30)),
				fmt.Sprintf("v%d.%d.%d", r.IntN(5), r.IntN(30), r.IntN(30)), hex.EncodeToString(sum[:4])),
		},
		Verdict: detonaut.Clean, Sentence: "Nothing bad was seen, and nothing was missed.",
		Vulnerability: some(r, detonaut.Critical, detonaut.Critical, detonaut.High, detonaut.High, detonaut.Medium, detonaut.Low, detonaut.NoSeverity),
		Platform:      some(r, "linux/amd64", "linux/amd64", "linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64"),
		Size:          r.Int64N(2 << 30), Pulls: int64(repository * repository % 1_000_003), //nolint:gosec // it is small
		Analysed: Start.Add(time.Duration(seq) * 25 * time.Second),
	}
	switch n := r.IntN(1000); {
	case n < 12:
		s.Verdict, s.Category = some(r, detonaut.Malicious, detonaut.Unwanted), some(r, detonaut.Categories()...)
		s.Family = fmt.Sprintf("family%d", r.IntN(150))
		s.Sentence = fmt.Sprintf("It %s (%s), %s and %s.", some(r, deeds...), s.Family, some(r, deeds...), some(r, deeds...))
	case n < 60:
		s.Verdict = detonaut.Suspicious
		s.Sentence = fmt.Sprintf("It %s and %s.", some(r, deeds...), some(r, deeds...))
	case n < 360:
		s.Verdict = detonaut.Inconclusive
		s.Sentence = fmt.Sprintf("Nothing bad was seen, and not everything was: %s (and %d more).", some(r, gaps...), r.IntN(6))
	}
	return s
}

// Common facts are those of the first numbers, which half of all reports have.
const Common = 40

// Share is one in how many reports have the fact of a number: those whose Seq leaves the
// rest that the number leaves. About 30 facts of 50,000 are in each report.
func Share(n int) int {
	if n < Common {
		return 2
	}
	return n - Common + 3
}

// Package is the name of the package whose fact has a number.
func Package(n int) string { return fmt.Sprintf("package-%d", n) }

// Fact is the fact of a number.
func Fact(n int) store.Fact { return store.Fact{Kind: store.PackageName, Value: Package(n)} }

// Report is one of a summary, with packages of some numbers.
func Report(s *store.Summary, packages ...int) *detonaut.Report {
	r := &detonaut.Report{
		Schema: detonaut.Schema,
		Image: detonaut.Image{
			Ref: detonaut.Ref(s.Name.Repository), Digest: s.Digest, Platform: s.Platform, Size: s.Size,
			Config: detonaut.Config{Entrypoint: []string{"/usr/bin/start"}, Env: []string{"PATH=/usr/bin:/bin"}},
			Layers: []detonaut.Layer{{Digest: s.Digest, DiffID: s.Digest, MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Size: s.Size}},
		},
		Fingerprint: detonaut.Fingerprint{Tool: "1.0", Plan: s.Digest},
		Started:     s.Analysed,
		Verdict: detonaut.Verdict{
			Word: s.Verdict, Sentence: s.Sentence, Category: s.Category, Family: s.Family, Vulnerability: s.Vulnerability,
			Reasons: []detonaut.Reason{{Text: s.Sentence}},
		},
		Findings:  []detonaut.Finding{},
		Inventory: &detonaut.Inventory{Packages: []detonaut.Package{}},
		Stages:    []detonaut.Stage{{Name: detonaut.StagePull, State: detonaut.Complete}, {Name: detonaut.StageDetonate, State: detonaut.Complete}},
		Coverage:  detonaut.Coverage{Full: true, Events: 1000},
		Run:       &detonaut.Run{Command: []string{"/usr/bin/start"}, EndReason: "time-limit", Processes: []detonaut.Process{}},
	}
	for _, n := range packages {
		r.Inventory.Packages = append(r.Inventory.Packages, detonaut.Package{
			Name: Package(n), Version: "1.2-3", Type: "deb", FoundBy: "dpkg-db-cataloger",
			Locations: []detonaut.Location{{Path: "/var/lib/dpkg/status", Layer: s.Digest, Primary: true}},
		})
	}
	for i := range 20 {
		r.Run.Processes = append(r.Run.Processes, detonaut.Process{
			PID: int32(i + 1), Parent: 1, Executable: "/usr/bin/start", Args: []string{"start", "-n", fmt.Sprint(i)}, //nolint:gosec // it is small
			Origin: "image", SHA256: string(s.Digest[len("sha256:"):]), Start: time.Duration(i) * time.Second, End: -1, Event: uint64(i),
		})
		r.Findings = append(r.Findings, detonaut.Finding{
			ID: fmt.Sprintf("config/finding-%d", i), Title: "Has what has been seen", Severity: detonaut.Low, Confidence: detonaut.Certain,
			Techniques: []string{"T1059.004"}, Weakness: true, Count: 1, Evidence: []detonaut.Evidence{{Summary: "as it is"}},
		})
	}
	return r
}

// Queries are what people ask: for everything, for little, for text, for facts.
func Queries() []store.Query {
	rare := 20_000
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
		{Text: []string{"012345"}},
		{Text: []string{"nothing", "seen", "user1*"}},
		{Families: []string{"family7"}},
		{Severities: []detonaut.Severity{detonaut.Critical}, Registries: []string{"ghcr.io"}, Platforms: []string{"linux/arm64"}},
		{MinPulls: 500_000, Order: store.Pulled},
		{After: Start.Add(100 * 24 * time.Hour), Before: Start.Add(130 * 24 * time.Hour), Order: store.Worst},
		{Facts: []store.Fact{Fact(0)}},
		{Facts: []store.Fact{Fact(1), Fact(Common)}, Order: store.Worst, Text: []string{"web"}},
		{Facts: []store.Fact{Fact(rare)}},
		{Facts: []store.Fact{Fact(Common + 10)}, Verdicts: []detonaut.Word{detonaut.Malicious}, Order: store.Pulled},
	}
	for i := range list {
		list[i].Facets, list[i].Page.Limit = true, 50
	}
	return list
}
