package malicious

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
)

// record is a record of OSV as the repository of OpenSSF has them.
func record(id, ecosystem, name, affected, more string) string {
	return `{
  "modified": "2025-09-12T01:13:34Z", "published": "2025-09-08T17:11:19Z", "schema_version": "1.5.0", "id": "` + id + `",
  "summary": "Malicious code in ` + name + ` (` + ecosystem + `)",
  "details": "\n---\n_-= Per source details. Do not edit below this line.=-_\n\n## Source: ghsa-malware (985b)\nIt opens a shell to whoever asks. Really.\n",
  "affected": [{"package": {"ecosystem": "` + ecosystem + `", "name": "` + name + `"}` + affected + `}],
  "references": [{"type": "ADVISORY", "url": "https://github.com/advisories/GHSA-2v46-p5h4-248w"}, {"type": "WEB", "url": "javascript:alert(1)"}],
  "database_specific": {"malicious-packages-origins": [{"source": "x", "sha256": "` + strings.Repeat("ab", 32) + `"}]` + more + `}
}`
}

const (
	everyVersion = `, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]`
	oneVersion   = `, "versions": ["5.6.1"]`
)

func TestOSV(t *testing.T) {
	hash := strings.Repeat("0c", 32)
	sum, _ := parseSum(hash)
	base := Record{
		Key: Key{NPM, "chalk"}, Name: "chalk", ID: "MAL-2025-46969", What: "It opens a shell to whoever asks.", Severity: detonaut.Critical,
		Family: "chalk", References: []string{"https://github.com/advisories/GHSA-2v46-p5h4-248w"},
	}
	with := func(change func(*Record)) []Record {
		r := base
		change(&r)
		return []Record{r}
	}
	for _, test := range []struct {
		name, text string
		want       []Record
		err        error
	}{
		{"a version", record("MAL-2025-46969", "npm", "chalk", oneVersion, ""), with(func(r *Record) { r.Versions = []string{"5.6.1"} }), nil},
		{"every version", record("MAL-2025-46969", "npm", "chalk", everyVersion, ""), with(func(r *Record) { r.All = true }), nil},
		{"both", record("MAL-2025-46969", "npm", "chalk", everyVersion+oneVersion, ""), with(func(r *Record) { r.All, r.Versions = true, []string{"5.6.1"} }), nil},
		{
			"ranges", record("MAL-2025-46969", "npm", "chalk", `, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.0"}, {"introduced": "2.0.0"}, {"last_affected": "2.1.0"}]}, {"type": "GIT", "events": [{"introduced": "0"}]}]`, ""),
			with(func(r *Record) { r.Ranges = []Range{{"", "1.0.0", ""}, {"2.0.0", "", "2.1.0"}} }), nil,
		},
		{
			"signs", record("MAL-2025-46969", "npm", "chalk", oneVersion, `, "iocs": {"domains": ["example.com"], "files": [{"sha256": "`+strings.ToUpper(hash)+`", "path": "x.js"}]}`),
			with(func(r *Record) { r.Versions, r.Sums = []string{"5.6.1"}, []image.Sum{sum} }), nil,
		},
		{"withdrawn", strings.Replace(record("MAL-2025-46969", "npm", "chalk", oneVersion, ""), `"id"`, `"withdrawn": "2025-10-01T00:00:00Z", "id"`, 1), nil, nil},
		{"another database", record("GHSA-2v46-p5h4-248w", "npm", "chalk", oneVersion, ""), nil, nil},
		{"not yet numbered", record("MAL-0000-1", "npm", "chalk", oneVersion, ""), nil, nil},
		{"another ecosystem", record("MAL-2025-46969", "VSCode", "chalk", oneVersion, ""), nil, nil},
		{"no version", record("MAL-2025-46969", "npm", "chalk", "", ""), nil, errAny},
		{"a name with control characters", record("MAL-2025-46969", "npm", `a\u001b[0m`, oneVersion, ""), nil, detonaut.ErrCorrupt},
		{"no JSON", "{", nil, detonaut.ErrCorrupt},
		{"too large", strings.Repeat(" ", maxOSV+1), nil, detonaut.ErrLimit},
	} {
		got, changed, err := parseOSV([]byte(test.text))
		if test.err != nil {
			if err == nil || !errors.Is(test.err, errAny) && !errors.Is(err, test.err) {
				t.Errorf("%s: error %v, want %v", test.name, err, test.err)
			}
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
		if len(got) > 0 && !changed.Equal(time.Date(2025, 9, 12, 1, 13, 34, 0, time.UTC)) {
			t.Errorf("%s: changed %v", test.name, changed)
		}
	}
}

var errAny = errors.New("any error")

func TestHead(t *testing.T) {
	for _, test := range []struct{ details, want string }{
		{"", ""},
		{"The package was compromised and malicious code added.\n\n---\n", "The package was compromised and malicious code added."},
		{"\n---\n_-= Per source details. Do not edit below this line.=-_\n\n## Source: a (b)\nAny computer that has this package installed or running should", ""},
		{"## Summary\n\nIt steals keys. And more.", "It steals keys."},
		{"\n---\n_-= Per =-_\n\n## Source: a (b)\nThe package axios was found to contain malicious code.\n\n## Source: c (d)\nIt was compromised\nand adds another. More.\n", "It was compromised and adds another."},
		{"\n---\n_-= Per =-_\n\n## Source: a (b)\n---\n\nCredit: [OpenSSF](https://example.com)\n", ""},
		{strings.Repeat("long ", 100), strings.Repeat("long ", 48)[:maxWhat] + "…"},
	} {
		if got := head(test.details); got != test.want {
			t.Errorf("head(%q) = %q, want %q", test.details, got, test.want)
		}
	}
}

// writeTree writes files of a directory.
func writeTree(tb testing.TB, dir string, files map[string]string) string {
	tb.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// writeZip writes a zip of names and texts.
func writeZip(tb testing.TB, entries ...string) string {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "all.zip"))
	if err != nil {
		tb.Fatal(err)
	}
	z := zip.NewWriter(f)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.Create(entries[i])
		if err == nil {
			_, err = w.Write([]byte(entries[i+1]))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		tb.Fatal(err)
	}
	return f.Name()
}

