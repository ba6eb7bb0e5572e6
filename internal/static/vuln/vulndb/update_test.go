package vulndb_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
)

// publisher is a server of databases on loopback, which fails as it is told.
type publisher struct {
	*httptest.Server
	closed chan struct{}

	mu      sync.Mutex
	latest  string
	archive []byte
	asked   []string // the paths, and the ranges
	faults  map[string][]imagetest.Fault
}

// publish serves an archive, and a latest.json that describes it.
func publish(tb testing.TB, built time.Time, archive []byte) *publisher {
	tb.Helper()
	p := &publisher{archive: archive, closed: make(chan struct{}), faults: map[string][]imagetest.Fault{}}
	p.describe(built, fmt.Sprintf("sha256:%x", sha256.Sum256(archive)), "archive.tar.zst")
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	tb.Cleanup(func() {
		close(p.closed)
		p.CloseClientConnections()
		p.Close()
	})
	return p
}

func (p *publisher) describe(built time.Time, checksum, path string) {
	p.latest = fmt.Sprintf(`{"status": "active", "schemaVersion": "v6.1.10", "built": %q, "path": %q, "checksum": %q}`, built.Format(time.RFC3339), path, checksum)
}

// fail makes these happen to the next requests for what ends in name, one each.
func (p *publisher) fail(name string, faults ...imagetest.Fault) { p.faults[name] = faults }

func (p *publisher) serve(w http.ResponseWriter, req *http.Request) {
	name := filepath.Base(req.URL.Path)
	p.mu.Lock()
	p.asked = append(p.asked, strings.TrimSpace(req.URL.Path+" "+req.Header.Get("Range")))
	var fault imagetest.Fault
	if all := p.faults[name]; len(all) > 0 {
		fault, p.faults[name] = all[0], all[1:]
	}
	p.mu.Unlock()
	next := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/v6/latest.json":
			fmt.Fprint(w, p.latest)
		case "/v6/archive.tar.zst":
			http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(p.archive))
		default:
			http.NotFound(w, req)
		}
	})
	if fault != nil {
		fault(w, req, next, p.closed)
		return
	}
	next(w, req)
}

func (p *publisher) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

const archivePath = "/v6/archive.tar.zst"

// noRange is a server that knows nothing of ranges.
func noRange(w http.ResponseWriter, req *http.Request, next http.Handler, _ <-chan struct{}) {
	req.Header.Del("Range")
	next.ServeHTTP(w, req)
}

// otherRange is one that answers with another range than it was asked for.
func otherRange(w http.ResponseWriter, req *http.Request, next http.Handler, _ <-chan struct{}) {
	req.Header.Set("Range", "bytes=1-")
	next.ServeHTTP(w, req)
}

func TestUpdate(t *testing.T) {
	archive := published(t, database(t, 2))
	half := len(archive) / 2
	for name, c := range map[string]struct {
		latest, archive []imagetest.Fault
		want            []string // what is asked for, latest.json apart
	}{
		"at once":               {want: []string{archivePath}},
		"cut in the middle":     {archive: []imagetest.Fault{imagetest.Cut(half)}, want: []string{archivePath, fmt.Sprintf("%s bytes=%d-", archivePath, half)}},
		"cut twice":             {archive: []imagetest.Fault{imagetest.Cut(half), imagetest.Cut(100)}, want: []string{archivePath, fmt.Sprintf("%s bytes=%d-", archivePath, half), fmt.Sprintf("%s bytes=%d-", archivePath, half+100)}},
		"cut, and no ranges":    {archive: []imagetest.Fault{imagetest.Cut(half), noRange}, want: []string{archivePath, fmt.Sprintf("%s bytes=%d-", archivePath, half)}},
		"silent in the middle":  {archive: []imagetest.Fault{imagetest.Stall(half)}, want: []string{archivePath, fmt.Sprintf("%s bytes=%d-", archivePath, half)}},
		"slow":                  {archive: []imagetest.Fault{imagetest.Slow(half/4, time.Millisecond)}, want: []string{archivePath}},
		"busy":                  {archive: []imagetest.Fault{imagetest.Busy(1)}, latest: []imagetest.Fault{imagetest.Busy(1)}, want: []string{archivePath, archivePath}},
		"an error of its own":   {archive: []imagetest.Fault{imagetest.Status(502)}, want: []string{archivePath, archivePath}},
		"redirected":            {archive: []imagetest.Fault{imagetest.Redirect("")}, want: []string{archivePath, archivePath}},
		"latest.json cut short": {latest: []imagetest.Fault{imagetest.Cut(20)}, want: []string{archivePath}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := publish(t, day(2), archive)
			p.fail("latest.json", c.latest...)
			p.fail("archive.tar.zst", c.archive...)
			var told []vulndb.Progress
			s := store(t, vulndb.Options{URL: p.URL, Silence: time.Second, Progress: func(p vulndb.Progress) { told = append(told, p) }})
			if err := s.Import(t.Context(), file(t, database(t, 1))); err != nil {
				t.Fatal(err)
			}
			if updated, err := s.Update(t.Context()); err != nil || !updated {
				t.Fatalf("got %v, %v", updated, err)
			}
			if got := used(t, s); !got.Equal(day(2)) {
				t.Errorf("one that was built %v is used", got)
			}
			got := slices.DeleteFunc(p.requests(), func(s string) bool { return s == "/v6/latest.json" })
			if !slices.Equal(got, c.want) {
				t.Errorf("it was asked for %q, want %q", got, c.want)
			}
			whole := vulndb.Progress{Doing: "downloading", Done: int64(len(archive)), Total: int64(len(archive))}
			if !slices.Contains(told, whole) {
				t.Error("the end of the download is not told")
			}
			tidy(t, s)
		})
	}
}

