//go:build linux

package process_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/detonate/process"
	"github.com/detonaut/detonaut/internal/detonate/sandboxtest"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// TestChamber holds the real chamber to the contract, and kills it.
func TestChamber(t *testing.T) {
	chamber := filepath.Join(testenv.Binaries(t), "detonaut-chamber")
	newPlan := planner(t)
	t.Run("contract", func(t *testing.T) {
		sandboxtest.Test(t, func(t *testing.T, s sandboxtest.Subject) (detonate.Sandbox, plan.Plan) {
			t.Helper()
			sandbox, err := process.New(t.Context(), process.Options{Path: chamber})
			if err != nil {
				t.Fatal(err)
			}
			return sandbox, newPlan(s)
		})
	})
	t.Run("killed", func(t *testing.T) { testKilled(t, chamber, newPlan(sandboxtest.Endless)) })
	t.Run("parent killed", func(t *testing.T) { testParentKilled(t, chamber, newPlan(sandboxtest.Endless)) })
	t.Run("embedded", func(t *testing.T) { testEmbedded(t, chamber, newPlan(sandboxtest.Exits)) })
}

// planner returns a function that makes the plans for the subjects of the
// suite.
func planner(t *testing.T) func(sandboxtest.Subject) plan.Plan {
	t.Helper()
	img := subjectImage(t)
	fsys, err := img.FS()
	if err != nil {
		t.Fatal(err)
	}
	return func(s sandboxtest.Subject) plan.Plan {
		p, err := detonate.NewPlan(img.Image, fsys, detonate.Overrides{Cmd: []string{string(s)}})
		if err != nil {
			t.Fatal(err)
		}
		p.Image = img.Root
		p.Limits.Duration = time.Minute
		if s == sandboxtest.Missing {
			p.Args = []string{"/nowhere/program"}
		}
		return p
	}
}

// subjectImage returns an image that has the program of testdata/subject.
func subjectImage(t *testing.T) *image.Image {
	t.Helper()
	program := testenv.Program(t, "./internal/detonate/process/testdata/subject")
	made, err := imagetest.AddFile(imagetest.Image(t, "ENTRYPOINT [\"/subject\"]\n-- /etc/ --\n"), "/subject", program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := imagetest.WriteOCIDir(made, dir); err != nil {
		t.Fatal(err)
	}
	img, err := image.Pull(t.Context(), detonaut.Ref("oci-dir:"+dir), image.Options{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	})
	return img
}
