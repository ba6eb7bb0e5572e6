//go:build linux

package e2e_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// rounds is how often each variant is measured; medians are reported. The
// variants take turns, so that a machine that drifts drifts for all.
const rounds = 5

// within reports a figure beside its budget. It never fails: figures are for
// people, on machines that differ.
func within(b *testing.B, what string, got, budget float64, unit string) {
	b.Helper()
	b.ReportMetric(got, what+"-"+unit)
	verdict := "met"
	if got > budget {
		verdict = "MISSED"
	}
	b.Logf("%-22s %8.3f %-5s  budget %5.3g  %s", what, got, unit, budget, verdict)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// workbench is one image with the work program, and the same on this machine.
type workbench struct {
	bin  string // the directory of our binaries
	dir  string // 2,000 files to read
	work string // the program
	oci  string // the image, as an OCI layout
	root string // the image, as EROFS
	img  *image.Image
	bare bool // without baits
}

func newWorkbench(b *testing.B) *workbench {
	b.Helper()
	w := &workbench{bin: testenv.Binaries(b), dir: filepath.Join(b.TempDir(), "data"), oci: filepath.Join(b.TempDir(), "oci")}
	w.work = testenv.Program(b, "./e2e/work")
	must(b, os.Mkdir(w.dir, 0o755))
	var files []imagetest.File
	random := rand.NewChaCha8([32]byte{})
	for i := range 2000 {
		content := make([]byte, 3000)
		_, _ = random.Read(content)
		must(b, os.WriteFile(filepath.Join(w.dir, strconv.Itoa(i)), content, 0o600))
		files = append(files, imagetest.File{Header: tar.Header{Name: fmt.Sprintf("data/%d", i), Mode: 0o644}, Body: content})
	}
	// A place for baits, as ordinary images have.
	files = append(files, imagetest.File{Header: tar.Header{Name: "root/", Typeflag: tar.TypeDir, Mode: 0o700}},
		imagetest.File{Header: tar.Header{Name: "run/", Typeflag: tar.TypeDir, Mode: 0o755}},
		imagetest.File{Header: tar.Header{Name: "etc/passwd", Mode: 0o644}, Body: []byte("root:x:0:0:root:/root:/bin/sh\n")})
	layer, err := imagetest.Layer(files, imagetest.Gzip)
	must(b, err)
	img, err := imagetest.New(v1.Config{Entrypoint: []string{"/work", "exit", "/data"}}, v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, layer)
	must(b, err)
	img, err = imagetest.AddFile(img, "/work", w.work)
	must(b, err)
	must(b, imagetest.WriteOCIDir(img, w.oci))
	w.img, err = image.Pull(b.Context(), detonaut.Ref("oci-dir:"+w.oci), image.Options{CacheDir: b.TempDir()})
	must(b, err)
	b.Cleanup(func() { w.img.Close() })
	w.root = w.img.Root
	return w
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// chamber prepares a run of the chamber alone.
func (w *workbench) chamber(b *testing.B, what string, detail plan.Detail, args ...string) *exec.Cmd {
	b.Helper()
	fsys, err := w.img.FS()
	must(b, err)
	p, err := detonate.NewPlan(w.img.Image, fsys, detonate.Overrides{Entrypoint: []string{"/work", what, "/data"}, Detail: detail, Stay: true, NoBaits: w.bare})
	must(b, err)
	p.Image = w.root
	in, err := json.Marshal(p)
	must(b, err)
	cmd := exec.CommandContext(b.Context(), filepath.Join(w.bin, "detonaut-chamber"), append([]string{"run"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	return cmd
}

// BenchmarkStart measures what all processes of the chamber have used when the
// subject's first instruction is on the tape.
func BenchmarkStart(b *testing.B) {
	w := newWorkbench(b)
	var used []float64
	for b.Loop() {
		for range rounds {
			cmd, rest := w.asleep(b)
			used = append(used, overTree(b, cmd.Process.Pid, processorTime))
			end(b, cmd, rest)
		}
	}
	within(b, "start", median(used), 0.150, "cpu-s")
}

// BenchmarkScan measures the whole scan of a small image that exits at once,
// with an empty cache.
func BenchmarkScan(b *testing.B) {
	w := newWorkbench(b)
	var wall, used []float64
	for b.Loop() {
		for range rounds {
			cmd := exec.CommandContext(b.Context(), filepath.Join(w.bin, "detonaut"), "scan", "-q", "-o", "json", "oci-dir:"+w.oci)
			cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+b.TempDir(), "XDG_CONFIG_HOME="+b.TempDir(), "DETONAUT_CHAMBER=")
			start := time.Now()
			used = append(used, cpu(b, cmd))
			wall = append(wall, time.Since(start).Seconds())
		}
	}
	within(b, "scan", median(wall), 2, "s")
	within(b, "scan", median(used), 1.5, "cpu-s")
}

// idlers is how many runs share the machine while their memory is measured:
// the pages of the program are there once for all.
const idlers = 4

// BenchmarkIdle measures the memory of a run whose program sleeps: of all
// processes of the chamber, shared pages divided among those that share them.
func BenchmarkIdle(b *testing.B) {
	w := newWorkbench(b)
	var held []float64
	for b.Loop() {
		var all []*exec.Cmd
		var tapes []io.Reader
		for range idlers {
			cmd, rest := w.asleep(b)
			all, tapes = append(all, cmd), append(tapes, rest)
		}
		for _, cmd := range all {
			held = append(held, overTree(b, cmd.Process.Pid, proportionalSize)/1e6)
		}
		for i, cmd := range all {
			end(b, cmd, tapes[i])
		}
	}
	within(b, "idle", median(held), 30, "MB")
}

// asleep starts a run and returns when its program runs, and sleeps, with the
// rest of its tape.
func (w *workbench) asleep(b *testing.B) (*exec.Cmd, io.Reader) {
	b.Helper()
	cmd := w.chamber(b, "sleep", plan.Normal)
	out, err := cmd.StdoutPipe()
	must(b, err)
	must(b, cmd.Start())
	if e, err := firstExec(out); err != nil || e.Process.Executable != "/work" {
		b.Fatalf("the run began with %+v (%v)", e, err)
	}
	return cmd, out
}

// end ends a run before its time.
func end(b *testing.B, cmd *exec.Cmd, rest io.Reader) {
	b.Helper()
	must(b, cmd.Process.Signal(os.Interrupt))
	_, _ = io.Copy(io.Discard, rest)
	must(b, cmd.Wait())
}

func firstExec(r io.Reader) (*tape.Event, error) {
	d := tape.NewDecoder(r)
	for {
		e, err := d.Next()
		if err != nil || e.Kind == tape.ProcessExec {
			return e, err
		}
	}
}

// overTree adds up a figure of a process and of all its descendants.
func overTree(b *testing.B, pid int, figure func(b *testing.B, pid int) float64) float64 {
	b.Helper()
	sum := figure(b, pid)
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	must(b, err)
	for _, file := range tasks {
		children, err := os.ReadFile(file)
		must(b, err)
		for child := range strings.FieldsSeq(string(children)) {
			n, err := strconv.Atoi(child)
			must(b, err)
			sum += overTree(b, n, figure)
		}
	}
	return sum
}

// proportionalSize is the proportional set size of a process, in bytes.
func proportionalSize(b *testing.B, pid int) (size float64) {
	b.Helper()
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	must(b, err)
	for line := range strings.Lines(string(rollup)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "Pss: %f kB", &kb); n == 1 {
			size += kb * 1024
		}
	}
	return size
}

// processorTime is what a process and the children it has waited for have
// used, in seconds, from proc_pid_stat(5): fields 14 to 17, in ticks of 10 ms.
func processorTime(b *testing.B, pid int) (seconds float64) {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(b, err)
	_, after, _ := strings.Cut(string(stat), ") ") // the name may have spaces
	fields := strings.Fields(after)
	for _, f := range fields[11:15] {
		ticks, err := strconv.ParseFloat(f, 64)
		must(b, err)
		seconds += ticks / 100
	}
	return seconds
}
