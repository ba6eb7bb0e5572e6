//go:build unix

package all_test

import (
	"archive/tar"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/internal/static/memory"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
	"github.com/detonaut/detonaut/internal/testenv"
)

func spent() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// BenchmarkSharedBase pulls and reads three images upon one Debian, with a memory and a cache of
// layers that are empty: the first, a second one with another file, and a third one with another
// package of npm.
func BenchmarkSharedBase(b *testing.B) {
	base, err := imagetest.TarLayer(testenv.DebianRelease(b, "bookworm"))
	if err != nil {
		b.Fatal(err)
	}
	reg := imagetest.NewRegistry()
	b.Cleanup(reg.Close)
	var refs []string
	for i, f := range []imagetest.File{
		{Header: tar.Header{Name: "srv/first", Mode: 0o644}, Body: []byte("first")},
		{Header: tar.Header{Name: "srv/second", Mode: 0o644}, Body: []byte("second")},
		{Header: tar.Header{Name: "srv/node_modules/alpha/package.json", Mode: 0o644}, Body: []byte(`{"name": "alpha", "version": "1.0.0"}`)},
	} {
		own, err := imagetest.Layer([]imagetest.File{f}, imagetest.Gzip)
		if err != nil {
			b.Fatal(err)
		}
		img, err := imagetest.FromLayers(base, own)
		if err != nil {
			b.Fatal(err)
		}
		ref, err := reg.Push(fmt.Sprintf("app%d:v1", i), img)
		if err != nil {
			b.Fatal(err)
		}
		refs = append(refs, ref)
	}
	d, err := vuln.Open(vulntest.Dir(b), vuln.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	names := []string{"first", "second", "package"}
	pulled, read := make([]float64, len(refs)), make([]float64, len(refs))
	for b.Loop() {
		dir := b.TempDir()
		m, err := memory.Open(b.Context(), memory.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		r := &all.Reader{Analyzers: all.Analyzers(all.Ours()), Malware: all.Ours(), Memory: m, Database: d}
		for i, ref := range refs {
			runtime.GC() // what is left is the image's before
			from := spent()
			img, err := image.Pull(b.Context(), detonaut.Ref(ref), image.Options{Platform: "linux/amd64", CacheDir: dir, LayerBytes: 4 << 30})
			if err != nil {
				b.Fatal(err)
			}
			pulled[i] += spent() - from
			files, err := img.FS()
			if err != nil {
				b.Fatal(err)
			}
			from = spent()
			got, err := r.Read(b.Context(), all.Image{Image: img.Image, Index: img.Index, Files: files}, func(string) {})
			if err != nil || len(got.Vulnerabilities) == 0 {
				b.Fatal(len(got.Vulnerabilities), err)
			}
			read[i] += spent() - from
			if err := img.Close(); err != nil {
				b.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
	for i, name := range names {
		b.ReportMetric(pulled[i]/float64(b.N), name+"-pull-cpu-s")
		b.ReportMetric(read[i]/float64(b.N), name+"-read-cpu-s")
	}
}
