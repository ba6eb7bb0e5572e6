package image

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
)

func sampleIndex() *Index {
	when := time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)
	return &Index{
		Layers: []detonaut.Digest{"sha256:a", "sha256:b"},
		Entries: []Entry{
			{Path: ".", Kind: KindDir, Mode: 0o040755, Links: 3, ModTime: when},
			{Path: "a\xff\n", Kind: KindSymlink, Layer: 1, Mode: 0o120777, Links: 1, LinkTarget: "/x", ModTime: time.Unix(-5, 0).UTC()},
			{Path: "dev", Kind: KindDir, Mode: 0o040755, Links: 2, ModTime: when},
			{Path: "dev/null", Kind: KindChar, Mode: 0o020666, Links: 1, Major: 1, Minor: 3, ModTime: when},
			{Path: "dev/run", Kind: KindFIFO, Mode: 0o010666, Links: 1, ModTime: when},
			{
				Path: "dev/x", Kind: KindELF, Layer: 1, Mode: 0o104755, UID: 1<<32 - 1, GID: 7, Links: 2, Size: 1 << 40,
				SHA256: Sum{1, 2, 3}, ModTime: when, Xattrs: map[string]string{"user.a": "\x00", "user.b": ""},
			},
			{Path: "dev/x.txt", Kind: KindEmpty, Mode: 0o100644, Links: 1, ModTime: when},
		},
	}
}

func stored(tb testing.TB, x *Index) []byte {
	tb.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	if err != nil {
		tb.Fatal(err)
	}
	if n != int64(b.Len()) {
		tb.Errorf("WriteTo says %d bytes, wrote %d", n, b.Len())
	}
	return b.Bytes()
}

func TestIndexRoundTrip(t *testing.T) {
	for name, want := range map[string]*Index{"sample": sampleIndex(), "empty": {}} {
		data := stored(t, want)
		got, err := ReadIndex(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: wrote (-) read (+):\n%s", name, diff)
		}
		if !bytes.Equal(data, stored(t, got)) {
			t.Errorf("%s: its stored form changes", name)
		}
	}
}

func TestIndexLookup(t *testing.T) {
	x := sampleIndex()
	for path, want := range map[string]string{
		"dev/x": "dev/x", "/dev/x": "dev/x", ".": ".", "/": ".", "": ".", "dev/": "", "dev/y": "", "zz": "", "DEV": "",
	} {
		got, ok := x.Lookup(path)
		if got.Path != want || ok != (want != "") {
			t.Errorf("Lookup(%q) = %q, %v; want %q", path, got.Path, ok, want)
		}
	}
}

// frame stores a payload that the encoder would not make.
func frame(tb testing.TB, payload []byte) []byte {
	tb.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	return z.EncodeAll(payload, []byte(indexMagic))
}

func TestReadIndexRefuses(t *testing.T) {
	good := stored(t, sampleIndex())
	flipped := bytes.Clone(good)
	flipped[len(flipped)-10] ^= 1
	unsorted := sampleIndex()
	unsorted.Entries[1].Path = "zz"
	tests := []struct {
		name  string
		data  []byte
		words string
	}{
		{"nothing", nil, "EOF"},
		{"other file", []byte(strings.Repeat("x", 100)), "no index of this version"},
		{"truncated", good[:len(good)-8], "read index"},
		{"flipped", flipped, "read index"},
		{"no frame", []byte(indexMagic), "layers"},
		{"unsorted", stored(t, unsorted), "not in order"},
		{"more after the end", frame(t, []byte{0, 0, 0}), "no end"},
		{"many layers", frame(t, []byte{0xff, 0xff, 0x7f}), "layers: 2097151 is over 4096"},
		{"many entries", frame(t, []byte{0, 0xff, 0xff, 0xff, 0x7f}), "entries: 268435455 is over"},
		{"promised entries", frame(t, []byte{0, 0xff, 0xff, 0x7f}), "shared bytes: EOF"},
		{"shares more than there is", frame(t, []byte{0, 1, 1}), "shared bytes: 1 is over 0"},
		{"long string", frame(t, []byte{0, 1, 0, 0xff, 0xff, 0xff, 0x7f}), "string: 268435455 is over"},
		{"unknown kind", frame(t, []byte{0, 1, 0, 1, 'a', 99}), "kind: 99 is over"},
		{"unknown layer", frame(t, []byte{0, 1, 0, 1, 'a', 0, 1}), "layer: 1 is over 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadIndex(bytes.NewReader(test.data))
			wantError(t, err, detonaut.ErrCorrupt, "read index: ", test.words)
		})
	}
}

func TestKindOf(t *testing.T) {
	for head, want := range map[string]Kind{
		"": KindEmpty, "\x7fELF\x02": KindELF, "#!/bin/sh\n": KindScript, "MZ\x90\x00": KindPE, "PK\x03\x04": KindZip,
		"\xca\xfe\xba\xbe\x00\x00\x00\x34": KindJava, "\xca\xfe\xba\xbe\x00\x00\x00\x02": KindMachO, "\x00asm\x01": KindWasm,
		"\x1f\x8b\x08": KindArchive, strings.Repeat("\x00", 257) + "ustar": KindArchive, "SQLite format 3\x00": KindSQLite,
		"plain text": KindText, "caf\xc3\xa9": KindText, "cut \xe2\x82": KindText, "latin \xe9t\xe9": KindData, "a\x00b": KindData, "\xff": KindData,
	} {
		if got := kindOf([]byte(head)); got != want {
			t.Errorf("kindOf(%.20q) = %s, want %s", head, got, want)
		}
	}
}

// FuzzReadIndex reads data as a stored index, or as the payload of one.
func FuzzReadIndex(f *testing.F) {
	good := stored(f, sampleIndex())
	f.Add(good, false)
	z, err := zstd.NewReader(bytes.NewReader(good[len(indexMagic):]))
	if err != nil {
		f.Fatal(err)
	}
	defer z.Close()
	payload, err := io.ReadAll(z)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload, true)
	f.Fuzz(func(t *testing.T, data []byte, isPayload bool) {
		if isPayload {
			data = frame(t, data)
		}
		x, err := readIndex(bytes.NewReader(data), 1<<20)
		if err != nil {
			wantError(t, err, detonaut.ErrCorrupt, "read index: ")
			return
		}
		again, err := readIndex(bytes.NewReader(stored(t, x)), 1<<20)
		if err != nil {
			t.Fatalf("read what was written: %v", err)
		}
		if diff := cmp.Diff(x, again); diff != "" {
			t.Errorf("read (-) written and read (+):\n%s", diff)
		}
	})
}
