package vuln_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static/inventory"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// another is where Python says what version it is: of the same version grype would make
// one package, and that is Debian's.
var another = regexp.MustCompile(`(\x003\.[0-9]+\.)[0-9]\x00`)

// additions are files of a root again, at places where no package of Debian put them:
// as an image has them whose builder did not ask the distribution. What the root has in
// usr/share/java is in a program of Java as well, one archive within another.
func additions(t testing.TB, root string) (files []imagetest.File) {
	t.Helper()
	var war bytes.Buffer
	nested := zip.NewWriter(&war)
	put := func(name string, body []byte) {
		files = append(files, imagetest.File{Header: tar.Header{Name: name, Mode: 0o644}, Body: body})
	}
	for _, c := range []struct{ from, names, to string }{
		{"usr/lib/python3/dist-packages", "METADATA PKG-INFO RECORD top_level.txt *.egg-info", "opt/venv/lib/python3/site-packages"},
		{"usr/share/nodejs", "package.json", "srv/app/node_modules"},
		{"usr/share/rubygems-integration", "*.gemspec", "usr/local/lib/ruby/gems"},
		{"usr/share/java", "*.jar", "opt/app/lib"},
		{"usr/bin", "python3.*", "opt/bin"},
	} {
		from := filepath.Join(root, c.from)
		err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || !slices.ContainsFunc(strings.Fields(c.names), func(n string) bool {
				ok, _ := filepath.Match(n, d.Name())
				return ok
			}) {
				return err
			}
			body, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			if c.to == "opt/bin" {
				body = another.ReplaceAll(body, []byte("${1}0\x00"))
			}
			put(c.to+strings.TrimPrefix(p, from), body)
			if path.Ext(p) == ".jar" {
				w, err := nested.Create("WEB-INF/lib/" + d.Name())
				if err != nil {
					return err
				}
				_, err = w.Write(body)
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := nested.Close(); err != nil {
		t.Fatal(err)
	}
	put("opt/app/app.war", war.Bytes())
	return append(files, program(t))
}

// program is one in Go, of old modules.
func program(t testing.TB) imagetest.File {
	t.Helper()
	file := filepath.Join(t.TempDir(), "oldgo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", file, ".")
	build.Dir = "testdata/oldgo"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return imagetest.File{Header: tar.Header{Name: "usr/local/bin/oldgo", Mode: 0o755}, Body: body}
}

// mixed is a release of Debian with such additions in a second layer, as a directory
// and as an OCI layout.
func mixed(t testing.TB, suite string) (root, layout string) {
	t.Helper()
	root, layout = t.TempDir(), t.TempDir()
	archive := testenv.DebianRelease(t, suite)
	unpack := exec.CommandContext(t.Context(), "tar", "-xzf", archive, "-C", root, "--exclude=./dev", "--no-same-owner")
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack the root: %v\n%s", err, out)
	}
	files := additions(t, root)
	for _, f := range files {
		name := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Body, fs.FileMode(f.Mode)); err != nil { //nolint:gosec // made here
			t.Fatal(err)
		}
	}
	base, err := imagetest.TarLayer(archive)
	if err != nil {
		t.Fatal(err)
	}
	over, err := imagetest.Layer(files, imagetest.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	img, err := imagetest.FromLayers(base, over)
	if err != nil {
		t.Fatal(err)
	}
	if err := imagetest.WriteOCIDir(img, layout); err != nil {
		t.Fatal(err)
	}
	return root, layout
}

func read(tb testing.TB, layout string) *detonaut.Inventory {
	tb.Helper()
	got, err := image.Pull(tb.Context(), detonaut.Ref("oci-dir:"+layout), image.Options{CacheDir: tb.TempDir(), Platform: "linux/amd64"})
	if err != nil {
		tb.Fatal(err)
	}
	defer got.Close()
	files, err := got.FS()
	if err != nil {
		tb.Fatal(err)
	}
	inv, stage := inventory.Read(tb.Context(), inventory.Input{Image: got.Image, Index: got.Index, Files: files})
	if stage.State != detonaut.Complete {
		tb.Fatal(stage)
	}
	return stored(tb, &inv.Inventory)
}

// stored is an inventory as a report keeps it: so all tests see that nothing is lost by which
// vulnerabilities are looked up.
func stored(tb testing.TB, inv *detonaut.Inventory) *detonaut.Inventory {
	tb.Helper()
	text, err := json.Marshal(inv)
	if err != nil {
		tb.Fatal(err)
	}
	kept := new(detonaut.Inventory)
	if err := json.Unmarshal(text, kept); err != nil {
		tb.Fatal(err)
	}
	symbols, err := inventory.Symbols(inv)
	if err == nil && symbols != nil {
		err = inventory.AddSymbols(kept, bytes.NewReader(symbols))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return kept
}

// answer is what grype's command says of an image.
type answer struct {
	packages []string // all of them
	pairs    []string // of packages and vulnerabilities
	names    map[string][]string
	// What it cost: seconds of the processor, and MB of memory at most.
	cpu  float64
	peak int64
}

// command runs grype's command with the settings that it has by itself.
func command(t testing.TB, db, what string) answer {
	t.Helper()
	dir := t.TempDir()
	found, bill := filepath.Join(dir, "found.json"), filepath.Join(dir, "bill.json")
	cmd := exec.CommandContext(t.Context(), testenv.Grype(t), "-q", what, "-o", "json="+found, "-o", "cyclonedx-json="+bill)
	cmd.Dir = dir // where there is no configuration
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+dir, "GRYPE_DB_CACHE_DIR="+db,
		"GRYPE_DB_AUTO_UPDATE=false", "GRYPE_DB_VALIDATE_AGE=false", "GRYPE_CHECK_FOR_APP_UPDATE=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var doc struct {
		Matches []struct {
			Vulnerability struct {
				ID, Namespace string
				Fix           struct {
					Versions []string
					State    string
				}
			}
			Artifact struct {
				Name, Version, Type, PURL string
				Locations                 []struct{ Path string }
			}
		}
	}
	decode(t, found, &doc)
	a := answer{
		names: map[string][]string{}, peak: peak(cmd.ProcessState),
		cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
	}
	for _, m := range doc.Matches {
		var paths []string
		for _, l := range m.Artifact.Locations {
			paths = append(paths, l.Path)
		}
		v := m.Vulnerability
		of := m.Artifact.Type + " " + m.Artifact.Name + " " + m.Artifact.Version
		a.pairs = append(a.pairs, pair(of+" "+m.Artifact.PURL, paths, v.ID, v.Namespace, v.Fix.State, v.Fix.Versions))
		a.names[of] = append(a.names[of], v.ID)
	}
	slices.Sort(a.pairs)
	var sbom struct {
		Components []struct {
			Group, Name, Version, PURL string
			Properties                 []struct{ Name, Value string }
		}
	}
	decode(t, bill, &sbom)
	for _, c := range sbom.Components {
		for _, p := range c.Properties {
			if p.Name == "syft:package:type" {
				a.packages = append(a.packages, strings.Join([]string{p.Value, c.Version, strings.Split(c.PURL, "?")[0]}, " "))
			}
		}
	}
	slices.Sort(a.packages)
	return a
}

func decode(t testing.TB, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// pair is one line for a package, and what it has. Copyright files, which an inventory
// does not read, are no places.
func pair(of string, paths []string, id, namespace, state string, fixed []string) string {
	paths = slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return strings.HasSuffix(p, "/copyright") })
	slices.Sort(paths)
	fixed = slices.Clone(fixed)
	slices.Sort(fixed)
	return fmt.Sprint(of, slices.Compact(paths), id, " ", namespace, " ", state, fixed)
}

