package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// TestMain keeps the user's credentials out of the tests, looks for goroutines
// that nobody waits for, and lets the test binary be a second process.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := childMain(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	if err := os.Setenv("DOCKER_CONFIG", filepath.Join(os.TempDir(), "detonaut-test-has-no-docker-config")); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

const sample = `ENTRYPOINT ["/bin/app", "-x"]
ENV A=b
USER 1000
WORKDIR /srv
EXPOSE 80/tcp
LABEL k=v
-- /etc/passwd --
root:x:0:0::/:/bin/sh
-- /bin/app 0755 --
one
-- LAYER zstd --
-- /bin/app 0755 --
two
-- LAYER plain --
-- /srv/index.html --
hello
`

// options are those of a test: a cache of its own, and no long waits.
func options(t *testing.T) Options {
	t.Helper()
	return Options{CacheDir: t.TempDir(), Platform: "linux/amd64", backOff: time.Millisecond}
}

func mustPull(t *testing.T, ref string, o Options) *Image {
	t.Helper()
	img, err := Pull(t.Context(), detonaut.Ref(ref), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := img.Close(); err != nil {
			t.Errorf("close %s: %v", ref, err)
		}
	})
	return img
}

func testRegistry(t *testing.T) *imagetest.Registry {
	t.Helper()
	r := imagetest.NewRegistry()
	t.Cleanup(r.Close)
	return r
}

func push(t *testing.T, r *imagetest.Registry, name string, img v1.Image) string {
	t.Helper()
	ref, err := r.Push(name, img)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// manifestDigest is the digest of the manifest of img.
func manifestDigest(t *testing.T, img v1.Image) string {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

func readAll(t *testing.T, img *Image, name string) string {
	t.Helper()
	fsys, err := img.FS()
	if err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func zip(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return save(t, b.Bytes())
}

func zst(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := z.EncodeAll(data, nil)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return save(t, packed)
}

// save writes data to a file.
func save(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestSources: the same image from everywhere, with the same files, and with the
// same digest wherever its manifest comes along.
func TestSources(t *testing.T) {
	img := imagetest.Image(t, sample)
	dir := t.TempDir()
	ociDir, ociTar := filepath.Join(dir, "oci"), filepath.Join(dir, "oci.tar")
	docker, saved := filepath.Join(dir, "docker.tar"), filepath.Join(dir, "saved.tar")
	for _, err := range []error{
		imagetest.WriteOCIDir(img, ociDir), imagetest.WriteOCIArchive(img, ociTar),
		imagetest.WriteDockerArchive(img, "app:latest", docker),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	writeOldSave(t, img, saved)
	reg := testRegistry(t)
	ref := push(t, reg, "team/app:v1", img)
	digest := manifestDigest(t, img)
	startDaemon(t, docker)

	for _, tc := range []struct {
		name, ref, stdin string
		made             bool // its manifest is made from an archive
	}{
		{name: "tag", ref: ref},
		{name: "prefix", ref: "registry:" + ref},
		{name: "digest", ref: reg.Host() + "/team/app@" + digest},
		{name: "tag and digest", ref: ref + "@" + digest},
		{name: "oci-dir", ref: "oci-dir:" + ociDir},
		{name: "oci-dir tag", ref: "oci-dir:" + ociDir + ":latest"},
		{name: "oci-archive", ref: "oci-archive:" + ociTar},
		{name: "oci-archive gzip", ref: "oci-archive:" + zip(t, ociTar)},
		{name: "docker-archive", ref: "docker-archive:" + docker, made: true},
		{name: "docker-archive gzip", ref: "docker-archive:" + zip(t, docker), made: true},
		{name: "docker-archive zstd", ref: "docker-archive:" + zst(t, docker), made: true},
		{name: "docker-archive old", ref: "docker-archive:" + saved, made: true},
		{name: "daemon", ref: "docker:app", made: true},
		{name: "stdin oci", ref: "-", stdin: ociTar},
		{name: "stdin docker", ref: "-", stdin: docker, made: true},
		{name: "stdin docker gzip", ref: "-", stdin: zip(t, docker), made: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := options(t)
			if tc.stdin != "" {
				f, err := os.Open(tc.stdin)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				o.Stdin = f
			}
			got := mustPull(t, tc.ref, o)
			checkSample(t, got)
			if string(got.Ref) != tc.ref {
				t.Errorf("ref = %q, want %q", got.Ref, tc.ref)
			}
			if !tc.made && string(got.Digest) != digest {
				t.Errorf("digest = %s, want %s", got.Digest, digest)
			}
		})
	}
}

// checkSample checks that got is the image of the text sample.
func checkSample(t *testing.T, got *Image) {
	t.Helper()
	want := detonaut.Config{
		Entrypoint: []string{"/bin/app", "-x"}, Env: []string{"A=b"}, User: "1000",
		WorkingDir: "/srv", ExposedPorts: []string{"80/tcp"}, Labels: map[string]string{"k": "v"},
	}
	if diff := cmp.Diff(want, got.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if got.Platform != "linux/amd64" || len(got.Layers) != 3 || got.Files != len(got.Index.Entries) {
		t.Errorf("platform %s, %d layers, %d files of %d", got.Platform, len(got.Layers), got.Files, len(got.Index.Entries))
	}
	var size int64
	for _, l := range got.Layers {
		size += l.Size
	}
	if got.Size != size || size == 0 {
		t.Errorf("size = %d, want %d", got.Size, size)
	}
	if s := readAll(t, got, "bin/app"); s != "two\n" {
		t.Errorf("/bin/app = %q, want the upper layer's", s)
	}
	if e, ok := got.Index.Lookup("srv/index.html"); !ok || e.Size != 6 || e.Layer != 2 {
		t.Errorf("index has %+v, %v", e, ok)
	}
	for path, mode := range map[string]fs.FileMode{got.Root: 0o444, filepath.Dir(got.Root): 0o700 | fs.ModeDir} {
		if fi, err := os.Stat(path); err != nil || fi.Mode() != mode {
			t.Errorf("%s: %v, %v; want mode %v", path, fi, err, mode)
		}
	}
}

// startDaemon serves archive as a Docker daemon would serve app:latest, on a
// socket that DOCKER_HOST names.
func startDaemon(t *testing.T, archive string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "d") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(daemonHandler(archive))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	t.Setenv("DOCKER_HOST", "unix://"+l.Addr().String())
}

func daemonHandler(archive string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/images/docker.io/library/app:latest/get" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"message":"No such image"}`))
			return
		}
		http.ServeFile(w, req, archive)
	})
}

func TestDaemonRefuses(t *testing.T) {
	startDaemon(t, os.DevNull)
	wantPullError(t, "docker:other", options(t), detonaut.ErrNotFound, "404", "No such image")
	for host, want := range map[string]string{
		"tcp://192.0.2.1:2375": "loopback", "ssh://host": "want unix:// or tcp://", "tcp://localhost.example:1": "loopback",
	} {
		t.Setenv("DOCKER_HOST", host)
		wantPullError(t, "docker:app", options(t), detonaut.ErrUnsupported, want, host)
	}
}

func TestDaemonOverTCP(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "a.tar")
	if err := imagetest.WriteDockerArchive(imagetest.Image(t, sample), "app:latest", archive); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(daemonHandler(archive))
	t.Cleanup(s.Close)
	t.Setenv("DOCKER_HOST", "tcp://"+s.Listener.Addr().String())
	checkSample(t, mustPull(t, "docker:app", options(t)))
}

