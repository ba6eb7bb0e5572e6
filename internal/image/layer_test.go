package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/detonaut/detonaut"
)

// TestLayerVerified changes one thing about a good layer.
func TestLayerVerified(t *testing.T) {
	other := "sha256:" + strings.Repeat("0", 64)
	tarball := tarOf(t, regular("a", strings.Repeat("0123456789", 100_000)))
	serve := func(data []byte) func(*blob) {
		return func(b *blob) {
			b.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		}
	}
	for _, compression := range []string{plain, gzipped, zstandard} {
		data := compressed(t, compression, tarball)
		flipped := bytes.Clone(data)
		flipped[len(data)/2] ^= 0x10
		tests := []struct {
			name   string
			change func(*blob)
			want   error
			words  string
		}{
			{"digest", func(b *blob) { b.Digest = detonaut.Digest(other) }, detonaut.ErrCorrupt, "verify blob: digest is sha256:"},
			{"diffID", func(b *blob) { b.DiffID = detonaut.Digest(other) }, detonaut.ErrCorrupt, "verify tar: diffID is sha256:"},
			{"no diffID", func(b *blob) { b.DiffID = "" }, detonaut.ErrCorrupt, "verify tar: diffID is sha256:"},
			{"size too small", func(b *blob) { b.Size-- }, detonaut.ErrCorrupt, "verify blob: longer than"},
			{"size too large", func(b *blob) { b.Size++ }, detonaut.ErrCorrupt, "verify blob: "},
			{"negative size", func(b *blob) { b.Size = -1 }, detonaut.ErrCorrupt, "verify blob: longer than"},
			{"bit flipped", serve(flipped), detonaut.ErrCorrupt, "verify blob: digest is sha256:"},
			{"truncated", serve(data[:len(data)-1]), detonaut.ErrCorrupt, "verify blob: "},
			{"empty", serve(nil), detonaut.ErrCorrupt, "verify blob: 0 bytes"},
			{"longer", serve(append(bytes.Clone(data), 0)), detonaut.ErrCorrupt, "verify blob: longer than"},
			{"media type", func(b *blob) { b.MediaType = "application/vnd.oci.empty.v1+json" }, detonaut.ErrUnsupported, "vnd.oci.empty"},
			{"encrypted", func(b *blob) { b.MediaType += "+encrypted" }, detonaut.ErrUnsupported, "+encrypted"},
			{"cannot be opened", func(b *blob) {
				b.Open = func(context.Context) (io.ReadCloser, error) { return nil, fs.ErrPermission }
			}, fs.ErrPermission, "open blob"},
			{"transport breaks", func(b *blob) {
				b.Open = func(context.Context) (io.ReadCloser, error) {
					return io.NopCloser(io.MultiReader(bytes.NewReader(data[:100]), iotest.ErrReader(io.ErrClosedPipe))), nil
				}
			}, io.ErrClosedPipe, "read blob: "},
		}
		for _, test := range tests {
			t.Run(compression+" "+test.name, func(t *testing.T) {
				defer goleak.VerifyNone(t)
				b := blobOf(t, compression, tarball)
				test.change(&b)
				_, err := flatten(t.Context(), []blob{blobOf(t, plain, nil), b}, Caps{}, tempFile(t))
				wantError(t, err, test.want, test.words, string(b.Digest))
				if !errors.Is(test.want, detonaut.ErrCorrupt) && errors.Is(err, detonaut.ErrCorrupt) {
					t.Errorf("%v blames the layer", err)
				}
			})
		}
	}
}

// TestLayerMalformed has blobs that are what their digest says, and no layers.
func TestLayerMalformed(t *testing.T) {
	tarball := tarOf(t, regular("a", strings.Repeat("x", 5000)))
	broken := bytes.Clone(tarball)
	broken[0] = 'z' // the checksum of the header fails
	of := func(compression string, data []byte) blob {
		b := blobOf(t, plain, data)
		b.MediaType = mediaTypes[compression]
		return b
	}
	bomb := bytes.Repeat(compressed(t, gzipped, make([]byte, 6<<20)), 50)
	var wide bytes.Buffer
	z, err := zstd.NewWriter(&wide, zstd.WithWindowSize(256<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Flush(), z.Close()); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		blob  blob
		want  error
		words string
	}{
		{"gzip as plain", of(plain, compressed(t, gzipped, tarball)), detonaut.ErrCorrupt, "media type says plain, bytes are gzip"},
		{"zstd as gzip", of(gzipped, compressed(t, zstandard, tarball)), detonaut.ErrCorrupt, "media type says gzip, bytes are zstd"},
		{"plain as zstd", of(zstandard, tarball), detonaut.ErrCorrupt, "media type says zstd, bytes are plain"},
		{"empty gzip", of(gzipped, nil), detonaut.ErrCorrupt, "bytes are plain"},
		{"truncated gzip", of(gzipped, compressed(t, gzipped, tarball)[:50]), detonaut.ErrCorrupt, "decompress: "},
		{"truncated gzip header", of(gzipped, []byte("\x1f\x8b")), detonaut.ErrCorrupt, "decompress: "},
		{"truncated zstd", of(zstandard, compressed(t, zstandard, tarball)[:20]), detonaut.ErrCorrupt, "decompress: "},
		{"gzip with more after it", of(gzipped, append(compressed(t, gzipped, tarball), "more"...)), detonaut.ErrCorrupt, "decompress: "},
		{"zstd with a large window", of(zstandard, wide.Bytes()), detonaut.ErrLimit, "window over"},
		{"truncated header", blobOf(t, plain, tarball[:100]), detonaut.ErrCorrupt, "read tar: "},
		{"truncated content", blobOf(t, gzipped, tarball[:1024]), detonaut.ErrCorrupt, `entry "a": read tar: `},
		{"bad checksum", blobOf(t, zstandard, broken), detonaut.ErrCorrupt, "read tar: "},
		{"no tar", blobOf(t, plain, bytes.Repeat([]byte("no tar "), 1000)), detonaut.ErrCorrupt, "read tar: "},
		{"bomb", of(gzipped, bomb), detonaut.ErrLimit, "more than 250 times its compressed size"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			_, err := flatten(t.Context(), []blob{test.blob}, Caps{}, tempFile(t))
			wantError(t, err, test.want, test.words, string(test.blob.Digest))
		})
	}
}

// TestFlattenCancelled ends in the middle of a layer.
func TestFlattenCancelled(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	b := blobOf(t, plain, tarOf(t, regular("a", strings.Repeat("x", 4<<20))))
	open := b.Open
	b.Open = func(ctx context.Context) (io.ReadCloser, error) {
		cancel()
		return open(ctx)
	}
	if _, err := flatten(ctx, []blob{b}, Caps{}, tempFile(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func TestTooDense(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for _, tc := range []struct {
		name                string
		size, read, claimed int64
		want                bool
	}{
		{"small and dense", 200 * mib, 1, 1, false},
		{"as dense as claimed", 10 * gib, 100 * mib, 200 * mib, false},
		{"denser than claimed", 257 * mib, mib, mib, true},
		{"zeros first", 4 * gib, mib, 200 * mib, false},
		{"zeros, and a claim that does not come true", 5 * gib, mib, 16 * gib, true},
	} {
		if got := tooDense(tc.size, tc.read, tc.claimed, 250); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