// A database that is as new is not downloaded, unless what is there is damaged.
func TestUpdateOnlyToWhatIsNewer(t *testing.T) {
	p := publish(t, day(2), published(t, database(t, 2)))
	s := store(t, vulndb.Options{URL: p.URL + "/v6/latest.json"})
	for range 2 {
		if _, err := s.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := p.requests(), []string{"/v6/latest.json", archivePath, "/v6/latest.json"}; !slices.Equal(got, want) {
		t.Errorf("it was asked for %q, want %q", got, want)
	}
	if err := os.Truncate(filepath.Join(s.Dir(), "6", vuln.FileName), 100); err != nil {
		t.Fatal(err)
	}
	if updated, err := s.Update(t.Context()); err != nil || !updated {
		t.Errorf("of a damaged one: got %v, %v", updated, err)
	}
	used(t, s)
}

func TestUpdateFromAMirror(t *testing.T) {
	archive := published(t, database(t, 2))
	for name, spoil := range map[string]func(p *publisher){
		"not there":            func(p *publisher) { p.fail("latest.json", imagetest.Status(404)) },
		"no archive":           func(p *publisher) { p.fail("archive.tar.zst", imagetest.Status(404)) },
		"another archive":      func(p *publisher) { p.fail("archive.tar.zst", imagetest.Corrupt()) },
		"another range":        func(p *publisher) { p.fail("archive.tar.zst", imagetest.Cut(1000), otherRange) },
		"gone in the middle":   func(p *publisher) { p.fail("archive.tar.zst", imagetest.Cut(1000), imagetest.Status(403)) },
		"no latest.json":       func(p *publisher) { p.latest = "<html>" },
		"another format":       func(p *publisher) { p.latest = strings.ReplaceAll(p.latest, "v6.1.10", "v7.0.0") },
		"a path to elsewhere":  func(p *publisher) { p.describe(day(2), "sha256:"+strings.Repeat("0", 64), "../../etc/passwd") },
		"busy for a long time": func(p *publisher) { p.fail("archive.tar.zst", imagetest.Busy(3600)) },
	} {
		bad, good := publish(t, day(2), archive), publish(t, day(2), archive)
		spoil(bad)
		s := store(t, vulndb.Options{URL: bad.URL, Mirrors: []string{good.URL}})
		if updated, err := s.Update(t.Context()); err != nil || !updated {
			t.Errorf("%s: got %v, %v", name, updated, err)
			continue
		}
		if got := used(t, s); !got.Equal(day(2)) {
			t.Errorf("%s: one that was built %v is used", name, got)
		}
		tidy(t, s)
	}
}

// What fails leaves the database that is there.
func TestUpdateThatFails(t *testing.T) {
	good := published(t, database(t, 2))
	empty := published(t, []byte("SQLite format 3\x00 and no more"))
	for name, c := range map[string]struct {
		archive []byte
		spoil   func(p *publisher)
		want    error
	}{
		"a wrong checksum":      {good, func(p *publisher) { p.describe(day(2), "sha256:"+strings.Repeat("0", 64), "archive.tar.zst") }, detonaut.ErrCorrupt},
		"no checksum":           {good, func(p *publisher) { p.describe(day(2), "", "archive.tar.zst") }, detonaut.ErrCorrupt},
		"an archive cut short":  {good[:len(good)-100], func(*publisher) {}, detonaut.ErrCorrupt},
		"no database":           {empty, func(*publisher) {}, detonaut.ErrCorrupt},
		"not there":             {good, func(p *publisher) { p.describe(day(2), "sha256:"+strings.Repeat("0", 64), "gone") }, detonaut.ErrNotFound},
		"another format":        {good, func(p *publisher) { p.latest = strings.ReplaceAll(p.latest, "v6.1.10", "v7.0.0") }, detonaut.ErrUnsupported},
		"an endless latest":     {good, func(p *publisher) { p.latest = strings.Repeat(" ", 100<<10) }, detonaut.ErrLimit},
		"too large":             {slices.Concat(good, make([]byte, 4<<20)), func(*publisher) {}, detonaut.ErrLimit},
		"too large, and silent": {slices.Concat(good, make([]byte, 4<<20)), func(p *publisher) { p.fail("archive.tar.zst", imagetest.Header("Content-Length", "")) }, detonaut.ErrLimit},
	} {
		p := publish(t, day(2), c.archive)
		c.spoil(p)
		s := store(t, vulndb.Options{URL: p.URL, MaxCompressed: 4 << 20})
		if err := s.Import(t.Context(), file(t, database(t, 1))); err != nil {
			t.Fatal(err)
		}
		if updated, err := s.Update(t.Context()); !errors.Is(err, c.want) || updated {
			t.Errorf("%s: got %v, %v", name, updated, err)
		}
		if got := used(t, s); !got.Equal(day(1)) {
			t.Errorf("%s: one that was built %v is used", name, got)
		}
		// The next one works: nothing that was left is in its way.
		p.archive = good
		p.describe(day(2), fmt.Sprintf("sha256:%x", sha256.Sum256(good)), "archive.tar.zst")
		if updated, err := s.Update(t.Context()); err != nil || !updated {
			t.Errorf("%s: afterwards: got %v, %v", name, updated, err)
		}
		tidy(t, s)
	}
	if _, err := store(t, vulndb.Options{URL: "ftp://example.com"}).Update(t.Context()); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("of a strange URL: got %v", err)
	}
}

