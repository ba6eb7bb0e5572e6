//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/testenv"
)

// What a run may take of the machine, whatever its subject does.
const (
	// lateBy is how long after its time limit a run may end: what a sandbox gets for
	// its last events, and where others want the processors, 8 s more (the runner's
	// settle and maxQueue).
	lateBy = 10 * time.Second
	// ownMemory is what our processes may hold beside the plan's memory: for
	// themselves, for a subject that is late to be ended, and two of them for the
	// largest payload that is kept (artifact.DefaultLimits).
	ownMemory = 640 << 20
	// ownProcesses is how many processes of the machine a run may have beside
	// those of the subject.
	ownProcesses = 24
)

// perSpace is how many processes of the machine gVisor may need for one address space of
// a subject: one for each processor, one that makes system calls, and the stub of them.
// There are as many spaces as processes, and those that have ended but are not given back
// yet: a bomb that forks as fast as others end had 23 above its 64 once.
var perSpace = 2 + runtime.NumCPU()

// siege is a subject that wants too much.
type siege struct {
	name string
	// cmd is the deed and its argument (e2e/hostile), flags what is changed of
	// the plan.
	cmd   string
	flags []string
	// alone is set where others would not get a processor beside it.
	alone bool
	// ends are the ways in which the run may end; none is the time limit.
	ends []tape.Reason
	// bound is one that is reached; empty for none.
	bound string
	// check looks at what is special.
	check func(t *testing.T, b *besieged)
}

// besieged is a run of such a subject.
type besieged struct {
	report *detonaut.Report
	events []*tape.Event
	usage  testenv.Usage
}

func (b *besieged) count(kind tape.Kind, is func(e *tape.Event) bool) (n uint64) {
	for _, e := range b.events {
		if e.Kind == kind && is(e) {
			n += e.N()
		}
	}
	return n
}

// siegeFlags are the plan of every siege, unless its own say otherwise.
var siegeFlags = []string{"--duration", "4s", "--memory", "256MiB", "--processes", "64", "--disk", "64MiB", "--network", "none"}

