//go:build unix

package detonate_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// BenchmarkTrust plans the run of a Debian with servers, 16,000 files, with the
// search for trust stores and without. The search may take 0.15 s of processor
// time.
func BenchmarkTrust(b *testing.B) {
	img, err := imagetest.FromTar(testenv.Debian(b), v1.Config{Cmd: []string{"true"}}, v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		b.Fatal(err)
	}
	pulled, err := image.Pull(b.Context(), detonaut.Ref("oci-dir:"+dir), image.Options{CacheDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { pulled.Close() })
	fsys, err := pulled.FS()
	if err != nil {
		b.Fatal(err)
	}
	for _, network := range []plan.Network{plan.None, plan.Simulated} {
		b.Run(string(network), func(b *testing.B) {
			var p plan.Plan
			before := processorTime(b)
			for b.Loop() {
				if p, err = detonate.NewPlan(pulled.Image, fsys, detonate.Overrides{Network: network}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((processorTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
			for _, s := range p.Internet.Trust {
				b.Logf("%-12s %s", s.Kind, s.Path)
			}
		})
	}
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
