package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// TestCacheHit: a tag costs one HEAD when its image is cached, also through an
// index, and a digest nothing.
func TestCacheHit(t *testing.T) {
	reg := testRegistry(t)
	img := imagetest.Image(t, sample)
	ref := push(t, reg, "app:v1", img)
	index := pushIndex(t, reg, "multi:v1", mutate.AppendManifests(empty.Index, add(t, img, "linux/amd64")))
	indexDigest, err := mutate.AppendManifests(empty.Index, add(t, img, "linux/amd64")).Digest()
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	mustPull(t, ref, o)
	mustPull(t, index, o)
	for _, tc := range []struct {
		ref  string
		want []string
	}{
		{ref, []string{"HEAD /v2/app/manifests/v1"}},
		{index, []string{"HEAD /v2/multi/manifests/v1"}},
		{reg.Host() + "/app@" + manifestDigest(t, img), nil},
		{reg.Host() + "/multi:v1@" + indexDigest.String(), nil},
		{"gone.invalid/app@" + manifestDigest(t, img), nil},
	} {
		before := len(reg.Requests())
		got := mustPull(t, tc.ref, o)
		checkSample(t, got)
		if string(got.Ref) != tc.ref || string(got.Digest) != manifestDigest(t, img) {
			t.Errorf("ref %s, digest %s", got.Ref, got.Digest)
		}
		if asked := reg.Requests()[before:]; strings.Join(asked, "\n") != strings.Join(tc.want, "\n") {
			t.Errorf("%s: asked %q, want %q", tc.ref, asked, tc.want)
		}
	}
	// The digest that is cached is another platform's image.
	o.Platform = "linux/arm64"
	_, err = Pull(t.Context(), detonaut.Ref(reg.Host()+"/app@"+manifestDigest(t, img)), o)
	if !errors.Is(err, detonaut.ErrPlatform) {
		t.Errorf("err = %v, want ErrPlatform", err)
	}
}

// TestCacheMoves: a tag that names another image now is noticed.
func TestCacheMoves(t *testing.T) {
	reg := testRegistry(t)
	o := options(t)
	ref := push(t, reg, "app:v1", forPlatform(t, "linux/amd64"))
	first := mustPull(t, ref, o)
	push(t, reg, "app:v1", imagetest.Image(t, sample))
	second := mustPull(t, ref, o)
	checkSample(t, second)
	if first.Digest == second.Digest {
		t.Errorf("both have digest %s", first.Digest)
	}
}

// TestDamage: a cached image that is not what it was is made again.
func TestDamage(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"truncated": func(dir string) error {
			root := filepath.Join(dir, rootName)
			return errors.Join(os.Chmod(root, 0o600), os.Truncate(root, 4096), os.Chmod(root, 0o444))
		},
		"changed": func(dir string) error {
			root := filepath.Join(dir, rootName)
			data, err := os.ReadFile(root)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			return errors.Join(os.Chmod(root, 0o600), os.WriteFile(root, data, 0o600), os.Chmod(root, 0o444))
		},
		"root lost":        func(dir string) error { return os.Remove(filepath.Join(dir, rootName)) },
		"index lost":       func(dir string) error { return os.Remove(filepath.Join(dir, indexName)) },
		"index truncated":  func(dir string) error { return os.Truncate(filepath.Join(dir, indexName), 10) },
		"words lost":       func(dir string) error { return os.Remove(filepath.Join(dir, imageName)) },
		"words unreadable": func(dir string) error { return os.WriteFile(filepath.Join(dir, imageName), []byte("{"), 0o600) },
		"everything lost":  os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := testRegistry(t)
			ref := push(t, reg, "app:v1", imagetest.Image(t, sample))
			o := options(t)
			img, err := Pull(t.Context(), detonaut.Ref(ref), o)
			if err != nil {
				t.Fatal(err)
			}
			if err := img.Close(); err != nil {
				t.Fatal(err)
			}
			blobs := reg.Count("/blobs/")
			if err := damage(filepath.Dir(img.Root)); err != nil {
				t.Fatal(err)
			}
			checkSample(t, mustPull(t, ref, o))
			if n := reg.Count("/blobs/"); n != 2*blobs {
				t.Errorf("%d blobs asked for, want %d", n, 2*blobs)
			}
		})
	}
}

