//go:build linux

package e2e_test

import (
	"archive/tar"
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/static/vuln/vulntest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// BenchmarkStatic measures what it takes to read a Debian of ordinary size without
// running it, everything on: with nothing in the cache, with the image pulled, and when
// it was read before; and grype's command, which looks for vulnerabilities only, on the
// same image and database.
func BenchmarkStatic(b *testing.B) {
	db, grype, bin, dir := vulntest.Dir(b), testenv.Grype(b), testenv.Binaries(b), b.TempDir()
	img, err := imagetest.FromTar(testenv.DebianLarge(b), v1.Config{Cmd: []string{"/bin/sh"}}, v1.Platform{OS: "linux", Architecture: "amd64"})
	must(b, err)
	layout := filepath.Join(dir, "oci")
	must(b, imagetest.WriteOCIDir(img, layout))

	used, held := map[string][]float64{}, map[string][]float64{}
	measure := func(what, program string, args ...string) {
		cmd := exec.CommandContext(b.Context(), program, args...)
		cmd.Dir = dir // where there is no configuration
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "DETONAUT_CHAMBER=",
			"GRYPE_DB_CACHE_DIR="+db, "GRYPE_DB_AUTO_UPDATE=false", "GRYPE_DB_VALIDATE_AGE=false", "GRYPE_CHECK_FOR_APP_UPDATE=false")
		used[what] = append(used[what], cpu(b, cmd))
		held[what] = append(held[what], float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1e3)
	}
	static := []string{"static", "-q", "-o", "json", "--db-dir", db, "oci-dir:" + layout}
	detonaut := filepath.Join(bin, "detonaut")
	for b.Loop() {
		for range rounds {
			must(b, os.RemoveAll(filepath.Join(dir, "cache")))
			measure("cold", detonaut, static...)
			learned, err := filepath.Glob(filepath.Join(dir, "cache", "detonaut", "memory*"))
			must(b, err)
			if len(learned) == 0 {
				b.Fatal("what was learned of files is nowhere in the cache")
			}
			for _, file := range learned {
				must(b, os.RemoveAll(file))
			}
			measure("pulled", detonaut, static...)
			measure("seen", detonaut, static...)
			measure("grype", grype, "-q", "-o", "json", "oci-dir:"+layout)
		}
	}
	within(b, "cold", median(used["cold"]), 4.5, "cpu-s")
	within(b, "seen", median(used["seen"]), 0.5, "cpu-s")
	within(b, "peak", max(median(held["cold"]), median(held["pulled"])), 350, "MB")
	t := newSheet("what", "CPU seconds", "MB at most")
	for _, row := range [][2]string{
		{"cold", "`detonaut static`, nothing in the cache"},
		{"pulled", "the same, the image in the cache"},
		{"seen", "the same, the image read before"},
		{"grype", "grype's command"},
	} {
		t.row(row[1], median(used[row[0]]), median(held[row[0]]))
	}
	t.publish(b, "static")
}

// million is about how many files an image may have.
const million = 990_000

// BenchmarkStaticTiny measures the same for an image of a million tiny files, no two of
// which are alike.
func BenchmarkStaticTiny(b *testing.B) {
	bin, dir := testenv.Binaries(b), b.TempDir()
	img, err := imagetest.FromTar(tiny(b), v1.Config{Cmd: []string{"/bin/sh"}}, v1.Platform{OS: "linux", Architecture: "amd64"})
	must(b, err)
	layout := filepath.Join(dir, "oci")
	must(b, imagetest.WriteOCIDir(img, layout))
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), filepath.Join(bin, "detonaut"), "static", "-q", "-o", "json", "oci-dir:"+layout)
		cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+b.TempDir(), "DETONAUT_CHAMBER=")
		b.ReportMetric(cpu(b, cmd), "cpu-s")
		b.ReportMetric(float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1e3, "MB")
	}
}

// tiny writes the tar file of a root with so many files.
func tiny(b *testing.B) string {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "root.tar"))
	must(b, err)
	defer f.Close()
	out := bufio.NewWriter(f)
	w := tar.NewWriter(out)
	for i := range million {
		if i%1000 == 0 {
			must(b, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("d/%d/", i/1000), Typeflag: tar.TypeDir, Mode: 0o755}))
		}
		body := fmt.Sprintf("key %d\n", i)
		must(b, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("d/%d/%d.txt", i/1000, i), Mode: 0o644, Size: int64(len(body))}))
		_, err := w.Write([]byte(body))
		must(b, err)
	}
	must(b, w.Close())
	must(b, out.Flush())
	return f.Name()
}
