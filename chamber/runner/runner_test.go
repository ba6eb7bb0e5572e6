package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

func testPlan() *plan.Plan {
	return &plan.Plan{
		Image: "/secret/path", Profile: plan.Default, Args: []string{"/x"}, Dir: "/", Hostname: "h",
		Network: plan.None, Detail: plan.Normal, Limits: plan.DefaultLimits(),
	}
}

// readTape reads a whole tape.
func readTape(t *testing.T, r io.Reader) (events []*tape.Event) {
	t.Helper()
	d := tape.NewDecoder(r)
	for {
		e, err := d.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
}

// line returns an event as the sandbox sends it.
func line(t *testing.T, e *tape.Event) tape.Line {
	t.Helper()
	var b bytes.Buffer
	if err := tape.NewEncoder(&b).Record(e); err != nil {
		t.Fatal(err)
	}
	l, err := tape.ParseLine(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func exitOf(seq uint64, at int64) *tape.Event {
	return &tape.Event{Seq: seq, Time: at, Kind: tape.ProcessExit, PID: 1, Process: &tape.Process{ExitCode: 4}}
}

func TestRecorderPutsOutputInItsPlace(t *testing.T) {
	var out bytes.Buffer
	r := newRecorder(&out, testPlan())
	if err := r.start(1); err != nil {
		t.Fatal(err)
	}
	before := wire.Monotonic()
	for _, part := range []string{"li", "ne\n"} {
		if err := r.printed(tape.OutputStdout, part, len(part)); err != nil {
			t.Fatal(err)
		}
	}
	later := wire.Monotonic()
	// Two events of the sandbox arrive late, one of them older than the output.
	for seq, at := range []int64{before, later} {
		l := line(t, &tape.Event{Seq: uint64(seq + 1), Time: at, Kind: "call.bpf", Call: &tape.Call{}})
		if err := r.event(l, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.end(tape.End{Reason: tape.Exited}); err != nil {
		t.Fatal(err)
	}
	var kinds []tape.Kind
	events := readTape(t, &out)
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	want := []tape.Kind{tape.RunStart, "call.bpf", tape.OutputStdout, "call.bpf", tape.RunEnd}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if got := events[2].Output; got.Text != "line\n" || got.Size != 5 {
		t.Errorf("output = %+v, want one line of 5 bytes", got)
	}
	if p := events[0].Start.Plan; p.Image != "" {
		t.Errorf("the tape names %q, a path of this machine", p.Image)
	}
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		args string
		want options
		fail bool
	}{
		{"", options{want: artifact.Everything}, false},
		{"-artifacts 3", options{artifacts: 3, want: artifact.Everything}, false},
		{"-artifacts 3 -want payloads,bodies", options{artifacts: 3, want: artifact.Payloads | artifact.Bodies}, false},
		{"-artifacts 3 -want everything", options{}, true},
		{"-artifacts 3 -want=", options{}, true},
		{"stray", options{}, true},
	} {
		got, err := parseOptions(strings.Fields(test.args))
		if test.fail != errors.Is(err, ErrUsage) || !test.fail && got != test.want {
			t.Errorf("%q: got %+v, %v", test.args, got, err)
		}
	}
}

func TestRecorderCountsWhatIsMissing(t *testing.T) {
	var out bytes.Buffer
	r := newRecorder(&out, testPlan())
	_ = r.start(1)
	for _, e := range []*tape.Event{
		{Seq: 1, Time: 1, Kind: "call.bpf", Call: &tape.Call{}},
		{Seq: 4, Time: 2, Kind: "call.bpf", Call: &tape.Call{}}, // 2 and 3 are lost
		exitOf(5, 3),
		{Seq: 6, Time: 3, Kind: tape.RunEnd, End: &tape.End{Folded: 7, Cut: 2, Bounds: []string{"processes"}}},
	} {
		if err := r.event(line(t, e), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.end(tape.End{Reason: tape.Exited}); err != nil {
		t.Fatal(err)
	}
	events := readTape(t, &out)
	end := events[len(events)-1].End
	want := &tape.End{Reason: tape.Exited, Events: 5, Folded: 7, Cut: 2, Dropped: 2, Bounds: []string{"processes"}}
	if diff := cmp.Diff(want, end); diff != "" {
		t.Errorf("end (-want +got):\n%s", diff)
	}
	if r.exit == nil || r.exit.Process.ExitCode != 4 {
		t.Errorf("the end of the first process was not noticed: %+v", r.exit)
	}
}

func TestRecorderBounds(t *testing.T) {
	p := testPlan()
	p.Limits.Events, p.Limits.Output = 5, 10
	var out bytes.Buffer
	r := newRecorder(&out, p)
	_ = r.start(1)
	_ = r.printed(tape.OutputStdout, "12345678", 8)
	_ = r.printed(tape.OutputStderr, "abc", 3) // beyond the 10 bytes
	var err error
	for seq := uint64(1); err == nil && seq < 100; seq++ {
		err = r.event(line(t, &tape.Event{Seq: seq, Time: wire.Monotonic(), Kind: "call.bpf", Call: &tape.Call{}}), nil)
	}
	if !errors.Is(err, errFull) {
		t.Errorf("a full tape says %v", err)
	}
	if err := r.end(tape.End{Reason: tape.EventLimit}); err != nil {
		t.Fatal(err)
	}
	events := readTape(t, &out)
	end := events[len(events)-1].End
	if uint64(len(events)) != p.Limits.Events || end.Events != p.Limits.Events {
		t.Errorf("%d events, said to be %d, want %d", len(events), end.Events, p.Limits.Events)
	}
	if end.Output != 11 || end.OutputCut != 3 || !cmp.Equal(end.Bounds, []string{"output"}) {
		t.Errorf("output %d, cut %d, bounds %v; want 11, 3, [output]", end.Output, end.OutputCut, end.Bounds)
	}
}

// What the subject printed last may be what does not fit.
func TestRecorderSaysThatOutputDidNotFit(t *testing.T) {
	var out bytes.Buffer
	p := testPlan()
	p.Limits.Events = 2
	r := newRecorder(&out, p)
	if err := errors.Join(r.start(1), r.printed(tape.OutputStdout, "last words", 10), r.end(tape.End{Reason: tape.Exited})); err != nil {
		t.Fatal(err)
	}
	events := readTape(t, &out)
	if end := events[len(events)-1].End; len(events) != 2 || end.Reason != tape.EventLimit {
		t.Errorf("%d events, reason %q; want 2, %q", len(events), end.Reason, tape.EventLimit)
	}
}

func TestAnonymousPages(t *testing.T) {
	for _, tc := range []struct {
		statm string
		want  int64
	}{
		{"100000 5000 1200 300 0 7000 0\n", 3800},
		{"100000 5000", 0},
		{"", 0},
	} {
		if got := anonymousPages(tc.statm); got != tc.want {
			t.Errorf("anonymousPages(%q) = %d, want %d", tc.statm, got, tc.want)
		}
	}
}

func TestParentAndTicks(t *testing.T) {
	for _, tc := range []struct {
		stat   string
		parent int
		want   int64
	}{
		{"11147 (a) b) R 7 1 1 0 -1 4194304 10 0 0 0 150 25 0 0 20 0 1 0 1 2 3", 7, 175},
		{"1 (x) R 1", 0, 0},
		{"", 0, 0},
	} {
		if parent, got := parentAndTicks(tc.stat); got != tc.want || parent != tc.parent {
			t.Errorf("parentAndTicks(%q) = %d, %d, want %d, %d", tc.stat, parent, got, tc.parent, tc.want)
		}
	}
}

// Each process has page tables.
func TestPageTables(t *testing.T) {
	if _, tables := processes(os.Getppid()); tables < 4<<10 || tables > 1<<30 {
		t.Errorf("this process, and its siblings, have %d bytes of page tables", tables)
	}
}

func TestRecorderRefusesAForgedStart(t *testing.T) {
	r := newRecorder(io.Discard, testPlan())
	_ = r.start(1)
	l := line(t, &tape.Event{Seq: 1, Kind: tape.RunStart, Start: &tape.Start{Version: tape.Version}})
	if err := r.event(l, nil); !errors.Is(err, tape.ErrInvalid) {
		t.Errorf("got %v, want %v", err, tape.ErrInvalid)
	}
}

// brokenWriter fails after n bytes.
type brokenWriter struct{ n int }

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

func TestRecorderKeepsTheFirstFailure(t *testing.T) {
	r := newRecorder(&brokenWriter{}, testPlan())
	_ = r.start(1)
	if err := r.flush(); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Fatalf("flush says %v", err)
	}
	if err := r.end(tape.End{}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("end says %v", err)
	}
}

func TestCopyOutputKeepsCharactersWhole(t *testing.T) {
	p := testPlan()
	p.Limits.Output = 1 << 20
	var out bytes.Buffer
	r := newRecorder(&out, p)
	_ = r.start(1)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("äöü€😀", 5000) + "\xff end \xc3"
	go func() {
		_, _ = io.WriteString(write, want)
		write.Close()
	}()
	if err := r.copyOutput(tape.OutputStderr, read); err != nil {
		t.Fatal(err)
	}
	read.Close()
	if err := r.end(tape.End{}); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	size := 0
	for _, e := range readTape(t, &out) {
		if e.Kind == tape.OutputStderr {
			got.WriteString(e.Output.Text)
			size += e.Output.Size
		}
	}
	if got.String() != decode.Printable(want) || size != len(want) {
		t.Errorf("%d bytes came as %d characters that differ from the %d written", size, got.Len(), len(want))
	}
}

func TestReadPlan(t *testing.T) {
	good := `{"profile":"default","args":["/x"],"dir":"/","hostname":"h","network":"none","detail":"normal","limits":` +
		`{"duration_ns":1,"memory":1,"processes":1,"file_size":1,"disk":1,"output":1,"events":2}}`
	for _, tc := range []struct{ name, in, err string }{
		{"good", good, ""},
		{"no JSON", "x", "read plan"},
		{"nothing to run", strings.Replace(good, `["/x"]`, `[]`, 1), "args"},
		{"no limit", strings.Replace(good, `"memory":1`, `"memory":0`, 1), "limits.memory"},
		{"too long", strings.Repeat(" ", maxPlan+1), "more than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readPlan(strings.NewReader(tc.in))
			if got := fmt.Sprint(err); (err == nil) != (tc.err == "") || !strings.Contains(got, tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}

func TestStartFailure(t *testing.T) {
	for msg, want := range map[string]tape.Reason{
		"starting root container: creating process: failed to load /x: no such file or directory": tape.NotStarted,
		"urpc method failed: EOF": tape.Broken,
	} {
		end := startFailure(errors.New(msg))
		if end.Reason != want || end.Detail == "" {
			t.Errorf("%q: %+v, want reason %s", msg, end, want)
		}
	}
}

func TestExitCode(t *testing.T) {
	for want, err := range map[int]error{0: nil, 1: errors.New("x"), 3: fmt.Errorf("mount: %w", errForbidden)} {
		if got := ExitCode(err); got != want {
			t.Errorf("ExitCode(%v) = %d, want %d", err, got, want)
		}
	}
}

// The watch sees memory that a process takes; here that of the test itself.
func TestMemoryGrows(t *testing.T) {
	m := memory{pid: os.Getpid()}
	before := m.sample()
	b, err := unix.Mmap(-1, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // the heap may have had room
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(b) }()
	for i := range b {
		b[i] = byte(i)
	}
	if grown := m.sample() - before; before <= 0 || grown < 48<<20 {
		t.Errorf("sample grew by %d from %d, want about %d", grown, before, len(b))
	}
}

// How a run ended is told by its last event, by the reader that could not take that,
// or by neither.
func TestExplain(t *testing.T) {
	exit := func(p tape.Process) *tape.Event { return &tape.Event{Kind: tape.ProcessExit, PID: 1, Process: &p} }
	for _, tc := range []struct {
		name   string
		reason tape.Reason
		exit   *tape.Event
		failed error
		want   tape.End
	}{
		{"by itself", tape.Exited, exit(tape.Process{ExitCode: 3}), nil, tape.End{Reason: tape.Exited, ExitCode: 3}},
		{"by a signal", tape.Exited, exit(tape.Process{Signal: "SIGSEGV"}), nil, tape.End{Reason: tape.Signalled, Signal: "SIGSEGV"}},
		{"without a word", tape.Exited, nil, nil, tape.End{Reason: tape.Broken, Detail: "the sandbox died before its first process did"}},
		{"beyond the tape", tape.Exited, nil, errFull, tape.End{Reason: tape.EventLimit, Detail: "5 events"}},
		{"with an event that is none", tape.Exited, exit(tape.Process{}), errors.New("odd"), tape.End{Reason: tape.Broken, Detail: "odd"}},
		{"when its time was over", tape.TimeLimit, nil, errFull, tape.End{Reason: tape.TimeLimit}},
		{"after an error at its start", tape.NotStarted, exit(tape.Process{}), nil, tape.End{Reason: tape.Exited}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &sandbox{plan: &plan.Plan{Limits: plan.Limits{Events: 5}}}
			end := tape.End{Reason: tc.reason}
			s.explain(&end, &recorder{exit: tc.exit}, tc.failed)
			if diff := cmp.Diff(tc.want, end); diff != "" {
				t.Errorf("end (-want +got):\n%s", diff)
			}
		})
	}
}
