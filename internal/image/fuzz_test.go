package image

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
)

// FuzzFlatten reads two tars as the layers of an image. The corpus holds the
// tricks of TestRefused, and merges.
func FuzzFlatten(f *testing.F) {
	caps := Caps{
		CompressedBytes: 1 << 20, UncompressedBytes: 1 << 20, MetadataBytes: 1 << 18, Entries: 500, Devices: 5,
		PathLength: 300, SymlinkDepth: 8, Ratio: 100,
	}
	f.Add(tarOf(f, dir("d"), regular("d/a", "x"), hardlink("b", "d/a"), symlink("s", "d")), tarOf(f, regular("s/.wh.a", "")))
	f.Add(tarOf(f, regular("a/old", "x")), tarOf(f, regular("a/.wh..wh..opq", ""), regular("a/new", "y"), device("n", 1, 3)))
	f.Add(sparseTar(), tarOf(f, regular("sparse", "no more")))
	out := tempFile(f)
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		layers := []blob{blobOf(t, plain, withChecksums(lower)), blobOf(t, gzipped, withChecksums(upper))}
		index, err := flatten(t.Context(), layers, caps, out)
		if err != nil {
			known := errors.Is(err, detonaut.ErrCorrupt) || errors.Is(err, detonaut.ErrLimit) || errors.Is(err, detonaut.ErrUnsupported)
			if !known {
				t.Errorf("error of no known kind: %v", err)
			}
			return
		}
		fsys, err := OpenFS(out)
		if err != nil {
			t.Fatal(err)
		}
		checkSame(t, index, fsys)
		again, err := ReadIndex(bytes.NewReader(stored(t, index)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(index, again); diff != "" {
			t.Errorf("index (-), stored and read (+):\n%s", diff)
		}
	})
}

// withChecksums makes the headers of a changed tar valid again, so that the
// fuzzer gets past them.
func withChecksums(data []byte) []byte {
	data = bytes.Clone(data)
	for b := data; len(b) >= 512; b = b[512:] {
		if !bytes.HasPrefix(b[257:], []byte("ustar")) {
			continue
		}
		sum := 8 * int(' ')
		for i, c := range b[:512] {
			if i < 148 || i >= 156 {
				sum += int(c)
			}
		}
		copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	}
	return data
}
