package rulepack

import (
	"bytes"
	"context"
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
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// publisher is a server of one pack on loopback, which fails as it is told.
type publisher struct {
	*httptest.Server
	closed chan struct{}

	mu      sync.Mutex
	archive []byte
	etag    string
	asked   []string // what fields the requests had
	faults  []imagetest.Fault
}

func publish(tb testing.TB, p *Pack) *publisher {
	tb.Helper()
	s := &publisher{closed: make(chan struct{})}
	s.put(archived(tb, p))
	s.Server = httptest.NewServer(s)
	tb.Cleanup(func() {
		close(s.closed)
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// put publishes an archive.
func (s *publisher) put(archive []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archive, s.etag = archive, fmt.Sprintf(`"%d-%x"`, len(archive), archive[len(archive)-8:])
}

// fail makes these happen to the next requests, one each.
func (s *publisher) fail(faults ...imagetest.Fault) { s.faults = faults }

func (s *publisher) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	var fields []string
	for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"} {
		if req.Header.Get(name) != "" {
			fields = append(fields, name)
		}
	}
	s.asked = append(s.asked, strings.Join(fields, " "))
	archive, etag := s.archive, s.etag
	var fault imagetest.Fault
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()
	next := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("ETag", etag)
		http.ServeContent(w, req, "pack.tar.gz", made, bytes.NewReader(archive))
	})
	if fault != nil {
		fault(w, req, next, s.closed)
		return
	}
	next(w, req)
}

func (s *publisher) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func TestDownload(t *testing.T) {
	pack := makePack(t, "2", text("two"), 1)
	half := len(archived(t, pack)) / 2
	for name, c := range map[string]struct {
		faults []imagetest.Fault
		want   []string // the fields of what is asked
	}{
		"at once":           {want: []string{""}},
		"cut in the middle": {faults: []imagetest.Fault{imagetest.Cut(half)}, want: []string{"", "Range If-Range"}},
		"cut twice":         {faults: []imagetest.Fault{imagetest.Cut(half), imagetest.Cut(10)}, want: []string{"", "Range If-Range", "Range If-Range"}},
		"silent":            {faults: []imagetest.Fault{imagetest.Stall(half)}, want: []string{"", "Range If-Range"}},
		"busy":              {faults: []imagetest.Fault{imagetest.Busy(1)}, want: []string{"", ""}},
		"an error":          {faults: []imagetest.Fault{imagetest.Status(502)}, want: []string{"", ""}},
		"cut, without etag": {faults: []imagetest.Fault{func(w http.ResponseWriter, req *http.Request, next http.Handler, closed <-chan struct{}) {
			imagetest.Cut(half)(w, req, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				imagetest.Header("ETag", "")(w, req, next, closed)
			}), closed)
		}}, want: []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := publish(t, pack)
			server.fail(c.faults...)
			dir := t.TempDir()
			s := store(t, dir, func(o *Options) { o.Silence = time.Second })
			if _, updated, err := s.Update(t.Context(), server.URL+"/pack.tar.gz"); err != nil || !updated {
				t.Fatalf("got %v, %v", updated, err)
			}
			if got := used(t, s); got != "mine 2 two" {
				t.Errorf("%s is used", got)
			}
			if got := server.requests(); !slices.Equal(got, c.want) {
				t.Errorf("it was asked with %q, want %q", got, c.want)
			}
			tidy(t, dir, (&Entry{Version: pack.Version, Digest: pack.Digest}).file())
		})
	}
}

// What has not changed is not downloaded again.
func TestDownloadOnlyWhatIsNew(t *testing.T) {
	server, dir := publish(t, makePack(t, "1", text("one"), 1)), t.TempDir()
	s := store(t, dir)
	update := func(want bool) {
		t.Helper()
		if e, updated, err := s.Update(t.Context(), server.URL); err != nil || updated != want || e.Name != "mine" {
			t.Fatalf("got %+v, %v, %v", e, updated, err)
		}
	}
	update(true)
	update(false)
	server.put(archived(t, makePack(t, "2", text("two"), 1)))
	update(true)
	update(false)
	if got, want := server.requests(), []string{"", "If-None-Match", "If-None-Match", "If-None-Match"}; !slices.Equal(got, want) {
		t.Errorf("it was asked with %q, want %q", got, want)
	}
	if got := used(t, s); got != "mine 2 two" {
		t.Errorf("%s is used", got)
	}
	// A damaged one is asked for whole.
	all, err := filepath.Glob(filepath.Join(dir, "mine", "2-*"))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if err := os.Truncate(all[0], 10); err != nil {
		t.Fatal(err)
	}
	update(true)
}

func TestDownloadThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*publisher)
		want  error
	}{
		"not there":        {func(p *publisher) { p.fail(imagetest.Status(404)) }, detonaut.ErrNotFound},
		"of another key":   {func(p *publisher) { p.put(archived(t, makePack(t, "2", text("two"), 2))) }, ErrUntrusted},
		"changed":          {func(p *publisher) { p.fail(imagetest.Corrupt()) }, detonaut.ErrCorrupt},
		"text":             {func(p *publisher) { p.put([]byte("<html>no pack</html>")) }, detonaut.ErrCorrupt},
		"too large":        {func(p *publisher) { p.put(make([]byte, MaxArchive+1)) }, detonaut.ErrLimit},
		"a bad rule":       {func(p *publisher) { p.put(archived(t, makePack(t, "2", text("bad"), 1))) }, detonaut.ErrCorrupt},
		"older":            {func(p *publisher) { p.put(archived(t, makePack(t, "0.9", text("old"), 1))) }, detonaut.ErrUsage},
		"redirected to no": {func(p *publisher) { p.fail(imagetest.Redirect("http://192.0.2.1")) }, detonaut.ErrUsage},
		"busy for long":    {func(p *publisher) { p.fail(imagetest.Busy(3600)) }, nil},
	} {
		server, dir := publish(t, makePack(t, "1", text("one"), 1)), t.TempDir()
		s := store(t, dir)
		if _, _, err := s.Update(t.Context(), server.URL); err != nil {
			t.Fatal(err)
		}
		server.put(archived(t, makePack(t, "2", text("two"), 1)))
		c.spoil(server)
		if _, updated, err := s.Update(t.Context(), server.URL); err == nil || c.want != nil && !errors.Is(err, c.want) || updated {
			t.Errorf("%s: got %v, %v", name, updated, err)
		}
		if got := used(t, s); got != "mine 1 one" {
			t.Errorf("%s: %s is used", name, got)
		}
		if left, err := filepath.Glob(filepath.Join(dir, partPrefix+"*")); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
		// The next one works: nothing that was left is in its way.
		server.put(archived(t, makePack(t, "3", text("three"), 1)))
		if _, updated, err := s.Update(t.Context(), server.URL); err != nil || !updated {
			t.Errorf("%s: afterwards: got %v, %v", name, updated, err)
		}
	}
	for name, source := range map[string]string{"plain": "http://192.0.2.1/x.tar.gz", "strange": "ftp://example.com/x.tar.gz", "of nobody": "https:///x"} {
		if _, _, err := store(t, t.TempDir()).Update(t.Context(), source); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	s := store(t, t.TempDir(), func(o *Options) { o.Trust = Trust{} })
	if _, _, err := s.Update(t.Context(), "https://192.0.2.1/x.tar.gz"); !errors.Is(err, ErrUntrusted) {
		t.Errorf("without keys: got %v", err)
	}
}

// What a process is to do that the test below starts of itself, and where.
const dirVariable, urlVariable = "DETONAUT_TEST_PACKS", "DETONAUT_TEST_PUBLISHER"

func TestMain(m *testing.M) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	// It updates, until it is killed.
	if _, _, err := New(Options{Dir: dir, Trust: trust(1)}).Update(context.Background(), os.Getenv(urlVariable)); err != nil {
		panic(err)
	}
}

// A process that is killed in the middle leaves what is used, and the next goes on where
// it was.
func TestKilled(t *testing.T) {
	next := makePack(t, "2", text("two"), 1)
	half := len(archived(t, next)) / 2
	server, dir := publish(t, makePack(t, "1", text("one"), 1)), t.TempDir()
	s := store(t, dir)
	if _, _, err := s.Update(t.Context(), server.URL); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, tmpPrefix+"left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	idle, long := filepath.Join(dir, partPrefix+"idle.part"), time.Now().Add(-2*maxIdle)
	if err := errors.Join(os.WriteFile(idle, []byte("x"), 0o600), os.Chtimes(idle, long, long)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mine", "9-left.tar.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	server.put(archived(t, next))
	server.fail(imagetest.Stall(half))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.CommandContext(t.Context(), self)
	victim.Env = append(os.Environ(), dirVariable+"="+dir, urlVariable+"="+server.URL)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for begun := false; !begun; {
		select {
		case <-t.Context().Done():
			t.Fatal("the download did not begin")
		case <-tick.C:
		}
		parts, err := filepath.Glob(filepath.Join(dir, partPrefix+"*.part"))
		if err != nil {
			t.Fatal(err)
		}
		if len(parts) == 1 {
			info, err := os.Stat(parts[0])
			begun = err == nil && info.Size() == int64(half)
		}
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait() // it was killed
	if got := used(t, s); got != "mine 1 one" {
		t.Errorf("%s is used", got)
	}
	if _, updated, err := s.Update(t.Context(), server.URL); err != nil || !updated {
		t.Fatalf("got %v, %v", updated, err)
	}
	if got := used(t, s); got != "mine 2 two" {
		t.Errorf("%s is used", got)
	}
	if got := server.requests(); got[len(got)-1] != "Range If-Range" {
		t.Errorf("it was asked with %q, want a range in the end", got)
	}
	first := makePack(t, "1", text("one"), 1)
	tidy(t, dir, (&Entry{Version: first.Version, Digest: first.Digest}).file(), (&Entry{Version: next.Version, Digest: next.Digest}).file())
}
