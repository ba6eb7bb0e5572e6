package upkeep_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/upkeep"
)

// memory is a store, and blobs, of what was imported.
type memory struct {
	upkeep.Store
	upkeep.Blobs
	reports      map[string]store.Entry
	repositories map[string]store.Repository
	blobs        map[string]bool
}

func newMemory() *memory {
	return &memory{reports: map[string]store.Entry{}, repositories: map[string]store.Repository{}, blobs: map[string]bool{}}
}

func (m *memory) home() upkeep.Home {
	return upkeep.Home{Store: storeOf{m}, Blobs: blobsOf{m}, Tell: func(string) {}}
}

// storeOf and blobsOf are the two halves of a memory, whose methods have the same names.
type (
	storeOf struct{ *memory }
	blobsOf struct{ *memory }
)

func (m storeOf) Put(_ context.Context, e store.Entry) (store.Summary, error) {
	m.reports[string(e.Report.Image.Digest)+e.Key] = e
	return store.Summary{}, nil
}

func (m storeOf) Get(_ context.Context, d detonaut.Digest, key string) (*store.Entry, error) {
	e, ok := m.reports[string(d)+key]
	if !ok {
		return nil, store.ErrNotFound
	}
	return &e, nil
}

func (m storeOf) PutRepository(_ context.Context, r store.Repository) error {
	m.repositories[r.Registry+"/"+r.Name] = r
	return nil
}

func (m storeOf) Repository(_ context.Context, registry, name string) (*store.Repository, error) {
	r, ok := m.repositories[registry+"/"+name]
	if !ok {
		return nil, store.ErrNotFound
	}
	return &r, nil
}

func (m storeOf) Drop(context.Context, detonaut.Digest, string) error { return nil }

func (m blobsOf) Put(_ context.Context, r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	sum := hex.EncodeToString(h.Sum(nil))
	m.blobs[sum] = err == nil
	return sum, n, err
}

func (m blobsOf) Has(_ context.Context, sum string) (bool, error) { return m.blobs[sum], nil }

// A file of a tar.
type file struct {
	name, content string
	kind          byte
	pax           map[string]string
}

func packed(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Typeflag: tar.TypeReg, Size: int64(len(f.content)), Mode: 0o600, PAXRecords: f.pax}
		if f.kind != 0 {
			h.Typeflag, h.Linkname, h.Size, f.content = f.kind, "/etc/passwd", 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("GNU_sparse."), []byte("GNU.sparse.")) // the writer would drop it
}

// holes make a file of nothing a terabyte long.
var holes = map[string]string{
	"GNU_sparse.major": "0", "GNU_sparse.minor": "1", "GNU_sparse.numblocks": "1", "GNU_sparse.map": "1000000000000,0", "GNU_sparse.size": "1000000000000",
}

var (
	first   = file{name: "detonaut-store.json", content: `{"format":1}`}
	last    = file{name: "end.json", content: `{}`}
	tapeSum = hex.EncodeToString(sumOf("tape"))
	otherBy = strings.Repeat("ab", 32)
)

