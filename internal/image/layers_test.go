package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/reach"
)

// layer is one of a file of so many bytes that gzip cannot make less.
func layer(t *testing.T, name string, size int, c imagetest.Compression) v1.Layer {
	t.Helper()
	body := make([]byte, size)
	r := rand.New(rand.NewPCG(1, uint64(len(name))))
	for i := range body {
		body[i] = byte(r.Uint32())
	}
	copy(body, name)
	l, err := imagetest.Layer([]imagetest.File{{Header: tar.Header{Name: name, Mode: 0o644}, Body: body}}, c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// stacked pushes an image of layers.
func stacked(t *testing.T, r *imagetest.Registry, name string, layers ...v1.Layer) string {
	t.Helper()
	img, err := imagetest.New(v1.Config{}, v1.Platform{OS: "linux", Architecture: "amd64"}, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return push(t, r, name+":v1", img)
}

// transfers is how often a layer was asked for.
func transfers(t *testing.T, r *imagetest.Registry, l v1.Layer) int {
	t.Helper()
	d, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return r.Count("^GET .*/blobs/" + d.String())
}

// keptLayers are the files of layers that are kept below a cache, by directory.
func keptLayers(t *testing.T, o Options) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(o.CacheDir, layersFormat, "*", "*-*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func layerOptions(t *testing.T) Options {
	t.Helper()
	o := options(t)
	o.LayerBytes = 8 << 20
	return o
}

// TestLayersAreTransferredOnce pulls images that share layers.
func TestLayersAreTransferredOnce(t *testing.T) {
	for _, c := range []imagetest.Compression{imagetest.Gzip, imagetest.Zstd, imagetest.Plain} {
		t.Run(string(c), func(t *testing.T) {
			reg, o := testRegistry(t), layerOptions(t)
			base, runtime := layer(t, "base", 100_000, c), layer(t, "run", 50_000, c)
			var want []int
			for i, name := range []string{"a", "b", "c", "d"} {
				own := layer(t, strings.Repeat(name, i+1), 1000, c)
				ref := stacked(t, reg, name, base, runtime, own)
				var last Progress
				o.Progress = func(p Progress) { last = p }
				got := mustPull(t, ref, o)
				if last.Done != last.Total || last.Layer != 3 {
					t.Errorf("%s: told %+v at the end", name, last)
				}
				alone := mustPull(t, ref, options(t))
				if diff := cmp.Diff(alone.Index, got.Index); diff != "" {
					t.Errorf("%s (-without cache +with):\n%s", name, diff)
				}
				want = append(want, transfers(t, reg, base), transfers(t, reg, runtime), transfers(t, reg, own))
			}
			// Each is transferred once by the pull without a cache. The base is kept at
			// once, what is upon it when it is seen again, what is in one image never.
			if diff := cmp.Diff([]int{2, 2, 2, 3, 4, 2, 4, 5, 2, 5, 6, 2}, want); diff != "" {
				t.Errorf("transfers of base, runtime and own, image by image (-want +got):\n%s", diff)
			}
			if kept := keptLayers(t, o); len(kept) != 2 {
				t.Errorf("kept %q, want two layers", kept)
			}
		})
	}
}

// TestLayersDamaged has layers that are not what they should be: they are transferred.
func TestLayersDamaged(t *testing.T) {
	for name, damage := range map[string]func(path string, b []byte) error{
		"a bit":   func(path string, b []byte) error { b[len(b)/2] ^= 1; return os.WriteFile(path, b, 0o600) },
		"cut off": func(path string, b []byte) error { return os.WriteFile(path, b[:len(b)/2], 0o600) },
		"more":    func(path string, b []byte) error { return os.WriteFile(path, append(b, 0), 0o600) },
		"nothing": func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		"noise": func(path string, b []byte) error {
			return os.WriteFile(path, bytes.Repeat([]byte("noise"), len(b)/5), 0o600)
		},
		"a directory": func(path string, _ []byte) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			reg, o := testRegistry(t), layerOptions(t)
			base := layer(t, "base", 300_000, imagetest.Gzip)
			mustPull(t, stacked(t, reg, "a", base), o)
			kept := keptLayers(t, o)
			if len(kept) != 1 {
				t.Fatalf("kept %q", kept)
			}
			b, err := os.ReadFile(kept[0])
			if err == nil {
				err = damage(kept[0], b)
			}
			if err != nil {
				t.Fatal(err)
			}
			ref := stacked(t, reg, "b", base, layer(t, "more", 10, imagetest.Gzip))
			got, want := mustPull(t, ref, o), mustPull(t, ref, options(t))
			if diff := cmp.Diff(want.Index, got.Index); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := transfers(t, reg, base); n != 3 {
				t.Errorf("transferred %d times, want 3", n)
			}
			if left, err := os.ReadFile(kept[0]); err == nil && !bytes.Equal(left, b) {
				t.Error("what was damaged is still there")
			}
		})
	}
}

// TestLayersAreOfWhoPulledThem has a guest name a layer that only the operator could get.
func TestLayersAreOfWhoPulledThem(t *testing.T) {
	private, public, o := testRegistry(t), testRegistry(t), layerOptions(t)
	secret := layer(t, "secret", 10_000, imagetest.Gzip)
	mustPull(t, stacked(t, private, "team/app", secret), o)

	policy := func(hosts ...string) *Guest {
		p, err := reach.New(reach.Options{Allow: hosts})
		if err != nil {
			t.Fatal(err)
		}
		return &Guest{Reach: p}
	}
	as := func(g *Guest) Options {
		with := o
		with.Guest = g
		return with
	}
	// The guest's registry has the manifest, and not the layer.
	named := stacked(t, public, "guest/app", secret)
	d, err := secret.Digest()
	if err != nil {
		t.Fatal(err)
	}
	public.Inject("/blobs/"+d.String(), 1, imagetest.Status(404))
	if img, err := Pull(t.Context(), detonaut.Ref(named), as(policy(public.Host()))); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("a guest who names a layer of the operator's: got %+v, %v, want ErrNotFound", img, err)
	}
	digested := public.Host() + "/guest/app@" + string(mustPull(t, private.Host()+"/team/app:v1", o).Digest)
	public.Inject("/manifests/", 1, imagetest.Status(404))
	if img, err := Pull(t.Context(), detonaut.Ref(digested), as(policy(public.Host()))); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("a guest who names an image of the operator's: got %+v, %v, want ErrNotFound", img, err)
	}

	if kept, err := filepath.Glob(filepath.Join(o.CacheDir, cacheFormat+"*", "*", rootName)); err != nil || len(kept) != 1 {
		t.Errorf("images in all caches: %q, %v, want the operator's", kept, err)
	}

	// What a guest has got is for all guests of the same policy, and for the operator.
	mustPull(t, named, as(policy(public.Host(), "10.0.0.0/8")))
	before := transfers(t, public, secret)
	again := stacked(t, public, "guest/again", secret, layer(t, "more", 10, imagetest.Gzip))
	mustPull(t, again, as(policy("10.0.0.0/8", public.Host())))
	if n := transfers(t, public, secret); n != before {
		t.Errorf("a guest of the same policy has it transferred again: %d", n-before)
	}
	third := stacked(t, public, "guest/third", secret, layer(t, "third", 10, imagetest.Gzip))
	mustPull(t, third, as(policy(public.Host())))
	if n := transfers(t, public, secret); n != before+1 {
		t.Errorf("a guest of another policy has it transferred %d times, want once", n-before)
	}
	if err := os.RemoveAll(filepath.Join(o.CacheDir, layersFormat, "own")); err != nil {
		t.Fatal(err)
	}
	fourth := stacked(t, public, "guest/fourth", secret, layer(t, "fourth", 10, imagetest.Gzip))
	mustPull(t, fourth, o)
	if n := transfers(t, public, secret); n != before+1 {
		t.Errorf("the operator has it transferred again: %d", n-before-1)
	}
}