// Of two at once one waits, and finds that there is nothing to do any more.
func TestUpdateTwiceAtOnce(t *testing.T) {
	p := publish(t, day(2), published(t, database(t, 2)))
	p.fail("archive.tar.zst", imagetest.Slow(500, 10*time.Millisecond))
	dir := filepath.Join(t.TempDir(), "databases")
	var all sync.WaitGroup
	updates := make(chan bool, 2)
	for range 2 {
		all.Go(func() {
			updated, err := store(t, vulndb.Options{Dir: dir, URL: p.URL}).Update(t.Context())
			if err != nil {
				t.Error(err)
			}
			updates <- updated
		})
	}
	all.Wait()
	if one, other := <-updates, <-updates; one == other {
		t.Error("both, or none of them, did something")
	}
	if n := len(p.requests()); n != 3 {
		t.Errorf("there were %d requests, want 3", n)
	}
}

// Who waits for another can be told not to.
func TestUpdateGivesUpWaiting(t *testing.T) {
	p := publish(t, day(2), published(t, database(t, 2)))
	p.fail("archive.tar.zst", imagetest.Stall(100))
	dir := filepath.Join(t.TempDir(), "databases")
	first, end := context.WithCancel(t.Context())
	begun := make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	all.Go(func() {
		o := vulndb.Options{Dir: dir, URL: p.URL, Progress: func(p vulndb.Progress) {
			if p.Done > 0 {
				once.Do(func() { close(begun) })
			}
		}}
		if _, err := store(t, o).Update(first); !errors.Is(err, context.Canceled) {
			t.Errorf("the first: got %v", err)
		}
	})
	<-begun
	second, cancel := context.WithCancel(t.Context())
	o := vulndb.Options{Dir: dir, URL: p.URL, Progress: func(p vulndb.Progress) {
		if p.Doing == "waiting for another update" {
			cancel()
		}
	}}
	if _, err := store(t, o).Update(second); !errors.Is(err, context.Canceled) {
		t.Errorf("the second: got %v", err)
	}
	end()
	all.Wait()
	if updated, err := store(t, vulndb.Options{Dir: dir, URL: p.URL}).Update(t.Context()); err != nil || !updated {
		t.Errorf("the third: got %v, %v", updated, err)
	}
}

