package e2e_test

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// A subject that runs into a limit is held by it, the report says which, and
// nobody calls it clean.
func TestLimits(t *testing.T) {
	ref := workImage(t)
	for _, tc := range []struct {
		name  string
		cmd   string
		flags []string
		// end is why the run ends; gap is part of what the report says was
		// missed; output is part of what the subject prints.
		end, gap, output string
	}{
		// Without a network: what that puts into the root counts, too.
		{"disk of the root", "fill /", []string{"--disk", "64MiB", "--network", "none"}, "exited", "disk", "64 MiB written"},
		{"disk of tmp", "fill /tmp", []string{"--disk", "64MiB"}, "exited", "disk", "32 MiB written"},
		{"disk of shm", "fill /dev/shm", []string{"--disk", "64MiB"}, "exited", "disk", "16 MiB written"},
		{"file size", "split /", []string{"--file-size", "4MiB"}, "", "file size", ""},
		{"memory", "take /", []string{"--memory", "96MiB"}, "memory-limit", "memory", ""},
		{"memory in files", "fill /dev", []string{"--memory", "96MiB"}, "memory-limit", "memory", ""},
		{"time", "sleep /", []string{"--duration", "1s", "--stay"}, "time-limit", "", ""},
		{"events", "touch /", []string{"--max-events", "1000"}, "event-limit", "tape may hold", ""},
		{"output", "print /", []string{"--max-output", "64KiB"}, "exited", "", ""},
		{"processes", "forks /", []string{"--processes", "1"}, "", "processes", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			entrypoint := `["/work","` + strings.Replace(tc.cmd, " ", `","`, 1) + `"]`
			r := scan(t, ref, append(tc.flags, "--entrypoint", entrypoint)...)
			if tc.end != "" && r.Run.EndReason != tc.end {
				t.Errorf("the run ended with %q (%s), want %q", r.Run.EndReason, r.Run.EndDetail, tc.end)
			}
			if full := tc.gap == ""; r.Coverage.Full != full {
				t.Errorf("coverage is full: %t, want %t; gaps: %q", r.Coverage.Full, full, r.Coverage.Gaps)
			}
			if !slices.ContainsFunc(r.Coverage.Gaps, func(g string) bool { return strings.Contains(g, tc.gap) }) && tc.gap != "" {
				t.Errorf("no gap tells of %q: %q", tc.gap, r.Coverage.Gaps)
			}
			if tc.gap != "" && r.Verdict.Word == detonaut.Clean {
				t.Error("the verdict is clean")
			}
			if !strings.Contains(r.Run.Output, tc.output) {
				t.Errorf("the output is %q, want %q in it", r.Run.Output, tc.output)
			}
			if tc.end == string(tape.MemoryLimit) && r.Run.MaxMemory > 200<<20 {
				t.Errorf("it held %d bytes, with a limit of %d", r.Run.MaxMemory, 96<<20)
			}
		})
	}
}

// workImage makes an image of the work program and returns its ref.
func workImage(t *testing.T) string { return programImage(t, "work") }

// programImage makes an image of a program of this folder, which it runs with
// args, and returns its ref.
func programImage(t *testing.T, name string, args ...string) string {
	t.Helper()
	img, err := imagetest.New(v1.Config{Entrypoint: append([]string{"/" + name}, args...)}, v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	return imageWith(t, img, name)
}

// imageWith puts a program of this folder into the root of an image, and returns
// the ref of what that makes.
func imageWith(t *testing.T, img v1.Image, program string) string {
	t.Helper()
	img, err := imagetest.AddFile(img, "/"+program, testenv.Program(t, "./e2e/"+program))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "image")
	if err := imagetest.WriteOCIDir(img, dir); err != nil {
		t.Fatal(err)
	}
	return "oci-dir:" + dir
}
