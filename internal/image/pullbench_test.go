//go:build unix

package image

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// BenchmarkPull pulls an image with one gzipped layer: what a pull costs over
// flattening it, the registry in the same process included, and what it costs
// when it is cached.
func BenchmarkPull(b *testing.B) {
	data := benchTar(b)
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		b.Fatal(err)
	}
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	if err != nil {
		b.Fatal(err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		b.Fatal(err)
	}
	c.OS, c.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, c); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if err := imagetest.WriteOCIDir(img, dir+"/oci"); err != nil {
		b.Fatal(err)
	}
	reg := imagetest.NewRegistry()
	b.Cleanup(reg.Close)
	remote, err := reg.Push("bench:v1", img)
	if err != nil {
		b.Fatal(err)
	}
	for _, bc := range []struct {
		name, ref string
		cached    bool
	}{{"oci-dir", "oci-dir:" + dir + "/oci", false}, {"registry", remote, false}, {"cached", remote, true}} {
		b.Run(bc.name, func(b *testing.B) {
			o := Options{Platform: "linux/amd64", CacheDir: b.TempDir(), CacheBytes: 1}
			pull := func() {
				got, err := Pull(b.Context(), detonaut.Ref(bc.ref), o)
				if err != nil {
					b.Fatal(err)
				}
				if err := got.Close(); err != nil {
					b.Fatal(err)
				}
			}
			if bc.cached {
				o.CacheBytes = 0
				pull()
			}
			start := cpu(b)
			for b.Loop() {
				pull()
			}
			b.ReportMetric((cpu(b)-start)/float64(b.N), "cpu-s/op")
		})
	}
}
