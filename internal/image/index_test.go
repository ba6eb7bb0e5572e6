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
	"github.com/detonaut/detonaut/chamber/content"
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
				Path: "dev/x", Kind: content.ELF, Layer: 1, Mode: 0o104755, UID: 1<<32 - 1, GID: 7, Links: 2, Size: 1 << 40,
				SHA256: Sum{1, 2, 3}, Offset: 1 << 40, ModTime: when, Xattrs: map[string]string{"user.a": "\x00", "user.b": ""},
			},
			{Path: "dev/x.txt", Kind: content.Empty, Mode: 0o100644, Links: 1, ModTime: when},
		},
		Hidden: []Hidden{
			{Entry: Entry{Path: "a", Kind: content.Text, Mode: 0o100600, Size: 3, SHA256: Sum{4}, Offset: 4096, ModTime: when}, Since: 1, Gone: 1},
			{Entry: Entry{Path: "a", Kind: content.PrivateKey, Layer: 1, Mode: 0o100600, Size: 3, SHA256: Sum{5}, Offset: 8192, ModTime: when}, Since: 1, Gone: 1},
			{Entry: Entry{Path: "ab", Kind: content.Text, Mode: 0o100600, Size: 3, SHA256: Sum{4}, Offset: 4096, ModTime: when}, Since: 1, Gone: 1},
		},
		Unlisted: Unlisted{Files: 7, Bytes: 1 << 50},
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
	unsortedHidden, hiddenLink, fromLater := sampleIndex(), sampleIndex(), sampleIndex()
	unsortedHidden.Hidden[0].Path = "b"
	laterFirst := sampleIndex()
	laterFirst.Hidden[0].Layer, laterFirst.Hidden[1].Layer = 1, 0
	hiddenLink.Hidden[0].Mode = 0o120777
	fromLater.Hidden[1].Gone = 0
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
		{"unsorted hidden files", stored(t, unsortedHidden), "not in order"},
		{"hidden files, later first", stored(t, laterFirst), "not in order"},
		{"hidden link", stored(t, hiddenLink), "cannot be hidden"},
		{"hidden before it came", stored(t, fromLater), "cannot be hidden"},
		{"more after the end", frame(t, []byte{0, 0, 0, 0, 0, 0, 0}), "no end"},
		{"many layers", frame(t, []byte{0xff, 0xff, 0x7f}), "layers: 2097151 is over 4096"},
		{"many kinds", frame(t, []byte{0, 0xff, 0xff, 0x7f}), "kinds: 2097151 is over 1024"},
		{"many entries", frame(t, []byte{0, 0, 0xff, 0xff, 0xff, 0x7f}), "entries: 268435455 is over"},
		{"promised entries", frame(t, []byte{0, 0, 0xff, 0xff, 0x7f}), "shared bytes: EOF"},
		{"shares more than there is", frame(t, []byte{0, 0, 1, 1}), "shared bytes: 1 is over 0"},
		{"long string", frame(t, []byte{0, 0, 1, 0, 0xff, 0xff, 0xff, 0x7f}), "string: 268435455 is over"},
		{"unknown kind", frame(t, []byte{0, 1, 1, 'k', 1, 0, 1, 'a', 1}), "kind: 1 is not one of 1"},
		{"unknown layer", frame(t, []byte{0, 1, 1, 'k', 1, 0, 1, 'a', 0, 1}), "layer: 1 is over 0"},
		{"many hidden files", frame(t, []byte{0, 0, 0, 0xff, 0xff, 0xff, 0x7f}), "hidden files: 268435455 is over"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadIndex(bytes.NewReader(test.data))
			wantError(t, err, detonaut.ErrCorrupt, "read index: ", test.words)
		})
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
