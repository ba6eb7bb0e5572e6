package all_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/internal/static/malicious"
	"github.com/detonaut/detonaut/internal/static/memory"
	"github.com/detonaut/detonaut/internal/static/suppress"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
	"github.com/detonaut/detonaut/rules"
)

// text is an image that has one of everything.
const text = `ENTRYPOINT ["/app"]
ENV API_TOKEN=tr0ub4dor-and-3-more
-- /app 0755 --
#!/bin/sh
-- /srv/node_modules/alpha/package.json --
{"name": "alpha", "version": "1.0.0"}
-- /srv/node_modules/beta/package.json --
{"name": "beta", "version": "1.0.0"}
-- /srv/node_modules/event-stream/package.json --
{"name": "event-stream", "version": "3.3.6"}
-- /srv/node_modules/localtunnel/package.json --
{"name": "localtunnel", "version": "1.0.0"}
`

func pull(t *testing.T, text string) all.Image {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "image")
	if err := imagetest.WriteOCIDir(imagetest.Image(t, text), dir); err != nil {
		t.Fatal(err)
	}
	img, err := image.Pull(t.Context(), detonaut.Ref("oci-dir:"+dir), image.Options{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = img.Close() })
	files, err := img.FS()
	if err != nil {
		t.Fatal(err)
	}
	return all.Image{Image: img.Image, Index: img.Index, Files: files}
}

