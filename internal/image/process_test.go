package image

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// childEnv makes the test binary pull this ref instead of testing; childCache
// is the cache it uses.
const (
	childEnv   = "DETONAUT_TEST_PULL"
	childCache = "DETONAUT_TEST_CACHE"
)

// childMain is the second process: it pulls, says the digest, and keeps the
// image until its standard input ends.
func childMain(in io.Reader, out io.Writer) error {
	img, err := Pull(context.Background(), detonaut.Ref(os.Getenv(childEnv)),
		Options{CacheDir: os.Getenv(childCache), Platform: "linux/amd64"})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, img.Digest)
	_, _ = in.Read(make([]byte, 1))
	return img.Close()
}

// process is a second process.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

func startChild(t *testing.T, ref, cache string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childEnv+"="+ref, childCache+"="+cache)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &process{cmd: cmd, stdin: stdin, out: bufio.NewReader(out)}
}

// digest waits until the process has pulled.
func (p *process) digest(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// finish lets the process end.
func (p *process) finish(t *testing.T) {
	t.Helper()
	if err := p.stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestProcesses: processes share one pull, and none removes what another uses.
func TestProcesses(t *testing.T) {
	reg := testRegistry(t)
	img := imagetest.Image(t, sample)
	ref := push(t, reg, "app:v1", img)
	o := options(t)
	a, b := startChild(t, ref, o.CacheDir), startChild(t, ref, o.CacheDir)
	for _, p := range []*process{a, b} {
		if d := p.digest(t); d != manifestDigest(t, img) {
			t.Errorf("digest = %s", d)
		}
	}
	if n := reg.Count("/blobs/"); n != 4 {
		t.Errorf("%d blobs asked for, want 4: a config and three layers", n)
	}
	c, err := openCache(o.CacheDir, 1, nil) // too small for anything
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(c.dir, digestHex(detonaut.Digest(manifestDigest(t, img))), rootName)
	for _, p := range []*process{a, b} {
		if err := c.evict(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(root); err != nil {
			t.Errorf("in use, but %v", err)
		}
		p.finish(t)
	}
	if err := c.evict(); err != nil {
		t.Fatal(err)
	}
	wantEmptyCache(t, o.CacheDir)
}

// TestKilled: a process that is killed in the middle of a pull leaves nothing
// that the next one does not clean up, and does not block it.
func TestKilled(t *testing.T) {
	reg := testRegistry(t)
	img := imagetest.Image(t, bulky(100_000))
	ref := push(t, reg, "app:v1", img)
	stalled := make(chan struct{})
	stall := imagetest.Stall(50_000)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	layer, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	reg.Inject("^GET .*/blobs/"+layer.String(), 1, func(w http.ResponseWriter, req *http.Request, next http.Handler, closed <-chan struct{}) {
		close(stalled)
		stall(w, req, next, closed)
	})
	o := options(t)
	p := startChild(t, ref, o.CacheDir)
	<-stalled
	entries, err := filepath.Glob(filepath.Join(o.CacheDir, cacheFormat, "*.tmp", rootName))
	if err != nil || len(entries) != 1 {
		t.Errorf("half-made: %v, %v", entries, err)
	}
	// Another pull does not take the living one's work away.
	if _, err := openCache(o.CacheDir, 1<<30, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(entries[0]); err != nil {
		t.Errorf("being made, but %v", err)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err == nil {
		t.Error("the killed process did well")
	}
	if _, err := openCache(o.CacheDir, 1<<30, nil); err != nil {
		t.Fatal(err)
	}
	wantEmptyCache(t, o.CacheDir)
	if got := mustPull(t, ref, o); string(got.Digest) != manifestDigest(t, img) {
		t.Errorf("digest = %s", got.Digest)
	}
}
