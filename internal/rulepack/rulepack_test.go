package rulepack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

// made is when packs of the tests are made.
var made = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// keyOf is a key of the tests, another for each number.
func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// trust trusts the keys of these numbers.
func trust(numbers ...byte) (t Trust) {
	for _, n := range numbers {
		t.Keys = append(t.Keys, keyOf(n).Public().(ed25519.PublicKey))
	}
	return t
}

// some are files of a pack.
var some = map[string]string{
	"behavior/local/cat.yaml": "id: local/cat\n", "files/miner/x.yaml": "id: miner/x\n", "README.md": "# Mine\n", "packages/npm.yaml": "x: y\n",
}

// written writes files and returns where.
func written(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// makePack makes a pack of files, signed by a key of the tests; 0 signs nothing.
func makePack(tb testing.TB, version string, files map[string]string, key byte) *Pack {
	tb.Helper()
	var private ed25519.PrivateKey
	if key != 0 {
		private = keyOf(key)
	}
	p, err := Make(written(tb, files), Making{"mine", Version(version), made, private})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func archived(tb testing.TB, p *Pack) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// item is a file of a tar.
type item struct {
	tar.Header
	text string
}

// tarball makes a tar.gz of anything.
func tarball(tb testing.TB, items ...item) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, i := range items {
		if i.Size == 0 {
			i.Size = int64(len(i.text))
		}
		if err := w.WriteHeader(&i.Header); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, i.text); err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(), w.Close(), z.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// items are those of a pack, as they are written.
func items(p *Pack) []item {
	all := []item{{tar.Header{Name: manifestName}, string(p.manifest)}}
	if p.signature != nil {
		all = append(all, item{tar.Header{Name: signatureName}, string(p.signature)})
	}
	for _, f := range p.Files {
		all = append(all, item{tar.Header{Name: f.Path}, string(p.Tree.files[f.Path])})
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	p := makePack(t, "1.2", some, 1)
	b := archived(t, p)
	if again := archived(t, makePack(t, "1.2", some, 1)); !bytes.Equal(b, again) {
		t.Error("the same pack makes other bytes")
	}
	got, err := Read(bytes.NewReader(b), trust(2, 1))
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest != p.Digest || got.Key != keyID(trust(1).Keys[0]) || got.Name != "mine" || got.Version != "1.2" || !got.Created.Equal(made) {
		t.Errorf("got %+v", got.Manifest)
	}
	if err := fstest.TestFS(got.Tree, slices.Collect(func(yield func(string) bool) {
		for name := range some {
			if !yield(name) {
				return
			}
		}
	})...); err != nil {
		t.Error(err)
	}
	for name, text := range some {
		if string(got.Tree.files[name]) != text {
			t.Errorf("%s is %q", name, got.Tree.files[name])
		}
	}
	// What another tar made of the unpacked files is a pack, too, and so is the folder.
	dotted := items(p)
	for i := range dotted {
		dotted[i].Name = "./" + dotted[i].Name
	}
	if _, err := Read(bytes.NewReader(tarball(t, dotted...)), trust(1)); err != nil {
		t.Error(err)
	}
	if got, err := ReadFolder(unpacked(t, p), trust(1)); err != nil || got.Digest != p.Digest {
		t.Errorf("as a folder: got %v", err)
	}
}

// unpacked is the folder of a pack.
func unpacked(tb testing.TB, p *Pack) string {
	tb.Helper()
	files := map[string]string{}
	for _, i := range items(p) {
		files[i.Name] = i.text
	}
	return written(tb, files)
}

// What is not below a folder of a kind is rules of behaviour, as for --rules.
func TestMake(t *testing.T) {
	p := makePack(t, "1", map[string]string{"local/cat.yaml": "a", "dog.yaml": "b", "files/miner/x.yaml": "c", ".git/config": "d", "LICENSE": "e"}, 0)
	if diff := cmp.Diff([]string{"LICENSE", "behavior/dog.yaml", "behavior/local/cat.yaml", "files/miner/x.yaml"}, p.Tree.Names()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for want, files := range map[string]map[string]string{
		"notes.txt has no place":      {"a/notes.txt": "x"},
		"there are two files for":     {"a/x.yaml": "x", "behavior/a/x.yaml": "x"},
		"there are no rules":          {".hidden": "x"},
		"is no path of a pack":        {"a/b/c/d/e/f/g.yaml": "x"},
		"has more than":               {"a/b.yaml": strings.Repeat("x", MaxFile+1)},
		"behavior/a/x.yaml is listed": {"a/x.yaml": "x", "behavior/A/x.yaml": "x"},
	} {
		_, err := Make(written(t, files), Making{"mine", "1", made, nil})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := Make(written(t, some), Making{"Not a name", "1", made, nil}); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("of a strange name: got %v", err)
	}
}

func TestTrust(t *testing.T) {
	signed, unsigned, other := makePack(t, "1", some, 1), makePack(t, "1", some, 0), makePack(t, "1", some, 2)
	changed, cut := items(signed), items(signed)
	changed[0].text = strings.Replace(changed[0].text, `"version": "1"`, `"version": "9"`, 1)
	cut[1].text = cut[1].text[:63]
	for name, c := range map[string]struct {
		archive []byte
		trust   Trust
		want    string // of the error
	}{
		"signed":               {archived(t, signed), trust(1), ""},
		"signed, no keys":      {archived(t, signed), Trust{}, "no key is trusted"},
		"signed by another":    {archived(t, other), trust(1), "of none of the trusted keys"},
		"not signed":           {archived(t, unsigned), trust(1), "it is not signed"},
		"a changed list":       {tarball(t, changed...), trust(1), "or it was changed"},
		"a signature cut off":  {tarball(t, cut...), trust(1), "has 63 bytes"},
		"not signed, allowed":  {archived(t, unsigned), Trust{Unsigned: true}, ""},
		"of another, allowed":  {archived(t, other), Trust{Unsigned: true}, ""},
		"untrusted and broken": {tarball(t, append(items(other)[:2], item{tar.Header{Name: "../x"}, "y"})...), trust(1), "of none of the trusted keys"},
	} {
		_, err := Read(bytes.NewReader(c.archive), c.trust)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// with is a pack whose list is changed, and signed all the same.
func with(tb testing.TB, change func(m *Manifest, all []item) []item) []byte {
	tb.Helper()
	p := makePack(tb, "1", some, 1)
	all := change(&p.Manifest, items(p))
	b := mustMarshal(tb, &p.Manifest)
	all[0].text, all[1].text = string(b), string(ed25519.Sign(keyOf(1), b))
	return tarball(tb, all...)
}

func TestHostile(t *testing.T) {
	rename := func(to string) func(m *Manifest, all []item) []item {
		return func(m *Manifest, all []item) []item {
			m.Files[0].Path, all[2].Name = to, to
			return all
		}
	}
	keep := func(change func(all []item) []item) func(*Manifest, []item) []item {
		return func(_ *Manifest, all []item) []item { return change(all) }
	}
	good := archived(t, makePack(t, "1", some, 1))
	bomb := func() []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		zeros := make([]byte, 1<<20)
		for range 16 {
			_, _ = z.Write(zeros)
		}
		_ = z.Close()
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		archive []byte
		want    error
	}{
		"a changed file":      {with(t, keep(func(all []item) []item { all[3].text = "id: local/dog\n"; return all })), detonaut.ErrCorrupt},
		"a longer file":       {with(t, keep(func(all []item) []item { all[3].text += "#"; return all })), detonaut.ErrCorrupt},
		"a missing file":      {with(t, keep(func(all []item) []item { return slices.Delete(all, 3, 4) })), detonaut.ErrCorrupt},
		"a missing last file": {with(t, keep(func(all []item) []item { return all[:len(all)-1] })), detonaut.ErrCorrupt},
		"one more file":       {with(t, keep(func(all []item) []item { return append(all, item{tar.Header{Name: "x.yaml"}, "x"}) })), detonaut.ErrCorrupt},
		"a file twice":        {with(t, keep(func(all []item) []item { return append(all, all[3]) })), detonaut.ErrCorrupt},
		"a link": {with(t, keep(func(all []item) []item {
			all[3] = item{tar.Header{Name: all[3].Name, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""}
			return all
		})), detonaut.ErrCorrupt},
		"a hard link": {with(t, keep(func(all []item) []item {
			all[3] = item{tar.Header{Name: all[3].Name, Typeflag: tar.TypeLink, Linkname: "pack.json"}, ""}
			return all
		})), detonaut.ErrCorrupt},
		"a device": {with(t, keep(func(all []item) []item {
			return append(all, item{tar.Header{Name: "null", Typeflag: tar.TypeChar}, ""})
		})), detonaut.ErrCorrupt},
		"an absolute name":     {with(t, rename("/etc/passwd.yaml")), detonaut.ErrCorrupt},
		"a name of elsewhere":  {with(t, rename("../../behavior/x.yaml")), detonaut.ErrCorrupt},
		"a name with a way up": {with(t, rename("behavior/../x.yaml")), detonaut.ErrCorrupt},
		"a hidden name":        {with(t, rename("behavior/.x.yaml")), detonaut.ErrCorrupt},
		"a name of Windows":    {with(t, rename(`behavior\x.yaml`)), detonaut.ErrCorrupt},
		"a name with a NUL":    {with(t, func(m *Manifest, all []item) []item { m.Files[0].Path = "behavior/\x00.yaml"; return all }), detonaut.ErrCorrupt},
		"a deep name":          {with(t, rename("behavior/a/b/c/d/e/f.yaml")), detonaut.ErrCorrupt},
		"a program":            {with(t, rename("behavior/x.sh")), detonaut.ErrCorrupt},
		"a list that is not sorted": {with(t, func(m *Manifest, all []item) []item {
			m.Files[0], m.Files[1] = m.Files[1], m.Files[0]
			return all
		}), detonaut.ErrCorrupt},
		"a file that is too large": {with(t, func(m *Manifest, all []item) []item { m.Files[0].Size = MaxFile + 1; return all }), detonaut.ErrLimit},
		"files that are too large": {with(t, func(m *Manifest, all []item) []item {
			m.Files = nil
			for i := range MaxTotal/MaxFile + 1 {
				m.Files = append(m.Files, File{fmt.Sprintf("behavior/%05d.yaml", i), MaxFile, strings.Repeat("0", 64)})
			}
			return all
		}), detonaut.ErrLimit},
		"too many files": {with(t, func(m *Manifest, all []item) []item {
			m.Files = nil
			for i := range MaxFiles + 1 {
				m.Files = append(m.Files, File{fmt.Sprintf("behavior/%05d.yaml", i), 0, strings.Repeat("0", 64)})
			}
			return all
		}), detonaut.ErrLimit},
		"another format":    {with(t, func(m *Manifest, all []item) []item { m.Format = "detonaut-rules/2"; return all }), detonaut.ErrUnsupported},
		"a strange version": {with(t, func(m *Manifest, all []item) []item { m.Version = "1.0-rc1"; return all }), detonaut.ErrCorrupt},
		"a name of a path":  {with(t, func(m *Manifest, all []item) []item { m.Name = "../x"; return all }), detonaut.ErrCorrupt},
		"no files":          {with(t, func(m *Manifest, all []item) []item { m.Files = nil; return all[:2] }), detonaut.ErrCorrupt},
		"no pack.json":      {tarball(t, items(makePack(t, "1", some, 1))[2:]...), detonaut.ErrCorrupt},
		"an unknown field":  {tarball(t, item{tar.Header{Name: manifestName}, `{"format": "detonaut-rules/1", "more": 1}`}), detonaut.ErrCorrupt},
		"a large pack.json": {tarball(t, item{tar.Header{Name: manifestName}, strings.Repeat(" ", maxManifest+1)}), detonaut.ErrLimit},
		"a bomb":            {bomb(), detonaut.ErrCorrupt},
		"a bomb behind it":  {slices.Concat(good, bomb()), detonaut.ErrLimit},
		"something behind":  {slices.Concat(good, []byte("more")), detonaut.ErrCorrupt},
		"cut short":         {good[:len(good)-5], detonaut.ErrCorrupt},
		"cut in the middle": {good[:len(good)/2], detonaut.ErrCorrupt},
		"too large":         {slices.Concat(good[:10], make([]byte, MaxArchive+1)), detonaut.ErrCorrupt},
		"nothing":           {nil, detonaut.ErrCorrupt},
		"text":              {[]byte("no pack"), detonaut.ErrCorrupt},
	} {
		if p, err := Read(bytes.NewReader(c.archive), trust(1)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, %v", name, p, err)
		}
	}
}

func TestHostileFolders(t *testing.T) {
	p := makePack(t, "1", some, 1)
	for name, spoil := range map[string]func(dir string) error{
		"a changed file": func(dir string) error { return os.WriteFile(filepath.Join(dir, "README.md"), []byte("# Mine?"), 0o600) },
		"a missing file": func(dir string) error { return os.Remove(filepath.Join(dir, "README.md")) },
		"one more file":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "x.yaml"), nil, 0o600) },
		"a folder for it": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "README.md")), os.Mkdir(filepath.Join(dir, "README.md"), 0o700))
		},
		"a link out of it": func(dir string) error {
			other := filepath.Join(t.TempDir(), "README.md")
			return errors.Join(os.WriteFile(other, []byte(some["README.md"]), 0o600), os.Remove(filepath.Join(dir, "README.md")), os.Symlink(other, filepath.Join(dir, "README.md")))
		},
	} {
		dir := unpacked(t, p)
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFolder(dir, trust(1)); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := ReadFolder(written(t, some), trust(1)); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("of a folder of rules: got %v", err)
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"1", "1.0.0", 0}, {"1.2", "1.10", -1}, {"2026.11.30", "2026.9.1", 1}, {"1.2.3.4", "1.2.3", 1}} {
		if got := Version(c.a).Compare(Version(c.b)); got != c.want {
			t.Errorf("%s and %s: got %d", c.a, c.b, got)
		}
	}
	for _, text := range []string{"", "v1", "01", "1.", "1.2.3.4.5", "1.0-rc1", "1234567890", "1\n"} {
		if _, err := ParseVersion(text); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
