package dataset_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/golden"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/measure"
	"github.com/detonaut/detonaut/internal/survey/dataset"
)

var day = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// surveys is a store that has one survey.
type surveys struct {
	store.Surveys
	survey store.Survey
	all    []store.Result
	err    error
}

func (s *surveys) Survey(_ context.Context, name string) (*store.Survey, error) {
	if name != s.survey.Name {
		return nil, store.ErrNotFound
	}
	return &s.survey, nil
}

func (s *surveys) Results(_ context.Context, _ string, after store.Place, limit int) ([]store.Result, error) {
	i, found := slices.BinarySearchFunc(s.all, after, func(r store.Result, p store.Place) int {
		at := store.Place{Candidate: r.Candidate.Number}
		if r.Item != nil {
			at.Item = r.Item.Number
		}
		return cmp.Or(cmp.Compare(at.Candidate, p.Candidate), cmp.Compare(at.Item, p.Item))
	})
	if found {
		i++
	}
	if i > 0 && s.err != nil {
		return nil, s.err
	}
	return s.all[i:min(len(s.all), i+limit)], nil
}

// small is a survey of some reports as scans make them, and of what is odd.
func small() *surveys {
	s := &surveys{survey: store.Survey{
		Name: "small", Sources: []string{"dockerhub:library"}, Aim: "0123456789abcdef", State: store.SurveyDone, Created: day, Ended: day.Add(time.Hour),
		Choice: store.Choice{Sample: store.SampleStratified, Size: 9, Seed: 7, Platforms: []string{"linux/amd64"}},
	}}
	number := int64(0)
	for i := range 12 {
		c := store.Candidate{Number: int64(i + 1), State: store.CandidateLooked, Class: store.ClassCommunity, Stratum: "community/3", Weight: 2.5}
		c.Registry, c.Name, c.Pulls, c.Stars, c.Updated = "docker.io", fmt.Sprintf("team/app%d", i), int64(i*i*1000)-1, -1, day.AddDate(0, -i, 0)
		if i%4 == 3 {
			c.State, c.Reason, c.Updated = store.CandidateSkipped, store.ReasonImageless, time.Time{}
			s.all = append(s.all, store.Result{Candidate: c})
			continue
		}
		for range 1 + i%2 {
			number++
			r := reporttest.Realistic(uint64(number))
			item := &store.Item{Survey: "small", Candidate: c.Number, Number: number, Digest: r.Image.Digest, State: store.ItemDone, Platform: "linux/amd64", Size: 5, Pushed: day}
			item.Name.Tag = "latest"
			s.all = append(s.all, store.Result{Candidate: c, Item: item, Measured: measure.Of(r), Key: "fedcba9876543210", Aim: s.survey.Aim})
		}
	}
	c := store.Candidate{Number: 100, State: store.CandidateLeftOut, Weight: 7}
	s.all = append(s.all, store.Result{Candidate: c})
	c = store.Candidate{Number: 101, State: store.CandidateLooked, Weight: 1, Class: store.ClassOfficial}
	c.Name = "a\x00b\x1b[2J\xff\u202e"
	for i, item := range []store.Item{
		{State: store.ItemFailed, Reason: "the image cannot be read"},
		{State: store.ItemReady},
		{State: store.ItemDone},
		{State: store.ItemSkipped, Reason: store.ReasonPlatform, Name: store.Name{Tag: "\xff\xfe"}},
	} {
		item.Number = 1000 + int64(i)
		s.all = append(s.all, store.Result{Candidate: c, Item: &item})
	}
	return s
}

var about = dataset.About{Tool: "1.2.3", License: "CC-BY-4.0"}