// TestEviction: what was used least recently goes, what is in use stays.
func TestEviction(t *testing.T) {
	reg := testRegistry(t)
	o := options(t)
	pull := func(i int) *Image {
		ref := push(t, reg, fmt.Sprintf("app:v%d", i), imagetest.Image(t, fmt.Sprintf("-- /n --\n%d\n", i)))
		img, err := Pull(t.Context(), detonaut.Ref(ref), o)
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	closeIt := func(img *Image) {
		t.Helper()
		if err := img.Close(); err != nil {
			t.Fatal(err)
		}
	}
	there := func(img *Image) bool {
		_, err := os.Stat(img.Root)
		return err == nil
	}
	first := pull(1)
	fi, err := os.Stat(filepath.Dir(first.Root))
	if err != nil || !fi.IsDir() {
		t.Fatal(fi, err)
	}
	_, size, err := first.cache.entries()
	if err != nil {
		t.Fatal(err)
	}
	o.CacheBytes = 2*size + size/2
	second, third := pull(2), pull(3)
	closeIt(second)
	// Both are in use or new: the one that nobody uses is gone.
	if !there(first) || there(second) || !there(third) {
		t.Errorf("first %v second %v third %v, want only the second gone", there(first), there(second), there(third))
	}
	closeIt(third)
	closeIt(first)
	// The first is used again, so the third is the older one.
	age(t, third, 2*time.Hour)
	age(t, first, 3*time.Hour)
	again := pull(1)
	closeIt(again)
	closeIt(pull(4))
	if !there(first) || there(third) {
		t.Errorf("first %v third %v, want only the third gone", there(first), there(third))
	}
	// A cache that is too small for anything holds what is in use.
	o.CacheBytes = 1
	last := pull(5)
	if !there(last) || there(first) {
		t.Errorf("last %v first %v, want only the last", there(last), there(first))
	}
	if s := readAll(t, last, "n"); s != "5\n" {
		t.Errorf("/n = %q", s)
	}
	closeIt(last)
	wantEmptyCache(t, o.CacheDir)
}

// age makes an image look as if it was last used so long ago.
func age(t *testing.T, img *Image, ago time.Duration) {
	t.Helper()
	then := time.Now().Add(-ago)
	if err := os.Chtimes(filepath.Join(filepath.Dir(img.Root), imageName), then, then); err != nil {
		t.Fatal(err)
	}
}

// TestAliasesGo: what an index named is forgotten with the image.
func TestAliasesGo(t *testing.T) {
	reg := testRegistry(t)
	o := options(t)
	o.CacheBytes = 1
	ref := pushIndex(t, reg, "multi:v1", mutate.AppendManifests(empty.Index, add(t, imagetest.Image(t, sample), "linux/amd64")))
	img, err := Pull(t.Context(), detonaut.Ref(ref), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := img.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(filepath.Join(o.CacheDir, cacheFormat))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if n.Name() != "evict.lock" {
			t.Errorf("left: %s", n.Name())
		}
	}
}

// TestConcurrent: many pulls of one image are one pull.
func TestConcurrent(t *testing.T) {
	reg := testRegistry(t)
	img := imagetest.Image(t, sample)
	ref := push(t, reg, "app:v1", img)
	o := options(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got, err := Pull(t.Context(), detonaut.Ref(ref), o)
			if err != nil {
				t.Error(err)
				return
			}
			if string(got.Digest) != manifestDigest(t, img) {
				t.Errorf("digest = %s", got.Digest)
			}
			if err := got.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := reg.Count("/blobs/"); n != 4 {
		t.Errorf("%d blobs asked for, want 4: a config and three layers", n)
	}
}

// TestWaiting: who waits says so, stops when told to, and takes over when the
// other one fails.
func TestWaiting(t *testing.T) {
	c, err := openCache(t.TempDir(), 1<<30, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.claim(digestHex(someDigest))
	if err != nil || other == nil {
		t.Fatal(other, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	fail := func(context.Context, *os.File) (detonaut.Image, *Index, error) {
		return detonaut.Image{}, nil, detonaut.ErrCorrupt
	}
	if _, err := c.acquire(ctx, someDigest, cancel, fail); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
	giveUp := sync.OnceFunc(func() {
		if err := other.release(); err != nil {
			t.Error(err)
		}
	})
	if _, err := c.acquire(t.Context(), someDigest, giveUp, fail); !errors.Is(err, detonaut.ErrCorrupt) {
		t.Errorf("err = %v, want that of fill", err)
	}
	wantEmptyCache(t, filepath.Dir(c.dir))
}

func TestDefaultCacheDir(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/some/where")
	o, err := Options{}.withDefaults()
	if err != nil || o.CacheDir != "/some/where/detonaut" {
		t.Errorf("cache = %q, %v", o.CacheDir, err)
	}
}

// TestForeignCache: what another user could write to is not trusted.
func TestForeignCache(t *testing.T) {
	dir := t.TempDir()
	c, err := openCache(dir, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, c.own(os.Geteuid()+1), detonaut.ErrUsage, c.dir, "belongs to user")
	if err := os.Rename(c.dir, c.dir+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(c.dir+"-elsewhere", c.dir); err != nil {
		t.Fatal(err)
	}
	_, err = openCache(dir, 1, nil)
	wantError(t, err, detonaut.ErrUsage, "is no directory")
}
