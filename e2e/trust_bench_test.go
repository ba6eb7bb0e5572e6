//go:build linux

package e2e_test

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

// BenchmarkTrust plans the run of a Debian with servers, 10,000 files, and so
// searches it for trust stores.
func BenchmarkTrust(b *testing.B) {
	debian, err := imagetest.FromTar(testenv.Debian(b), v1.Config{Cmd: []string{"true"}}, v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	must(b, err)
	dir := b.TempDir()
	must(b, imagetest.WriteOCIDir(debian, dir))
	img, err := image.Pull(b.Context(), detonaut.Ref("oci-dir:"+dir), image.Options{CacheDir: b.TempDir()})
	must(b, err)
	b.Cleanup(func() { img.Close() })
	fsys, err := img.FS()
	must(b, err)
	var p plan.Plan
	before := own(b)
	for b.Loop() {
		p, err = detonate.NewPlan(img.Image, fsys, detonate.Overrides{})
		must(b, err)
	}
	within(b, "plan", (own(b)-before).Seconds()/float64(b.N), 0.15, "cpu-s")
	b.Logf("%d stores, cut %t", len(p.Internet.Trust), p.Internet.TrustCut)
}

// own is the processor time of this process.
func own(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
