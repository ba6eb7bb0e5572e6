//go:build linux

package process_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/detonate/process"
	"github.com/detonaut/detonaut/internal/detonate/sandboxtest"
)

// soon is a grace that badly behaved chambers are not worth more than; the
// well-behaved are not held to it.
const soon = 100 * time.Millisecond

func newPlan(command string) plan.Plan {
	limits := plan.DefaultLimits()
	limits.Duration = time.Minute
	return plan.Plan{
		Image: "/image.erofs", Profile: plan.Default, Args: []string{command}, Dir: "/", Hostname: "box",
		Network: plan.None, Detail: plan.Normal, Limits: limits,
	}
}

// newSandbox returns a sandbox of a chamber that behaves in a way, which is
// this test binary.
func newSandbox(t *testing.T, how string, o process.Options) *process.Sandbox {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(behaviour, how)
	o.Path = self
	s, err := process.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSandbox(t *testing.T) {
	sandboxtest.Test(t, func(t *testing.T, s sandboxtest.Subject) (detonate.Sandbox, plan.Plan) {
		t.Helper()
		return newSandbox(t, "well", process.Options{Grace: time.Minute}), newPlan(string(s))
	})
}

func TestRunOfBadChamber(t *testing.T) {
	cases := []struct {
		how  string
		want []string // parts of the error, which is ErrSandbox
	}{
		{"unavailable", []string{"sandbox unavailable: user namespaces are forbidden: sysctl -w"}},
		{"fails", []string{"exit status 2", "panic: ?[31mgoroutine 1|died"}},
		{"fails after the tape", []string{"broke after the run", "exit status 1"}},
		{"stops early", []string{"ended too early", "exit status 0", "without run.end"}},
		{"half a line", []string{"ended too early", "without run.end"}},
		{"says nothing", []string{"ended too early", "exit status 0"}},
		{"garbage", []string{"no valid tape", "event 2"}},
		{"garbage after the tape", []string{"no valid tape"}},
		{"garbage without end", []string{"no valid tape", "event 1"}},
		{"a line without end", []string{"no valid tape", "event 2", "more than 262144 bytes"}},
		{"killed by a signal", []string{"ended too early", "signal: killed"}},
		{"stays after the tape", []string{"stopped answering"}},
		{"stays with its stdout closed", []string{"broke after the run", "signal: killed"}},
		{"leaves a process that holds stdout", []string{"stopped answering"}},
	}
	for _, c := range cases {
		t.Run(c.how, func(t *testing.T) {
			sandbox := newSandbox(t, c.how, process.Options{Grace: soon})
			leaks := goleak.IgnoreCurrent()
			_, err := sandbox.Run(t.Context(), newPlan("exits"), discard, nil)
			if !errors.Is(err, detonaut.ErrSandbox) {
				t.Fatalf("got %v, want an error that is %v", err, detonaut.ErrSandbox)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, err)
				}
			}
			goleak.VerifyNone(t, leaks)
		})
	}
}

// discard is a sink for events that nobody looks at.
var discard = tape.SinkFunc(func(*tape.Event) error { return nil })

// TestRunKills shows that a chamber that ignores being told to end is killed,
// and that this is not taken for a run that ended.
func TestRunKills(t *testing.T) {
	sandbox := newSandbox(t, "ignores the signal", process.Options{Grace: soon})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := sandbox.Run(ctx, newPlan("exits"), tape.SinkFunc(func(*tape.Event) error {
		cancel()
		return nil
	}), nil)
	for _, want := range []error{detonaut.ErrSandbox, context.Canceled, tape.ErrTruncated} {
		if !errors.Is(err, want) {
			t.Errorf("got %v, want an error that is %v", err, want)
		}
	}
}

// TestRunEndsGroup shows that a process that the chamber forgot ends with it:
// the pipe that it holds open is at its end.
func TestRunEndsGroup(t *testing.T) {
	sandbox := newSandbox(t, "leaves a process", process.Options{Grace: time.Minute})
	result, err := sandbox.Run(t.Context(), newPlan("exits"), discard, nil)
	if err != nil || result.End.Reason != tape.Exited {
		t.Errorf("got %q and %v, want %q and no error", result.End.Reason, err, tape.Exited)
	}
}