var sieges = []siege{
	{name: "fork bomb", cmd: "forks -", alone: true, bound: "processes", ends: []tape.Reason{tape.TimeLimit, tape.MemoryLimit}},
	{name: "memory bomb", cmd: "memory -", flags: []string{"--duration", "20s"}, ends: []tape.Reason{tape.MemoryLimit}},
	{name: "page tables", cmd: "tables 4", flags: []string{"--memory", "80MiB", "--duration", "20s"}, ends: []tape.Reason{tape.MemoryLimit}},
	{name: "pipes", cmd: "pipes -", flags: []string{"--duration", "20s"}, ends: []tape.Reason{tape.MemoryLimit}},
	{name: "filler of the root", cmd: "fill /", bound: "disk"},
	{name: "filler of tmp", cmd: "fill /tmp", bound: "disk"},
	{name: "filler of shm", cmd: "fill /dev/shm", bound: "disk"},
	{name: "filler of dev", cmd: "fill /dev", flags: []string{"--duration", "20s"}, ends: []tape.Reason{tape.MemoryLimit}},
	{name: "sparse file", cmd: "sparse /tmp", bound: "file_size"},
	{name: "sparse file that is allowed", cmd: "sparse /tmp", flags: []string{"--file-size", "2TiB"}},
	{name: "tiny files", cmd: "tiny /", ends: []tape.Reason{tape.TimeLimit, tape.MemoryLimit, tape.EventLimit}},
	{name: "attributes", cmd: "attributes /", flags: []string{"--duration", "20s"}, ends: []tape.Reason{tape.MemoryLimit}},
	{name: "deep directories", cmd: "deep /"},
	{name: "stdout flood", cmd: "prints -", bound: "output"},
	{name: "event flood", cmd: "opens /", flags: []string{"--max-events", "5000000"}},
	{name: "event flood and a bound", cmd: "opens /", flags: []string{"--max-events", "20000", "--duration", "20s"}, ends: []tape.Reason{tape.EventLimit}},
	{name: "arguments", cmd: "arguments -", ends: []tape.Reason{tape.Exited}, check: func(t *testing.T, b *besieged) {
		if n := b.count(tape.ProcessExec, func(e *tape.Event) bool { return e.Cut && e.Process.ArgCount == 7 }); n != 20 {
			t.Errorf("%d executions with long arguments on the tape, want 20", n)
		}
	}},
	{name: "processes", cmd: "processes 3", ends: []tape.Reason{tape.Exited}, check: func(t *testing.T, b *besieged) {
		b.counted(t, `(\d+) processes`, b.count(tape.ProcessFork, func(e *tape.Event) bool { return e.Errno == "" }))
		b.counted(t, `(\d+) processes`, b.count(tape.ProcessExit, func(e *tape.Event) bool { return e.PID != 1 }))
	}},
	{name: "files", cmd: "write-calls 3", ends: []tape.Reason{tape.Exited}, check: func(t *testing.T, b *besieged) {
		of := func(e *tape.Event) bool { return strings.HasPrefix(e.File.Path, "/tmp/file") }
		b.counted(t, `(\d+) files`, b.count(tape.FileCreate, of))
		b.counted(t, `(\d+) files`, b.count(tape.FileDelete, of))
	}},
	{name: "signals", cmd: "signals -"},
	{name: "ptrace", cmd: "ptrace -"},
	{name: "large program", cmd: "large /tmp", flags: []string{"--file-size", "2GiB", "--duration", "20s"}, ends: []tape.Reason{tape.Exited}, check: func(t *testing.T, b *besieged) {
		if !strings.Contains(b.report.Run.Output, "<nil>") || b.count(tape.ProcessExec, func(e *tape.Event) bool { return e.Process.Executable == "/tmp/large" && e.Errno == "" }) != 1 {
			t.Errorf("the program did not run, or not on the tape: %q", b.report.Run.Output)
		}
	}},
	{name: "killing the first process", cmd: "kill-first -", ends: []tape.Reason{tape.TimeLimit, tape.Signalled}},
	{name: "deaf to signals", cmd: "deaf -", alone: true},
}

// counted holds a number that the subject printed against that on the tape.
func (b *besieged) counted(t *testing.T, pattern string, got uint64) {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(b.report.Run.Output)
	if m == nil {
		t.Fatalf("the subject does not say how many: %q", b.report.Run.Output)
	}
	if want, _ := strconv.ParseUint(m[1], 10, 64); got != want {
		t.Errorf("%d on the tape, the subject counted %d", got, want)
	}
}

// Whatever a subject wants, it gets what its plan allows: of the machine's
// memory, disk, processes and time. Its tape misses nothing, and nothing of it
// is left.
func TestHostileSubjects(t *testing.T) {
	stage := hostileStage(t)
	left := testenv.NewLeftovers(t, []string{filepath.Join(stage, "detonaut"), filepath.Join(stage, "detonaut-chamber")})
	t.Run("all", func(t *testing.T) {
		for _, u := range users(t, stage) {
			for _, s := range sieges {
				t.Run(u.name+"/"+s.name, func(t *testing.T) {
					if !s.alone {
						t.Parallel()
					}
					s.hold(t, u)
				})
			}
		}
	})
	left.Check(t)
}

// hostileStage is a stage with the image of the hostile program.
func hostileStage(t *testing.T) (dir string) {
	t.Helper()
	program := testenv.Program(t, "./e2e/hostile")
	return stageOf(t, func(dir string) error {
		return stageImage(dir, "hostile", program, v1.Config{Entrypoint: []string{"/hostile"}, Env: []string{"DETONAUT_HOSTILE=1"}})
	})
}

