package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	ocilayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// layoutOf writes a layout in which index.json lists all of these.
func layoutOf(t *testing.T, entries map[string]mutate.Appendable) string {
	t.Helper()
	dir := t.TempDir()
	l, err := ocilayout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for tag, e := range entries {
		var opts []ocilayout.Option
		if !strings.HasPrefix(tag, "-") {
			opts = append(opts, ocilayout.WithAnnotations(map[string]string{refName: tag}))
		}
		switch e := e.(type) {
		case v1.Image:
			err = l.AppendImage(e, opts...)
		case v1.ImageIndex:
			err = l.AppendIndex(e, opts...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLayoutTags(t *testing.T) {
	one, two := imagetest.Image(t, sample), forPlatform(t, "linux/amd64")
	both := layoutOf(t, map[string]mutate.Appendable{"one": one, "two": two})
	multi := layoutOf(t, map[string]mutate.Appendable{"-": mutate.AppendManifests(empty.Index,
		add(t, two, "linux/amd64"), add(t, forPlatform(t, "linux/arm64"), "linux/arm64"))})
	for ref, want := range map[string]v1.Image{
		"oci-dir:" + both + ":one": one,
		"oci-dir:" + both + ":two": two,
		"oci-dir:" + multi:         two,
	} {
		if got := mustPull(t, ref, options(t)); string(got.Digest) != manifestDigest(t, want) {
			t.Errorf("%s has digest %s", ref, got.Digest)
		}
	}
	wantPullError(t, "oci-dir:"+both, options(t), detonaut.ErrUsage, "2 images", "one", "two")
	wantPullError(t, "oci-dir:"+both+":three", options(t), detonaut.ErrNotFound, `tag "three"`)
}

// TestLayoutPlatforms: an index.json that lists the platforms of one image by
// itself is taken for that image's index.
func TestLayoutPlatforms(t *testing.T) {
	dir := t.TempDir()
	l, err := ocilayout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"linux/amd64", "linux/arm64"} {
		platform, err := v1.ParsePlatform(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.AppendImage(forPlatform(t, p), ocilayout.WithPlatform(*platform)); err != nil {
			t.Fatal(err)
		}
	}
	o := options(t)
	for range 2 { // the second time from the cache
		for _, p := range []string{"linux/amd64", "linux/arm64"} {
			o.Platform = p
			if got := mustPull(t, "oci-dir:"+dir, o); got.Platform != p {
				t.Errorf("platform = %s, want %s", got.Platform, p)
			}
		}
	}
	o.Platform = "linux/s390x"
	_, err = Pull(t.Context(), detonaut.Ref("oci-dir:"+dir), o)
	if !errors.Is(err, detonaut.ErrPlatform) || !strings.Contains(err.Error(), "linux/amd64, linux/arm64") {
		t.Errorf("err = %v, want ErrPlatform", err)
	}
}

func TestBadLayouts(t *testing.T) {
	img := imagetest.Image(t, sample)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	h, err := layers[1].Digest()
	if err != nil {
		t.Fatal(err)
	}
	blob := func(dir string) string { return filepath.Join(dir, "blobs", "sha256", h.Hex) }
	secret := save(t, []byte("secret"))
	for _, tc := range []struct {
		name  string
		spoil func(dir string) error
		want  error
		words string
	}{
		{"nothing there", os.RemoveAll, detonaut.ErrNotFound, "open directory"},
		{"no layout", func(dir string) error { return os.Remove(filepath.Join(dir, layoutIndex)) }, detonaut.ErrNotFound, "not an OCI image layout"},
		{"no JSON", func(dir string) error { return os.WriteFile(filepath.Join(dir, layoutIndex), []byte("{"), 0o600) }, detonaut.ErrCorrupt, "index.json"},
		{"no images", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, layoutIndex), []byte(`{"schemaVersion":2,"manifests":[]}`), 0o600)
		}, detonaut.ErrNotFound, "lists no image"},
		{"index too long", func(dir string) error {
			return os.Truncate(filepath.Join(dir, layoutIndex), maxManifest+1)
		}, detonaut.ErrLimit, "index.json"},
		{"blob lost", func(dir string) error { return os.Remove(blob(dir)) }, detonaut.ErrNotFound, h.String()},
		{"blob cut", func(dir string) error { return os.Truncate(blob(dir), 20) }, detonaut.ErrCorrupt, h.String()},
		{"blob changed", func(dir string) error { return os.WriteFile(blob(dir), []byte("other"), 0o600) }, detonaut.ErrCorrupt, h.String()},
		{"blob is a directory", func(dir string) error {
			return errors.Join(os.Remove(blob(dir)), os.Mkdir(blob(dir), 0o700))
		}, detonaut.ErrCorrupt, "no regular file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := layoutOf(t, map[string]mutate.Appendable{"v1": img})
			if err := tc.spoil(dir); err != nil {
				t.Fatal(err)
			}
			wantPullError(t, "oci-dir:"+dir, options(t), tc.want, tc.words)
		})
	}
	t.Run("blob leads outside", func(t *testing.T) {
		dir := layoutOf(t, map[string]mutate.Appendable{"v1": img})
		if err := errors.Join(os.Remove(blob(dir)), os.Symlink(secret, blob(dir))); err != nil {
			t.Fatal(err)
		}
		_, err := Pull(t.Context(), detonaut.Ref("oci-dir:"+dir), options(t))
		if err == nil || !strings.Contains(err.Error(), "escapes") || strings.Contains(err.Error(), "secret") {
			t.Errorf("err = %v, want that the path escapes", err)
		}
	})
}