func TestRunWithoutImage(t *testing.T) {
	sandbox := newSandbox(t, "well", process.Options{})
	p := newPlan("exits")
	p.Image = ""
	if _, err := sandbox.Run(t.Context(), p, discard, nil); err == nil || !strings.Contains(err.Error(), "no image") {
		t.Errorf("got %v, want an error that says that there is no image", err)
	}
}

func TestRunLosesNothing(t *testing.T) {
	sandbox := newSandbox(t, "floods events", process.Options{Grace: time.Minute})
	n := 0
	result, err := sandbox.Run(t.Context(), newPlan("exits"), tape.SinkFunc(func(*tape.Event) error {
		n++
		return nil
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := 20_002; n != want || result.End.Events != uint64(want) {
		t.Errorf("got %d events, run.end counts %d, want %d", n, result.End.Events, want)
	}
}

func TestRunBoundsStderr(t *testing.T) {
	var logged bytes.Buffer
	o := process.Options{Grace: time.Minute, Log: slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	sandbox := newSandbox(t, "floods stderr", o)
	if _, err := sandbox.Run(t.Context(), newPlan("exits"), discard, nil); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(logged.Bytes(), []byte("\n")); lines != 256 {
		t.Errorf("%d lines were logged, want each of 256", lines)
	}
	if logged.Len() > 2<<20 {
		t.Errorf("%d bytes were logged: the lines were not cut", logged.Len())
	}
}

// TestRunKeepsSecrets shows that the chamber gets none of the credentials that
// are in this process's environment.
func TestRunKeepsSecrets(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
	sandbox := newSandbox(t, "tells its environment", process.Options{Grace: time.Minute})
	_, err := sandbox.Run(t.Context(), newPlan("exits"), discard, nil)
	if err == nil || !strings.Contains(err.Error(), "PATH=") || strings.Contains(err.Error(), "do-not-tell") {
		t.Errorf("got %v, want an error that shows PATH and no secret", err)
	}
}

func TestNewChecksVersion(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		how  string
		path string
		want []string
	}{
		{"other version", self, []string{`"0.0.1-other"`, `"devel"`, "run make"}},
		{"version fails", self, []string{"no version?[31m today", "exit status 1"}},
		{"version floods", self, []string{"run make"}},
		{"well", filepath.Join(t.TempDir(), "none"), []string{"no such file"}},
		{"well", "/dev/null", []string{"permission denied"}},
	}
	for _, c := range cases {
		t.Run(c.how, func(t *testing.T) {
			t.Setenv(behaviour, c.how)
			_, err := process.New(t.Context(), process.Options{Path: c.path})
			if !errors.Is(err, detonaut.ErrSandbox) {
				t.Fatalf("got %v, want an error that is %v", err, detonaut.ErrSandbox)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, err)
				}
			}
		})
	}
}

func TestFind(t *testing.T) {
	write := func(dir string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, "detonaut-chamber")
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	onPath, named, plain := t.TempDir(), t.TempDir(), t.TempDir()
	found, chosen, data := write(onPath, 0o755), write(named, 0o755), write(plain, 0o644)
	cases := []struct {
		name, variable, path string
		want                 string
		wantErr              string
	}{
		{name: "by the variable", variable: chosen, path: onPath, want: chosen},
		{name: "on PATH", path: onPath, want: found},
		{name: "variable names nothing", variable: plain + "/none", path: onPath, wantErr: "DETONAUT_CHAMBER"},
		{name: "variable names data", variable: data, path: onPath, wantErr: "not executable"},
		{name: "variable names a directory", variable: plain, path: onPath, wantErr: "is a directory"},
		{name: "nowhere", path: plain, wantErr: "run make"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("DETONAUT_CHAMBER", c.variable)
			t.Setenv("PATH", c.path)
			got, err := process.Find()
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if (err != nil) != (c.wantErr != "") {
				t.Errorf("got error %v, want one with %q", err, c.wantErr)
			}
			if err != nil && (!errors.Is(err, detonaut.ErrSandbox) || !strings.Contains(err.Error(), c.wantErr)) {
				t.Errorf("got error %v, want one that is %v with %q", err, detonaut.ErrSandbox, c.wantErr)
			}
		})
	}
}
