//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/testenv"
)

// The processes of a run, by their names (argv[0]).
const (
	supervisor = "detonaut"
	chamber    = "detonaut-chamber"
	inside     = "detonaut-chamber-inside" // reads what the sandbox tells
	sandbox    = "runsc-sandbox"
)

// Whoever dies of the second run of three, and of what, its image is
// inconclusive at once, the others are analysed, and nothing of it is left.
func TestCrashes(t *testing.T) {
	program := testenv.Program(t, "./e2e/hostile")
	stage := stageOf(t, func(dir string) error {
		var errs []error
		for name, deed := range map[string]string{"first": "arguments", "second": "deaf", "third": "arguments"} {
			errs = append(errs, stageImage(dir, name, program, v1.Config{Entrypoint: []string{"/hostile", deed, "-"}, Env: []string{"DETONAUT_HOSTILE=1"}}))
		}
		return errors.Join(errs...)
	})
	left := testenv.NewLeftovers(t, []string{filepath.Join(stage, "detonaut"), filepath.Join(stage, "detonaut-chamber")})
	t.Run("all", func(t *testing.T) {
		for _, u := range users(t, stage) {
			for _, c := range []struct {
				victim, reason string // and part of what the report says
			}{
				{chamber, "killed"},
				{inside, "died"},
				{sandbox, "the sandbox died"},
			} {
				t.Run(u.name+"/"+c.victim, func(t *testing.T) {
					t.Parallel()
					crash(t, u, c.victim, c.reason)
				})
			}
		}
	})
	left.Check(t)
}

// crash scans three images and has one process of the second run die.
func crash(t *testing.T, u user, victim, reason string) {
	args := []string{"scan", "-q", "-o", "jsonl", "--jobs", "1", "--network", "none", "--duration", "2m"}
	for _, name := range []string{"first", "second", "third"} {
		args = append(args, "oci-dir:"+filepath.Join(u.stage, "images", name))
	}
	r := startRun(t, u, args...)
	lines := bufio.NewScanner(r.stdout)
	lines.Buffer(nil, 1<<24)
	var reports []detonaut.Report
	for lines.Scan() {
		var report detonaut.Report
		if err := json.Unmarshal(lines.Bytes(), &report); err != nil {
			t.Fatal(err)
		}
		if reports = append(reports, report); len(reports) == 1 {
			r.waitFor(t, 16) // children of the second image
			r.send(t, victim, unix.SIGKILL)
		}
	}
	err := r.end(t)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || len(reports) != 3 {
		t.Fatalf("%v, %d reports, want exit code 1 and 3 reports\n%s", err, len(reports), r.stderr.Bytes())
	}
	for i := range reports {
		if i != 1 && (reports[i].Run == nil || reports[i].Run.EndReason != string(tape.Exited)) {
			t.Errorf("image %d: it was not run to its end: %+v", i+1, reports[i].Run)
		}
	}
	second := reports[1]
	if second.Verdict.Word != detonaut.Inconclusive || second.Coverage.Full || second.Elapsed > time.Minute {
		t.Errorf("the verdict on the second is %s after %s, coverage %+v", second.Verdict.Word, second.Elapsed, second.Coverage)
	}
	failed := slices.IndexFunc(second.Stages, func(s detonaut.Stage) bool {
		return s.Name == detonaut.StageDetonate && s.State == detonaut.Failed && strings.Contains(s.Reason, reason)
	})
	if failed < 0 {
		t.Errorf("no stage says %q: %+v", reason, second.Stages)
	}
}

// started is a scan that is under way.
type started struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr bytes.Buffer
	meter  *testenv.Meter
	usage  testenv.Usage
}

// The kernel ends all of a run whose supervisor dies.
func TestSupervisorKilled(t *testing.T) {
	stage := hostileStage(t)
	left := testenv.NewLeftovers(t, []string{filepath.Join(stage, "detonaut"), filepath.Join(stage, "detonaut-chamber")})
	for _, u := range users(t, stage) {
		t.Run(u.name, func(t *testing.T) {
			r := startRun(t, u, "scan", "-q", "--network", "none", "--duration", "2m", "--cmd", "deaf -", "oci-dir:"+filepath.Join(stage, "images", "hostile"))
			r.waitFor(t, 16)
			r.send(t, supervisor, unix.SIGKILL)
			if err := r.end(t); err == nil {
				t.Error("it ended by itself")
			}
		})
	}
	left.Check(t)
}

