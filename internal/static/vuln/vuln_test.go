package vuln_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
)

// built is when the databases of these tests were made.
var built = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// made is a directory with a database of these holes.
func made(tb testing.TB, holes ...vulntest.Hole) string {
	tb.Helper()
	store, err := vulndb.New(vulndb.Options{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	if err := store.Import(tb.Context(), vulntest.Make(tb, built, holes...)); err != nil {
		tb.Fatal(err)
	}
	return store.Dir()
}

func open(tb testing.TB, dir string, o vuln.Options) *vuln.Database {
	tb.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return built.Add(time.Hour) }
	}
	d, err := vuln.Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	return d
}

// listed is the inventory of an image, as imagetest.FromTxtar reads it.
func listed(tb testing.TB, text string) *detonaut.Inventory {
	tb.Helper()
	img, err := imagetest.FromTxtar("PLATFORM linux/amd64\n" + text)
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		tb.Fatal(err)
	}
	return read(tb, dir)
}

// python is the file of an image that installs a package of Python.
func python(name, version string) string {
	return fmt.Sprintf("-- /usr/lib/python3/site-packages/%[1]s-%[2]s.dist-info/METADATA --\nMetadata-Version: 2.1\nName: %[1]s\nVersion: %[2]s\n", name, version)
}

const (
	vector     = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
	mildVector = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"
)