// hold runs the subject as a user, and holds it to its plan.
func (s siege) hold(t *testing.T, u user) {
	b := s.run(t, u)
	end := b.events[len(b.events)-1].End
	ends := s.ends
	if len(ends) == 0 {
		ends = []tape.Reason{tape.TimeLimit}
	}
	if !slices.Contains(ends, end.Reason) {
		t.Errorf("the run ended with %s (%s), code %d %s, want one of %q; it printed %q", end.Reason, end.Detail, end.ExitCode, end.Signal, ends, b.report.Run.Output)
	}
	if s.bound != "" && !slices.Contains(end.Bounds, s.bound) {
		t.Errorf("bounds = %q, want %s", end.Bounds, s.bound)
	}
	if end.Dropped != 0 || end.Events != uint64(len(b.events)) {
		t.Errorf("the tape lacks %d events, and has %d of %d", end.Dropped, len(b.events), end.Events)
	}
	hit := s.bound != "" && s.bound != "output" || end.Reason == tape.MemoryLimit || end.Reason == tape.EventLimit
	if hit && (b.report.Coverage.Full || b.report.Verdict.Word == detonaut.Clean) {
		t.Errorf("the verdict is %s, gaps %q", b.report.Verdict.Word, b.report.Coverage.Gaps)
	}
	limits := b.events[0].Start.Plan.Limits
	if most := limits.Memory + ownMemory; b.usage.Memory > most {
		t.Errorf("its processes held %d MiB, want at most %d", b.usage.Memory>>20, most>>20)
	}
	if most := limits.Processes*3/2*perSpace + ownProcesses; b.usage.Processes > most {
		t.Errorf("there were %d processes, want at most %d", b.usage.Processes, most)
	}
	if b.usage.Disk > 0 {
		t.Errorf("%d bytes of the machine's disk were used", b.usage.Disk)
	}
	if s.check != nil {
		s.check(t, b)
	}
}

// run scans the subject, watches, and looks at what is left.
func (s siege) run(t *testing.T, u user) *besieged {
	t.Helper()
	own := filepath.Join(u.dir, strings.ReplaceAll(s.name, " ", "-"))
	tmp, keep := filepath.Join(own, "tmp"), filepath.Join(own, "keep")
	for _, dir := range []string{own, tmp} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if c := u.credential; c != nil {
			if err := os.Chown(dir, int(c.Uid), int(c.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	args := slices.Concat([]string{"scan", "-q", "-o", "json", "--keep", keep, "--cmd", s.cmd}, siegeFlags, s.flags)
	cmd := u.command(t, "detonaut", append(args, "oci-dir:"+filepath.Join(u.stage, "images", "hostile"))...)
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	left := testenv.NewLeftovers(t, nil, tmp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	meter := testenv.NewMeter(cmd.Process.Pid, tmp)
	err := cmd.Wait()
	b := &besieged{usage: meter.Stop()}
	for _, what := range meter.Left() {
		t.Errorf("left behind: %s", what)
	}
	left.Check(t)
	if err == nil {
		err = json.Unmarshal(stdout.Bytes(), &b.report)
	}
	if err != nil || b.report.Run == nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, stdout.Bytes(), stderr.Bytes())
	}
	b.events = kept(t, keep)
	end := b.events[len(b.events)-1]
	took := b.usage.Last.Sub(time.Unix(0, b.events[0].Start.Wall))
	t.Logf("%s: %s %s, %d events, %v of tape, %v in all, bounds %q, gaps %q, used %d MiB, %d processes, %d threads, %d bytes; run.end says %d MiB; %s: %q",
		fmt.Sprint(u.name, " ", s.name), end.End.Reason, end.End.Detail, len(b.events), time.Duration(end.Time), took, end.End.Bounds, b.report.Coverage.Gaps,
		b.usage.Memory>>20, b.usage.Processes, b.usage.Threads, b.usage.Disk, end.End.MaxMemory>>20, b.report.Verdict.Word,
		b.report.Run.Output[:min(len(b.report.Run.Output), 300)])
	limit := b.events[0].Start.Plan.Limits.Duration + lateBy
	if took > limit || b.report.Run.Elapsed > limit {
		t.Errorf("the run took %v, and %v by its tape, want at most %v", took, b.report.Run.Elapsed, limit)
	}
	return b
}
