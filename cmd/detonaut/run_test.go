package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/pipeline"
)

func noEnv(string) string { return "" }

// aTape writes a tape and returns its path.
func aTape(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tape.jsonl")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	enc := tape.NewEncoder(f)
	for _, e := range []*tape.Event{
		{Seq: 1, Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version, Plan: plan.Plan{Args: []string{"/app"}, Profile: plan.Default}}},
		{Seq: 2, Kind: tape.RunEnd, End: &tape.End{Reason: tape.Exited, Events: 2}},
	} {
		if err := enc.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// full is standard output on a disk that is full.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestRun runs the program without a process.
func TestRun(t *testing.T) {
	defer goleak.VerifyNone(t)
	name := aTape(t)
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"replay", name}, noEnv, strings.NewReader(""), &stdout, &stderr); code != exitDone {
		t.Errorf("got exit code %d, want %d", code, exitDone)
	}
	if !strings.Contains(stdout.String(), "verdict: clean\n") || stderr.Len() > 0 {
		t.Errorf("got stdout %q and stderr %q", stdout.String(), stderr.String())
	}
	for _, args := range [][]string{{"replay", name}, {"replay", name, name, "-o", "json"}, {"config"}, {"version"}, {"version", "-o", "json"}, {"rules", "list"}, {"rules", "test"}} {
		stderr.Reset()
		code := run(t.Context(), args, noEnv, nil, full{}, &stderr)
		if code != exitError || !strings.Contains(stderr.String(), errFull.Error()) {
			t.Errorf("%v on a full disk: got exit code %d and %q", args, code, stderr.String())
		}
	}
}

// TestInterrupted ends a command by its context.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"replay", aTape(t)}, noEnv, nil, &stdout, &stderr)
	if want := "detonaut: error: interrupted\n"; code != exitError || stderr.String() != want {
		t.Errorf("got exit code %d and %q, want %d and %q", code, stderr.String(), exitError, want)
	}
}

// TestAll gives outcomes in the order of the refs, whatever is ready first,
// and ends what runs when they are not wanted any more.
func TestAll(t *testing.T) {
	defer goleak.VerifyNone(t)
	var refs []detonaut.Ref
	for i := range 20 {
		refs = append(refs, detonaut.Ref(fmt.Sprintf("image-%02d", i)))
	}
	// The first image waits for another, so that it is not ready first.
	other := make(chan struct{})
	cfg := config.Defaults()
	cfg.Scan.Jobs = 3
	an := &analyst{
		app: &app{env: noEnv}, cfg: cfg, analyse: pipeline.Run,
		deps: pipeline.Deps{Detectors: func(detonaut.Image) []behavior.Detector { return nil }},
		pull: func(ctx context.Context, t task) (*pipeline.Subject, error) {
			switch t.ref {
			case refs[0]:
				select {
				case <-other:
				case <-ctx.Done():
				}
			case refs[1]:
				close(other)
			}
			return nil, fmt.Errorf("pull %s: %w", t.ref, detonaut.ErrNotFound)
		},
	}
	s := &scan{analyst: an, console: newConsole(&bytes.Buffer{}, true, len(refs))}
	defer s.console.close()
	var got []string
	if err := s.all(t.Context(), refs, func(o outcome) error {
		got = append(got, o.err.Error())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, ref := range refs {
		want = append(want, fmt.Sprintf("pull %s: not found", ref))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	other = make(chan struct{})
	taken := 0
	err := s.all(t.Context(), refs, func(outcome) error { taken++; return errFull })
	if !errors.Is(err, errFull) || taken != 1 {
		t.Errorf("got %v after %d outcomes, want the error of the first", err, taken)
	}
}

// TestNotices looks at what stderr says when it is no terminal.
func TestNotices(t *testing.T) {
	for _, test := range []struct {
		quiet bool
		want  string
	}{
		{false, "detonaut: a\\x1bb: pull\ndetonaut: a\\x1bb: detonate\n"},
		{true, ""},
	} {
		var b bytes.Buffer
		c := newConsole(&b, test.quiet, 1)
		s := c.begin("a\x1bb")
		s.stage(detonaut.StagePull)
		s.pull(image.Progress{Stage: image.Pulling, Layer: 1, Layers: 2, Done: 5e6, Total: 1e7})
		if got, want := s.now(), `pull layer 1 of 2, 5.0 of 10.0 MB`; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		s.stage(detonaut.StageDetonate)
		s.event(&tape.Event{Seq: 1, Start: &tape.Start{}})
		s.stage(detonaut.StageExplain)
		s.end()
		c.close()
		if got := b.String(); got != test.want {
			t.Errorf("quiet %t: got %q, want %q", test.quiet, got, test.want)
		}
	}
}

func TestProgressLine(t *testing.T) {
	for _, test := range []struct {
		name  string
		width int
		want  string
	}{
		{"nginx:latest", 79, "1 of 2 done, nginx:latest: pull"},
		{"registry.example/team/nginx:1.27", 30, "1 of 2 done, …nginx:1.27: pull"},
		{"nginx", 12, "1 of 2 done,"},
		{"", 0, ""},
	} {
		if got := progressLine("1 of 2 done, ", test.name, "pull", test.width); got != test.want {
			t.Errorf("%q in %d: got %q, want %q", test.name, test.width, got, test.want)
		}
	}
}

func TestWorst(t *testing.T) {
	order := []exitCode{exitDone, exitIncomplete, exitFailOn, exitError}
	for i, a := range order {
		for j, b := range order {
			if got, want := worst(a, b), order[max(i, j)]; got != want {
				t.Errorf("worst(%d, %d) = %d, want %d", a, b, got, want)
			}
		}
	}
}

// TestHints gives every sentinel, and what else goes wrong often, a hint and an exit code of 1.
func TestHints(t *testing.T) {
	for _, err := range []error{
		detonaut.ErrUsage, detonaut.ErrNotFound, detonaut.ErrUnauthorized, detonaut.ErrPlatform,
		detonaut.ErrUnsupported, detonaut.ErrCorrupt, detonaut.ErrLimit, detonaut.ErrSandbox, context.DeadlineExceeded,
		syscall.ENOSPC, http.ErrSchemeMismatch, &tls.CertificateVerificationError{Err: errFull}, &net.DNSError{IsNotFound: true}, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
	} {
		var stderr bytes.Buffer
		a := &app{stderr: &stderr}
		if code := a.exit(fmt.Errorf("do thing: %w", err)); code != exitError {
			t.Errorf("%v: got exit code %d", err, code)
		}
		if lines := strings.Count(stderr.String(), "\n"); lines != 2 || !strings.Contains(stderr.String(), "detonaut: hint: ") {
			t.Errorf("%v: got %q, want an error and a hint", err, stderr.String())
		}
	}
}