// TestProgress: the stages come in order, and the bytes add up.
func TestProgress(t *testing.T) {
	reg := testRegistry(t)
	ref := push(t, reg, "app:v1", imagetest.Image(t, sample))
	o := options(t)
	var seen []Progress
	o.Progress = func(p Progress) { seen = append(seen, p) }
	img := mustPull(t, ref, o)
	if len(seen) == 0 {
		t.Fatal("no progress")
	}
	want := Progress{Stage: Pulling, Layer: 3, Layers: 3, Done: img.Size, Total: img.Size, Moved: img.Size}
	if diff := cmp.Diff(want, seen[len(seen)-1]); diff != "" {
		t.Errorf("last progress (-want +got):\n%s", diff)
	}
}

// TestCancel: a pull that waits for a silent server ends with its context.
func TestCancel(t *testing.T) {
	for name, pattern := range map[string]string{"manifest": "/manifests/", "blob": "GET .*/blobs/", "token": "GET /token"} {
		t.Run(name, func(t *testing.T) {
			reg := testRegistry(t)
			ref := push(t, reg, "app:v1", imagetest.Image(t, sample))
			reg.RequireToken("", "")
			asked := make(chan struct{}, 100)
			silent := imagetest.Silent()
			reg.Inject(pattern, -1, func(w http.ResponseWriter, req *http.Request, next http.Handler, closed <-chan struct{}) {
				asked <- struct{}{}
				silent(w, req, next, closed)
			})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-asked
				cancel()
			}()
			_, err := Pull(ctx, detonaut.Ref(ref), options(t))
			if !isCanceled(err) {
				t.Errorf("err = %v, want context.Canceled", err)
			}
		})
	}
}
