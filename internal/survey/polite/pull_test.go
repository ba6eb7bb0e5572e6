package polite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/store"
)

func TestMain(m *testing.M) {
	// The user's credentials are no part of the tests.
	if err := os.Setenv("DOCKER_CONFIG", filepath.Join(os.TempDir(), "detonaut-test-has-no-docker-config")); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// pulled pulls an image of a registry with faults, politely. It says what was asked, and what it came to.
func pulled(t *testing.T, b *bucket, o Options, prepare func(*imagetest.Registry)) (*imagetest.Registry, error) {
	t.Helper()
	reg := imagetest.NewRegistry()
	t.Cleanup(reg.Close)
	ref, err := reg.Push("app:v1", imagetest.Image(t, "-- /file --\nhello\n"))
	if err != nil {
		t.Fatal(err)
	}
	prepare(reg)
	img, err := image.Pull(t.Context(), detonaut.Ref(ref), image.Options{CacheDir: t.TempDir(), Platform: "linux/amd64", Transport: New(b, o).Wrap})
	if err == nil {
		err = img.Close()
	}
	return reg, err
}

// isLasting tells whether an error says something of the image, and not of now.
func isLasting(err error) bool {
	for _, e := range []error{detonaut.ErrCorrupt, detonaut.ErrNotFound, detonaut.ErrUnauthorized, detonaut.ErrLimit, detonaut.ErrUnsupported} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// TestPull: a pull takes a token for each request, those for tokens of the registry and for what it redirects to as well.
func TestPull(t *testing.T) {
	other := imagetest.NewRegistry()
	t.Cleanup(other.Close)
	img := imagetest.Image(t, "-- /file --\nhello\n")
	if _, err := other.Push("app:v1", img); err != nil {
		t.Fatal(err)
	}
	b := &bucket{tokens: 1000}
	reg, err := pulled(t, b, Options{Default: store.HostRate{Second: 1, Burst: 1}}, func(r *imagetest.Registry) {
		r.RequireToken("", "")
		r.Inject("^GET .*blobs", -1, imagetest.Redirect("http://"+other.Host()))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := 1000-b.tokens, reg.Count(".")+other.Count("."); got != want || other.Count("blobs") == 0 {
		t.Errorf("%d tokens for %d requests", got, want)
	}
	for _, host := range b.takes {
		if host != reg.Host() {
			t.Errorf("a token of %s", host)
		}
	}
}

// TestBusyPull: a registry that is busy for a moment is waited for; one that is for long, or that is to be asked
// no more, ends a pull in a way that may be tried again, and that is about no image.
func TestBusyPull(t *testing.T) {
	b := &bucket{tokens: 1000}
	reg, err := pulled(t, b, Options{}, func(r *imagetest.Registry) { r.Inject("^HEAD", 1, imagetest.Busy(1)) })
	if err != nil || b.held[reg.Host()] != time.Second || reg.Count("^HEAD") < 2 {
		t.Errorf("for a moment: %v, held %v", err, b.held)
	}
	for name, tc := range map[string]struct {
		pattern string
		bucket  *bucket
		wait    time.Duration
	}{
		"resolve":  {"^HEAD", &bucket{tokens: 1000}, time.Hour},
		"manifest": {"^GET .*manifests", &bucket{tokens: 1000}, time.Hour},
		"layer":    {"^GET .*blobs", &bucket{tokens: 1000}, time.Hour},
		"no token": {"nothing", &bucket{wait: 2 * time.Hour}, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			reg, err := pulled(t, tc.bucket, Options{}, func(r *imagetest.Registry) { r.Inject(tc.pattern, -1, imagetest.Busy(3600)) })
			var busy *Busy
			if !errors.As(err, &busy) || busy.Wait != tc.wait || busy.Host != reg.Host() || isLasting(err) {
				t.Errorf("err = %v", err)
			}
			if n := reg.Count(tc.pattern); n > 1 {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
}