func TestImport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	if _, err := Open(dir); !errors.Is(err, detonaut.ErrNotFound) {
		t.Fatalf("nothing was imported: %v", err)
	}
	repository := writeTree(t, t.TempDir(), map[string]string{
		"osv/malicious/npm/chalk/MAL-2025-1.json":  record("MAL-2025-1", "npm", "chalk", oneVersion, ""),
		"osv/malicious/npm/other/MAL-2025-2.json":  record("MAL-2025-2", "npm", "other", everyVersion, `, "iocs": {"sha256": ["`+strings.Repeat("0c", 32)+`"]}`),
		"osv/malicious/pypi/thing/MAL-2025-3.json": record("MAL-2025-3", "PyPI", "Some_Thing", everyVersion, ""),
		"osv/withdrawn/npm/good/MAL-2025-4.json":   record("MAL-2025-4", "npm", "good", everyVersion, ""),
		"osv/malicious/npm/broken/MAL-2025-5.json": "{",
		"README.md": "text",
	})
	got, err := Import(t.Context(), repository, dir)
	if err != nil {
		t.Fatal(err)
	}
	changed := time.Date(2025, 9, 12, 1, 13, 34, 0, time.UTC)
	want := &Imported{
		Records: 3, New: 3, Ecosystems: []Ecosystem{NPM, PyPI}, Skipped: 1, Newest: changed,
		Problems: []string{`"osv/malicious/npm/broken/MAL-2025-5.json": corrupt: unexpected end of JSON input`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("imported (-want +got):\n%s", diff)
	}
	list, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	if list.Len() != 3 || !list.Newest().Equal(changed) || !strings.HasPrefix(list.Version(), "osv-") {
		t.Errorf("%d records, %v, %s", list.Len(), list.Newest(), list.Version())
	}
	sum, _ := parseSum(strings.Repeat("0c", 32))
	x := &image.Index{Entries: []image.Entry{{Path: "x.js", Size: 1, SHA256: sum}}}
	inv := &detonaut.Inventory{Packages: []detonaut.Package{
		installed("npm", "chalk", "5.6.1"), installed("npm", "good", "1"), installed("python", "some-thing", "2"), installed("npm", "chalk", "5.6.2"),
	}}
	findings, stage := Check(Subject{Inventory: inv, Index: x}, list)
	var ids []string
	for _, f := range findings {
		ids = append(ids, f.ID+" "+string(f.Confidence))
	}
	if diff := cmp.Diff([]string{"package/npm/chalk@5.6.1 certain", "package/npm/other certain", "package/pypi/some-thing probable"}, ids); diff != "" || stage.State != detonaut.Complete {
		t.Errorf("%+v (-want +got):\n%s", stage, diff)
	}
	if want := "It opens a shell to whoever asks. (MAL-2025-1)"; findings[0].Meaning != want {
		t.Errorf("meaning %q", findings[0].Meaning)
	}

	// Another import replaces the ecosystems that it has, and no others.
	newer := writeZip(t, "MAL-2026-1.json", record("MAL-2026-1", "npm", "third", everyVersion, ""), "GHSA-x.json", "not read", "../MAL-2026-2.json", record("MAL-2026-2", "npm", "fourth", everyVersion, ""))
	got, err = Import(t.Context(), newer, dir)
	if err != nil || got.Records != 3 || got.New != 2 || len(got.Ecosystems) != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	list2, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer list2.Close()
	found, err := list2.Find([]Key{{NPM, "third"}, {NPM, "chalk"}, {NPM, "fourth"}, {PyPI, "some-thing"}}, nil)
	if err != nil || len(found) != 3 || found[0].Name != "fourth" || found[1].Name != "third" || found[2].Name != "Some_Thing" {
		t.Errorf("%+v %v", found, err)
	}
	if list.Version() == list2.Version() {
		t.Error("other records have the same version")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left in the directory: %v", entries)
	}
	// The file that was open is read on.
	if found, err := list.Find([]Key{{NPM, "chalk"}}, nil); err != nil || len(found) != 1 {
		t.Errorf("%v %v", found, err)
	}
}

