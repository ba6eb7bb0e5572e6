package inventory

import (
	"fmt"
	"io/fs"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/directorysource"
	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// realImage is the root of a Debian with Java, Node and Python.
func realImage(tb testing.TB) Input {
	tb.Helper()
	dir := tb.TempDir()
	if err := imagetest.WriteRoot(testenv.DebianClients(tb), dir); err != nil {
		tb.Fatal(err)
	}
	return pull(tb, detonaut.Ref("oci-dir:"+dir))
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestReadFindsWhatSyftFindsInDebian(t *testing.T) {
	in := realImage(t)
	root := t.TempDir()
	tar := exec.CommandContext(t.Context(), "tar", "-xzf", testenv.DebianClients(t), "-C", root, "--exclude=./dev", "--no-same-owner")
	if text, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("unpack the root: %v\n%s", err, text)
	}
	compareWithSyft(t, in, root)
	comparePrograms(t, in, root)
}

// comparePrograms makes sure that the same files are taken for programs.
func comparePrograms(t *testing.T, in Input, root string) {
	t.Helper()
	src, err := directorysource.New(directorysource.Config{Path: root, Base: root})
	if err != nil {
		t.Fatal(err)
	}
	syfts, err := src.FileResolver(source.SquashedScope)
	if err != nil {
		t.Fatal(err)
	}
	ours := &resolver{reading: newReading(t.Context(), in, DefaultLimits()), ctx: t.Context()}
	types := []string{
		"application/x-executable", "application/x-mach-binary", "application/x-elf", "application/x-sharedlib",
		"application/vnd.microsoft.portable-executable",
	}
	want, werr := syfts.FilesByMIMEType(types...)
	got, gerr := ours.FilesByMIMEType(types...)
	// Syft names the loader of programs twice, because a link leads to it.
	if diff := cmp.Diff(slices.Compact(answers(t, want, werr)), answers(t, got, gerr)); diff != "" || len(got) < 100 {
		t.Errorf("%d programs (-syft +ours):\n%s", len(got), diff)
	}
}

// BenchmarkReadHidden reads that Debian below layers that each change its list of
// packages, as an installation does, and the last of which removes Java: with and
// without what is hidden.
func BenchmarkReadHidden(b *testing.B) {
	status, err := fs.ReadFile(realImage(b).Files, "var/lib/dpkg/status")
	if err != nil {
		b.Fatal(err)
	}
	base, err := imagetest.TarLayer(testenv.DebianClients(b))
	if err != nil {
		b.Fatal(err)
	}
	var trees []*tree
	for i := range 10 {
		upper := new(tree)
		upper.file("var/lib/dpkg/status", fmt.Sprintf("%s\nPackage: more%d\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: d\n\n", status, i))
		trees = append(trees, upper)
	}
	trees[9].gone("usr/lib/jvm")
	uppers, err := each(imagetest.Layer, trees)
	if err != nil {
		b.Fatal(err)
	}
	img, err := imagetest.FromLayers(slices.Insert(uppers, 0, base)...)
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		b.Fatal(err)
	}
	in := pull(b, detonaut.Ref("oci-dir:"+dir))
	for _, ask := range []bool{false, true} {
		b.Run(fmt.Sprintf("hidden=%v", ask), func(b *testing.B) {
			if ask {
				in.Hidden, _ = in.Files.(*image.FS)
			}
			from := cpu()
			for b.Loop() {
				inv, stage := Read(b.Context(), in)
				b.ReportMetric(float64(len(inv.Packages)), "packages")
				b.Log(stage)
			}
			b.ReportMetric((cpu()-from).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(len(in.Index.Hidden)), "hidden-files")
		})
	}
}

// BenchmarkRead reads a Debian with Java, Node and Python.
func BenchmarkRead(b *testing.B) {
	in := realImage(b)
	for b.Loop() {
		from := cpu()
		inv, stage := Read(b.Context(), in)
		b.ReportMetric((cpu() - from).Seconds(), "cpu-s")
		b.ReportMetric(float64(len(inv.Packages)), "packages")
		b.Log(stage)
	}
	b.ReportMetric(float64(len(in.Index.Entries)), "files")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "MB-sys")
}