func ours(found []match.Match) (pairs []string) {
	for _, m := range found {
		var paths []string
		for _, l := range m.Package.Locations.ToSlice() {
			paths = append(paths, l.RealPath)
		}
		of := strings.Join([]string{string(m.Package.Type), m.Package.Name, m.Package.Version, m.Package.PURL}, " ")
		pairs = append(pairs, pair(of, paths, m.Vulnerability.ID, m.Vulnerability.Namespace, string(m.Vulnerability.Fix.State), m.Vulnerability.Fix.Versions))
	}
	slices.Sort(pairs)
	return pairs
}

// On the same image and database the packages, and the pairs of a package and what it
// has, are those of grype's own command.
func TestMatchFindsWhatGrypeFinds(t *testing.T) {
	dir := vulntest.Dir(t)
	d := open(t, dir, vuln.Options{})
	types := map[string]int{}
	for _, suite := range testenv.Releases {
		t.Run(suite, func(t *testing.T) {
			root, layout := mixed(t, suite)
			inv := read(t, layout)
			found, problems, err := d.Matches(t.Context(), inv)
			if err != nil || problems != "" {
				t.Fatal(err, problems)
			}
			all, stage := d.Match(t.Context(), inv)
			if stage.State != detonaut.Complete {
				t.Fatal(stage)
			}
			var packages []string
			for _, p := range inv.Packages {
				if p.Version != cataloging.UnknownStubValue {
					packages = append(packages, strings.Join([]string{p.Type, p.Version, strings.Split(p.PURL, "?")[0]}, " "))
				}
			}
			slices.Sort(packages)
			for _, what := range []string{"dir:" + root, "oci-dir:" + layout} {
				theirs := command(t, dir, what)
				packages, found, all := packages, ours(found), all
				if strings.HasPrefix(what, "dir:") {
					theirs.packages, packages = withoutDeclared(theirs.packages), withoutDeclared(packages)
					theirs.pairs, found = withoutDeclared(theirs.pairs), withoutDeclared(found)
					maps.DeleteFunc(theirs.names, func(of string, _ []string) bool { return isDeclared(of) })
					all = slices.DeleteFunc(slices.Clone(all), func(v detonaut.Vulnerability) bool { return isDeclared(v.Type + " ") })
				}
				if diff := cmp.Diff(theirs.packages, packages); diff != "" {
					t.Errorf("packages of %s (-grype +ours):\n%s", what, diff)
				}
				if diff := cmp.Diff(theirs.pairs, found); diff != "" {
					t.Errorf("pairs of %s (-grype +ours):\n%s", what, diff)
				}
				compareNames(t, theirs.names, all)
			}
			t.Logf("%d packages, %d matches, %d holes", len(packages), len(found), len(all))
			for _, v := range all {
				types[v.Type]++
			}
		})
	}
	enough(t, types, "deb", "go-module", "npm", "python")
}

