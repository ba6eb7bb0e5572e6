//go:build unix

package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
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

// within reports a ratio beside its budget. It never fails: figures are for
// people, on machines that differ.
func within(b *testing.B, what string, got, budget float64) {
	b.Helper()
	b.ReportMetric(got, what+"-x")
	verdict := "met"
	if got > budget {
		verdict = "MISSED"
	}
	b.Logf("%-22s %8.3f %-5s  budget %5.3g  %s", what, got, "x", budget, verdict)
}

// BenchmarkFlatten compares making the EROFS image and the index, all digests
// verified, with decompressing the same layer and hashing it once, which has a
// budget, and with that and all that is demanded beside: every byte hashed for
// its file too and written once, and the digest of the blob.
func BenchmarkFlatten(b *testing.B) {
	tarball := benchTar(b)
	for _, compression := range []string{gzipped, zstandard, plain} {
		layer := blobOf(b, compression, tarball)
		benchFlatten(b, compression, compression, tarball, layer)
	}
	// All of it is hidden by the layer above.
	above := blobOf(b, gzipped, tarOf(b, regular(".wh..wh..opq", "")))
	benchFlatten(b, "gzip-hidden", gzipped, tarball, blobOf(b, gzipped, tarball), above)
}

func benchFlatten(b *testing.B, name, compression string, tarball []byte, layer blob, above ...blob) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		out := tempFile(b)
		var ours, base, demanded float64
		for b.Loop() {
			at := cpu(b)
			lap := func(sum *float64) {
				now := cpu(b)
				*sum += now - at
				at = now
			}
			read(b, compression, layer, sha256.New())
			lap(&base)
			if err := out.Truncate(0); err != nil {
				b.Fatal(err)
			}
			read(b, compression, layer, sha256.New(), sha256.New(), io.NewOffsetWriter(out, 0))
			if compression != plain { // otherwise the blob is the tar
				read(b, plain, layer, sha256.New())
			}
			lap(&demanded)
			index, err := flatten(b.Context(), append([]blob{layer}, above...), Caps{}, out)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := index.WriteTo(io.Discard); err != nil {
				b.Fatal(err)
			}
			lap(&ours)
		}
		b.ReportMetric(ours/float64(b.N), "cpu-s/op")
		b.ReportMetric(base/float64(b.N), "baseline-cpu-s/op")
		b.ReportMetric(float64(len(tarball))/1e6, "MB")
		within(b, "flatten-"+name, ours/base, 1.5)
		b.ReportMetric(ours/demanded, "of-demanded-x")
		b.Logf("%-22s %8.3f %-5s  of the processor time of what is demanded", "flatten-"+name, ours/demanded, "x")
	})
}

// read decompresses a layer, and gives what comes out to all of to.
func read(b *testing.B, compression string, layer blob, to ...io.Writer) {
	b.Helper()
	body, err := layer.Open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	r, done := io.Reader(body), func() {}
	if compression != plain { // as it is, whatever it is
		if r, done, err = decompress(bufio.NewReaderSize(body, chunkSize), compression); err != nil {
			b.Fatal(err)
		}
	}
	defer done()
	// Without shortcuts, so that every hash sees a piece while it is in the cache.
	all := struct{ io.Writer }{io.MultiWriter(to...)}
	if _, err := io.CopyBuffer(all, struct{ io.Reader }{r}, make([]byte, chunkSize)); err != nil {
		b.Fatal(err)
	}
}
