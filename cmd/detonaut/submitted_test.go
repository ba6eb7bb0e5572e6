package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/store"
)

// TestSubmitted: the run of an image that was submitted is kept until the analysis is closed,
// and nothing stays where there is no report.
func TestSubmitted(t *testing.T) {
	dir := t.TempDir()
	failed := errors.New("an analyzer failed")
	an := &analyst{analyse: func(_ context.Context, _ pipeline.Deps, job pipeline.Job) (*detonaut.Report, error) {
		if job.Ref == "gone" {
			return nil, fmt.Errorf("pull: %w", detonaut.ErrNotFound)
		}
		kept, err := job.Keep(keptDigest)
		if err != nil {
			return nil, err
		}
		for _, e := range []*tape.Event{
			{Seq: 1, Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version, Plan: plan.Plan{Digest: string(keptDigest)}}},
			{Seq: 2, Kind: tape.RunEnd, End: &tape.End{Reason: tape.Exited, Events: 2}},
		} {
			if err := kept.Record(e); err != nil {
				return nil, err
			}
		}
		if err := errors.Join(kept.Artifacts().Capture([]byte("packets")), kept.Artifacts().Payload([]byte("payload")), kept.Close(true)); err != nil {
			return nil, err
		}
		return &detonaut.Report{Image: detonaut.Image{Digest: keptDigest}}, failed
	}}
	if _, err := an.submitted(t.Context(), task{ref: "gone"}, dir); !errors.Is(err, detonaut.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if _, err := an.submitted(t.Context(), task{ref: "oci-dir:/etc"}, dir); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("got %v, want ErrUsage", err)
	}
	a, err := an.submitted(t.Context(), task{ref: "ghcr.io/a/b:1"}, dir)
	if !errors.Is(err, failed) || a == nil {
		t.Fatalf("got %+v and %v, want both", a, err)
	}
	if diff := cmp.Diff(store.Name{Registry: "ghcr.io", Repository: "a/b", Tag: "1"}, a.Name); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var names []string
	if err := fs.WalkDir(a.Artifacts, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"network.pcapng", "payloads/239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5", "tape.jsonl.zst"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

// TestRuns: what a killed process left is removed by the next, what another uses is not.
func TestRuns(t *testing.T) {
	c := config.Image{Cache: t.TempDir()}
	mine, err := openRuns(c)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(c.Cache, "runs", "process-dead")
	if err := errors.Join(os.MkdirAll(filepath.Join(dead, "run-1"), 0o700), os.WriteFile(filepath.Join(dead, heldFile), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	other, err := openRuns(c)
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{mine.dir: true, other.dir: true, dead: false} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: got %v, want it there: %v", dir, err, want)
		}
	}
	if err := errors.Join(mine.close(), other.close()); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Join(c.Cache, "runs")); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

func TestSubmittable(t *testing.T) {
	for ref, want := range map[detonaut.Ref]detonaut.Ref{"nginx": "docker.io/library/nginx:latest", "registry:quay.io/a/b:1": "quay.io/a/b:1"} {
		if got, err := submittable(ref); err != nil || got != want {
			t.Errorf("%s: got %q and %v, want %q", ref, got, err, want)
		}
	}
	for _, ref := range []detonaut.Ref{"", "-", "oci-dir:/", "docker:nginx", "docker-archive:/x", "oci-archive:/x", "a b", "http://x/y"} {
		if got, err := submittable(ref); !errors.Is(err, detonaut.ErrUsage) {
			t.Errorf("%q: got %q and %v, want ErrUsage", ref, got, err)
		}
	}
}

func TestChosen(t *testing.T) {
	base := detonate.Overrides{Profile: plan.Default, Limits: plan.Limits{Duration: time.Minute}}
	for _, tc := range []struct {
		profile  string
		duration time.Duration
		want     detonate.Overrides
	}{
		{"", 0, base},
		{"time", time.Second, detonate.Overrides{Profile: plan.Time, Limits: plan.Limits{Duration: time.Second}}},
		{"default", time.Hour, base}, // no longer than the operator allows
		{"", -time.Hour, base},
	} {
		got, err := chosen(base, tc.profile, tc.duration)
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("%q, %v: %v (-want +got):\n%s", tc.profile, tc.duration, err, diff)
		}
	}
	if _, err := chosen(base, "shell", 0); !errors.Is(err, detonaut.ErrUsage) {
		t.Errorf("got %v, want ErrUsage", err)
	}
}