func write(t *testing.T, s *surveys) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := dataset.Write(t.Context(), dir, s, s.survey.Name, about); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rows reads a table as parquet-go has it, a row as what is in its columns.
func rows(t *testing.T, dir, table string) (all []map[string]parquet.Value) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, table+".parquet"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	names := f.Schema().Columns()
	r := parquet.NewReader(f)
	buffer := make([]parquet.Row, 100)
	for {
		n, err := r.ReadRows(buffer)
		for _, row := range buffer[:n] {
			made := map[string]parquet.Value{}
			for _, v := range row {
				made[names[v.Column()][0]] = v.Clone()
			}
			all = append(all, made)
		}
		if err != nil || n == 0 {
			return all
		}
	}
}

// What was written is read again by another way than it was written.
func TestRoundTrip(t *testing.T) {
	s := small()
	dir := write(t, s)
	repositories := rows(t, dir, "repositories")
	if len(repositories) != 14 || repositories[3]["reason"].String() != "no tags" || !repositories[3]["updated"].IsNull() || !repositories[0]["pulls"].IsNull() ||
		repositories[1]["pulls"].Int64() != 999 || repositories[1]["weight"].Double() != 2.5 || repositories[12]["weight"].Double() != 0 ||
		repositories[1]["updated"].Int64() != day.AddDate(0, -1, 0).UnixMilli() {
		t.Errorf("repositories: %+v", repositories)
	}
	images := rows(t, dir, "images")
	counted := map[string]int{}
	n := 0
	for _, r := range s.all {
		if r.Item == nil {
			continue
		}
		got := images[n]
		n++
		if got["item"].Int64() != r.Item.Number || got["state"].String() != string(r.Item.State) || got["verdict"].IsNull() != (r.Measured == nil) {
			t.Errorf("image %d: %+v", r.Item.Number, got)
		}
		m := r.Measured
		if m == nil {
			continue
		}
		if got["verdict"].String() != string(m.Verdict) || got["run_class"].String() != string(m.Run.Class) || got["cpu_seconds"].Double() != m.Run.CPU.Seconds() ||
			got["packages"].Int32() != int32(m.Packages) || got["critical"].Int32() != int32(m.Vulnerabilities.All.Critical) ||
			got["serves"].Boolean() != m.Run.Serves() || got["digest"].String() != string(r.Item.Digest) || got["analysed"].Int64() != m.Analysed.UnixMilli() {
			t.Errorf("image %d: %+v, want %+v", r.Item.Number, got, m)
		}
		counted["findings"] += len(m.Rules)
		counted["categories"] += len(m.Categories)
		counted["families"] += len(m.Families)
		counted["critical_packages"] += len(m.Criticals)
		counted["listeners"] += len(m.Run.Listens)
		counted["contacts"] += len(m.Run.Domains) + len(m.Run.Addresses)
	}
	if n != len(images) {
		t.Errorf("%d images, want %d", len(images), n)
	}
	for table, want := range counted {
		got := rows(t, dir, table)
		if len(got) != want || want == 0 && table != "families" {
			t.Errorf("%s: %d rows, want %d", table, len(got), want)
		}
		for _, row := range got {
			if row["item"].Int64() < 1 || row["repository"].Int64() < 1 || !strings.HasPrefix(row["digest"].String(), "sha256:") {
				t.Errorf("%s: of nobody: %+v", table, row)
			}
		}
	}
	for _, table := range []string{"repositories", "images"} {
		for _, row := range rows(t, dir, table) {
			for name, v := range row {
				if s := v.String(); v.Kind() == parquet.ByteArray && (!utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })) {
					t.Errorf("%s, %s: %q does not print", table, name, s)
				}
			}
		}
	}
}