func TestIsRecords(t *testing.T) {
	one := writeTree(t, t.TempDir(), map[string]string{"MAL-2025-1.json": "{}", "other.json": "{}", "a.txt": "", "sub/MAL-2025-1.json": "{}"})
	for name, want := range map[string]bool{
		filepath.Join(one, "MAL-2025-1.json"): true,
		filepath.Join(one, "other.json"):      false,
		filepath.Join(one, "a.txt"):           false,
		filepath.Join(one, "nothing"):         false,
		one:                                   true,
		filepath.Join(one, "sub"):             true,
		t.TempDir():                           false,
		writeZip(t, "a/osv/malicious/npm/x/MAL-2025-1.json", "{}"): true,
		writeZip(t, "a/osv/withdrawn/npm/x/MAL-2025-1.json", "{}"): false,
		writeZip(t, "GHSA-1.json", "{}"):                           false,
	} {
		if got := IsRecords(name); got != want {
			t.Errorf("IsRecords(%s) = %v", name, got)
		}
	}
	if _, err := Import(t.Context(), writeZip(t, "GHSA-1.json", "{}"), t.TempDir()); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("a source without records: %v", err)
	}
	if _, err := Import(t.Context(), filepath.Join(one, "nothing"), t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no source: %v", err)
	}
}

// A link does not lead out of what is imported.
func TestImportLinks(t *testing.T) {
	outside := writeTree(t, t.TempDir(), map[string]string{"MAL-2025-1.json": record("MAL-2025-1", "npm", "a", oneVersion, "")})
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(outside, "MAL-2025-1.json"), filepath.Join(dir, "MAL-2025-1.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	if IsRecords(dir) {
		t.Error("a link was followed")
	}
}

// bomb is a zip whose one record unpacks to far more than a record may have.
func TestImportBombs(t *testing.T) {
	bomb := writeZip(t, "MAL-2025-1.json", strings.Repeat(" ", 64<<20), "MAL-2025-2.json", record("MAL-2025-2", "npm", "a", oneVersion, ""))
	got, err := Import(t.Context(), bomb, t.TempDir())
	if err != nil || got.Records != 1 || got.Skipped != 1 || !strings.Contains(got.Problems[0], "more than") {
		t.Errorf("%+v %v", got, err)
	}
	in := &importer{ctx: t.Context(), fresh: map[Ecosystem]bool{}, total: maxTotal}
	if err := in.readSource(bomb); !errors.Is(err, detonaut.ErrLimit) {
		t.Errorf("more than all records may have: %v", err)
	}
	in = &importer{ctx: t.Context(), fresh: map[Ecosystem]bool{}, kept: maxKept}
	if err := in.readSource(bomb); !errors.Is(err, detonaut.ErrLimit) {
		t.Errorf("more than is kept: %v", err)
	}
	limited := &directoryReader{file: strings.NewReader("0123456789"), left: 5}
	if _, err := limited.ReadAt(make([]byte, 6), 0); !errors.Is(err, detonaut.ErrLimit) {
		t.Errorf("a directory that is too large: %v", err)
	}
}

