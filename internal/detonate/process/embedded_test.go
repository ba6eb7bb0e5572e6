//go:build linux

package process_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/testenv"
)

// testEmbedded builds a program that carries the chamber, as a release does,
// and runs a subject with it where there is no other chamber.
func testEmbedded(t *testing.T, chamber string, p plan.Plan) {
	t.Helper()
	dir, root := t.TempDir(), testenv.Root(t)
	// The overlay puts the chamber where the Makefile copies it to.
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(root, "internal/detonate/process/detonaut-chamber"): chamber,
	}})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "embedded")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-tags", "embedchamber", "-overlay", overlayFile,
		"-o", program, "./internal/detonate/process/testdata/embedded")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = []string{"PATH=" + dir}
	cmd.Stdin = bytes.NewReader(text)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || string(out) != string(tape.Exited) {
		t.Errorf("the run ended with %q and %v, want %q\n%s", out, err, tape.Exited, stderr.Bytes())
	}
}