// TestLayersSaidToBeOthers has images that say of a layer what is not so: they are refused
// with and without a cache, and in the same way.
func TestLayersSaidToBeOthers(t *testing.T) {
	reg, o := testRegistry(t), layerOptions(t)
	base := layer(t, "base", 10_000, imagetest.Gzip)
	mustPull(t, stacked(t, reg, "a", base), o)
	for name, lie := range map[string]lying{
		"of another kind": {Layer: base, media: types.OCILayerZStd}, "larger": {Layer: base, more: 1}, "another tar": {Layer: base, diff: "f"},
	} {
		ref := stacked(t, reg, strings.ReplaceAll(name, " ", ""), lie)
		_, want := Pull(t.Context(), detonaut.Ref(ref), options(t))
		_, got := Pull(t.Context(), detonaut.Ref(ref), o)
		if want == nil || got == nil || want.Error() != got.Error() {
			t.Errorf("%s: got %v, without a cache %v", name, got, want)
		}
	}
	if kept := keptLayers(t, o); len(kept) != 1 {
		t.Errorf("kept %q", kept)
	}
}

// lying is a layer of which something else is said.
type lying struct {
	v1.Layer
	media types.MediaType
	more  int64
	diff  string
}

func (l lying) MediaType() (types.MediaType, error) {
	if l.media != "" {
		return l.media, nil
	}
	return l.Layer.MediaType()
}

