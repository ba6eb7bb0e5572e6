package vulndb_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
)

// day is when the n-th database of a test was made.
func day(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }

// database is a small one, as it is published.
func database(tb testing.TB, n int) []byte {
	tb.Helper()
	hole := vulntest.Hole{ID: fmt.Sprintf("GHSA-%d", n), Provider: "github", Ecosystem: "python", Package: "alpha", Before: "2.0"}
	b, err := os.ReadFile(vulntest.Make(tb, day(n), hole))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// tarOf is an archive of files of these names and contents, in turns.
func tarOf(tb testing.TB, pairs ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for pair := range slices.Chunk(pairs, 2) {
		if err := w.WriteHeader(&tar.Header{Name: pair[0], Mode: 0o644, Size: int64(len(pair[1]))}); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(pair[1])); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func compressed(tb testing.TB, to func(io.Writer) (io.WriteCloser, error), b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := to(&out)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func withZstd(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }
func withGzip(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }
func withXz(w io.Writer) (io.WriteCloser, error)   { return xz.NewWriter(w) }

// published is an archive as it is published.
func published(tb testing.TB, db []byte) []byte {
	tb.Helper()
	return compressed(tb, withZstd, tarOf(tb, vuln.FileName, string(db)))
}

func store(tb testing.TB, o vulndb.Options) *vulndb.Store {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(tb.TempDir(), "databases")
	}
	s, err := vulndb.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func file(tb testing.TB, b []byte) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "file")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		tb.Fatal(err)
	}
	return name
}

// used is when the database in use was built; it must be sound.
func used(tb testing.TB, s *vulndb.Store) time.Time {
	tb.Helper()
	e, err := s.Status(tb.Context())
	if err != nil || e.Problem != "" {
		tb.Fatalf("the database in use: %v %s", err, e.Problem)
	}
	d, err := vuln.Open(s.Dir(), vuln.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer d.Close()
	return d.Info().Built
}

// tidy makes sure that a directory has nothing half-made.
func tidy(tb testing.TB, s *vulndb.Store) {
	tb.Helper()
	names, err := os.ReadDir(s.Dir())
	if err != nil {
		tb.Fatal(err)
	}
	for _, n := range names {
		if strings.HasPrefix(n.Name(), "tmp-") || strings.HasPrefix(n.Name(), "download-") {
			tb.Errorf("%s was left behind", n.Name())
		}
	}
}

func TestImport(t *testing.T) {
	db := database(t, 1)
	archive := tarOf(t, "README", "read me", "./"+vuln.FileName, string(db), "import.json", "{}")
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, vuln.FileName), db, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{
		"a database": file(t, db), "its folder": folder, "tar": file(t, archive),
		"zstd": file(t, compressed(t, withZstd, archive)), "gzip": file(t, compressed(t, withGzip, archive)), "xz": file(t, compressed(t, withXz, archive)),
	} {
		s := store(t, vulndb.Options{})
		if err := s.Import(t.Context(), from); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e, err := s.Status(t.Context())
		want := detonaut.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(db)))
		if err != nil || e.Problem != "" || !e.Built.Equal(day(1)) || e.Digest != want || !e.Used || e.Client != vuln.Client() || e.Source == "" {
			t.Errorf("%s: got %+v, %v", name, e, err)
		}
		tidy(t, s)
	}
}

// The database of the repository, which other tests use, can be imported, too.
func TestImportOfARealDatabase(t *testing.T) {
	s := store(t, vulndb.Options{})
	if err := s.Import(t.Context(), vulntest.Archive(t)); err != nil {
		t.Fatal(err)
	}
	if got := used(t, s); got.Format(time.RFC3339) != "2026-11-23T21:10:32Z" {
		t.Errorf("it was built %v", got)
	}
}

