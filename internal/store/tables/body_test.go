package tables

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/detonaut/detonaut"
)

func TestPackIDs(t *testing.T) {
	for _, ids := range [][]int64{nil, {0}, {1}, {1, 2, 3}, {300, 5, 1 << 40}, {math.MaxInt64 / 4, 1}} {
		packed := packIDs(slices.Clone(ids))
		got, err := unpackIDs(packed)
		slices.Sort(ids)
		if err != nil || !slices.Equal(ids, got) {
			t.Errorf("%v comes back as %v, %v", ids, got, err)
		}
	}
}

func FuzzUnpackIDs(f *testing.F) {
	f.Add(packIDs([]int64{1, 2, 1 << 40}))
	f.Fuzz(func(t *testing.T, b []byte) {
		ids, err := unpackIDs(b)
		if err != nil {
			return
		}
		if !slices.IsSorted(ids) || len(ids) > len(b) || len(ids) > 0 && ids[0] < 0 {
			t.Fatalf("%x has the ids %v", b, ids)
		}
		again, err := unpackIDs(packIDs(slices.Clone(ids)))
		if err != nil || !slices.Equal(ids, again) {
			t.Fatalf("%v comes back as %v, %v", ids, again, err)
		}
	})
}

// FuzzUnpack reads bodies that nobody packed: of a file that somebody has changed.
func FuzzUnpack(f *testing.F) {
	body, err := pack(&detonaut.Report{Image: detonaut.Image{Digest: "sha256:1"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := unpack(b)
		if err != nil {
			return
		}
		packed, err := pack(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := unpack(packed)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := pack(again); err != nil || !bytes.Equal(b, packed) {
			t.Fatalf("a report comes back as another one: %v", err)
		}
	})
}

// FuzzText looks for text that a database does not take.
func FuzzText(f *testing.F) {
	f.Add("a\x00b\xff")
	f.Fuzz(func(t *testing.T, s string) {
		text := clean(s)
		if clean(text) != text || bytes.ContainsRune([]byte(text), 0) || !slices.Equal([]rune(text), []rune(clean(text))) {
			t.Errorf("%q is %q", s, text)
		}
		if n := brief(s); len(n) > 3*maxName || clean(n) != n || brief(n[:min(len(n), maxName)]) == "" && n != "" {
			t.Errorf("%q is cut to %q", s, n)
		}
	})
}
