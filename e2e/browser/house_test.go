package browser_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/report/reporttest"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/store/sqlite"
	"github.com/detonaut/detonaut/internal/testenv"
)

// A house is Detonaut as on a laptop: a registry with a few actors, a private server that has
// analysed them, and a public one over the same store. The reports of many more images are
// in it.
type house struct {
	dir      string
	registry *imagetest.Registry
	private  *process // people sign in, and submit
	public   *process // anybody reads
	key      string   // may do everything
	// reports are those of actors, by name.
	reports map[string]*detonaut.Report
	store   store.Store
}

// played are the actors, each as an image of the registry.
var played = map[string]string{"miner": "shop/worker:1", "dropper-https": "shop/worker:2", "thief": "tools/helper:1"}

// late is the actor that is submitted by hand.
const late, lateName = "revshell", "labs/desktop:1"

var theHouse struct {
	sync.Mutex
	*house
	failed bool
}

// home is the house of all tests, which is built when it is first wanted.
func home(t *testing.T) *house {
	t.Helper()
	theHouse.Lock()
	defer theHouse.Unlock()
	if theHouse.failed {
		t.Fatal("there is no house: see the first test that wanted one")
	}
	if theHouse.house == nil {
		theHouse.failed = true
		h := build(t)
		theHouse.house, theHouse.failed = h, false
	}
	return theHouse.house
}

func build(t *testing.T) *house {
	t.Helper()
	dir, err := os.MkdirTemp("", "house-")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{dir: dir, registry: imagetest.NewRegistry(), reports: map[string]*detonaut.Report{}}
	atEnd(func() error {
		h.registry.Close()
		return os.RemoveAll(dir)
	})
	h.cast(t)
	config := fmt.Sprintf("guests:\n  registries: [127.0.0.1]\nimage:\n  plain_http: [%q]\nserve:\n  limits: {address: 100000, address_burst: 10000, key: 100000, key_burst: 10000}\n", h.registry.Host())
	if err := os.WriteFile(filepath.Join(dir, "detonaut.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	h.key = strings.TrimSpace(h.run(t, "key", "create", "tests", "--scopes", "admin"))
	h.private = h.start(t, "serve", "--listen", "127.0.0.1:0")
	if h.store, err = sqlite.Open(t.Context(), h.database(), store.Options{}); err != nil {
		t.Fatal(err)
	}
	atEnd(h.store.Close)
	for name := range played {
		h.reports[name] = h.analyse(t, h.registry.Host()+"/"+played[name])
	}
	for seed := range uint64(24) {
		r := reporttest.Realistic(seed)
		h.put(t, r, fmt.Sprintf("1.%d", seed))
	}
	h.put(t, reporttest.Large(), "1")
	h.public = h.start(t, "serve", "--public", "--no-worker", "--listen", "127.0.0.1:0")
	return h
}

func (h *house) database() string { return filepath.Join(h.dir, "data", "detonaut", "store.db") }

// put keeps a report, under a tag.
func (h *house) put(t *testing.T, r *detonaut.Report, tag string) {
	t.Helper()
	name := nameOf(r.Image.Ref)
	name.Tag = tag
	if _, err := h.store.Put(t.Context(), store.Entry{Report: r, Name: name}); err != nil {
		t.Fatal(err)
	}
}

// nameOf is where an image was found, as its ref says.
func nameOf(ref detonaut.Ref) store.Name {
	registry, rest, _ := strings.Cut(string(ref), "/")
	repository, tag, _ := strings.Cut(rest, ":")
	return store.Name{Registry: registry, Repository: repository, Tag: tag}
}

// cast makes the images of actors, and puts them into the registry.
func (h *house) cast(t *testing.T) {
	t.Helper()
	names := map[string]string{late: lateName}
	for actor, name := range played {
		names[actor] = name
	}
	actors := slices.DeleteFunc(cast.All(), func(a cast.Actor) bool { return names[a.Name] == "" })
	images := filepath.Join(h.dir, "images")
	if err := cast.Build(t.Context(), testenv.Root(t), images, actors); err != nil {
		t.Fatal(err)
	}
	for actor, name := range names {
		index, err := layout.ImageIndexFromPath(filepath.Join(images, actor))
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		img, err := index.Image(manifest.Manifests[0].Digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.registry.Push(name, img); err != nil {
			t.Fatal(err)
		}
	}
}

// command is detonaut in this house.
func (h *house) command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, filepath.Join(testenv.Binaries(t), "detonaut"), append([]string{"--config", filepath.Join(h.dir, "detonaut.yaml")}, args...)...)
	cmd.Env = append(os.Environ(),
		"XDG_CACHE_HOME="+filepath.Join(h.dir, "cache"), "XDG_CONFIG_HOME="+filepath.Join(h.dir, "config"), "XDG_DATA_HOME="+filepath.Join(h.dir, "data"), "DETONAUT_CHAMBER=")
	return cmd
}

// run runs it to its end, and returns what it says.
func (h *house) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := h.command(t.Context(), t, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.Bytes())
	}
	return string(out)
}

// process is a server that runs.
type process struct {
	host string // "127.0.0.1:1234"
	link string // lets one person in; empty for a public one
	said *strings.Builder
}

// start starts a server, and waits until it says where it is. At the end of all tests it must
// end in order, and must have had nothing to complain of.
func (h *house) start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := h.command(ctx, t, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	p := &process{said: new(strings.Builder)}
	cmd.Stderr = p.said
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	atEnd(func() error {
		cancel()
		err := cmd.Wait()
		if errors.Is(err, context.Canceled) {
			err = nil // it ended in order
		}
		if said := p.said.String(); err != nil || strings.Contains(said, "ERROR") || strings.Contains(said, "panic") {
			return fmt.Errorf("%s: %w\n%s", cmd, err, said)
		}
		return nil
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "serving "); ok {
			u, err := url.Parse(at)
			if err != nil {
				t.Fatal(err)
			}
			p.host = u.Host
			if slices.Contains(args, "--public") {
				break
			}
		}
		if link, ok := strings.CutPrefix(lines.Text(), "sign in once with "); ok {
			p.link = link
			break
		}
	}
	if p.host == "" {
		cancel()
		_ = cmd.Wait()
		t.Fatalf("%s says nothing\n%s", cmd, p.said)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }() // until it ends
	return p
}

// ask sends a request of the API to the private server, with the key.
func (h *house) ask(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+h.private.host+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s\n%s", method, path, resp.Status, got)
	}
	if err := json.Unmarshal(got, answer); err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, got)
	}
}

// analyse submits an image, and waits for its report.
func (h *house) analyse(t *testing.T, ref string) *detonaut.Report {
	t.Helper()
	var s store.Submission
	h.ask(t, "POST", "/api/v1/scans", map[string]string{"ref": ref}, &s)
	for look := time.NewTicker(100 * time.Millisecond); !s.State.Ended(); <-look.C {
		h.ask(t, "GET", "/api/v1/scans/"+s.ID, nil, &s)
	}
	if s.State != store.Done {
		t.Fatalf("%s: %s: %s", ref, s.State, s.Failure)
	}
	e, err := h.store.Get(t.Context(), s.Digest, s.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return e.Report
}

// ends are done when all tests are, the last first.
var ends struct {
	sync.Mutex
	all []func() error
}

func atEnd(f func() error) {
	ends.Lock()
	defer ends.Unlock()
	ends.all = append(ends.all, f)
}
