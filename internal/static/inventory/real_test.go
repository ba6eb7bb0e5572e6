package inventory

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// realImage is the root of a Debian with Java, Node and Python.
func realImage(tb testing.TB) Input {
	tb.Helper()
	layer, err := imagetest.TarLayer(testenv.DebianClients(tb))
	if err != nil {
		tb.Fatal(err)
	}
	img, err := imagetest.FromLayers(layer)
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
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
}

// BenchmarkRead reads a Debian with Java, Node and Python.
func BenchmarkRead(b *testing.B) {
	in := realImage(b)
	b.ReportMetric(float64(len(in.Index.Entries)), "files")
	for b.Loop() {
		from := cpu()
		inv, stage := Read(b.Context(), in)
		b.ReportMetric((cpu() - from).Seconds(), "cpu-s")
		b.ReportMetric(float64(len(inv.Packages)), "packages")
		b.Log(stage)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "MB-sys")
}