func sumOf(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// reportFile is a file with a report of a schema that names blobs.
func reportFile(schema int, blobs map[string]string) file {
	b, _ := json.Marshal(map[string]any{ // of strings and numbers
		"name": map[string]string{"repository": "../../x"}, "blobs": blobs,
		"report": &detonaut.Report{Schema: schema, Image: detonaut.Image{Digest: "sha256:ab"}},
	})
	return file{name: "reports/1.json", content: string(b)}
}

func TestImportOfHostileArchives(t *testing.T) {
	many := map[string]string{}
	for i := range 20_001 {
		many[fmt.Sprintf("b%d", i)] = tapeSum
	}
	tape := file{name: "blobs/" + tapeSum, content: "tape"}
	for name, test := range map[string]struct {
		files []file
		err   error
		want  upkeep.Moved
	}{
		"nothing in it":        {[]file{first, last}, nil, upkeep.Moved{}},
		"a report":             {[]file{first, tape, reportFile(1, map[string]string{"tape.jsonl.zst": tapeSum, "payloads/" + tapeSum: tapeSum}), last}, nil, upkeep.Moved{Reports: 1, Blobs: 1}},
		"no head":              {[]file{tape, last}, detonaut.ErrCorrupt, upkeep.Moved{}},
		"two heads":            {[]file{first, first, last}, detonaut.ErrCorrupt, upkeep.Moved{}},
		"a later format":       {[]file{{name: first.name, content: `{"format":2}`}, last}, detonaut.ErrUnsupported, upkeep.Moved{}},
		"no end":               {[]file{first, tape}, detonaut.ErrCorrupt, upkeep.Moved{Blobs: 1}},
		"a link":               {[]file{first, {name: "blobs/" + tapeSum, kind: tar.TypeSymlink}, last}, detonaut.ErrCorrupt, upkeep.Moved{}},
		"a file with holes":    {[]file{first, {name: "blobs/" + tapeSum, pax: holes}, last}, detonaut.ErrCorrupt, upkeep.Moved{}},
		"a path":               {[]file{first, {name: "blobs/../../x"}, last}, detonaut.ErrCorrupt, upkeep.Moved{}},
		"an unknown file":      {[]file{first, {name: "etc/passwd"}, last}, detonaut.ErrCorrupt, upkeep.Moved{}},
		"no JSON":              {[]file{first, {name: "reports/1.json", content: "{"}, last}, detonaut.ErrCorrupt, upkeep.Moved{}},
		"no repository":        {[]file{first, {name: "repositories/1.json", content: "[]"}, last}, detonaut.ErrCorrupt, upkeep.Moved{}},
		"a repository":         {[]file{first, {name: "repositories/1.json", content: `{"name":"a","tags":["x"]}`}, last}, nil, upkeep.Moved{Repositories: 1}},
		"a blob of others":     {[]file{first, {name: "blobs/" + otherBy, content: "x"}, reportFile(1, map[string]string{"network.har": otherBy}), last}, nil, upkeep.Moved{Reports: 1, Problems: 2}},
		"a blob that is not":   {[]file{first, reportFile(1, map[string]string{"network.har": otherBy}), last}, nil, upkeep.Moved{Reports: 1, Problems: 1}},
		"a name that is none":  {[]file{first, tape, reportFile(1, map[string]string{"../x": tapeSum, "tape": "../" + tapeSum}), last}, nil, upkeep.Moved{Reports: 1, Blobs: 1, Problems: 2}},
		"another schema":       {[]file{first, reportFile(2, nil), last}, nil, upkeep.Moved{Problems: 1}},
		"too many blobs":       {[]file{first, tape, reportFile(1, many), last}, nil, upkeep.Moved{Blobs: 1, Problems: 1}},
		"a report of no form":  {[]file{first, {name: "reports/1.json", content: `{"report":{"schema":1,"colour":"red"}}`}, last}, nil, upkeep.Moved{Problems: 1}},
		"a report of nothing":  {[]file{first, {name: "reports/1.json", content: `{}`}, last}, nil, upkeep.Moved{Problems: 1}},
		"the same thing twice": {[]file{first, tape, tape, last}, nil, upkeep.Moved{Blobs: 1, There: 1}},
	} {
		m := newMemory()
		got, err := m.home().ImportTar(t.Context(), bytes.NewReader(packed(t, test.files...)))
		if !errors.Is(err, test.err) || got != test.want {
			t.Errorf("%s: got %+v, %v, want %+v, %v", name, got, err, test.want, test.err)
		}
		for _, e := range m.reports {
			for what, sum := range e.Blobs {
				if strings.Contains(what, "..") || !m.blobs[sum] {
					t.Errorf("%s: it names %s, %s", name, what, sum)
				}
			}
		}
		for _, r := range m.repositories {
			if r.Tags != nil {
				t.Errorf("%s: got %v", name, r.Tags)
			}
		}
	}
}

// FuzzImport imports anything. Whatever it is, no report names a blob that is not there, and
// what was imported is there the second time.
func FuzzImport(f *testing.F) {
	for name, files := range map[string][]file{
		"whole": {first, {name: "blobs/" + tapeSum, content: "tape"}, reportFile(1, map[string]string{"tape.jsonl.zst": tapeSum}), {name: "repositories/1.json", content: `{"name":"a"}`}, last},
		"cut":   {first, reportFile(2, map[string]string{"..": tapeSum})},
	} {
		seed := packed(f, files...)
		corpus(f, name, seed)
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMemory()
		first, err := m.home().ImportTar(t.Context(), bytes.NewReader(b))
		for _, e := range m.reports {
			if e.Report == nil || e.Key != store.Key(e.Report.Fingerprint) {
				t.Errorf("%+v", e)
			}
			for name, sum := range e.Blobs {
				if !m.blobs[sum] {
					t.Errorf("%s is %s, which is not there", name, sum)
				}
			}
		}
		again, errAgain := m.home().ImportTar(t.Context(), bytes.NewReader(b))
		if (err == nil) != (errAgain == nil) || again.Blobs != 0 && again.Problems == 0 || first.Problems < again.Problems {
			t.Errorf("first %+v, %v, then %+v, %v", first, err, again, errAgain)
		}
	})
}

// corpus writes a seed to the committed corpus when the golden files are made anew.
func corpus(f *testing.F, name string, seed []byte) {
	f.Helper()
	path := filepath.Join("testdata", "fuzz", "FuzzImport", name)
	text := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", seed)
	if golden.Updating() && flag.Parsed() {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			f.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		f.Errorf("%s is not the seed (%v); run the test with -update", path, err)
	}
}