func TestBrokenFile(t *testing.T) {
	dir := t.TempDir()
	repository := writeTree(t, t.TempDir(), map[string]string{"MAL-2025-1.json": record("MAL-2025-1", "npm", "chalk", oneVersion, "")})
	if _, err := Import(t.Context(), repository, dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, FileName)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		b := append([]byte(nil), whole...)
		b[at] ^= 0x20
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := Open(dir)
		if err != nil {
			if !errors.Is(err, detonaut.ErrCorrupt) {
				t.Errorf("byte %d: %v", at, err)
			}
			continue
		}
		if found, err := list.Find([]Key{{NPM, "chalk"}}, nil); err == nil && (len(found) != 1 || found[0].Name != "chalk") {
			t.Errorf("byte %d was changed: %v", at, found)
		}
		list.Close()
	}
	for _, cut := range []int{0, 5, len(whole) / 2, len(whole) - 1} {
		if err := os.WriteFile(file, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	// A file that is broken does not stand in the way of a new one.
	if got, err := Import(t.Context(), repository, dir); err != nil || got.Records != 1 {
		t.Errorf("%+v %v", got, err)
	}
}

// synthetic are so many records, as many as OSV has, of which some have names of real
// packages.
func synthetic(n int) []Record {
	records := make([]Record, n)
	for i := range records {
		name := fmt.Sprintf("package-%06d-%x", i, i*2654435761%1_000_003)
		records[i] = Record{
			Key: Key{NPM, name}, Name: name, ID: fmt.Sprintf("MAL-2025-%d", i), What: "It sends the variables of the environment to a host of others.",
			Versions: []string{"1.0.0", fmt.Sprintf("1.0.%d", i%50)}, References: []string{"https://github.com/advisories/GHSA-aaaa-bbbb-cccc"},
		}
	}
	return records
}

// What a scan pays for a list of a quarter of a million records: to open it, and to look
// up a thousand packages and sixteen thousand files.
func BenchmarkStored(b *testing.B) {
	dir := b.TempDir()
	f, err := os.Create(filepath.Join(dir, FileName))
	if err != nil {
		b.Fatal(err)
	}
	records := synthetic(250_000)
	if err := errors.Join(write(f, records, time.Now()), f.Close()); err != nil {
		b.Fatal(err)
	}
	var keys []Key
	for i := range 1000 {
		if i%100 == 0 {
			keys = append(keys, records[i*200].Key) // some are in it
		}
		keys = append(keys, Key{NPM, fmt.Sprintf("good-%d", i)})
	}
	sums := make([]image.Sum, 16_000)
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		found, err := s.Find(keys, sums)
		if err != nil || len(found) != 10 {
			b.Fatal(len(found), err)
		}
		s.Close()
	}
	if info, err := os.Stat(f.Name()); err == nil {
		b.ReportMetric(float64(info.Size())/1e6, "MB-file")
	}
}

// What an import of twenty thousand records costs.
func BenchmarkImport(b *testing.B) {
	var entries []string
	for i := range 20_000 {
		id := fmt.Sprintf("MAL-2025-%d", i)
		entries = append(entries, id+".json", record(id, "npm", fmt.Sprintf("package-%d", i), everyVersion, ""))
	}
	source := writeZip(b, entries...)
	b.ReportAllocs()
	for b.Loop() {
		if got, err := Import(b.Context(), source, b.TempDir()); err != nil || got.Records != 20_000 {
			b.Fatal(got, err)
		}
	}
}

// What a scan pays for the list that comes with Detonaut.
func BenchmarkCurated(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		curated(b)
	}
}
