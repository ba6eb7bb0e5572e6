// Package imagetest makes container images for tests and demos: from a text in
// which a reviewer sees the whole image, from a tar of a root file system, and
// from programs of this machine. It also serves them as an in-process registry.
//
// It trusts its input. Equal input makes equal images, to the last digest.
package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// Compression is how the tar of a layer is compressed.
type Compression string

// Compressions.
const (
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
	Plain Compression = "plain"
)

var mediaTypes = map[Compression]types.MediaType{
	Gzip: types.OCILayer, Zstd: types.OCILayerZStd, Plain: types.OCIUncompressedLayer,
}

// File is one entry of a layer. Size and type of the header are filled in when
// they are zero.
type File struct {
	tar.Header
	Body []byte
}

// epoch is the time of every file and image made here.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// Image is [FromTxtar] for tests: it fails tb instead of returning an error.
func Image(tb testing.TB, text string) v1.Image {
	tb.Helper()
	img, err := FromTxtar(text)
	if err != nil {
		tb.Fatal(err)
	}
	return img
}

// Layer makes a layer of files, in the order given: a hard link must follow
// its target.
func Layer(files []File, c Compression) (v1.Layer, error) {
	var plain bytes.Buffer
	if err := writeTar(&plain, files); err != nil {
		return nil, err
	}
	if c == Plain {
		return static.NewLayer(plain.Bytes(), mediaTypes[Plain]), nil
	}
	packed, err := compress(plain.Bytes(), c)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil }
	return tarball.LayerFromOpener(open, layerOptions(c)...)
}

func writeTar(w io.Writer, files []File) error {
	tw := tar.NewWriter(w)
	for _, f := range files {
		h := f.Header
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Size == 0 {
			h.Size = int64(len(f.Body))
		}
		if h.ModTime.IsZero() {
			h.ModTime = epoch
		}
		if err := tw.WriteHeader(&h); err != nil {
			return fmt.Errorf("write layer entry %q: %w", h.Name, err)
		}
		if _, err := tw.Write(f.Body); err != nil {
			return fmt.Errorf("write layer entry %q: %w", h.Name, err)
		}
	}
	return tw.Close()
}