func (l lying) Size() (int64, error) {
	n, err := l.Layer.Size()
	return n + l.more, err
}

func (l lying) DiffID() (v1.Hash, error) {
	h, err := l.Layer.DiffID()
	if l.diff != "" {
		h.Hex = strings.Repeat(l.diff, 64)
	}
	return h, err
}

// TestLayersAreBounded keeps what was of use last, and nothing that is too large.
func TestLayersAreBounded(t *testing.T) {
	reg, o := testRegistry(t), options(t)
	o.LayerBytes = 400_000
	layers, count := map[string]v1.Layer{}, 0
	pull := func(name string) int {
		if layers[name] == nil {
			size := 40_000
			if name == "large" {
				size = 60_000 // more than an eighth
			}
			layers[name] = layer(t, name, size, imagetest.Gzip)
		}
		count++
		own := fmt.Sprintf("%s-%d", name, count)
		mustPull(t, stacked(t, reg, own, layers[name], layer(t, own, 10, imagetest.Gzip)), o)
		return transfers(t, reg, layers[name])
	}
	for _, name := range []string{"large", "a", "bb", "ccc", "dddd", "eeeee", "a", "ffffff", "ggggggg", "hhhhhhhh", "iiiiiiiii", "jjjjjjjjjj"} {
		pull(name)
	}
	var total int64
	for _, name := range keptLayers(t, o) {
		fi, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		total += fi.Size()
	}
	if total > o.LayerBytes || total < o.LayerBytes/2 {
		t.Errorf("kept %d bytes, at most %d are to be", total, o.LayerBytes)
	}
	if n := pull("a"); n != 1 {
		t.Errorf("what was used lately was transferred %d times", n)
	}
	if n := pull("bb"); n != 2 {
		t.Errorf("what was not used for longest was transferred %d times", n)
	}
	if n := pull("large"); n != 2 {
		t.Errorf("what is too large was transferred %d times", n)
	}
}

// TestLayersOfDeadProcesses are removed, and those that are being written are not.
func TestLayersOfDeadProcesses(t *testing.T) {
	o := layerOptions(t)
	l, err := openLayers(o.CacheDir, o.LayerBytes, nil)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(l.dir, "tmp-dead")
	if err := os.WriteFile(dead, []byte("half a layer"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := detonaut.Digest("sha256:" + strings.Repeat("ab", 32))
	alive := l.keep(&detonaut.Layer{Digest: sum, DiffID: sum, MediaType: string(types.OCILayer), Size: 9})
	alive.write([]byte("more"))
	if _, err := openLayers(o.CacheDir, o.LayerBytes, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("what a dead process left: %v", err)
	}
	if err := alive.commit(); err != nil || len(keptLayers(t, o)) != 1 {
		t.Errorf("what was being written: %v, kept %q", err, keptLayers(t, o))
	}
	// What cannot be written is not kept, and fails nothing.
	full := l.keep(&detonaut.Layer{Digest: sum, DiffID: sum, MediaType: string(types.OCILayer), Size: 10})
	if err := full.f.Close(); err != nil {
		t.Fatal(err)
	}
	full.write([]byte("more"))
	if err := full.commit(); err != nil || len(keptLayers(t, o)) != 1 {
		t.Errorf("after a failure: %v, kept %q", err, keptLayers(t, o))
	}
	if none, err := openLayers(o.CacheDir, 0, nil); none != nil || err != nil {
		t.Errorf("without room: got %v, %v", none, err)
	}
}

// TestImagesShareTheRoom: an image of guests goes when the operator's need the room.
func TestImagesShareTheRoom(t *testing.T) {
	reg, o := testRegistry(t), options(t)
	p, err := reach.New(reach.Options{Allow: []string{reg.Host()}})
	if err != nil {
		t.Fatal(err)
	}
	as := o
	as.Guest, o.CacheBytes = &Guest{Reach: p}, 1
	first, err := Pull(t.Context(), detonaut.Ref(stacked(t, reg, "a", layer(t, "a", 10, imagetest.Gzip))), as)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	mustPull(t, stacked(t, reg, "b", layer(t, "b", 10, imagetest.Gzip)), o)
	if _, err := os.Stat(first.Root); !os.IsNotExist(err) {
		t.Errorf("the image of a guest: %v", err)
	}
}
