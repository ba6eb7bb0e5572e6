package static_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/testenv"
)

// pulled is the image of a text, flattened and opened.
func pulled(tb testing.TB, text string) (*image.Image, *image.FS) {
	tb.Helper()
	dir := tb.TempDir()
	if err := imagetest.WriteOCIDir(imagetest.Image(tb, text), dir); err != nil {
		tb.Fatal(err)
	}
	return pull(tb, dir)
}

func pull(tb testing.TB, dir string) (*image.Image, *image.FS) {
	tb.Helper()
	got, err := image.Pull(tb.Context(), detonaut.Ref("oci-dir:"+dir), image.Options{CacheDir: tb.TempDir(), Platform: "linux/amd64"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { got.Close() })
	files, err := got.FS()
	if err != nil {
		tb.Fatal(err)
	}
	return got, files
}

func TestFiles(t *testing.T) {
	img, root := pulled(t, `PLATFORM linux/amd64
-- a 0644 --
one
-- b 0644 --
one
-- c => b --
-- d/old 0644 --
gone
-- d/key 0600 --
-----BEGIN PRIVATE KEY-----
-- e 0644 --
-- s -> a --
-- t/ --
-- x.sh 0755 --
#!/bin/sh
-- LAYER --
-- whiteout d --
-- a 0644 --
{"two": 2}
-- z 0644 --
gone
-- LAYER --
-- a 0644 --
{"three": 3}
`)
	var got []string
	for f, err := range static.Files(img.Index, root) {
		if err != nil {
			t.Fatal(err)
		}
		text, err := read(f)
		if err != nil || hash(text) != f.SHA256 || int64(len(text)) != f.Size {
			t.Errorf("%+v: read %q and %v", f, text, err)
		}
		line := fmt.Sprintf("%s %q", f.Type, text)
		for _, p := range f.Places {
			line += fmt.Sprintf(" %s@%d", p.Path, slices.Index(img.Index.Layers, p.Layer))
			if p.Hidden {
				line += "-hidden"
			}
		}
		got = append(got, line)
	}
	want := []string{
		`json "{\"three\": 3}\n" /a@2`,
		`json "{\"two\": 2}\n" /a@1-hidden`,
		`text "one\n" /b@0 /c@0 /a@0-hidden`,
		`private-key "-----BEGIN PRIVATE KEY-----\n" /d/key@0-hidden`,
		`script-shell "#!/bin/sh\n" /x.sh@0`,
		`text "gone\n" /z@1 /d/old@0-hidden`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestFilesOfManyPlaces tells the first places in the final view.
func TestFilesOfManyPlaces(t *testing.T) {
	var lower, upper strings.Builder
	for i := range 40 {
		fmt.Fprintf(&lower, "-- a/%02d 0644 --\nsame\n-- z/%02d 0644 --\nsame\n", i, i)
	}
	upper.WriteString("-- LAYER --\n-- whiteout a --\n")
	img, root := pulled(t, "PLATFORM linux/amd64\n"+lower.String()+upper.String())
	for f, err := range static.Files(img.Index, root) {
		if err != nil || len(f.Places) != 16 || f.Places[0].Path != "/z/00" || f.Places[15].Path != "/z/15" || f.Places[0].Hidden {
			t.Errorf("%v and %v", f.Places, err)
		}
		break // and no more after that
	}
}

// TestFilesOfDebian: every content of a real image once, as what package content says
// of it, and it is what its hash says.
func TestFilesOfDebian(t *testing.T) {
	img, root := debian(t)
	want := map[string]int{}
	for i := range img.Index.Entries {
		if e := &img.Index.Entries[i]; e.Size > 0 {
			want[e.SHA256.String()]++
		}
	}
	seen := 0
	before := ""
	for f, err := range static.Files(img.Index, root) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if f.Places[0].Path <= before {
			t.Errorf("%s comes after %s", f.Places[0].Path, before)
		}
		before = f.Places[0].Path
		if len(f.Places) != min(want[f.SHA256], 16) {
			t.Errorf("%s has %d places, want %d", before, len(f.Places), want[f.SHA256])
		}
		c, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		n, err := io.Copy(sum, io.NewSectionReader(c, 0, f.Size+1))
		head := make([]byte, min(content.HeadSize, f.Size))
		if m, err := c.ReadAt(head, 0); m != len(head) || content.Type(head) != f.Type {
			t.Errorf("%s is %s, want %s (%v)", before, f.Type, content.Type(head), err)
		}
		c.Close()
		if err != nil || n != f.Size || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
			t.Errorf("%s: read %d of %d bytes, and %v", before, n, f.Size, err)
		}
	}
	if seen != len(want) || seen < 5000 {
		t.Errorf("%d contents, want %d", seen, len(want))
	}
}

// debian is a Debian with Java, Node and Python.
func debian(tb testing.TB) (*image.Image, *image.FS) {
	tb.Helper()
	dir := tb.TempDir()
	if err := imagetest.WriteRoot(testenv.DebianClients(tb), dir); err != nil {
		tb.Fatal(err)
	}
	return pull(tb, dir)
}

// BenchmarkFiles opens each content of a Debian and reads its head.
func BenchmarkFiles(b *testing.B) {
	img, root := debian(b)
	cpu := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	head := make([]byte, content.HeadSize)
	for _, reading := range []bool{false, true} {
		b.Run(fmt.Sprintf("read=%v", reading), func(b *testing.B) {
			from, files := cpu(), 0
			for b.Loop() {
				files = 0
				for f := range static.Files(img.Index, root) {
					files++
					if !reading {
						continue
					}
					c, err := f.Open()
					if err != nil {
						b.Fatal(err)
					}
					if _, err := c.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
						b.Fatal(err)
					}
					c.Close()
				}
			}
			b.ReportMetric((cpu()-from).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(files), "contents")
		})
	}
}