func compress(plain []byte, c Compression) ([]byte, error) {
	var packed bytes.Buffer
	var w io.WriteCloser
	var err error
	switch c {
	case Gzip:
		w, err = gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	case Zstd:
		w, err = zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	default:
		return nil, fmt.Errorf("compress layer: unknown compression %q", c)
	}
	if err != nil {
		return nil, fmt.Errorf("compress layer: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("compress layer: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress layer: %w", err)
	}
	return packed.Bytes(), nil
}

func layerOptions(c Compression) []tarball.LayerOption {
	opts := []tarball.LayerOption{tarball.WithMediaType(mediaTypes[c])}
	if c == Zstd {
		opts = append(opts, tarball.WithCompression("zstd"))
	}
	return opts
}

// New makes an image of layers, the base first, that runs as c says. An empty
// platform is linux/amd64.
func New(c v1.Config, platform v1.Platform, layers ...v1.Layer) (v1.Image, error) {
	if platform.OS == "" {
		platform = v1.Platform{OS: "linux", Architecture: "amd64"}
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.ConfigFile(img, &v1.ConfigFile{
		Architecture: platform.Architecture, OS: platform.OS, Variant: platform.Variant,
		Created: v1.Time{Time: epoch}, Config: c, RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, fmt.Errorf("set config: %w", err)
	}
	adds := make([]mutate.Addendum, len(layers))
	for i, l := range layers {
		mt, err := l.MediaType()
		if err != nil {
			return nil, fmt.Errorf("add layer %d: %w", i, err)
		}
		adds[i] = mutate.Addendum{Layer: l, MediaType: mt, History: v1.History{
			Created: v1.Time{Time: epoch}, CreatedBy: fmt.Sprintf("imagetest: layer %d", i),
		}}
	}
	if img, err = mutate.Append(img, adds...); err != nil {
		return nil, fmt.Errorf("add layers: %w", err)
	}
	return img, nil
}

// TarLayer makes a layer of the tar file of a root file system, plain or gzip.
// The file is read each time that the layer is; a plain one is compressed then.
func TarLayer(file string) (v1.Layer, error) {
	layer, err := tarball.LayerFromFile(file, layerOptions(Gzip)...)
	if err != nil {
		return nil, fmt.Errorf("read root file system %s: %w", file, err)
	}
	return layer, nil
}

// FromTar makes an image with the one layer of [TarLayer].
func FromTar(file string, c v1.Config, platform v1.Platform) (v1.Image, error) {
	layer, err := TarLayer(file)
	if err != nil {
		return nil, err
	}
	return New(c, platform, layer)
}

// FromDir makes an image with one layer: the files below dir, sorted, owned by
// root.
func FromDir(dir string, c v1.Config, platform v1.Platform) (v1.Image, error) {
	var files []File
	err := filepath.Walk(dir, func(p string, fi os.FileInfo, err error) error {
		if err != nil || p == dir {
			return err
		}
		f, err := fromHost(p, fi)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		f.Name = filepath.ToSlash(rel)
		if fi.IsDir() {
			f.Name += "/"
		}
		files = append(files, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read directory %s: %w", dir, err)
	}
	layer, err := Layer(files, Gzip)
	if err != nil {
		return nil, err
	}
	return New(c, platform, layer)
}

func fromHost(p string, fi os.FileInfo) (File, error) {
	var link string
	var body []byte
	var err error
	switch {
	case fi.Mode()&os.ModeSymlink != 0:
		link, err = os.Readlink(p)
	case fi.Mode().IsRegular():
		body, err = os.ReadFile(p)
	}
	if err != nil {
		return File{}, err
	}
	h, err := tar.FileInfoHeader(fi, link)
	if err != nil {
		return File{}, err
	}
	h.ModTime, h.AccessTime, h.ChangeTime = epoch, time.Time{}, time.Time{}
	h.Uid, h.Gid, h.Uname, h.Gname, h.Format = 0, 0, "", "", tar.FormatUnknown
	return File{Header: *h, Body: body}, nil
}

// AddFile adds a layer with one executable: the file host of this machine at
// target, an absolute path in the image.
func AddFile(img v1.Image, target, host string) (v1.Image, error) {
	body, err := os.ReadFile(host)
	if err != nil {
		return nil, fmt.Errorf("add file %s: %w", target, err)
	}
	layer, err := Layer([]File{{Header: tar.Header{Name: path.Clean(target)[1:], Mode: 0o755}, Body: body}}, Gzip)
	if err != nil {
		return nil, err
	}
	if img, err = mutate.Append(img, mutate.Addendum{Layer: layer, MediaType: types.OCILayer}); err != nil {
		return nil, fmt.Errorf("add file %s: %w", target, err)
	}
	return img, nil
}

// WriteOCIDir writes img as an OCI image layout with one image: the form that
// "oci-dir:dir" reads. An existing layout in dir is replaced.
func WriteOCIDir(img v1.Image, dir string) error {
	return WriteOCIDirs(map[string]v1.Image{"latest": img}, dir)
}

// ReadOCIDir returns the first image of an OCI layout.
func ReadOCIDir(dir string) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) == 0 {
		return nil, fmt.Errorf("read %s: it has no image", dir)
	}
	return index.Image(manifest.Manifests[0].Digest)
}

// WriteOCIDirs writes images by their tags as one OCI image layout: what
// "oci-dir:dir:tag" reads. They share the layers that they have in common. An
// existing layout in dir is replaced.
func WriteOCIDirs(images map[string]v1.Image, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("replace OCI layout: %w", err)
	}
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write OCI layout: %w", err)
	}
	for _, tag := range slices.Sorted(maps.Keys(images)) {
		mark := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})
		if err := l.AppendImage(images[tag], mark); err != nil {
			return fmt.Errorf("write OCI layout: %w", err)
		}
	}
	return nil
}

// WriteOCIArchive writes img as a tar of an OCI image layout.
func WriteOCIArchive(img v1.Image, file string) error {
	dir, err := os.MkdirTemp(filepath.Dir(file), ".oci-archive-")
	if err != nil {
		return fmt.Errorf("write OCI archive: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := WriteOCIDir(img, dir); err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write OCI archive: %w", err)
	}
	defer out.Close()
	tw := tar.NewWriter(out)
	if err := tw.AddFS(os.DirFS(dir)); err != nil {
		return fmt.Errorf("write OCI archive: %w", err)
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("write OCI archive: %w", err)
	}
	return out.Close()
}

// WriteDockerArchive writes img as "docker save" would, tagged with tag, such
// as "app:latest".
func WriteDockerArchive(img v1.Image, tag, file string) error {
	ref, err := name.ParseReference(tag)
	if err != nil {
		return fmt.Errorf("write docker archive: %w", err)
	}
	if err := tarball.WriteToFile(file, ref, img); err != nil {
		return fmt.Errorf("write docker archive: %w", err)
	}
	return nil
}

// FromLayers makes an image for linux/amd64 of layers, the base first, that says
// nothing of how to run it.
func FromLayers(layers ...v1.Layer) (v1.Image, error) {
	return New(v1.Config{}, v1.Platform{}, layers...)
}

// Built is img as if it had been made on a day, by instructions that made no layer.
func Built(img v1.Image, made time.Time, instructions ...string) (v1.Image, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	config = config.DeepCopy()
	config.Created = v1.Time{Time: made}
	for _, text := range instructions {
		config.History = append(config.History, v1.History{CreatedBy: text, EmptyLayer: true})
	}
	return mutate.ConfigFile(img, config)
}

// WriteRoot makes an OCI layout of an image for linux/amd64 whose only layer is a root
// file system, a tar compressed with gzip.
func WriteRoot(root, dir string) error {
	layer, err := TarLayer(root)
	if err != nil {
		return err
	}
	img, err := FromLayers(layer)
	if err != nil {
		return err
	}
	return WriteOCIDir(img, dir)
}
