//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/testenv"
)

// mostMemory is what the process that plays the internet may hold at most,
// whatever is said to it (docs/network.md).
const mostMemory = 512 << 20

// A subject that wants to break or to exhaust its internet runs on to its own
// end. Its tape misses nothing, and names the bounds that were reached; the
// process that is its internet stays small.
func TestHostile(t *testing.T) {
	ref := programImage(t, "client", "hostile")
	for _, tc := range []struct {
		deed string
		// bound is one that is reached, output what the subject prints in the end.
		bound, output string
	}{
		{"flood", "flows", "of 10000 connections"},
		{"slow", "", "1000 of 1000 connections ended"},
		{"deaf", "", "of 1900 connections full"},
		{"forge", "flows", "20000 segments"},
		{"datagrams", "", "100000 datagrams"},
		{"names", "names", "25000 of 25000 names"},
		{"zeros", "bodies", "200 OK"},
		{"bomb", "", "200 OK"},
		{"garbage", "", "2000 connections, and an answer after them"},
	} {
		t.Run(tc.deed, func(t *testing.T) {
			t.Parallel()
			r, end, held := weigh(t, ref, tc.deed)
			if r.Run.EndReason != string(tape.Exited) || r.Run.ExitCode != 0 || !strings.Contains(r.Run.Output, tc.output) {
				t.Errorf("it ended with %s (%s) and code %d, and printed %q, want %q in it",
					r.Run.EndReason, r.Run.EndDetail, r.Run.ExitCode, r.Run.Output, tc.output)
			}
			if r.Coverage.Dropped != 0 || end.Dropped != 0 {
				t.Errorf("%d events dropped, of the tape %d", r.Coverage.Dropped, end.Dropped)
			}
			if tc.bound != "" && !slices.Contains(end.Bounds, tc.bound) {
				t.Errorf("bounds = %q, want %s", end.Bounds, tc.bound)
			}
			if slices.Contains(end.Bounds, "servers") {
				t.Error("a server of ours failed")
			}
			if !r.Coverage.Full && r.Verdict.Word == detonaut.Clean {
				t.Errorf("the verdict is clean, with gaps %q", r.Coverage.Gaps)
			}
			if held == 0 || held > mostMemory {
				t.Errorf("the internet held %d bytes, want at most %d", held, mostMemory)
			}
			t.Logf("%s: %d MiB, %d events, bounds %q, gaps %q, %s", tc.deed, held>>20, r.Coverage.Events, end.Bounds, r.Coverage.Gaps, r.Run.Output)
		})
	}
}

// A subject that does so is over when its time is: of what it piled up for its internet
// nothing is waited for, which the tape says.
func TestHostileInTime(t *testing.T) {
	ref := programImage(t, "client", "hostile")
	for _, deed := range []string{"flood", "slow", "deaf", "datagrams", "names"} {
		t.Run(deed, func(t *testing.T) {
			const limit = 3 * time.Second
			r, end, _ := weigh(t, ref, deed, "--duration", limit.String())
			if end.Dropped != 0 || end.Reason != tape.TimeLimit && end.Reason != tape.Exited {
				t.Errorf("it ended with %+v", end)
			}
			if r.Run.Elapsed > limit+lateBy {
				t.Errorf("it took %v, with %v allowed", r.Run.Elapsed, limit)
			}
			if slices.Contains(end.Bounds, "held") && (r.Coverage.Full || r.Verdict.Word == detonaut.Clean) {
				t.Errorf("it was not heard out, and is %s, with gaps %q", r.Verdict.Word, r.Coverage.Gaps)
			}
			t.Logf("%s: %s after %v, %d events, bounds %q", deed, end.Reason, r.Run.Elapsed, r.Coverage.Events, end.Bounds)
		})
	}
}

// weigh runs a deed, with flags beside its own, and tells how it ended and the most
// memory that its internet held.
func weigh(t *testing.T, ref, deed string, flags ...string) (r detonaut.Report, end tape.End, held int64) {
	t.Helper()
	keep := filepath.Join(t.TempDir(), "keep")
	args := slices.Concat([]string{"scan", "-q", "-o", "json", "--duration", "3m", "--memory", "4GiB", "--keep", keep, "--cmd", deed}, flags, []string{ref})
	cmd := exec.CommandContext(t.Context(), filepath.Join(testenv.Binaries(t), "detonaut"), args...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir(), "DETONAUT_CHAMBER=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for inside := ""; ; {
		select {
		case err := <-ended:
			if err == nil {
				err = json.Unmarshal(stdout.Bytes(), &r)
			}
			if err != nil || r.Run == nil {
				t.Fatalf("%s: %v\n%s%s", cmd, err, stdout.Bytes(), stderr.Bytes())
			}
			events := kept(t, keep)
			return r, *events[len(events)-1].End, held
		case <-look.C:
			if inside == "" {
				inside = insideOf(cmd.Process.Pid)
			}
			held = max(held, peak(inside))
		}
	}
}

// insideOf finds the process of a chamber that is the internet, by its directory
// in /proc; empty if it is not there yet.
func insideOf(detonaut int) string {
	found, _ := filepath.Glob("/proc/[0-9]*") // the pattern is valid
	for _, dir := range found {
		if line, _ := os.ReadFile(dir + "/cmdline"); !bytes.HasPrefix(line, []byte("detonaut-chamber-inside\x00")) {
			continue
		}
		for at := dir; ; at = "/proc/" + status(at, "PPid") {
			if at == fmt.Sprint("/proc/", detonaut) {
				return dir
			}
			if at == "/proc/0" || at == "/proc/" {
				break // it is another's, or has ended
			}
		}
	}
	return ""
}

// peak is the most memory that a process has held, in bytes; 0 if it has ended.
func peak(dir string) int64 {
	kib, _ := strconv.ParseInt(status(dir, "VmHWM"), 10, 64)
	return kib << 10
}

// status is a number of /proc/PID/status; empty if the process has ended.
func status(dir, name string) string {
	text, _ := os.ReadFile(dir + "/status")
	if m := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+)`).FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}
