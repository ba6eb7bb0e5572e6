// Package e2e_test runs the real binaries on real images: harmless actors that
// do one bad deed each, and servers installed from Debian's own packages. It
// sees what a user sees: the command line and the JSON of reports.
package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/testenv"
)

// scan runs detonaut on one image and returns its report. It fails t when the
// scan failed, or missed anything.
func scan(t *testing.T, ref string, args ...string) *detonaut.Report {
	t.Helper()
	return reported(t, ref, scanCommand(t, nil, ref, args...))
}

// scanCommand is detonaut on one image, started by another command if before is
// not empty.
func scanCommand(t *testing.T, before []string, ref string, args ...string) *exec.Cmd {
	t.Helper()
	line := append(slices.Clone(before), filepath.Join(testenv.Binaries(t), "detonaut"), "scan", "-q", "-o", "json")
	line = append(append(line, args...), ref)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir(), "DETONAUT_CHAMBER=")
	return cmd
}

// reported runs a command of scanCommand.
func reported(t *testing.T, ref string, cmd *exec.Cmd) *detonaut.Report {
	t.Helper()
	r, err := outcome(cmd)
	return whole(t, ref, r, err)
}

// whole fails t for a scan that failed, or whose tape misses something.
func whole(t *testing.T, ref string, r *detonaut.Report, err error) *detonaut.Report {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if r.Coverage.Dropped != 0 {
		t.Errorf("%s: %d events dropped, want 0", ref, r.Coverage.Dropped)
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("%s: %s, %s after %s, %d events\n%s", ref, r.Verdict.Word, r.Run.EndReason, r.Run.Elapsed, r.Coverage.Events, r.Run.Output)
	}
	return r
}

// outcome runs a command of scanCommand and returns its report, of an image that
// was run.
func outcome(cmd *exec.Cmd) (*detonaut.Report, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, stderr.Bytes())
	}
	var r detonaut.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, stdout.Bytes())
	}
	if r.Run == nil {
		return nil, fmt.Errorf("%s: the image was not run: stages %+v", cmd, r.Stages)
	}
	return &r, nil
}

// turns are commands of scanCommand whose reports are looked at one after the other, and
// which run some of them ahead of that: most of them wait most of the time.
type turns struct {
	ahead   int // how many run at once
	all     []func() (*detonaut.Report, error)
	running sync.WaitGroup
}

func (r *turns) add(cmd func() *exec.Cmd) {
	r.all = append(r.all, sync.OnceValues(func() (*detonaut.Report, error) { return outcome(cmd()) }))
}

// wait is the report of one, and has those behind it begin. Whoever calls it calls end.
func (r *turns) wait(i int) (*detonaut.Report, error) {
	for _, next := range r.all[i:min(i+r.ahead, len(r.all))] {
		r.running.Go(func() { _, _ = next() }) // whoever waits for it is told
	}
	return r.all[i]()
}

// end returns when none of them runs any more.
func (r *turns) end() { r.running.Wait() }

// findings lists the ids of the findings, sorted. Those of weaknesses are left out:
// every image that is made here has some.
func findings(r *detonaut.Report) (ids []string) {
	for _, f := range r.Findings {
		if !f.Weakness {
			ids = append(ids, f.ID)
		}
	}
	slices.Sort(ids)
	return ids
}