// database has holes in packages of npm.
func database(t *testing.T, packages ...string) *vuln.Database {
	t.Helper()
	var holes []vulntest.Hole
	for _, name := range packages {
		holes = append(holes, vulntest.Hole{ID: "CVE-2026-" + strings.ToUpper(name), Provider: "github", Severity: "high", Ecosystem: "npm", Package: name, Before: "2.0.0"})
	}
	dir := t.TempDir()
	store, err := vulndb.New(vulndb.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Import(t.Context(), vulntest.Make(t, today.AddDate(0, 0, -1), holes...)); err != nil {
		t.Fatal(err)
	}
	d, err := vuln.Open(dir, vuln.Options{Now: func() time.Time { return today }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

var today = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

func reader(t *testing.T, m *memory.Memory, d *vuln.Database) *all.Reader {
	t.Helper()
	list, err := malicious.Load(rules.Packages())
	if err != nil {
		t.Fatal(err)
	}
	return &all.Reader{
		Analyzers: all.Analyzers(all.Ours()), Malware: all.Ours(), Memory: m, Database: d, NoDatabase: vuln.Unavailable(vuln.ErrNone),
		Malicious: []malicious.List{list}, Now: func() time.Time { return today },
	}
}

func read(t *testing.T, r *all.Reader, img all.Image) static.Reading {
	t.Helper()
	got, err := r.Read(t.Context(), img, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func holes(r static.Reading) (ids []string) {
	for _, v := range r.Vulnerabilities {
		ids = append(ids, v.ID)
	}
	slices.Sort(ids)
	return ids
}

// TestRead reads an image with nothing in mind, then with what was learned of it, and
// then by another database.
func TestRead(t *testing.T) {
	m, err := memory.Open(t.Context(), memory.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	img := pull(t, text)
	r := reader(t, m, database(t, "alpha"))
	first := read(t, r, img)
	var ids []string
	for _, f := range first.Findings {
		ids = append(ids, f.ID)
	}
	for _, want := range []string{"config/root-user", "secret/by-name", "package/npm/event-stream@3.3.6", "tool/localtunnel"} {
		if !slices.Contains(ids, want) {
			t.Errorf("findings %v lack %s", ids, want)
		}
	}
	if !slices.IsSorted(ids) || len(first.Inventory.Packages) != 4 {
		t.Errorf("findings %v, packages %+v", ids, first.Inventory.Packages)
	}
	if diff := cmp.Diff([]string{"CVE-2026-ALPHA"}, holes(first)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if owners := first.Owners("/srv/node_modules/beta/index.js"); len(owners) != 1 || first.Inventory.Packages[owners[0]].Name != "beta" {
		t.Errorf("got owners %v", owners)
	}
	var stages []string
	for _, s := range first.Stages {
		stages = append(stages, s.Name+" "+string(s.State))
	}
	want := []string{
		"inventory complete", "malicious-packages complete", "vulnerabilities complete", "config complete",
		"image/malware complete", "image/secret complete",
	}
	if diff := cmp.Diff(want, stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}

	if len(first.Worth) != 1 || first.Worth[0].Places[0].Path != "/app" {
		t.Errorf("worth knowing again: %+v", first.Worth)
	}
	if f, ok := first.Open("/app"); !ok || f.SHA256 != first.Worth[0].SHA256 || f.Places[0].Layer == "" {
		t.Errorf("opened %+v", f)
	}

	again := read(t, r, img)
	if diff := cmp.Diff(first, again, cmpopts.IgnoreFields(static.Reading{}, "Owners", "Open", "Worth"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("from memory (-first +again):\n%s", diff)
	}
	if owners := again.Owners("/srv/node_modules/beta/index.js"); len(owners) != 1 {
		t.Errorf("from memory: got owners %v", owners)
	}
	r.Database = database(t, "alpha", "beta")
	if diff := cmp.Diff([]string{"CVE-2026-ALPHA", "CVE-2026-BETA"}, holes(read(t, r, img))); diff != "" {
		t.Errorf("by another database (-want +got):\n%s", diff)
	}
	r.Memory = nil
	if diff := cmp.Diff([]string{"CVE-2026-ALPHA", "CVE-2026-BETA"}, holes(read(t, r, img))); diff != "" {
		t.Errorf("without memory (-want +got):\n%s", diff)
	}
}

// TestReadWithout says what was not looked for.
func TestReadWithout(t *testing.T) {
	got := read(t, reader(t, nil, nil), pull(t, text))
	i := slices.IndexFunc(got.Stages, func(s detonaut.Stage) bool { return s.Name == detonaut.StageVulnerabilities })
	if s := got.Stages[i]; s.State != detonaut.Skipped || !strings.Contains(s.Reason, "detonaut db update") || got.Database != nil || got.Vulnerabilities != nil {
		t.Errorf("got %+v, %+v", s, got.Database)
	}
}

// TestReadSuppressed sets aside what a file says, and warns of what it says for nothing.
func TestReadSuppressed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ignore.yaml")
	err := os.WriteFile(file, []byte(`- {vulnerability: CVE-2026-ALPHA, reason: nobody calls it}
- {finding: config/root-user, reason: users are mapped}
- {vulnerability: CVE-1999-1, reason: long gone}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	r := reader(t, nil, database(t, "alpha", "beta"))
	if r.Suppressed, err = suppress.Load(suppress.Files{Ignore: []string{file}}); err != nil {
		t.Fatal(err)
	}
	var warned []string
	r.Warn = func(text string) { warned = append(warned, text) }
	got := read(t, r, pull(t, text))
	if len(got.Suppressed) != 1 || got.Suppressed[0].Suppressed.Reason != "nobody calls it" || !slices.Equal(holes(got), []string{"CVE-2026-BETA"}) {
		t.Errorf("got %+v and %+v", got.Suppressed, got.Vulnerabilities)
	}
	i := slices.IndexFunc(got.Findings, func(f detonaut.Finding) bool { return f.ID == "config/root-user" })
	if f := got.Findings[i]; f.Suppressed == nil || f.Suppressed.Reason != "users are mapped" {
		t.Errorf("got %+v", f)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "CVE-1999-1") {
		t.Errorf("got warnings %q, want one of what matches nothing", warned)
	}
	if v := r.Versions(); !slices.ContainsFunc(v, func(s string) bool { return strings.HasPrefix(s, "suppress@") }) || !slices.IsSorted(v) {
		t.Errorf("got versions %v", v)
	}
}

// TestReadBroken reads the rest when the database cannot be used, and says that it failed.
func TestReadBroken(t *testing.T) {
	r := reader(t, nil, nil)
	r.NoDatabase = vuln.Unavailable(fmt.Errorf("open it: %w", detonaut.ErrCorrupt))
	got, err := r.Read(t.Context(), pull(t, text), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "vulnerabilities") || got.Inventory == nil || got.Database != nil {
		t.Errorf("got %+v, %v", got.Inventory, err)
	}
	i := slices.IndexFunc(got.Stages, func(s detonaut.Stage) bool { return s.Name == detonaut.StageVulnerabilities })
	if s := got.Stages[i]; s.State != detonaut.Failed || !strings.Contains(s.Reason, "corrupt") {
		t.Errorf("got %+v", s)
	}
}