// enough makes sure that the comparison is not one of nothing with nothing.
func enough(t *testing.T, types map[string]int, kinds ...string) {
	t.Helper()
	for _, kind := range kinds {
		if types[kind] == 0 {
			t.Errorf("nothing was found in any package of type %s: %v", kind, types)
		}
	}
}

// isDeclared tells of which packages grype looks in a directory for what files declare,
// and not, as in an image, for what is installed.
func isDeclared(text string) bool {
	return strings.HasPrefix(text, "npm ") || strings.HasPrefix(text, "gem ")
}

func withoutDeclared(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), isDeclared)
}

// The same is so when there is a hole in every package of an ecosystem, and in every
// product that has a name in CPE, by the words of several sources.
func TestMatchFindsWhatGrypeFindsInEverything(t *testing.T) {
	_, layout := mixed(t, "bookworm")
	inv := read(t, layout)
	var holes []vulntest.Hole
	known := map[string]bool{}
	for i, p := range inv.Packages {
		names := []string{p.Name}
		if p.Type == "java-archive" { // group and artifact
			group := strings.Split(strings.TrimPrefix(p.PURL, "pkg:maven/"), "/")[0]
			names = append(names, group+":"+p.Name)
		}
		for _, name := range names {
			if p.Type == "deb" || known[p.Type+name] {
				continue
			}
			known[p.Type+name] = true
			holes = append(holes, vulntest.Hole{
				ID: fmt.Sprintf("GHSA-%d", i), Provider: "github", Aliases: []string{fmt.Sprintf("CVE-2026-%d", i)}, Severity: "high",
				Ecosystem: p.Type, Package: name, Before: "99999", Fix: v6.FixedStatus,
			})
		}
		for j, c := range p.CPEs {
			if names := strings.Split(c, ":"); p.Type != "deb" && len(names) > 4 && !known[names[3]+":"+names[4]] {
				known[names[3]+":"+names[4]] = true
				holes = append(holes, vulntest.Hole{ID: fmt.Sprintf("CVE-2025-%d-%d", i, j), Provider: "nvd", CVSS: vector, Vendor: names[3], Product: names[4], Before: "99999"})
			}
		}
	}
	dir := made(t, holes...)
	d := open(t, dir, vuln.Options{})
	found, problems, err := d.Matches(t.Context(), inv)
	if err != nil || problems != "" {
		t.Fatal(err, problems)
	}
	all, _ := d.Match(t.Context(), inv)
	theirs := command(t, dir, "oci-dir:"+layout)
	if diff := cmp.Diff(theirs.pairs, ours(found)); diff != "" {
		t.Errorf("(-grype +ours):\n%s", diff)
	}
	compareNames(t, theirs.names, all)
	types := map[string]int{}
	for _, v := range all {
		types[v.Type]++
	}
	t.Logf("%d holes, %d matches: %v", len(holes), len(found), types)
	enough(t, types, "binary", "gem", "go-module", "java-archive", "npm", "python")
}

// compareNames makes sure that every name that grype prints for a package is one of ours
// for it, and that we have no others.
func compareNames(t *testing.T, theirs map[string][]string, all []detonaut.Vulnerability) {
	t.Helper()
	seen := map[string]bool{}
	for _, v := range all {
		of := v.Type + " " + v.Package + " " + v.Version
		names := append([]string{v.ID}, v.Aliases...)
		some := false
		for _, id := range theirs[of] {
			if slices.Contains(names, id) {
				some, seen[of+id] = true, true
			}
		}
		if !some {
			t.Errorf("grype knows nothing of %s in %s", v.ID, of)
		}
	}
	for of, ids := range theirs {
		for _, id := range ids {
			if !seen[of+id] {
				t.Errorf("%s in %s is told under no name of ours", id, of)
			}
		}
	}
}