func TestMatchSaysWhatIsKnown(t *testing.T) {
	dir := made(
		t,
		vulntest.Hole{
			ID: "GHSA-aaaa-bbbb-cccc", Provider: "github", Aliases: []string{"CVE-2026-0001"}, Severity: "high", CVSS: mildVector,
			Text: "A hole\nin  alpha.", URLs: []string{"https://example.com/1", "javascript:alert(1)", "https://example.com/2"},
			Ecosystem: "python", Package: "alpha", Before: "2.0.0", Fix: v6.FixedStatus,
		},
		vulntest.Hole{
			ID: "CVE-2026-0001", Provider: "nvd", Severity: "critical", CVSS: vector, Text: "NVD's words.",
			URLs: []string{"https://nvd.example.com/1"}, EPSS: 0.25, Percentile: 0.9, Exploited: true,
		},
		vulntest.Hole{ID: "GHSA-dddd-eeee-ffff", Provider: "github", Aliases: []string{"CVE-2026-0002"}, Ecosystem: "python", Package: "alpha", Before: "9", Fix: v6.WontFixStatus},
		vulntest.Hole{ID: "CVE-2026-0002", Provider: "nvd", CVSS: vector, Text: strings.Repeat("long ", 200)},
		vulntest.Hole{ID: "GHSA-none-none-none", Provider: "github", Ecosystem: "python", Package: "beta", Before: "9", Severity: "low"},
		vulntest.Hole{ID: "GHSA-many-many-many", Provider: "github", Aliases: []string{"CVE-2026-0003", "CVE-2026-0004"}, Ecosystem: "python", Package: "beta", Before: "9"},
		vulntest.Hole{ID: "CVE-2026-0004", Provider: "nvd", EPSS: 0.5, Percentile: 0.95},
		vulntest.Hole{ID: "GHSA-past-past-past", Provider: "github", Ecosystem: "python", Package: "beta", Before: "1.0", Severity: "critical"},
	)
	d := open(t, dir, vuln.Options{})
	got, stage := d.Match(t.Context(), listed(t, python("alpha", "1.0.0")+python("beta", "1.0")))
	if want := (detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Complete}); stage != want {
		t.Errorf("got the stage %v, want %v", stage, want)
	}
	alpha := detonaut.Vulnerability{Source: "github:language:python", Package: "alpha", Version: "1.0.0", Type: "python", PURL: "pkg:pypi/alpha@1.0.0"}
	beta := detonaut.Vulnerability{Source: "github:language:python", Package: "beta", Version: "1.0", Type: "python", PURL: "pkg:pypi/beta@1.0", Fix: "unknown"}
	first, second, third, fourth := alpha, alpha, beta, beta
	first.ID, first.Aliases, first.Severity, first.Fix, first.Fixed = "CVE-2026-0001", []string{"GHSA-aaaa-bbbb-cccc"}, detonaut.High, "fixed", []string{"2.0.0"}
	first.Score, first.Vector, first.EPSS, first.Percentile, first.Exploited = 1.8, mildVector, 0.25, 0.9, true
	first.Description, first.URLs = "A hole in alpha.", []string{"https://example.com/1", "https://example.com/2", "https://nvd.example.com/1"}
	second.ID, second.Aliases, second.Severity, second.Fix = "CVE-2026-0002", []string{"GHSA-dddd-eeee-ffff"}, detonaut.Critical, "wont-fix"
	second.Score, second.Vector, second.Description = 9.8, vector, strings.TrimSpace(strings.Repeat("long ", 60))+" ..."
	third.ID, third.Severity = "GHSA-none-none-none", detonaut.Low
	fourth.ID, fourth.Aliases, fourth.Severity, fourth.EPSS, fourth.Percentile = "GHSA-many-many-many", []string{"CVE-2026-0003", "CVE-2026-0004"}, detonaut.UnknownSeverity, 0.5, 0.95
	for i := range got { // where it is, is shown below
		if got[i].Path == "" || got[i].Layer == "" {
			t.Errorf("%s has no place", got[i].ID)
		}
		got[i].Path, got[i].Layer = "", ""
	}
	// The severity is that of whoever says that the package has the hole; NVD's is
	// taken where that is not known.
	if diff := cmp.Diff([]detonaut.Vulnerability{second, first, third, fourth}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Two sources that tell of one hole of one package make one.
func TestMatchJoinsSources(t *testing.T) {
	dir := made(
		t,
		vulntest.Hole{ID: "GHSA-aaaa-bbbb-cccc", Provider: "github", Aliases: []string{"CVE-2026-0001"}, Severity: "medium", Ecosystem: "python", Package: "alpha", Before: "2.0", Fix: v6.FixedStatus},
		vulntest.Hole{ID: "PYSEC-2026-1", Provider: "pypa", Aliases: []string{"CVE-2026-0001"}, Severity: "critical", Ecosystem: "python", Package: "alpha", Before: "3.0", Fix: v6.NotFixedStatus},
	)
	d := open(t, dir, vuln.Options{})
	got, _ := d.Match(t.Context(), listed(t, python("alpha", "1.0")))
	if len(got) != 1 {
		t.Fatalf("got %d holes, want one: %+v", len(got), got)
	}
	v := got[0]
	v.Path, v.Layer, v.PURL = "", "", ""
	want := detonaut.Vulnerability{
		ID: "CVE-2026-0001", Aliases: []string{"GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1"}, Source: "pypa:language:python", Severity: detonaut.Critical,
		Fix: "fixed", Fixed: []string{"2.0"}, Package: "alpha", Version: "1.0", Type: "python",
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMatchKeepsWithinBounds(t *testing.T) {
	var holes []vulntest.Hole
	var files string
	for i := range 5 {
		name := fmt.Sprintf("package%d", i)
		files += python(name, "1.0")
		for j := range 4 {
			holes = append(holes, vulntest.Hole{ID: fmt.Sprintf("GHSA-%d-%d", i, j), Provider: "github", Ecosystem: "python", Package: name, Before: "2.0"})
		}
	}
	dir, inv := made(t, holes...), listed(t, files)
	all, stage := open(t, dir, vuln.Options{}).Match(t.Context(), inv)
	if len(all) != 20 || stage.State != detonaut.Complete {
		t.Errorf("got %d holes, and %v", len(all), stage)
	}
	some, stage := open(t, dir, vuln.Options{Limits: vuln.Limits{Matches: 6}}).Match(t.Context(), inv)
	if len(some) != 6 || stage.State != detonaut.Partial || !strings.Contains(stage.Reason, "more than 6 matches") {
		t.Errorf("of at most 6: got %d holes, and %v", len(some), stage)
	}
	none, stage := open(t, dir, vuln.Options{Limits: vuln.Limits{Time: time.Nanosecond}}).Match(t.Context(), inv)
	if len(none) != 0 || stage.State != detonaut.Partial || !strings.Contains(stage.Reason, "time was over") {
		t.Errorf("without time: got %d holes, and %v", len(none), stage)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, stage := open(t, dir, vuln.Options{}).Match(ended, inv); stage.State != detonaut.Failed {
		t.Errorf("when nobody waits any more: got %v", stage)
	}
}

func TestMatchTellsAnOldDatabase(t *testing.T) {
	dir := made(t, vulntest.Hole{ID: "GHSA-1", Provider: "github", Ecosystem: "python", Package: "alpha", Before: "2.0"})
	o := vuln.Options{Now: func() time.Time { return built.Add(6 * 24 * time.Hour) }}
	got, stage := open(t, dir, o).Match(t.Context(), listed(t, python("alpha", "1.0")))
	want := detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Complete, Reason: "the vulnerability database is 6 days old: run detonaut db update"}
	if len(got) != 1 || stage != want {
		t.Errorf("got %d holes and the stage %v, want %v", len(got), stage, want)
	}
	o.MaxAge = 7 * 24 * time.Hour
	if w := open(t, dir, o).Warning(); w != "" {
		t.Errorf("a database that may be as old: %q", w)
	}
}

// A database is shared by scans, and does not change while it is open.
func TestMatchIsShared(t *testing.T) {
	dir := vulntest.Dir(t)
	d, inv := open(t, dir, vuln.Options{}), listed(t, python("Django", "3.0")+python("Jinja2", "2.4"))
	want, stage := d.Match(t.Context(), inv)
	if len(want) < 20 || stage.State != detonaut.Complete {
		t.Fatalf("got %d holes, and %v", len(want), stage)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got, _ := d.Match(t.Context(), inv)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-alone +among others):\n%s", diff)
			}
		})
	}
	other, err := vulndb.New(vulndb.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // two of which push out what was there
		built = built.Add(time.Minute)
		if err := other.Import(t.Context(), vulntest.Make(t, built, vulntest.Hole{ID: "GHSA-1", Provider: "github", Ecosystem: "npm", Package: "a", Before: "2.0"})); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	got, _ := d.Match(t.Context(), inv)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after an update (-before +now):\n%s", diff)
	}
	if d.Info().Schema != "v6.1.10" || !slices.ContainsFunc(want, func(v detonaut.Vulnerability) bool { return v.Exploited || v.Score > 0 }) {
		t.Errorf("got %v of %+v", want[0], d.Info())
	}
}

