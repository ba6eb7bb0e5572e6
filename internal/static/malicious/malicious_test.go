package malicious

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static/inventory"
	"github.com/detonaut/detonaut/rules"
)

// curated is the list that comes with Detonaut.
func curated(tb testing.TB) *Records {
	tb.Helper()
	r, err := Load(rules.Packages())
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// pull makes an image of a text.
func pull(t *testing.T, text string) *image.Image {
	t.Helper()
	img, err := imagetest.FromTxtar(text)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		t.Fatal(err)
	}
	got, err := image.Pull(t.Context(), detonaut.Ref("oci-dir:"+dir), image.Options{CacheDir: t.TempDir(), Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { got.Close() })
	return got
}

// An image of two layers, from its files to the findings.
func TestImage(t *testing.T) {
	got := pull(t, `PLATFORM linux/amd64
-- LAYER --
-- /srv/node_modules/event-stream/package.json --
{"name": "event-stream", "version": "3.3.6"}
-- /srv/node_modules/ua-parser-js/package.json --
{"name": "ua-parser-js", "version": "0.7.30"}
-- /usr/lib/python3/dist-packages/jeIlyfish-0.7.1.dist-info/METADATA --
Metadata-Version: 2.1
Name: jeIlyfish
Version: 0.7.1

-- /usr/lib/python3/dist-packages/jeIlyfish-0.7.1.dist-info/RECORD --
jeIlyfish/__init__.py,,
-- /var/lib/dpkg/status --
Package: liblzma5
Status: install ok installed
Architecture: amd64
Version: 5.6.1-1
Source: xz-utils

Package: xz-utils
Status: install ok installed
Architecture: amd64
Version: 5.6.1+really5.4.5-1

-- /etc/os-release --
ID=debian
-- LAYER --
-- /opt/other --
nothing
`)
	files, err := got.FS()
	if err != nil {
		t.Fatal(err)
	}
	inv, stage := inventory.Read(t.Context(), inventory.Input{Image: got.Image, Index: got.Index, Files: files})
	if stage.State != detonaut.Complete {
		t.Fatal(stage)
	}
	findings, stage := Check(Subject{Inventory: &inv.Inventory, Index: got.Index}, curated(t))
	if want := (detonaut.Stage{Name: detonaut.StagePackages, State: detonaut.Complete}); stage != want {
		t.Errorf("stage %+v", stage)
	}
	type told struct {
		id, title, path string
		confidence      detonaut.Confidence
	}
	var have []told
	for _, f := range findings {
		have = append(have, told{f.ID, f.Title, f.Evidence[0].Path, f.Confidence})
		if f.Severity != detonaut.Critical || f.Category != detonaut.MaliciousPackage || f.Weakness || f.Count != 1 || f.Meaning == "" ||
			f.Family == "" || f.Evidence[0].Layer != got.Index.Layers[0] {
			t.Errorf("%+v", f)
		}
	}
	want := []told{
		{"package/deb/liblzma5@5.6.1", "Has the malicious package liblzma5 5.6.1 (deb)", "/var/lib/dpkg/status", detonaut.Certain},
		{"package/npm/event-stream@3.3.6", "Has the malicious package event-stream 3.3.6 (npm)", "/srv/node_modules/event-stream/package.json", detonaut.Certain},
		{"package/pypi/jeilyfish", "Has the malicious package jeIlyfish (PyPI)", "/usr/lib/python3/dist-packages/jeIlyfish-0.7.1.dist-info/METADATA", detonaut.Certain},
	}
	if diff := cmp.Diff(want, have, cmp.AllowUnexported(told{})); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// listed is a list of records, made by the test.
func listed(all ...Record) *Records {
	r := &Records{byKey: map[Key][]int{}, bySum: map[image.Sum][]int{}, digest: strings.Repeat("0", 64)}
	for _, record := range all {
		if record.Name == "" {
			record.Name = record.Key.Name
		}
		record.Severity = detonaut.Critical
		r.add(record)
	}
	return r
}

func installed(kind, name, version string) detonaut.Package {
	return detonaut.Package{Name: name, Version: version, Type: kind, Locations: []detonaut.Location{{Path: "/" + name, Layer: "sha256:1", Primary: true}}}
}

func TestConfidence(t *testing.T) {
	list := listed(
		Record{Key: Key{NPM, "listed"}, Versions: []string{"1.0.0"}},
		Record{Key: Key{NPM, "ours"}, All: true, Curated: true},
		Record{Key: Key{NPM, "theirs"}, All: true},
		Record{Key: Key{NPM, "both"}, All: true, Versions: []string{"9.9.9"}},
		Record{Key: Key{NPM, "range"}, Ranges: []Range{{"1.0.0", "1.2.0", ""}, {"2.0.0", "", "2.1.0"}}},
	)
	hidden := installed("npm", "listed", "1.0.0")
	hidden.Hidden = true
	for _, test := range []struct {
		pack detonaut.Package
		want detonaut.Confidence // empty for no finding
		id   string
	}{
		{installed("npm", "listed", "1.0.0"), detonaut.Certain, "package/npm/listed@1.0.0"},
		{installed("npm", "listed", "1.0.1"), "", ""},
		{installed("python", "listed", "1.0.0"), "", ""},
		{hidden, detonaut.Probable, "package/npm/listed@1.0.0"},
		{installed("npm", "ours", "1\x1b[31m"), detonaut.Certain, "package/npm/ours"},
		{installed("npm", "ours", "0.0.1-security"), "", ""},
		{installed("npm", "theirs", "7"), detonaut.Probable, "package/npm/theirs"},
		{installed("npm", "theirs", "0.0.1-security.0"), "", ""},
		{installed("npm", "both", "9.9.9"), detonaut.Certain, "package/npm/both@9.9.9"},
		{installed("npm", "both", "1.0.0"), detonaut.Tentative, "package/npm/both"},
		{installed("npm", "range", "1.1.9"), detonaut.Probable, "package/npm/range"},
		{installed("npm", "range", "1.2.0"), "", ""},
		{installed("npm", "range", "2.1.0"), detonaut.Probable, "package/npm/range"},
		{installed("npm", "range", "2.1.1"), "", ""},
		{installed("npm", "range", "junk"), "", ""},
	} {
		findings, _ := Check(Subject{Inventory: &detonaut.Inventory{Packages: []detonaut.Package{test.pack}}}, list)
		var confidence detonaut.Confidence
		id := ""
		if len(findings) > 0 {
			confidence, id = findings[0].Confidence, findings[0].ID
			if e := findings[0].Evidence[0]; e.Hidden != test.pack.Hidden || strings.Contains(e.Summary, "removed") != test.pack.Hidden {
				t.Errorf("evidence %+v", e)
			}
		}
		if confidence != test.want || id != test.id {
			t.Errorf("%s %q: %q %q, want %q %q", test.pack.Name, test.pack.Version, id, confidence, test.id, test.want)
		}
	}
}

func TestNames(t *testing.T) {
	list := listed(
		Record{Key: PyPI.known().key("Python_Sqlite"), All: true},
		Record{Key: Cargo.known().key("faster_log"), All: true},
		Record{Key: Maven.known().key("org.example:lib"), Versions: []string{"1"}},
		Record{Key: Go.known().key("github.com/Boltdb-go/bolt"), Versions: []string{"1.3.1"}},
		Record{Key: Packagist.known().key("symfont/process"), All: true},
		Record{Key: NPM.known().key("@scope/a"), All: true},
		Record{Key: RubyGems.known().key("rest-client"), Versions: []string{"1.6.13"}},
		Record{Key: NuGet.known().key("Some.Thing"), All: true},
		Record{Key: RPM.known().key("xz-libs"), Versions: []string{"5.6.1"}},
		Record{Key: Deb.known().key("pinned"), Versions: []string{"1.0-2"}},
	)
	jar := installed("java-archive", "lib", "1")
	jar.PURL = "pkg:maven/org.example/lib@1"
	other := jar
	other.PURL = "pkg:maven/org.other/lib@1"
	for _, test := range []struct {
		pack detonaut.Package
		want bool
	}{
		{installed("python", "python.SQLite", "1"), true},
		{installed("python", "python", "1"), false},
		{installed("rust-crate", "faster-log", "1"), true},
		{jar, true},
		{other, false},
		{installed("java-archive", "lib", "1"), false},
		{installed("go-module", "github.com/boltdb-go/bolt", "v1.3.1"), true},
		{installed("go-module", "github.com/boltdb/bolt", "v1.3.1"), false},
		{installed("php-composer", "symfont/process", "v4"), true},
		{installed("npm", "@scope/a", "1"), true},
		{installed("npm", "a", "1"), false},
		{installed("gem", "rest-client", "1.6.13"), true},
		{installed("gem", "rest-client", "1.6.14"), false},
		{installed("dotnet", "some.thing", "1"), true},
		{installed("rpm", "xz-libs", "0:5.6.1-1.fc41"), true},
		{installed("rpm", "xz-libs", "5.4.6-3.fc41"), false},
		{installed("deb", "pinned", "1.0-2"), true},
		{installed("deb", "pinned", "1.0-3"), false},
		{installed("deb", "", "1.0-3"), false},
	} {
		findings, _ := Check(Subject{Inventory: &detonaut.Inventory{Packages: []detonaut.Package{test.pack}}}, list)
		if got := len(findings) == 1; got != test.want {
			t.Errorf("%s %s %s: found is %v", test.pack.Type, test.pack.Name, test.pack.Version, got)
		}
	}
}

func TestHashes(t *testing.T) {
	sum := image.Sum{1}
	x := &image.Index{Layers: []detonaut.Digest{"sha256:1"}, Entries: []image.Entry{
		{Path: "a/bundle.js", Size: 1, SHA256: sum}, {Path: "b/bundle.js", Size: 1, SHA256: sum}, {Path: "c", Size: 1, SHA256: image.Sum{2}},
	}}
	list := listed(
		Record{Key: Key{NPM, "first"}, Versions: []string{"1.0.0"}, Sums: []image.Sum{sum, {3}}},
		Record{Key: Key{NPM, "second"}, Versions: []string{"1.0.0", "2.0.0"}, Sums: []image.Sum{sum}},
	)
	findings, stage := Check(Subject{Index: x}, list)
	if len(findings) != 1 || findings[0].ID != "package/npm/first@1.0.0" || findings[0].Count != 2 || findings[0].Confidence != detonaut.Certain {
		t.Fatalf("%+v", findings)
	}
	want := detonaut.Evidence{Summary: "a file of it, by its hash", Path: "/a/bundle.js", Layer: "sha256:1", SHA256: sum.String()}
	if diff := cmp.Diff(want, findings[0].Evidence[0]); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
	if stage.State != detonaut.Partial {
		t.Errorf("stage %+v", stage)
	}
	inv := &detonaut.Inventory{Packages: []detonaut.Package{installed("npm", "first", "1.0.0")}}
	findings, _ = Check(Subject{Inventory: inv, Index: x}, list)
	if len(findings) != 1 || findings[0].Count != 3 {
		t.Errorf("%+v", findings)
	}
}

// broken is a list that cannot be read.
func TestStages(t *testing.T) {
	if _, stage := Check(Subject{}, curated(t)); stage.State != detonaut.Skipped || stage.Reason == "" {
		t.Errorf("no subject: %+v", stage)
	}
	inv := &detonaut.Inventory{Packages: []detonaut.Package{installed("npm", "event-stream", "3.3.6")}}
	findings, stage := Check(Subject{Inventory: inv}, Unreadable{errors.New("no disk")}, curated(t))
	if stage.State != detonaut.Failed || stage.Reason != "look up unreadable: no disk" || len(findings) != 1 {
		t.Errorf("%+v %+v", stage, findings)
	}
	list := curated(t)
	if got, want := Version(list), "malicious@1+"+list.Version(); got != want {
		t.Errorf("version %q", got)
	}
}

// The first list is believed, and one package is one finding.
func TestLists(t *testing.T) {
	ours := listed(Record{Key: Key{NPM, "a"}, Versions: []string{"1.0.0"}, What: "Ours.", ID: "GHSA-1", Curated: true})
	theirs := listed(
		Record{Key: Key{NPM, "a"}, All: true, What: "Theirs."},
		Record{Key: Key{NPM, "a"}, Versions: []string{"1.0.0"}, What: "Theirs."},
	)
	inv := &detonaut.Inventory{Packages: []detonaut.Package{installed("npm", "a", "1.0.0")}}
	for _, lists := range [][]List{{ours, theirs}, {theirs}} {
		findings, _ := Check(Subject{Inventory: inv}, lists...)
		want := "Ours. (GHSA-1)"
		if len(lists) == 1 {
			want = "Theirs."
		}
		if len(findings) != 1 || findings[0].Meaning != want || findings[0].Count != 1 || findings[0].ID != "package/npm/a@1.0.0" {
			t.Errorf("%+v", findings)
		}
	}
}

// Many places are counted, and some of them told.
func TestBounds(t *testing.T) {
	inv := &detonaut.Inventory{}
	for range 50 {
		inv.Packages = append(inv.Packages, installed("npm", "a", strings.Repeat("\xff", 5000)))
	}
	findings, _ := Check(Subject{Inventory: inv}, listed(Record{Key: Key{NPM, "a"}, All: true}))
	if len(findings) != 1 || findings[0].Count != 50 || len(findings[0].Evidence) != maxEvidence || len(findings[0].Evidence[0].Summary) > maxSummary+8 {
		t.Errorf("%d findings", len(findings))
	}
}

// What comes with Detonaut is whole: every record has a reason and a reference, finds its
// own packages, and not those of the next version.
func TestCurated(t *testing.T) {
	list := curated(t)
	seen := map[string]bool{}
	names := map[Ecosystem]int{}
	for i := range list.All() {
		r := &list.All()[i]
		names[r.Key.Ecosystem]++
		if len(r.References) == 0 || r.What == "" || r.Severity.Rank() < detonaut.Medium.Rank() || r.Family == "" && len(r.Name) <= 32 && !strings.ContainsAny(r.Name, "@/:") {
			t.Errorf("%s: %+v", r.Name, r)
		}
		e := r.Key.Ecosystem.known()
		yes := r.Versions
		if r.All {
			yes = []string{"1.2.3"}
		}
		for _, v := range yes {
			if id := string(r.Key.Ecosystem) + r.Key.Name + "@" + v; seen[id] {
				t.Errorf("%s is listed twice", id)
			} else {
				seen[id] = true
			}
			p := installed(e.kind, r.Name, v)
			if group, name, ok := strings.Cut(r.Name, ":"); ok {
				p.PURL = "pkg:maven/" + group + "/" + name + "@" + v
			}
			inv := &detonaut.Inventory{Packages: []detonaut.Package{p}}
			findings, _ := Check(Subject{Inventory: inv}, list)
			if len(findings) != 1 || findings[0].Confidence != detonaut.Certain {
				t.Errorf("%s %s is not found: %+v", r.Name, v, findings)
			}
			if r.All {
				continue
			}
			inv.Packages[0].Version = v + "99"
			if findings, _ := Check(Subject{Inventory: inv}, list); len(findings) != 0 {
				t.Errorf("%s %s is found: %+v", r.Name, v+"99", findings)
			}
		}
	}
	if len(names) < 8 || len(list.All()) < 100 {
		t.Errorf("%d records of %v", len(list.All()), names)
	}
}

func TestBadLists(t *testing.T) {
	const good = "- packages: [{name: a, versions: [1]}]\n  when: 2020-01\n  what: It did.\n  references: [https://example.com]\n"
	for _, test := range []struct{ name, file, text, want string }{
		{"an ecosystem that is none", "pip.yaml", good, `"pip" is no ecosystem`},
		{"no reference", "npm.yaml", strings.Replace(good, "[https://example.com]", "[]", 1), "references: want one at least"},
		{"a reference that is no URL", "npm.yaml", strings.Replace(good, "https:", "http:", 1), "is no URL of https"},
		{"no sentence", "npm.yaml", strings.Replace(good, "It did.", "bad", 1), "what: want one sentence"},
		{"no month", "npm.yaml", strings.Replace(good, "2020-01", "2020", 1), `when: "2020" is no month`},
		{"no version", "npm.yaml", strings.Replace(good, "[1]", "[]", 1), "want a name, and versions or all"},
		{"a word that is none", "npm.yaml", strings.Replace(good, "[1]", "some", 1), "versions: want a list, or all"},
		{"no package", "npm.yaml", strings.Replace(good, "[{name: a, versions: [1]}]", "[]", 1), "it names no package"},
		{"unknown key", "npm.yaml", good + "  mood: bad\n", "field mood not found"},
		{"a low severity", "npm.yaml", good + "  severity: low\n", "is neither high nor medium"},
		{"a family in capitals", "npm.yaml", good + "  family: Bad Thing\n", "is no short name in lower case"},
		{"a hash that is none", "npm.yaml", strings.Replace(good, "versions: [1]", "versions: [1], sha256: [00]", 1), `sha256: "00" is none`},
		{"the hash of nothing", "npm.yaml", strings.Replace(good, "versions: [1]", "versions: [1], sha256: ["+emptySum.String()+"]", 1), "is none"},
	} {
		_, err := Load(fstest.MapFS{test.file: {Data: []byte(test.text)}})
		if !errors.Is(err, detonaut.ErrCorrupt) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := Load(fstest.MapFS{"npm.yaml": {Data: []byte(good)}}); err != nil {
		t.Error(err)
	}
}

func TestOrder(t *testing.T) {
	for _, test := range []struct {
		e    Ecosystem
		a, b string
		want int
		ok   bool
	}{
		{NPM, "1.0.0", "1.0.0", 0, true},
		{NPM, "1.2.0", "1.10.0", -1, true},
		{NPM, "1.0.0-alpha", "1.0.0", -1, true},
		{NPM, "1.0.0-alpha.2", "1.0.0-alpha.10", -1, true},
		{NPM, "1.0.0-1", "1.0.0-a", -1, true},
		{NPM, "1.0.0-a", "1.0.0-a.b", -1, true},
		{NPM, "1.0.0+a", "1.0.0+b", 0, true},
		{Go, "v1.0.0", "1.0.1", -1, true},
		{NPM, "99999999999999999999999999.0.0", "1.0.0", 1, true},
		{PyPI, "1.0", "1", 0, true},
		{PyPI, "1.0rc1", "1", 0, false},
		{PyPI, "", "1", 0, false},
		{NPM, "latest", "1.0.0", 0, false},
		{NPM, strings.Repeat("1", 200), "1.0.0", 0, false},
	} {
		e := test.e.known()
		a, okA := e.parse(test.a)
		b, okB := e.parse(test.b)
		if ok := okA && okB; ok != test.ok || ok && (a.compare(b) != test.want || b.compare(a) != -test.want) {
			t.Errorf("%s and %s: %v %v", test.a, test.b, ok, a.compare(b))
		}
	}
}