// What cannot be used does not take the place of what can.
func TestImportOfWhatIsNoDatabase(t *testing.T) {
	db := database(t, 2)
	whole := published(t, db)
	link := func() []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: vuln.FileName, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}); err != nil {
			t.Fatal(err)
		}
		w.Close()
		return b.Bytes()
	}()
	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprint(i), "")
	}
	zeros := string(slices.Concat(db, make([]byte, 64<<20)))
	noise := slices.Clone(db)
	for i := 3 * 4096; i < len(noise); i++ {
		noise[i] ^= byte(i)
	}
	empty, err := os.ReadFile(vulntest.Make(t, day(2)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"nothing":                   {nil, detonaut.ErrCorrupt},
		"text":                      {[]byte("no database\n"), detonaut.ErrCorrupt},
		"an archive cut short":      {whole[:len(whole)-50], detonaut.ErrCorrupt},
		"a tar cut short":           {tarOf(t, vuln.FileName, string(db))[:len(db)/2], detonaut.ErrCorrupt},
		"no database in it":         {tarOf(t, "a", "b"), detonaut.ErrCorrupt},
		"it is elsewhere":           {tarOf(t, "../"+vuln.FileName, string(db), "/etc/"+vuln.FileName, string(db)), detonaut.ErrCorrupt},
		"twice":                     {tarOf(t, vuln.FileName, string(db), vuln.FileName, string(db)), detonaut.ErrCorrupt},
		"a link":                    {link, detonaut.ErrCorrupt},
		"something of the name":     {tarOf(t, vuln.FileName, "no database, but as long as the head of one"), detonaut.ErrCorrupt},
		"another database":          {tarOf(t, vuln.FileName, "SQLite format 3\x00"+strings.Repeat("\x00", 4096)), detonaut.ErrCorrupt},
		"a damaged database":        {noise, detonaut.ErrCorrupt},
		"one that knows of nothing": {empty, detonaut.ErrCorrupt},
		"many files":                {tarOf(t, many...), detonaut.ErrLimit},
		"a bomb":                    {compressed(t, withZstd, tarOf(t, vuln.FileName, zeros)), detonaut.ErrLimit},
		"a bomb beside it":          {compressed(t, withGzip, tarOf(t, "zeros", string(make([]byte, 200<<20)), vuln.FileName, string(db))), detonaut.ErrLimit},
	} {
		s := store(t, vulndb.Options{MaxUncompressed: 32 << 20})
		if err := s.Import(t.Context(), file(t, database(t, 1))); err != nil {
			t.Fatal(err)
		}
		if err := s.Import(t.Context(), file(t, c.bytes)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", name, err)
		}
		if got := used(t, s); !got.Equal(day(1)) {
			t.Errorf("%s: now one that was built %v is used", name, got)
		}
		tidy(t, s)
	}
	s := store(t, vulndb.Options{})
	if err := s.Import(t.Context(), filepath.Join(t.TempDir(), "gone")); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("of no file: got %v", err)
	}
}

// The last good one is kept, and can be gone back to.
func TestList(t *testing.T) {
	s := store(t, vulndb.Options{})
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Errorf("of nothing: got %v, %v", all, err)
	}
	if _, err := s.Status(t.Context()); !errors.Is(err, vuln.ErrNone) {
		t.Errorf("of nothing: got %v", err)
	}
	for n := 1; n <= 4; n++ {
		if err := s.Import(t.Context(), file(t, database(t, n))); err != nil {
			t.Fatal(err)
		}
	}
	list := func() (texts []string) {
		all, err := s.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			texts = append(texts, fmt.Sprintf("%s %v %s", e.Built.Format(time.DateOnly), e.Used, e.Problem))
		}
		return texts
	}
	if got, want := list(), []string{"2026-11-04 true ", "2026-11-03 false "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	all, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Import(t.Context(), all[1].Path); err != nil {
		t.Fatal(err)
	}
	if got, want := list(), []string{"2026-11-04 false ", "2026-11-03 true "}; !slices.Equal(got, want) {
		t.Errorf("after going back: got %q, want %q", got, want)
	}
	if !used(t, s).Equal(day(3)) {
		t.Error("the one before is not used")
	}
	// One that is in use stays as long as it is.
	d, err := vuln.OpenFolder(all[0].Path, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Import(t.Context(), file(t, database(t, 5))); err != nil {
		t.Fatal(err)
	}
	if got := list(); len(got) != 3 {
		t.Errorf("one of three is open: got %q", got)
	}
	if err := d.Verify(t.Context()); err != nil {
		t.Errorf("the open one: %v", err)
	}
	d.Close()
	if err := s.Import(t.Context(), file(t, database(t, 6))); err != nil {
		t.Fatal(err)
	}
	if got := list(); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}

// A database that is damaged where it lies is told, and is mended by importing it
// again.
func TestStatusOfADamagedDatabase(t *testing.T) {
	s := store(t, vulndb.Options{})
	from := file(t, database(t, 1))
	if err := s.Import(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(s.Dir(), "6", vuln.FileName)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096 * 4; i < len(b); i++ {
		b[i] ^= 0x55
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Status(t.Context()); err != nil || e.Problem == "" {
		t.Errorf("got %+v, %v", e, err)
	}
	if err := s.Import(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	used(t, s)
	if err := os.Truncate(name, 8192); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Status(t.Context()); err != nil || e.Problem == "" {
		t.Errorf("got %+v, %v", e, err)
	}
}

// What another program looks after is left alone.
func TestImportBesideAnotherProgram(t *testing.T) {
	s := store(t, vulndb.Options{})
	if err := os.MkdirAll(filepath.Join(s.Dir(), "6"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir(), "6", vuln.FileName), database(t, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Import(t.Context(), file(t, database(t, 2))); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("got %v", err)
	}
	all, err := s.List()
	if err != nil || len(all) != 1 || !all[0].Used || !all[0].Built.Equal(day(1)) {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestImportEndsWithItsContext(t *testing.T) {
	s := store(t, vulndb.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Import(ctx, file(t, database(t, 1))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	tidy(t, s)
}