func TestOpenWithoutADatabase(t *testing.T) {
	for name, dir := range map[string]string{"no directory": filepath.Join(t.TempDir(), "gone"), "an empty one": t.TempDir()} {
		_, err := vuln.Open(dir, vuln.Options{})
		if !errors.Is(err, vuln.ErrNone) || !errors.Is(err, detonaut.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
		want := detonaut.Stage{Name: detonaut.StageVulnerabilities, State: detonaut.Skipped, Reason: "there is no vulnerability database: run detonaut db update"}
		if stage := vuln.Unavailable(err); stage != want {
			t.Errorf("%s: got the stage %v", name, stage)
		}
	}
}

func TestOpenOfADamagedDatabase(t *testing.T) {
	whole, err := os.ReadFile(vulntest.Make(t, built, vulntest.Hole{ID: "GHSA-1", Provider: "github", Ecosystem: "python", Package: "alpha", Before: "2.0"}))
	if err != nil {
		t.Fatal(err)
	}
	noise := slices.Clone(whole)
	for i := 100; i < 4096; i++ {
		noise[i] = byte(i * i)
	}
	for name, bytes := range map[string][]byte{
		"nothing": {}, "text": []byte("not a database\n"), "its head": whole[:5000], "noise": noise,
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "6"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "6", vuln.FileName), bytes, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := vuln.Open(dir, vuln.Options{})
		if err == nil { // its first page is sound
			err = d.Verify(t.Context())
			d.Close()
		}
		if !errors.Is(err, detonaut.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v", name, err)
		}
		if stage := vuln.Unavailable(err); stage.State != detonaut.Failed || stage.Reason == "" {
			t.Errorf("%s: got the stage %v", name, stage)
		}
	}
}

// What was changed after it was imported is not used.
func TestOpenOfAChangedDatabase(t *testing.T) {
	dir := made(t, vulntest.Hole{ID: "GHSA-1", Provider: "github", Ecosystem: "python", Package: "alpha", Before: "2.0"})
	f, err := os.OpenFile(filepath.Join(dir, "6", vuln.FileName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("more")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := vuln.Open(dir, vuln.Options{}); !errors.Is(err, detonaut.ErrCorrupt) || !strings.Contains(err.Error(), "when it was imported") {
		t.Errorf("got %v", err)
	}
}

// A path may have what means something in a URI.
func TestOpenBelowAnOddPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "100% odd? #1 &cache=private")
	store, err := vulndb.New(vulndb.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Import(t.Context(), vulntest.Make(t, built, vulntest.Hole{ID: "GHSA-1", Provider: "github", Ecosystem: "python", Package: "alpha", Before: "2.0"})); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir, vuln.Options{}).Info().Built; !got.Equal(built) {
		t.Errorf("it was built %v", got)
	}
}
