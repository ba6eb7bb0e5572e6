package pipeline_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/static"
)

// aReading is what is read in an image of two packages, of which "/app" has one.
func aReading() static.Reading {
	hole := func(id, of string, s detonaut.Severity) detonaut.Vulnerability {
		return detonaut.Vulnerability{ID: id, Severity: s, Package: of, Version: "1", Type: "deb", Path: "/var/lib/dpkg/status"}
	}
	place := []detonaut.Location{{Path: "/var/lib/dpkg/status"}}
	return static.Reading{
		Findings: []detonaut.Finding{
			{ID: "config/root-user", Severity: detonaut.High, Confidence: detonaut.Certain, Weakness: true},
			{
				ID: "trojan/x", Severity: detonaut.Low, Confidence: detonaut.Probable, Category: detonaut.Trojan, Count: 2,
				Evidence: []detonaut.Evidence{{Path: "/a", SHA256: "aa", Layer: "sha256:l"}, {Path: "/copy", SHA256: "bb", Layer: "sha256:l"}},
			},
		},
		Within: map[string][]string{"aa": {"trojan/x"}, "bb": {"trojan/x"}},
		Open: func(path string) (static.File, bool) {
			sum, ok := map[string]string{"/app": "bb", "/a": "aa"}[path]
			return static.File{SHA256: sum, Size: 2, Places: []static.Place{{Path: path, Layer: "sha256:l"}}}, ok
		},
		Stages:    []detonaut.Stage{{Name: detonaut.StageInventory, State: detonaut.Complete}},
		Inventory: &detonaut.Inventory{Packages: []detonaut.Package{{Name: "app", Version: "1", Type: "deb", Locations: place}, {Name: "idle", Version: "1", Type: "deb", Locations: place}}},
		Vulnerabilities: []detonaut.Vulnerability{
			hole("CVE-2", "idle", detonaut.High), hole("CVE-1", "app", detonaut.Low),
		},
		Suppressed: []detonaut.Vulnerability{hole("CVE-3", "app", detonaut.Critical)},
		Database:   &detonaut.Database{Schema: "6", Digest: "sha256:db"},
		Owners: func(path string) []int {
			if path == "/app" {
				return []int{0}
			}
			return nil
		},
	}
}

// TestReadImage reads an image before it is run, and says what was reached.
func TestReadImage(t *testing.T) {
	w := &world{sandbox: replays(tape.End{Reason: tape.Exited}), read: func(context.Context, func(string)) (static.Reading, error) { return aReading(), nil }}
	r, err := w.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict.Word != detonaut.Clean || r.Verdict.Vulnerability != detonaut.High || len(r.Findings) != 2 {
		t.Errorf("got %+v, want a clean image with a hole", r.Verdict)
	}
	want := []detonaut.Evidence{
		{Path: "/a", SHA256: "aa", Layer: "sha256:l"},
		{Path: "/copy", SHA256: "bb", Layer: "sha256:l"},
		{Path: "/app", SHA256: "bb", Layer: "sha256:l", Use: detonaut.Ran},
	}
	for _, f := range r.Findings {
		if diff := cmp.Diff(want, f.Evidence); f.ID == "trojan/x" && diff != "" {
			t.Errorf("evidence (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(&detonaut.Reached{How: "executed", Path: "/app", Event: 2}, r.Inventory.Packages[0].Reached); diff != "" || r.Inventory.Packages[1].Reached != nil {
		t.Errorf("packages %+v (-want +got):\n%s", r.Inventory.Packages, diff)
	}
	var got []string
	for _, v := range append(r.Vulnerabilities, r.Suppressed...) {
		got = append(got, v.ID+map[bool]string{true: " reached"}[v.Reached])
	}
	if diff := cmp.Diff([]string{"CVE-1 reached", "CVE-2", "CVE-3 reached"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.Fingerprint.Database != "sha256:db" || r.Stages[1].Name != detonaut.StageInventory {
		t.Errorf("got %+v, %+v", r.Fingerprint, r.Stages)
	}
}

// TestReadImageFalters shows that the run goes on when an image cannot be read.
func TestReadImageFalters(t *testing.T) {
	broken := errors.New("broken")
	w := &world{sandbox: replays(tape.End{Reason: tape.Exited}), read: func(context.Context, func(string)) (static.Reading, error) {
		return static.Reading{Stages: []detonaut.Stage{{Name: "image/program", State: detonaut.Failed, Reason: "broken"}}}, broken
	}}
	r, err := w.run(t.Context())
	if !errors.Is(err, broken) || r == nil || r.Run == nil || r.Verdict.Word != detonaut.Inconclusive || r.Verdict.Vulnerability != detonaut.UnknownSeverity {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestReadAlone reads an image without running it.
func TestReadAlone(t *testing.T) {
	closed := false
	var stages []string
	r, err := pipeline.Read(t.Context(), pipeline.Deps{
		Pull: func(context.Context, detonaut.Ref) (*pipeline.Subject, error) {
			return &pipeline.Subject{
				Image: detonaut.Image{Digest: digest, Platform: "linux/mips"},
				Read: func(_ context.Context, tell func(string)) (static.Reading, error) {
					tell(detonaut.StageInventory)
					return aReading(), nil
				},
				Close: func() error { closed = true; return nil },
			}, nil
		},
		Plan:      func(detonaut.Image, fs.FS) (plan.Plan, error) { panic("nothing is to be run") },
		Detectors: func(detonaut.Image) []behavior.Detector { panic("nothing is to be explained") },
	}, pipeline.Job{Ref: "app", OnStage: func(s string) { stages = append(stages, s) }})
	if err != nil || !closed {
		t.Fatalf("got %v, closed %t", err, closed)
	}
	if r.Verdict.Word != detonaut.Inconclusive || r.Run != nil || r.Verdict.Vulnerability != detonaut.High || len(r.Vulnerabilities) != 2 {
		t.Errorf("got %+v", r)
	}
	if diff := cmp.Diff([]string{"pull", "inventory"}, stages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