// A run whose reader is stopped, for a moment or for longer than the run may
// take, loses nothing: the subject waits with what it would tell. Its limits do
// not wait for a supervisor; of one that takes too much memory meanwhile, the tape
// says that it lacks what was held back to be counted.
func TestStoppedReaders(t *testing.T) {
	stage := hostileStage(t)
	for _, u := range users(t, stage) {
		for _, c := range []struct {
			victim, cmd string
			stop        time.Duration
			ends        []tape.Reason
		}{
			{supervisor, "write-calls 3", time.Second, []tape.Reason{tape.Exited}},
			{inside, "write-calls 3", time.Second, []tape.Reason{tape.Exited}},
			{supervisor, "opens /", 8 * time.Second, []tape.Reason{tape.TimeLimit}},
			{inside, "opens /", 8 * time.Second, []tape.Reason{tape.TimeLimit}},
			{supervisor, "opens-memory /", 8 * time.Second, []tape.Reason{tape.MemoryLimit, tape.TimeLimit}},
		} {
			t.Run(fmt.Sprint(u.name, "/", c.victim, "/", c.cmd), func(t *testing.T) {
				t.Parallel()
				b, late := stopReader(t, u, c.victim, c.cmd, c.stop)
				end := b.events[len(b.events)-1].End
				if !slices.Contains(c.ends, end.Reason) || end.Dropped != 0 || end.Events != uint64(len(b.events)) {
					t.Errorf("the run ended with %s (%s), %d of %d events, %d dropped, want %s and all events",
						end.Reason, end.Detail, len(b.events), end.Events, end.Dropped, c.ends)
				}
				if slices.Contains(end.Bounds, "held") && (len(c.ends) == 1 || b.report.Verdict.Word == detonaut.Clean) {
					t.Errorf("what the sandbox held back is missing, and the verdict is %s", b.report.Verdict.Word)
				}
				if end.Reason == tape.Exited {
					of := func(e *tape.Event) bool { return strings.HasPrefix(e.File.Path, "/tmp/file") }
					b.counted(t, `(\d+) files`, b.count(tape.FileCreate, of))
				}
				if limit := b.events[0].Start.Plan.Limits.Memory + ownMemory; b.usage.Memory > limit {
					t.Errorf("its processes held %d MiB, want at most %d", b.usage.Memory>>20, limit>>20)
				}
				if late > lateBy {
					t.Errorf("the run ended %v late", late)
				}
			})
		}
	}
}

// stopReader stops a process of a run that may take six seconds, and lets it go
// on. It tells how late the run ended: after its time, and after that.
func stopReader(t *testing.T, u user, victim, cmd string, stop time.Duration) (b *besieged, late time.Duration) {
	t.Helper()
	const duration = 6 * time.Second
	keep := filepath.Join(u.dir, strings.Join([]string{"keep", victim, strings.Fields(cmd)[0]}, "-"))
	r := startRun(t, u, "scan", "-q", "-o", "json", "--network", "none", "--duration", duration.String(), "--memory", "256MiB",
		"--max-events", "5000000", "--keep", keep, "--cmd", cmd, "oci-dir:"+filepath.Join(u.stage, "images", "hostile"))
	r.waitFor(t, 4)
	r.send(t, victim, unix.SIGSTOP)
	<-time.After(stop)
	r.send(t, victim, unix.SIGCONT)
	goes := time.Now()
	b = new(besieged)
	decodeErr := json.NewDecoder(r.stdout).Decode(&b.report)
	over := time.Now()
	if err := errors.Join(decodeErr, r.end(t)); err != nil {
		t.Fatalf("%v\n%s", err, r.stderr.Bytes())
	}
	b.usage, b.events = r.usage, kept(t, keep)
	last := b.events[len(b.events)-1]
	t.Logf("%s %s, %d events, %v, %d MiB, %s", last.End.Reason, last.End.Detail, len(b.events), time.Duration(last.Time), b.usage.Memory>>20, b.report.Verdict.Word)
	return b, min(over.Sub(time.Unix(0, b.events[0].Start.Wall).Add(duration)), over.Sub(goes))
}

// startRun starts a scan.
func startRun(t *testing.T, u user, args ...string) *started {
	t.Helper()
	r := &started{cmd: u.command(t, "detonaut", args...)}
	r.cmd.Stderr = &r.stderr
	stdout, err := r.cmd.StdoutPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	r.stdout = bufio.NewReader(stdout)
	r.meter = testenv.NewMeter(r.cmd.Process.Pid)
	return r
}

// waitFor returns when the subject has so many processes.
func (r *started) waitFor(t *testing.T, processes int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		found := 0
		for _, name := range r.meter.Descendants() {
			if name != supervisor && name != chamber && name != inside && name != sandbox {
				found++
			}
		}
		if found >= processes {
			return
		}
		<-tick.C
	}
	t.Errorf("the subject does not run: %v", r.meter.Descendants())
}

// send sends a signal to the processes of a name.
func (r *started) send(t *testing.T, name string, signal unix.Signal) {
	t.Helper()
	found := 0
	for pid, n := range r.meter.Descendants() {
		if n != name {
			continue
		}
		if err := unix.Kill(pid, signal); err != nil {
			t.Errorf("send %s to %s: %v", unix.SignalName(signal), name, err)
		}
		found++
	}
	if found != 1 {
		t.Errorf("there are %d processes %s, want 1: %v", found, name, r.meter.Descendants())
	}
}

// end waits for the end, when all of stdout was read, and sees that no process
// is left.
func (r *started) end(t *testing.T) error {
	t.Helper()
	err := r.cmd.Wait()
	r.usage = r.meter.Stop()
	for _, what := range r.meter.Left() {
		t.Errorf("left behind: %s", what)
	}
	return err
}
