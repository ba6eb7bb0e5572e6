package mkfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/erofs/go-erofs"
	"github.com/google/go-cmp/cmp"
)

func newDir(entries ...Dirent) *Inode { return &Inode{Mode: ModeDir | 0o755, Entries: entries} }

func tempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "erofs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// made writes an image with contents as regular files of root, and opens it.
func made(t *testing.T, root *Inode, contents map[string]string) (*os.File, fs.ReadLinkFS) {
	t.Helper()
	out := tempFile(t)
	w := NewWriter(out)
	for name, body := range contents {
		block, err := w.Append(strings.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		root.Entries = append(root.Entries, Dirent{name, &Inode{Mode: ModeRegular | 0o644, Size: int64(len(body)), Block: block}})
	}
	if err := w.Finish(root); err != nil {
		t.Fatal(err)
	}
	fsys, err := erofs.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	return out, fsys.(fs.ReadLinkFS)
}

// TestSizes has files at the edges of blocks and of the buffer.
func TestSizes(t *testing.T) {
	contents := map[string]string{}
	for _, n := range []int{0, 1, BlockSize - 1, BlockSize, BlockSize + 1, bufferSize - 1, bufferSize, bufferSize + 1, 3*bufferSize + 7} {
		contents[fmt.Sprintf("file%d", n)] = strings.Repeat("0123456789abcdefghijklm", n/23+1)[:n]
	}
	_, fsys := made(t, newDir(), contents)
	for name, want := range contents {
		got, err := fs.ReadFile(fsys, name)
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
}

// TestLargeDirectory has entries of every length, before and after "." in
// order, over many blocks.
func TestLargeDirectory(t *testing.T) {
	dir := newDir()
	var want []string
	for i := range 3000 {
		name := fmt.Sprintf("%c%05d%s", "!-.az"[i%5], i, strings.Repeat("n", i%250))
		dir.Entries = append(dir.Entries, Dirent{name, &Inode{Mode: ModeFIFO | 0o600, UID: uint32(i)}})
		want = append(want, name)
	}
	_, fsys := made(t, newDir(Dirent{"d", dir}), nil)
	list, err := fs.ReadDir(fsys, "d")
	if err != nil || len(list) != len(want) {
		t.Fatalf("%d entries, %v; want %d", len(list), err, len(want))
	}
	for i, name := range want {
		info, err := fs.Stat(fsys, "d/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*erofs.Stat).UID; uid != uint32(i) {
			t.Errorf("%s belongs to %d", name, uid)
		}
	}
}

// TestTails has symbolic links around the length that no longer fits behind an
// inode, and directories whose size is a multiple of a block.
func TestTails(t *testing.T) {
	root := newDir()
	want := map[string]string{}
	for _, n := range []int{1, 31, 32, 33, BlockSize - inodeSize - 1, BlockSize - inodeSize, BlockSize - inodeSize + 1, MaxTarget} {
		for copyOf := range 3 { // so that they begin at different places of a block
			name := fmt.Sprintf("link%d.%d", n, copyOf)
			want[name] = strings.Repeat("t/", n)[:n]
			root.Entries = append(root.Entries, Dirent{name, &Inode{Mode: ModeSymlink | 0o777, Target: want[name]}})
		}
	}
	for n := 1; n < 64; n++ {
		full := newDir()
		for i := range n {
			full.Entries = append(full.Entries, Dirent{fmt.Sprintf("%0116d", i), newDir()}) // 128 bytes each
		}
		root.Entries = append(root.Entries, Dirent{fmt.Sprintf("dir%d", n), full})
	}
	_, fsys := made(t, root, nil)
	for name, target := range want {
		got, err := fsys.ReadLink(name)
		if err != nil || got != target {
			t.Errorf("%s: %.20q, %v", name, got, err)
		}
	}
	for n := 1; n < 64; n++ {
		list, err := fs.ReadDir(fsys, fmt.Sprintf("dir%d", n))
		if err != nil || len(list) != n {
			t.Errorf("dir%d: %d entries, %v", n, len(list), err)
		}
	}
}

func TestLinks(t *testing.T) {
	file := &Inode{Mode: ModeFIFO | 0o600}
	sub := newDir(Dirent{"c", file}, Dirent{"d", newDir()})
	root := newDir(Dirent{"a", file}, Dirent{"b", sub})
	made(t, root, nil)
	got := []int{file.Links(), sub.Links(), root.Links()}
	if diff := cmp.Diff([]int{2, 3, 3}, got); diff != "" {
		t.Errorf("links, want (-) got (+):\n%s", diff)
	}
}

func TestHoles(t *testing.T) {
	body := "a" + strings.Repeat("\x00", 64*bufferSize) + "b"
	out, fsys := made(t, newDir(), map[string]string{"sparse": body})
	got, err := fs.ReadFile(fsys, "sparse")
	if err != nil || string(got) != body {
		t.Errorf("content differs: %d bytes, %v", len(got), err)
	}
	w := &writes{WriterAt: out}
	if _, err := NewWriter(w).Append(strings.NewReader(body), int64(len(body))); err != nil {
		t.Fatal(err)
	}
	if w.bytes > bufferSize {
		t.Errorf("wrote %d bytes of zeros", w.bytes)
	}
}

type writes struct {
	io.WriterAt
	bytes int
}

func (w *writes) WriteAt(p []byte, off int64) (int, error) {
	w.bytes += len(p)
	return w.WriterAt.WriteAt(p, off)
}

// TestSuperblock holds the image to what gVisor checks when it opens one.
func TestSuperblock(t *testing.T) {
	out, _ := made(t, newDir(Dirent{"a", newDir()}), nil)
	data, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	if len(data)%BlockSize != 0 || int(binary.LittleEndian.Uint32(data[superBlocks:])) != len(data)/BlockSize {
		t.Errorf("image of %d bytes says it has %d blocks", len(data), binary.LittleEndian.Uint32(data[superBlocks:]))
	}
	sum := binary.LittleEndian.Uint32(data[superChecksum:])
	clear(data[superChecksum : superChecksum+4])
	if want := ^crc32.Checksum(data[superOffset:BlockSize], crc32.MakeTable(crc32.Castagnoli)); sum != want {
		t.Errorf("checksum is %x, want %x", sum, want)
	}
	if incompatible := binary.LittleEndian.Uint32(data[superOffset+80:]); incompatible != 0 {
		t.Errorf("incompatible features %x", incompatible)
	}
}

func TestDeterministic(t *testing.T) {
	image := func(reverse bool) []byte {
		a, b := Dirent{"a", newDir(Dirent{"x", &Inode{Mode: ModeSocket | 0o600}})}, Dirent{"b", newDir()}
		root := newDir(a, b)
		if reverse {
			root = newDir(b, a)
		}
		out, _ := made(t, root, nil)
		data, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if !bytes.Equal(image(false), image(true)) {
		t.Error("the order in which entries are given changes the image")
	}
}

func TestFinishRefuses(t *testing.T) {
	shared := newDir()
	tests := map[string]*Inode{
		"is no directory":          {Mode: ModeRegular},
		"a directory has two":      newDir(Dirent{"a", shared}, Dirent{"b", shared}),
		"two entries \"a\"":        newDir(Dirent{"a", newDir()}, Dirent{"a", newDir()}),
		"two entries \"..\"":       newDir(Dirent{"..", newDir()}),
		"name of 0 bytes":          newDir(Dirent{"", newDir()}),
		"name of 256 bytes":        newDir(Dirent{strings.Repeat("n", 256), newDir()}),
		"symbolic link of 0 bytes": newDir(Dirent{"a", &Inode{Mode: ModeSymlink}}),
		"link of 4096 bytes":       newDir(Dirent{"a", &Inode{Mode: ModeSymlink, Target: strings.Repeat("t", 4096)}}),
		"mode 644 has no known":    newDir(Dirent{"a", &Inode{Mode: 0o644}}),
	}
	for words, root := range tests {
		err := NewWriter(tempFile(t)).Finish(root)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error is %v, want %q", err, words)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	if _, err := NewWriter(tempFile(t)).Append(strings.NewReader("abc"), 4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short content: %v", err)
	}
	for _, size := range []int64{-1, math.MaxInt64, math.MaxUint32 * BlockSize} {
		if _, err := NewWriter(tempFile(t)).Append(strings.NewReader(""), size); !errors.Is(err, ErrTooLarge) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}
