//go:build unix

package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// benchTar is like the layer of a distribution: 6,000 files of which most are a
// few KiB and a few are MiB, 130 MB in all, that gzip packs to about a third.
func benchTar(b *testing.B) []byte {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 4096)
	for i := range words {
		words[i] = make([]byte, 2+r.IntN(12))
		for j := range words[i] {
			words[i][j] = byte(r.UintN(256))
		}
	}
	zipf := rand.NewZipf(r, 1.1, 4, uint64(len(words)-1))
	pool := make([]byte, 0, 32<<20)
	for len(pool) < cap(pool)-16 {
		pool = append(pool, words[zipf.Uint64()]...)
		if r.UintN(8) == 0 {
			pool = append(pool, byte(r.UintN(256)))
		}
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range 6000 {
		size := r.IntN(16 << 10)
		switch {
		case i%500 == 499:
			size = 4<<20 + r.IntN(4<<20)
		case i%100 == 99:
			size = r.IntN(600 << 10)
		}
		at := r.IntN(len(pool) - size)
		h := tar.Header{
			Typeflag: tar.TypeReg, Name: fmt.Sprintf("usr/lib/package%d/part%d/file%d", i/100, i/10%10, i),
			Mode: 0o644, Size: int64(size), ModTime: time.Unix(1_700_000_000, 0),
		}
		if err := w.WriteHeader(&h); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(pool[at : at+size]); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

// cpu is what the process has used so far, in seconds.
func cpu(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// BenchmarkFlatten compares making the EROFS image and the index, all digests
// verified, with decompressing the same layer and hashing it once. The budget
// of the ratio is 1.5.
func BenchmarkFlatten(b *testing.B) {
	tarball := benchTar(b)
	for _, compression := range []string{gzipped, zstandard, plain} {
		layer := blobOf(b, compression, tarball)
		b.Run(compression, func(b *testing.B) {
			out := tempFile(b)
			var ours, base float64
			for b.Loop() {
				start := cpu(b)
				baseline(b, compression, layer)
				middle := cpu(b)
				index, err := flatten(b.Context(), []blob{layer}, Caps{}, out)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := index.WriteTo(io.Discard); err != nil {
					b.Fatal(err)
				}
				base += middle - start
				ours += cpu(b) - middle
			}
			b.ReportMetric(ours/float64(b.N), "cpu-s/op")
			b.ReportMetric(base/float64(b.N), "baseline-cpu-s/op")
			b.ReportMetric(ours/base, "ratio")
			b.ReportMetric(float64(len(tarball))/1e6, "MB")
		})
	}
}

func baseline(b *testing.B, compression string, layer blob) {
	b.Helper()
	body, err := layer.Open(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	var r io.Reader = body
	switch compression {
	case gzipped:
		if r, err = gzip.NewReader(body); err != nil {
			b.Fatal(err)
		}
	case zstandard:
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
		if err != nil {
			b.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		b.Fatal(err)
	}
	if sha256Sum := h.Sum(nil); len(sha256Sum) != sha256.Size {
		b.Fatal("no sum")
	}
}
