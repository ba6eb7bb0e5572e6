package upkeep_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/blob"
	"github.com/detonaut/detonaut/internal/store/fact"
	"github.com/detonaut/detonaut/internal/store/postgres"
	"github.com/detonaut/detonaut/internal/store/sqlite"
	"github.com/detonaut/detonaut/internal/store/upkeep"
	"github.com/detonaut/detonaut/internal/testenv"
)

var began = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// place is a store in a directory, and what was told of it.
type place struct {
	upkeep.Home
	store store.Store
	dir   string
	told  []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	db, err := sqlite.Open(t.Context(), filepath.Join(p.dir, "store.db"), store.Options{Now: func() time.Time { return began }})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(t.Context(), filepath.Join(p.dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), blobs.Close()); err != nil {
			t.Error(err)
		}
	})
	p.store = db
	p.Home = upkeep.Home{Store: db, Blobs: blobs, Tell: func(problem string) { p.told = append(p.told, problem) }}
	return p
}

func (p *place) blob(t *testing.T, content string) string {
	t.Helper()
	sum, _, err := p.Blobs.Put(t.Context(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// filled is a place with reports, of which two are of one digest and some share blobs.
func filled(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	shared := p.blob(t, "shared")
	for i := range 5 {
		r := reporttest.Realistic(uint64(i))
		r.Started = began.Add(time.Duration(i) * time.Hour)
		if i == 4 {
			first := reporttest.Realistic(0)
			r.Image, r.Fingerprint.Tool = first.Image, "another"
		}
		own := p.blob(t, fmt.Sprintf("tape %d", i))
		e := store.Entry{
			Report: r, Aim: fmt.Sprintf("aim%d", i), Name: store.Name{Registry: "docker.io", Repository: fmt.Sprintf("team/app%d", i%2), Tag: "1"},
			Blobs: map[string]string{"tape.jsonl.zst": own, "payloads/" + shared: shared},
		}
		if _, err := p.store.Put(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	err := p.store.PutRepository(t.Context(), store.Repository{Registry: "docker.io", Name: "team/app1", Description: "an <app>", Pulls: 7, Stars: 1, Updated: began})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reports are all there are, as JSON, without the times at which they were put.
func (p *place) reports(t *testing.T) (all []string) {
	t.Helper()
	list, err := p.store.All(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		e, err := p.store.Get(t.Context(), s.Digest, s.Key)
		if err != nil {
			t.Fatal(err)
		}
		e.Stored = time.Time{}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

func (p *place) sums(t *testing.T) (all []string) {
	t.Helper()
	err := p.Blobs.Each(t.Context(), func(i blob.Info) error {
		all = append(all, i.SHA256)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (p *place) export(t *testing.T) ([]byte, upkeep.Moved) {
	t.Helper()
	var b bytes.Buffer
	m, err := p.Export(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), m
}

// sound holds a place to having nothing wrong.
func (p *place) sound(t *testing.T, reports int) {
	t.Helper()
	c, err := p.Check(t.Context(), false)
	if err != nil || c.Problems != 0 || c.Reports != reports || len(p.told) != 0 {
		t.Errorf("got %+v, %v, want %d reports; told %q", c, err, reports, p.told)
	}
}

func TestExportAndImport(t *testing.T) {
	from := filled(t)
	from.sound(t, 5)
	archive, moved := from.export(t)
	if want := (upkeep.Moved{Reports: 5, Repositories: 1, Blobs: 6}); moved != want {
		t.Errorf("exported %+v, want %+v", moved, want)
	}
	if again, _ := from.export(t); !bytes.Equal(archive, again) {
		t.Error("the second export is different")
	}
	to := newPlace(t)
	m, err := to.Import(t.Context(), bytes.NewReader(archive))
	if err != nil || m.Reports != 5 || m.Blobs != 6 || m.There != 0 || m.Repositories != moved.Repositories {
		t.Fatalf("imported %+v, %v", m, err)
	}
	if diff := cmp.Diff(from.reports(t), to.reports(t)); diff != "" {
		t.Errorf("reports (-from +to):\n%s", diff)
	}
	if diff := cmp.Diff(from.sums(t), to.sums(t)); diff != "" {
		t.Errorf("blobs (-from +to):\n%s", diff)
	}
	r, err := to.store.Repository(t.Context(), "docker.io", "team/app1")
	if err != nil || r.Pulls != 7 || r.Description != "an <app>" || !slices.Equal(r.Tags, []string{"1"}) {
		t.Errorf("got %+v, %v", r, err)
	}
	to.sound(t, 5)
	before := to.reports(t)
	if m, err = to.Import(t.Context(), bytes.NewReader(archive)); err != nil || m != (upkeep.Moved{There: 11}) {
		t.Errorf("the second time: imported %+v, %v", m, err)
	}
	if diff := cmp.Diff(before, to.reports(t)); diff != "" {
		t.Errorf("the second import changed them (-before +after):\n%s", diff)
	}
}

// What was in a file and a directory is the same in PostgreSQL and a bucket, and comes back.
func TestMove(t *testing.T) {
	from := filled(t)
	archive, moved := from.export(t)
	to := &place{}
	db, err := postgres.Open(t.Context(), testenv.PostgresURL(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(t.Context(), testenv.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(db.Close(), blobs.Close()); err != nil {
			t.Error(err)
		}
	}()
	to.store = db
	to.Home = upkeep.Home{Store: db, Blobs: blobs, Tell: func(problem string) { to.told = append(to.told, problem) }}
	if m, err := to.Import(t.Context(), bytes.NewReader(archive)); err != nil || m != moved {
		t.Fatalf("imported %+v, %v", m, err)
	}
	to.sound(t, 5)
	if diff := cmp.Diff(from.reports(t), to.reports(t)); diff != "" {
		t.Errorf("reports (-from +to):\n%s", diff)
	}
	to.blob(t, "nobody's")
	later := time.Now().Add(48 * time.Hour)
	c, err := to.Collect(t.Context(), upkeep.Retention{Keep: time.Hour, Now: func() time.Time { return later }})
	if err != nil || c.Blobs != 1 {
		t.Errorf("got %+v, %v", c, err)
	}
	if diff := cmp.Diff(from.sums(t), to.sums(t)); diff != "" {
		t.Errorf("blobs (-from +to):\n%s", diff)
	}
	back := newPlace(t)
	archive, _ = to.export(t)
	if _, err := back.Import(t.Context(), bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(from.reports(t), back.reports(t)); diff != "" {
		t.Errorf("reports (-from +back):\n%s", diff)
	}
}

// An archive that is cut anywhere says so, leaves nothing that is not whole, and what is
// missing comes with the next.
func TestImportOfACutArchive(t *testing.T) {
	archive, _ := filled(t).export(t)
	to := newPlace(t)
	for _, part := range []int{0, 1, 20, len(archive) / 4, len(archive) / 2, len(archive) * 3 / 4, len(archive) - 1} {
		if _, err := to.Import(t.Context(), bytes.NewReader(archive[:part])); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("%d of %d bytes: got %v, want ErrCorrupt", part, len(archive), err)
		}
		to.sound(t, len(to.reports(t)))
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	to.sound(t, 5)
}

// Who stops an import is not told that the archive is bad.
func TestImportInterrupted(t *testing.T) {
	archive, _ := filled(t).export(t)
	to := newPlace(t)
	ctx, cancel := context.WithCancel(t.Context())
	in := bytes.NewReader(archive)
	_, err := to.Import(ctx, readerFunc(func(p []byte) (int, error) {
		if in.Len() < len(archive)/2 {
			cancel()
		}
		return in.Read(p[:min(len(p), 100)])
	}))
	if !errors.Is(err, context.Canceled) || errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	to.sound(t, 5)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// The later analysis of two stays, whichever is imported.
func TestImportKeepsTheLater(t *testing.T) {
	archive, _ := filled(t).export(t)
	for shift, want := range map[time.Duration]int{time.Minute: 0, -time.Minute: 1} {
		to := newPlace(t)
		r := reporttest.Realistic(2)
		r.Started = began.Add(2*time.Hour + shift)
		blobs := map[string]string{"tape.jsonl.zst": to.blob(t, "x"), "network.har": to.blob(t, "y")}
		if _, err := to.store.Put(t.Context(), store.Entry{Report: r, Blobs: blobs}); err != nil {
			t.Fatal(err)
		}
		m, err := to.Import(t.Context(), bytes.NewReader(archive))
		if err != nil || m.Reports != 4+want {
			t.Errorf("%s: imported %+v, %v", shift, m, err)
		}
		e, err := to.store.Get(t.Context(), r.Image.Digest, store.Key(r.Fingerprint))
		if err != nil || e.Report.Started.Equal(r.Started) != (want == 0) {
			t.Errorf("%s: got %v, %v", shift, e.Report.Started, err)
		}
	}
}

// file is that of a blob.
func (p *place) file(sum string) string { return filepath.Join(p.dir, "blobs", sum[:2], sum) }

// What is wrong is told by check and by export, and is not imported.
func TestDamage(t *testing.T) {
	p := filled(t)
	changed, missing := p.blob(t, "tape 1"), p.blob(t, "tape 2")
	if err := errors.Join(os.WriteFile(p.file(changed), []byte("tape X"), 0o600), os.Remove(p.file(missing))); err != nil {
		t.Fatal(err)
	}
	wrong := func(n int, what string, want ...string) {
		t.Helper()
		if n != len(want) || len(p.told) != len(want) {
			t.Errorf("%s: %d problems, want %d: %q", what, n, len(want), p.told)
		}
		for _, w := range want {
			if !slices.ContainsFunc(p.told, func(told string) bool { return strings.Contains(told, w) }) {
				t.Errorf("%s: nobody told of %q: %q", what, w, p.told)
			}
		}
		p.told = nil
	}
	c, err := p.Check(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	wrong(c.Problems, "check", "tape.jsonl.zst: read blob: corrupt: "+changed, "tape.jsonl.zst: open blob: not found: "+missing)
	if c, err = p.Check(t.Context(), true); err != nil || c.Bytes != 0 {
		t.Errorf("quick: got %+v, %v", c, err)
	}
	wrong(c.Problems, "quick check", "tape.jsonl.zst: not found")
	archive, m := p.export(t)
	wrong(m.Problems, "export", changed, missing)
	to := newPlace(t)
	if m, err = to.Import(t.Context(), bytes.NewReader(archive)); err != nil || m.Reports != 5 {
		t.Errorf("imported %+v, %v", m, err)
	}
	p.told, to.told = to.told, nil
	wrong(m.Problems, "import", "blob "+changed+": left out", "tape.jsonl.zst is left out", "tape.jsonl.zst is left out")
	to.sound(t, 5)
}

// lying is a store that says something else than it was told.
type lying struct {
	store.Store
	get     func(*store.Entry) error
	factsOf func([]store.Fact) []store.Fact
}

func (l lying) Get(ctx context.Context, d detonaut.Digest, key string) (*store.Entry, error) {
	e, err := l.Store.Get(ctx, d, key)
	if err == nil && l.get != nil {
		err = l.get(e)
	}
	return e, err
}

func (l lying) FactsOf(ctx context.Context, d detonaut.Digest, key string) ([]store.Fact, error) {
	facts, err := l.Store.FactsOf(ctx, d, key)
	if l.factsOf != nil {
		facts = l.factsOf(facts)
	}
	return facts, err
}

func TestCheckOfReports(t *testing.T) {
	p := filled(t)
	for want, l := range map[string]lying{
		"cannot be read: it is torn":                             {get: func(*store.Entry) error { return errors.New("it is torn") }},
		"is the report of sha256:ab (fingerprint":                {get: func(e *store.Entry) error { e.Report.Image.Digest = "sha256:ab"; return nil }},
		"has the schema 7, not 1":                                {get: func(e *store.Entry) error { e.Report.Schema = 7; return nil }},
		", and is dire, ":                                        {get: func(e *store.Entry) error { e.Report.Verdict.Word = "dire"; return nil }},
		"1 facts are missing, and 0 are none of its own":         {factsOf: func(f []store.Fact) []store.Fact { return f[1:] }},
		"0 facts are missing, and 1 are none of its own":         {factsOf: func(f []store.Fact) []store.Fact { return append(f, store.Fact{Kind: "zzz"}) }},
		"1 facts are missing, and 1 are none of its own":         {factsOf: func(f []store.Fact) []store.Fact { f[0].Value = "another"; return f }},
		fmt.Sprint(len(fact.Of(reporttest.Realistic(0)))) + " f": {factsOf: func([]store.Fact) []store.Fact { return nil }},
	} {
		p.told = nil
		l.Store = p.store
		h := p.Home
		h.Store = l
		c, err := h.Check(t.Context(), true)
		if err != nil || c.Problems < 5 || len(p.told) != c.Problems || !slices.ContainsFunc(p.told, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s: got %+v, %v: %q", want, c, err, p.told)
		}
	}
}

func TestImportOfSomethingElse(t *testing.T) {
	p := newPlace(t)
	packed := func(b []byte) []byte {
		z, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return z.EncodeAll(b, nil)
	}
	for name, b := range map[string][]byte{"nothing": {}, "text": []byte("hello"), "zstd of nothing": packed(nil), "zstd of text": packed(bytes.Repeat([]byte("hello"), 500))} {
		if _, err := p.Import(t.Context(), bytes.NewReader(b)); !errors.Is(err, detonaut.ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	broken := errors.New("broken")
	if _, err := p.Import(t.Context(), readerFunc(func([]byte) (int, error) { return 0, broken })); !errors.Is(err, broken) || errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
