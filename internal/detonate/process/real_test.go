//go:build linux

package process_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
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
	t.Run("artifacts", func(t *testing.T) { testArtifacts(t, chamber, newPlan) })
	t.Run("killed", func(t *testing.T) { testKilled(t, chamber, newPlan(sandboxtest.Endless)) })
	t.Run("parent killed", func(t *testing.T) { testParentKilled(t, chamber, newPlan(sandboxtest.Endless)) })
	t.Run("embedded", func(t *testing.T) { testEmbedded(t, chamber, newPlan(sandboxtest.Exits)) })
}

// posts is a subject that sends something over HTTP; the suite has none such.
const posts sandboxtest.Subject = "posts"

// testArtifacts looks at what runs with and without a network hand over.
func testArtifacts(t *testing.T, chamber string, newPlan func(sandboxtest.Subject) plan.Plan) {
	sandbox, err := process.New(t.Context(), process.Options{Path: chamber})
	if err != nil {
		t.Fatal(err)
	}
	run := func(network plan.Network) (got collected) {
		p := newPlan(posts)
		p.Network = network
		if network == plan.None {
			p.Internet = plan.Internet{}
		}
		result, err := sandbox.Run(t.Context(), p, discard, &got)
		if err != nil || result.End.Reason != tape.Exited {
			t.Fatalf("network %s: got %q and %v, want %q and no error", network, result.End.Reason, err, tape.Exited)
		}
		return got
	}
	if diff := cmp.Diff(collected{}, run(plan.None), cmp.AllowUnexported(collected{})); diff != "" {
		t.Errorf("without a network (-want +got):\n%s", diff)
	}
	got := run(plan.Simulated)
	if got.capture == 0 || !slices.Contains(got.blobs, "inert loot") {
		t.Errorf("%d bytes of a capture, and the bodies %q: want some, and what was sent", got.capture, got.blobs)
	}
	some := choosy{&collected{}, artifact.Bodies | artifact.Payloads}
	if _, err := sandbox.Run(t.Context(), newPlan(posts), discard, some); err != nil {
		t.Fatal(err)
	}
	if some.capture != 0 || !slices.Contains(some.blobs, "inert loot") {
		t.Errorf("%d bytes of a capture that is not wanted, and the bodies %q", some.capture, some.blobs)
	}
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
