//go:build unix

package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
)

// BenchmarkPullMany pulls 20 images of a registry in the same process that are built upon one
// base of 130 MB, ten of them upon a runtime of 30 MB as well, each with a layer of its own of
// 5 MB: with and without a cache of layers.
func BenchmarkPullMany(b *testing.B) {
	data := benchTar(b)
	base, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		b.Fatal(err)
	}
	runtime := part(b, "runtime", data[:30<<20])
	reg := imagetest.NewRegistry()
	b.Cleanup(reg.Close)
	var refs []string
	for i := range 20 {
		layers := []v1.Layer{base}
		if i%2 == 1 {
			layers = append(layers, runtime)
		}
		layers = append(layers, part(b, fmt.Sprintf("own%d", i), data[i<<20:(i+5)<<20]))
		img, err := imagetest.New(v1.Config{}, v1.Platform{OS: "linux", Architecture: "amd64"}, layers...)
		if err != nil {
			b.Fatal(err)
		}
		ref, err := reg.Push(fmt.Sprintf("image%d:v1", i), img)
		if err != nil {
			b.Fatal(err)
		}
		refs = append(refs, ref)
	}
	for _, room := range []int64{0, 4 << 30} {
		b.Run(fmt.Sprintf("cache=%dGiB", room>>30), func(b *testing.B) {
			var spent, first, bytes float64
			for b.Loop() {
				o := Options{Platform: "linux/amd64", CacheDir: b.TempDir(), LayerBytes: room}
				start := cpu(b)
				for i, ref := range refs {
					var last Progress
					o.Progress = func(p Progress) { last = p }
					got, err := Pull(b.Context(), detonaut.Ref(ref), o)
					if err != nil {
						b.Fatal(err)
					}
					if err := got.Close(); err != nil {
						b.Fatal(err)
					}
					if i == 0 {
						first += cpu(b) - start
					}
					bytes += float64(last.Moved)
				}
				spent += cpu(b) - start
			}
			n := float64(b.N)
			b.ReportMetric(spent/n/20, "cpu-s/image")
			b.ReportMetric(first/n, "first-cpu-s")
			b.ReportMetric(bytes/n/1e6, "MB-moved")
		})
	}
}

// part is a layer of one file.
func part(b *testing.B, name string, body []byte) v1.Layer {
	b.Helper()
	l, err := imagetest.Layer([]imagetest.File{{Header: tar.Header{Name: name, Mode: 0o644}, Body: body}}, imagetest.Gzip)
	if err != nil {
		b.Fatal(err)
	}
	return l
}