func TestBadArchives(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.tar")
	if err := imagetest.WriteDockerArchive(imagetest.Image(t, sample), "app:latest", good); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	list := func(s string) archived { return archived{name: savedIndex, body: []byte(s)} }
	config := archived{name: "c", body: []byte(`{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["` + someDigest + `"]}}`)}
	var wordy []archived
	for i := range maxArchiveNames>>19 + 1 {
		wordy = append(wordy, archived{name: fmt.Sprint(i, strings.Repeat("n", 1<<19))})
	}
	loop := []archived{{name: "a", link: "b"}, {name: "b", link: "a"}}
	for _, tc := range []struct {
		name  string
		data  []byte
		want  error
		words string
	}{
		{"empty", nil, detonaut.ErrCorrupt, "it is no tar"},
		{"no tar", bytes.Repeat([]byte("x"), 2000), detonaut.ErrCorrupt, "read archive"},
		{"no image", archiveOf(t, archived{name: "x"}), detonaut.ErrUnsupported, "manifest.json"},
		{"cut", whole[:len(whole)/2], detonaut.ErrCorrupt, "read archive"},
		{"cut gzip", mustRead(t, zip(t, good))[:500], detonaut.ErrCorrupt, "decompress"},
		{"no JSON", archiveOf(t, list("{")), detonaut.ErrCorrupt, "manifest.json"},
		{"nothing in it", archiveOf(t, list("[]")), detonaut.ErrNotFound, "lists no image"},
		{
			"several images", archiveOf(t, list(`[{"Config":"a","RepoTags":["a:1"]},{"Config":"b","RepoTags":["b:1\u001b"]}]`)),
			detonaut.ErrUsage, "2 images, tagged a:1, b:1",
		},
		{"no config", archiveOf(t, list(`[{"Config":"../../etc/passwd","Layers":["l"]}]`)), detonaut.ErrCorrupt, "config ../../etc/passwd: not in the archive"},
		{"no layer", archiveOf(t, list(`[{"Config":"c","Layers":["/etc/passwd"]}]`), config), detonaut.ErrCorrupt, "layer 1 /etc/passwd: not in the archive"},
		{"layers and diff_ids", archiveOf(t, list(`[{"Config":"c","Layers":["c","c"]}]`), config), detonaut.ErrCorrupt, "2 layers, the config 1 diff_ids"},
		{"layer of another digest", archiveOf(t, list(`[{"Config":"c","Layers":["c"]}]`), config), detonaut.ErrCorrupt, someDigest},
		{"long names", archiveOf(t, wordy...), detonaut.ErrLimit, "bytes of names"},
		{"link loop", archiveOf(t, append(loop, list(`[{"Config":"a","Layers":[]}]`))...), detonaut.ErrLimit, "links"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := options(t)
			o.Stdin = bytes.NewReader(tc.data)
			wantPullError(t, "-", o, tc.want, tc.words)
		})
	}
	wantPullError(t, "docker-archive:"+filepath.Join(dir, "none"), options(t), detonaut.ErrNotFound, "open file")
	wantPullError(t, "docker-archive:"+dir, options(t), detonaut.ErrUsage, "is a directory")
	wantPullError(t, "oci-archive:"+good, options(t), detonaut.ErrNotFound, "not an OCI image layout")
	wantPullError(t, "-", options(t), detonaut.ErrUsage, "standard input")
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSpoolCaps: a stream does not fill the disk.
func TestSpoolCaps(t *testing.T) {
	o := options(t)
	o.Caps.UncompressedBytes = 1 << 20
	o.Stdin = zeros{}
	wantPullError(t, "-", o, detonaut.ErrLimit, "uncompressed bytes")
	o.Stdin = bytes.NewReader(mustRead(t, zip(t, save(t, make([]byte, 2<<20)))))
	wantPullError(t, "-", o, detonaut.ErrLimit, "uncompressed bytes")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestCancelStdin: nobody waits for a terminal.
func TestCancelStdin(t *testing.T) {
	r, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() }) // ends the read that nobody waits for
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t)
	o.Stdin = r
	o.Progress = func(p Progress) {
		if p.Stage == Spooling {
			cancel()
		}
	}
	if _, err := Pull(ctx, "-", o); !isCanceled(err) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
}

// FuzzArchive: whatever an archive is, it makes an image or one of our errors,
// and nothing else is left in the cache.
func FuzzArchive(f *testing.F) {
	img, err := imagetest.FromTxtar("-- /a --\nx\n")
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	for name, write := range map[string]func(v1.Image, string) error{
		"oci": imagetest.WriteOCIArchive,
		"docker": func(img v1.Image, file string) error {
			return imagetest.WriteDockerArchive(img, "a:b", file)
		},
	} {
		file := filepath.Join(dir, name)
		if err := write(img, file); err != nil {
			f.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(archiveOf(f, archived{name: savedIndex, body: []byte(`[{"Config":"c","Layers":["l"]}]`)}, archived{name: "c", link: "l"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := options(t)
		o.CacheBytes = 1
		o.Stdin = bytes.NewReader(data)
		o.Caps = Caps{CompressedBytes: 1 << 20, UncompressedBytes: 1 << 20, MetadataBytes: 1 << 20, Entries: 1000}
		img, err := Pull(t.Context(), "-", o)
		if err == nil {
			err = img.Close()
			if err != nil {
				t.Fatal(err)
			}
		} else if !blamesInput(err) {
			t.Fatalf("err = %v is none of ours", err)
		}
		wantEmptyCache(t, o.CacheDir)
	})
}

// blamesInput reports whether err blames the input.
func blamesInput(err error) bool {
	for _, e := range []error{
		detonaut.ErrNotFound, detonaut.ErrPlatform, detonaut.ErrUnsupported,
		detonaut.ErrCorrupt, detonaut.ErrLimit, detonaut.ErrUsage,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