// The manifest and the checksums are of what is there, and nothing else is.
func TestManifest(t *testing.T) {
	s := small()
	dir := write(t, s)
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m dataset.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if m.Schema != dataset.Schema || m.Survey != "small" || m.Choice.Seed != 7 || m.Aim != s.survey.Aim || m.Tool != "1.2.3" || m.License != "CC-BY-4.0" {
		t.Errorf("manifest: %+v", m)
	}
	want := map[string]bool{"README.md": true, "manifest.json": true, "SHA256SUMS": true}
	for _, table := range m.Tables {
		want[table.File] = true
		b, err := os.ReadFile(filepath.Join(dir, table.File))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if table.SHA256 != hex.EncodeToString(sum[:]) || table.Bytes != int64(len(b)) || table.Rows != int64(len(rows(t, dir, table.Name))) || table.Description == "" {
			t.Errorf("%+v is not of its file", table)
		}
	}
	there, err := os.ReadDir(dir)
	if err != nil || len(there) != len(want) || len(m.Tables) < 8 {
		t.Errorf("%d files, want %d: %v", len(there), len(want), err)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for in := bufio.NewScanner(bytes.NewReader(sums)); in.Scan(); lines++ {
		sum, name, ok := strings.Cut(in.Text(), "  ")
		b, err := os.ReadFile(filepath.Join(dir, name))
		if is := sha256.Sum256(b); !ok || err != nil || hex.EncodeToString(is[:]) != sum || !want[name] {
			t.Errorf("%q is wrong: %v", in.Text(), err)
		}
	}
	if lines != len(want)-1 {
		t.Errorf("%d checksums, want %d", lines, len(want)-1)
	}
}

// Every column is explained, and the dictionary is as it was.
func TestDictionary(t *testing.T) {
	dir := write(t, small())
	b, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "README.md", b)
	for _, c := range dataset.Columns() {
		if c.Doc == "" || !strings.HasSuffix(c.Doc, ".") || strings.ContainsAny(c.Doc, "|\n") {
			t.Errorf("%s.%s is not explained in a sentence: %q", c.Table, c.Name, c.Doc)
		}
		if !strings.Contains(string(b), "| `"+c.Name+"` |") {
			t.Errorf("%s.%s is not in the dictionary", c.Table, c.Name)
		}
	}
}

// The same survey is the same bytes.
func TestReproducible(t *testing.T) {
	a, b := write(t, small()), write(t, small())
	there, err := os.ReadDir(a)
	if err != nil || len(there) == 0 {
		t.Fatalf("%d files: %v", len(there), err)
	}
	for _, f := range there {
		x, errX := os.ReadFile(filepath.Join(a, f.Name()))
		y, errY := os.ReadFile(filepath.Join(b, f.Name()))
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			t.Errorf("%s differs: %v, %v", f.Name(), errX, errY)
		}
	}
}

// A table is written in groups of a bounded number of rows, however many there are.
func TestGroups(t *testing.T) {
	s := &surveys{survey: store.Survey{Name: "many"}}
	const n = 120_000
	for i := range n {
		c := store.Candidate{Number: int64(i + 1), State: store.CandidateLooked, Weight: 1}
		c.Name = "r" + fmt.Sprint(i)
		s.all = append(s.all, store.Result{Candidate: c})
	}
	dir := write(t, s)
	b, err := os.ReadFile(filepath.Join(dir, "repositories.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil || f.NumRows() != n || len(f.RowGroups()) != 3 {
		t.Fatalf("%d rows in %d groups: %v", f.NumRows(), len(f.RowGroups()), err)
	}
	for _, g := range f.RowGroups() {
		if g.NumRows() > 50_000 {
			t.Errorf("a group of %d rows", g.NumRows())
		}
	}
}

func TestNothing(t *testing.T) {
	dir := write(t, &surveys{survey: store.Survey{Name: "none"}})
	if got := rows(t, dir, "images"); len(got) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
	if err := dataset.Write(t.Context(), dir, small(), "small", about); !errors.Is(err, dataset.ErrNotEmpty) {
		t.Errorf("into a folder with something in it: %v", err)
	}
	if err := dataset.Write(t.Context(), t.TempDir(), small(), "another", about); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of no survey: %v", err)
	}
	s := small()
	s.err = errors.New("the database is gone")
	dir = t.TempDir()
	if err := dataset.Write(t.Context(), dir, s, "small", about); !errors.Is(err, s.err) {
		t.Errorf("of a store that fails: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is not whole has a manifest: %v", err)
	}
	_ = detonaut.Schema
}