// What a process is to do that the tests below start of themselves, and where.
const roleVariable, dirVariable, urlVariable = "DETONAUT_TEST_ROLE", "DETONAUT_TEST_DATABASES", "DETONAUT_TEST_PUBLISHER"

func TestMain(m *testing.M) {
	var err error
	dir := os.Getenv(dirVariable)
	switch os.Getenv(roleVariable) {
	case "victim": // updates, until it is killed
		var s *vulndb.Store
		if s, err = vulndb.New(vulndb.Options{Dir: dir, URL: os.Getenv(urlVariable)}); err == nil {
			_, err = s.Update(context.Background())
		}
	case "importer": // imports what its arguments name
		var s *vulndb.Store
		if s, err = vulndb.New(vulndb.Options{Dir: dir}); err == nil {
			for _, file := range os.Args[1:] {
				if failed := s.Import(context.Background(), file); failed != nil {
					fmt.Println(errors.Is(failed, syscall.ENOSPC), errors.Is(failed, detonaut.ErrCorrupt))
				}
			}
			var e vulndb.Entry
			e, err = s.Status(context.Background())
			names, _ := filepath.Glob(filepath.Join(dir, "tmp-*"))
			fmt.Println(e.Built.Format(time.DateOnly), e.Problem, len(names))
		}
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A full disk leaves the database that is there.
func TestImportOnAFullDisk(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	small := file(t, database(t, 1))
	info, err := os.Stat(small)
	if err != nil {
		t.Fatal(err)
	}
	// The first disk has no room to unpack another, the second none for its indexes.
	large := published(t, slices.Concat(database(t, 2), make([]byte, 8<<20)))
	for size, second := range map[int64]string{4 * info.Size(): file(t, large), 5 * info.Size() / 2: file(t, database(t, 3))} {
		dir := t.TempDir()
		script := fmt.Sprintf(`mount -t tmpfs -o size=%d tmpfs "$%s" && exec "$@"`, size, dirVariable)
		cmd := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", self, small, second)
		cmd.Env = append(os.Environ(), roleVariable+"=importer", dirVariable+"="+dir)
		out, err := cmd.CombinedOutput()
		if want := "true false\n2026-11-01  0\n"; err != nil || string(out) != want {
			t.Errorf("with %d bytes: got %q, %v, want %q", size, out, err, want)
		}
	}
}

// An update that is killed is gone on with by the next.
func TestUpdateThatIsKilled(t *testing.T) {
	archive := published(t, database(t, 2))
	half := len(archive) / 2
	p := publish(t, day(2), archive)
	p.fail("archive.tar.zst", imagetest.Stall(half))
	dir := filepath.Join(t.TempDir(), "databases")
	if err := os.MkdirAll(filepath.Join(dir, "tmp-left-behind"), 0o700); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(dir, "download-"+strings.Repeat("0", 64)+".part")
	if err := os.WriteFile(stale, []byte("of another database"), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.CommandContext(t.Context(), self)
	victim.Env = append(os.Environ(), roleVariable+"=victim", dirVariable+"="+dir, urlVariable+"="+p.URL)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(dir, fmt.Sprintf("download-%x.part", sha256.Sum256(archive)))
	for {
		if info, err := os.Stat(part); err == nil && info.Size() == int64(half) {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("the download did not begin")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait() // it was killed
	s := store(t, vulndb.Options{Dir: dir, URL: p.URL})
	if updated, err := s.Update(t.Context()); err != nil || !updated {
		t.Fatalf("got %v, %v", updated, err)
	}
	if got, want := p.requests(), fmt.Sprintf("%s bytes=%d-", archivePath, half); got[len(got)-1] != want {
		t.Errorf("it was asked for %q, want %q in the end", got, want)
	}
	used(t, s)
	tidy(t, s)
}
