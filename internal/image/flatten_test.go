package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/erofs/go-erofs"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
)

// item is one entry of a tar under test.
type item struct {
	tar.Header
	body string
}

func dir(name string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}}
}

func regular(name, body string) item {
	return item{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(body))}, body}
}

func symlink(name, target string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o640}}
}

func hardlink(name, target string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}}
}

func device(name string, major, minor int64) item {
	return item{Header: tar.Header{Typeflag: tar.TypeChar, Name: name, Mode: 0o600, Devmajor: major, Devminor: minor}}
}

func tarOf(tb testing.TB, items ...item) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, it := range items {
		if err := w.WriteHeader(&it.Header); err != nil {
			tb.Fatalf("write header of %q: %v", it.Name, err)
		}
		if _, err := io.WriteString(w, it.body); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func compressed(tb testing.TB, compression string, data []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	switch compression {
	case plain:
		return data
	case gzipped:
		w = gzip.NewWriter(&buf)
	case zstandard:
		z, err := zstd.NewWriter(&buf)
		if err != nil {
			tb.Fatal(err)
		}
		w = z
	}
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func sha(data []byte) detonaut.Digest {
	return detonaut.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
}

var mediaTypes = map[string]string{plain: ociLayer + "v1.tar", gzipped: dockerDiff + "diff.tar.gzip", zstandard: ociLayer + "v1.tar+zstd"}

func blobOf(tb testing.TB, compression string, tarball []byte) blob {
	tb.Helper()
	data := compressed(tb, compression, tarball)
	return blob{
		Layer: detonaut.Layer{
			Digest: sha(data), DiffID: sha(tarball), MediaType: mediaTypes[compression], Size: int64(len(data)),
		},
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

func layersOf(tb testing.TB, layers ...[]item) []blob {
	tb.Helper()
	var blobs []blob
	for _, items := range layers {
		blobs = append(blobs, blobOf(tb, gzipped, tarOf(tb, items...)))
	}
	return blobs
}

// flattened is the result of flatten, opened.
func flattened(tb testing.TB, caps Caps, layers ...blob) (*Index, *FS) {
	tb.Helper()
	out := tempFile(tb)
	index, err := flatten(tb.Context(), layers, caps, out)
	if err != nil {
		tb.Fatalf("flatten: %v", err)
	}
	fsys, err := OpenFS(out)
	if err != nil {
		tb.Fatal(err)
	}
	return index, fsys
}

func tempFile(tb testing.TB) *os.File {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "erofs"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

// brief says what a table test is about: path, kind or content, and layer.
func brief(t *testing.T, index *Index, fsys *FS) string {
	t.Helper()
	checkSame(t, index, fsys)
	var b strings.Builder
	for _, e := range index.Entries {
		if e.Path == "." {
			continue
		}
		fmt.Fprintf(&b, "%d %s", e.Layer, e.Path)
		switch {
		case e.Kind == KindDir:
			b.WriteString("/")
		case e.Kind == KindSymlink:
			b.WriteString(" -> " + e.LinkTarget)
		case e.isRegular():
			body, err := fs.ReadFile(fsys, e.Path)
			if err != nil {
				t.Errorf("read %q: %v", e.Path, err)
			}
			fmt.Fprintf(&b, " %q", body)
		default:
			fmt.Fprintf(&b, " %s %d:%d", e.Kind, e.Major, e.Minor)
		}
		if e.Links > 1 && e.Kind != KindDir {
			fmt.Fprintf(&b, " links=%d", e.Links)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// checkSame checks that the index and the image tell the same of every file, and
// that neither has one more.
func checkSame(tb testing.TB, index *Index, fsys *FS) {
	tb.Helper()
	seen := 0
	err := walk(fsys, ".", func(path string, info fs.FileInfo) error {
		seen++
		e, ok := index.Lookup(path)
		if !ok {
			tb.Errorf("%q is in the image, not in the index", path)
			return nil
		}
		got := e
		stat := info.Sys().(*erofs.Stat)
		got.UID, got.GID, got.Links = stat.UID, stat.GID, stat.Nlink
		got.ModTime = info.ModTime().UTC()
		got.Mode = e.Mode&0o170000 | uint32(info.Mode().Perm())
		for bit, set := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
			if info.Mode()&set != 0 {
				got.Mode |= bit
			}
		}
		if e.Kind == KindChar || e.Kind == KindBlock {
			got.Major, got.Minor = stat.Rdev>>8&0xfff, stat.Rdev&0xff|stat.Rdev>>12&0xfff00
		}
		if e.Kind == KindSymlink {
			target, err := fsys.ReadLink(path)
			if err != nil {
				return err
			}
			got.LinkTarget = target
		}
		if info.Mode().IsRegular() {
			body, err := fs.ReadFile(fsys, path)
			if err != nil {
				return err
			}
			got.Size, got.SHA256, got.Kind = int64(len(body)), sha256.Sum256(body), Kind(content.Type(body))
			checkOpens(tb, fsys, &e)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			tb.Errorf("%q: index (-), image (+):\n%s", path, diff)
		}
		if types := map[fs.FileMode]Kind{
			fs.ModeDir: KindDir, fs.ModeSymlink: KindSymlink, fs.ModeNamedPipe: KindFIFO, fs.ModeDevice: KindBlock,
			fs.ModeDevice | fs.ModeCharDevice: KindChar, 0: e.Kind,
		}; types[info.Mode().Type()] != e.Kind || info.Mode().IsRegular() != e.isRegular() {
			tb.Errorf("%q: kind %s, mode %s", path, e.Kind, info.Mode())
		}
		return nil
	})
	if err != nil {
		tb.Error(err)
	}
	if seen != len(index.Entries) {
		tb.Errorf("image has %d files, index %d", seen, len(index.Entries))
	}
	for i := range index.Hidden {
		checkOpens(tb, fsys, &index.Hidden[i].Entry)
	}
}

// checkOpens checks that what is at the place of an entry is its content.
func checkOpens(tb testing.TB, fsys *FS, e *Entry) {
	tb.Helper()
	f, err := fsys.OpenEntry(e)
	if err != nil {
		tb.Errorf("%q: %v", e.Path, err)
		return
	}
	defer f.Close()
	body, err := io.ReadAll(f)
	if err != nil || int64(len(body)) != e.Size || sha256.Sum256(body) != e.SHA256 || Kind(content.Type(body)) != e.Kind {
		tb.Errorf("%q of layer %d: read %d bytes and %v, want %d bytes of %s", e.Path, e.Layer, len(body), err, e.Size, e.Kind)
	}
	if info, err := f.Stat(); err != nil || info.Size() != e.Size || !info.Mode().IsRegular() || !info.ModTime().Equal(e.ModTime) || uint32(info.Mode().Perm()) != e.Mode&0o777 {
		tb.Errorf("%q of layer %d: %v and %v", e.Path, e.Layer, info, err)
	}
}

// walk is fs.WalkDir without its demand that names be UTF-8.
func walk(fsys *FS, path string, visit func(string, fs.FileInfo) error) error {
	info, err := fsys.Lstat(path)
	if err != nil {
		return err
	}
	if err := visit(path, info); err != nil || !info.IsDir() {
		return err
	}
	list, err := fsys.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range list {
		child := path + "/" + e.Name()
		if path == "." {
			child = e.Name()
		}
		if err := walk(fsys, child, visit); err != nil {
			return err
		}
	}
	return nil
}

func TestFlattenKeepsFacts(t *testing.T) {
	when := time.Date(2021, 3, 4, 5, 6, 7, 89, time.UTC)
	owned := func(it item) item {
		it.Uid, it.Gid, it.ModTime, it.Format = 1000, 70000, when, tar.FormatPAX
		return it
	}
	sudo := owned(regular("usr/bin/sudo", "\x7fELF..."))
	sudo.Mode = 0o6755
	ping := owned(regular("usr/bin/ping", "#!/bin/sh"))
	ping.PAXRecords = map[string]string{
		"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00 \x00\x00", "SCHILY.xattr.user.note": "hi",
	}
	tmp := owned(dir("tmp"))
	tmp.Mode = 0o1777
	fifo := item{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "run/fifo", Mode: 0o600}}
	disk := item{Header: tar.Header{Typeflag: tar.TypeBlock, Name: "dev/sda", Mode: 0o660, Devmajor: 8, Devminor: 300}}
	long := "usr/share/" + strings.Repeat("long/", 60) + strings.Repeat("n", 255)

	index, fsys := flattened(t, Caps{}, layersOf(t, []item{
		owned(dir("./")), tmp, sudo, ping, fifo, disk, device("dev/null", 1, 3),
		hardlink("usr/bin/sudoedit", "usr/bin/sudo"), symlink("bin", "usr/bin"), regular(long, "long"),
		symlink("far", strings.Repeat("t/", 2047)),
	}, []item{hardlink("usr/bin/su", "bin/sudo"), regular("empty", "")})...)
	checkSame(t, index, fsys)

	sum := func(s string) Sum { return sha256.Sum256([]byte(s)) }
	want := map[string]Entry{
		".":   {Kind: KindDir, Mode: 0o040755, UID: 1000, GID: 70000, Links: 6, ModTime: when},
		"tmp": {Kind: KindDir, Mode: 0o041777, UID: 1000, GID: 70000, Links: 2, ModTime: when},
		"usr/bin/su": {
			Kind: content.ELF, Mode: 0o106755, UID: 1000, GID: 70000, Links: 3, Size: 7, SHA256: sum("\x7fELF..."), ModTime: when,
		},
		"usr/bin/ping": {
			Kind: content.ScriptShell, Mode: 0o100644, UID: 1000, GID: 70000, Links: 1, Size: 9, SHA256: sum("#!/bin/sh"), ModTime: when,
			Xattrs: map[string]string{"security.capability": "\x01\x00\x00\x02\x00 \x00\x00", "user.note": "hi"},
		},
		"run/fifo": {Kind: KindFIFO, Mode: 0o010600, Links: 1, ModTime: time.Unix(0, 0).UTC()},
		"dev/sda":  {Kind: KindBlock, Mode: 0o060660, Links: 1, Major: 8, Minor: 300, ModTime: time.Unix(0, 0).UTC()},
		"empty":    {Kind: content.Empty, Layer: 1, Mode: 0o100644, Links: 1, SHA256: sum(""), ModTime: time.Unix(0, 0).UTC()},
		"/bin":     {Path: "bin", Kind: KindSymlink, Mode: 0o120777, Links: 1, LinkTarget: "usr/bin", ModTime: time.Unix(0, 0).UTC()},
		long:       {Kind: content.Text, Mode: 0o100644, Links: 1, Size: 4, SHA256: sum("long"), ModTime: time.Unix(0, 0).UTC()},
	}
	for path, w := range want {
		if w.Path == "" {
			w.Path = path
		}
		got, ok := index.Lookup(path)
		w.Offset = got.Offset // checkSame has read there
		if diff := cmp.Diff(w, got); !ok || diff != "" {
			t.Errorf("%s: found %v, want (-) got (+):\n%s", path, ok, diff)
		}
	}
	if info, err := fsys.Stat("bin/sudo"); err != nil || info.Mode() != fs.ModeSetuid|fs.ModeSetgid|0o755 {
		t.Errorf("stat through a symbolic link: %v %v", info.Mode(), err)
	}
	inode := func(path string) int64 {
		info, err := fsys.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*erofs.Stat).Ino
	}
	if a, b := inode("usr/bin/su"), inode("usr/bin/sudo"); a != b {
		t.Errorf("hard links have inodes %d and %d", a, b)
	}
}

func TestFlattenFormats(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 40_000) // more than a chunk and than the buffer of mkfs
	tarball := tarOf(t, regular("big", big), regular("small", "x"))
	for _, compression := range []string{plain, gzipped, zstandard} {
		t.Run(compression, func(t *testing.T) {
			index, fsys := flattened(t, Caps{}, blobOf(t, compression, tarball))
			checkSame(t, index, fsys)
			if e, _ := index.Lookup("big"); e.SHA256 != sha256.Sum256([]byte(big)) {
				t.Errorf("sum of big is %s", e.SHA256)
			}
		})
	}
	t.Run("gzip members", func(t *testing.T) {
		b := blobOf(t, gzipped, tarball)
		data := append(compressed(t, gzipped, tarball[:1000]), compressed(t, gzipped, tarball[1000:])...)
		b.Digest, b.Size = sha(data), int64(len(data))
		b.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		index, fsys := flattened(t, Caps{}, b)
		checkSame(t, index, fsys)
	})
	t.Run("gnu", func(t *testing.T) {
		long := regular(strings.Repeat("d/", 200)+"f", "long name")
		long.Format = tar.FormatGNU
		far := symlink("far", strings.Repeat("t/", 200))
		far.Format = tar.FormatGNU
		index, fsys := flattened(t, Caps{}, blobOf(t, plain, tarOf(t, long, far)))
		checkSame(t, index, fsys)
		if e, ok := index.Lookup(long.Name); !ok || e.Size != 9 {
			t.Errorf("long name: %v %+v", ok, e)
		}
	})
	t.Run("empty", func(t *testing.T) {
		index, fsys := flattened(t, Caps{}, blobOf(t, gzipped, nil), blobOf(t, plain, nil))
		checkSame(t, index, fsys)
	})
	t.Run("no layers", func(t *testing.T) {
		index, fsys := flattened(t, Caps{})
		checkSame(t, index, fsys)
	})
}

// sparseTar is a file of 8 MiB with 3 bytes at 4 MiB, in the PAX 1.0 format of
// GNU tar, which archive/tar reads but does not write.
func sparseTar() []byte {
	mapping := "1\n4194304\n3\n"
	body := mapping + strings.Repeat("\x00", 512-len(mapping)) + "abc"
	var buf bytes.Buffer
	records := ""
	for _, r := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=sparse", "GNU.sparse.realsize=8388608"} {
		records += fmt.Sprintf("%d %s\n", len(r)+4, r) // two digits, a space, a newline
	}
	for _, e := range []struct {
		kind byte
		name string
		body string
	}{{'x', "PaxHeaders/sparse", records}, {'0', "GNUSparseFile/sparse", body}} {
		var h [512]byte
		copy(h[:], e.name)
		copy(h[100:], "0000644\x000000000\x000000000\x00")
		copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00", len(e.body), 0))
		h[156] = e.kind
		copy(h[257:], "ustar\x0000")
		sum := 8 * int(' ')
		for _, c := range h {
			sum += int(c)
		}
		copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
		buf.Write(h[:])
		buf.WriteString(e.body + strings.Repeat("\x00", (512-len(e.body)%512)%512))
	}
	buf.Write(make([]byte, 1024))
	return buf.Bytes()
}

func TestFlattenSparse(t *testing.T) {
	index, fsys := flattened(t, Caps{}, blobOf(t, gzipped, sparseTar()))
	checkSame(t, index, fsys)
	want := make([]byte, 8<<20)
	copy(want[4<<20:], "abc")
	if e, ok := index.Lookup("sparse"); !ok || e.Size != 8<<20 || e.SHA256 != sha256.Sum256(want) {
		t.Errorf("sparse file: %v %+v", ok, e)
	}
	_, err := flatten(t.Context(), []blob{blobOf(t, gzipped, sparseTar())}, Caps{UncompressedBytes: 1 << 20}, tempFile(t))
	wantError(t, err, detonaut.ErrLimit, "bytes in files", `"sparse"`)
}
