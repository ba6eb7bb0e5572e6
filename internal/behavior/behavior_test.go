package behavior_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// whole makes a tape of events: numbered, a millisecond apart, with a start
// and an end around them.
func whole(end tape.End, events ...*tape.Event) *source {
	start := &tape.Event{Kind: tape.RunStart, Start: &tape.Start{Plan: plan.Plan{Profile: plan.Default, Args: []string{"/app"}}}}
	all := append(append([]*tape.Event{start}, events...), &tape.Event{Kind: tape.RunEnd, End: &end})
	for i, e := range all {
		e.Seq, e.Time = uint64(i+1), int64(i)*int64(time.Millisecond)
	}
	if end.Events == 0 {
		all[len(all)-1].End.Events = uint64(len(all))
	}
	return &source{events: all}
}

type source struct {
	events []*tape.Event
	err    error
}

func (s *source) Next() (*tape.Event, error) {
	if len(s.events) == 0 {
		if s.err != nil {
			return nil, s.err
		}
		return nil, io.EOF
	}
	e := s.events[0]
	s.events = s.events[1:]
	return e, nil
}

func run(t *testing.T, src behavior.Source, detectors ...behavior.Detector) behavior.Result {
	t.Helper()
	r, err := behavior.Run(src, detectors...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fork(pid, child int32) *tape.Event {
	return &tape.Event{Kind: tape.ProcessFork, PID: pid, Process: &tape.Process{Child: child}}
}

func exec(pid, parent int32, executable string, args ...string) *tape.Event {
	return &tape.Event{Kind: tape.ProcessExec, PID: pid, Process: &tape.Process{
		Parent: parent, Executable: executable, Origin: tape.FromImage, Args: append([]string{executable}, args...),
	}}
}

func exit(pid int32, code int) *tape.Event {
	return &tape.Event{Kind: tape.ProcessExit, PID: pid, Process: &tape.Process{ExitCode: code}}
}

func socket(kind tape.Kind, pid int32, typ, address, errno string) *tape.Event {
	return &tape.Event{Kind: kind, PID: pid, Errno: errno, Socket: &tape.Socket{Family: "inet", Type: typ, Address: address}}
}

func TestRunTellsWhatHappened(t *testing.T) {
	dns := socket(tape.SocketSend, 2, "dgram", "10.0.0.2:53", "")
	dns.Socket.DNS = []tape.Question{{Name: "b.example", Type: "A"}, {Name: "a.example", Type: "AAAA"}}
	file := func(kind tape.Kind, path, target, flags, errno string) *tape.Event {
		return &tape.Event{Kind: kind, PID: 2, Errno: errno, File: &tape.File{Path: path, Target: target, Flags: flags}}
	}
	folded := socket(tape.SocketConnect, 2, "stream", "192.0.2.1:80", "")
	folded.Count = 40
	r := run(t, whole(tape.End{Reason: tape.Exited, CPU: 7, MaxMemory: 9},
		exec(1, 0, "/app"), fork(1, 2), fork(1, 3), exec(2, 1, "/bin/tool", "x"),
		socket(tape.SocketBind, 1, "stream", "0.0.0.0:80", ""), socket(tape.SocketListen, 1, "stream", "0.0.0.0:80", ""),
		socket(tape.SocketListen, 3, "stream", "0.0.0.0:80", ""), socket(tape.SocketBind, 1, "dgram", "0.0.0.0:53", ""),
		socket(tape.SocketBind, 1, "dgram", "0.0.0.0:0", ""), socket(tape.SocketListen, 1, "stream", "0.0.0.0:81", "EADDRINUSE"),
		socket(tape.SocketConnect, 2, "stream", "192.0.2.1:80", "ECONNREFUSED"), folded, dns,
		socket(tape.SocketConnect, 3, "stream", "192.0.2.1:80", "EINPROGRESS"),
		file(tape.FileCreate, "/b", "", "O_WRONLY|O_CREAT", ""), file(tape.FileOpen, "/a", "", "O_RDWR", ""),
		file(tape.FileOpen, "/r", "", "O_RDONLY", ""), file(tape.FileOpen, "/e", "", "O_RDWR", "EACCES"),
		file(tape.FileRename, "/b", "/c", "", ""), file(tape.FileDelete, "/a", "", "", ""),
		&tape.Event{Kind: tape.OutputStdout, Output: &tape.Output{Text: "hello\n", Size: 6}},
		exit(2, 3), exit(1, 0)))
	want := detonaut.Run{
		Command: []string{"/app"}, EndReason: "exited", Elapsed: 24 * time.Millisecond, CPU: 7, MaxMemory: 9,
		Processes: []detonaut.Process{
			{PID: 1, Executable: "/app", Args: []string{"/app"}, Origin: "image", Start: 1e6, End: 23e6, Exit: "0", Event: 2},
			{PID: 2, Parent: 1, Executable: "/bin/tool", Args: []string{"/bin/tool", "x"}, Origin: "image", Start: 2e6, End: 22e6, Exit: "3", Event: 5},
			{PID: 3, Parent: 1, Executable: "/app", Args: []string{"/app"}, Origin: "image", Start: 3e6, End: -1, Event: 4},
		},
		Listeners: []detonaut.Listener{
			{Network: "tcp", Address: "0.0.0.0:80", PID: 1, Event: 7}, {Network: "udp", Address: "0.0.0.0:53", PID: 1, Event: 9},
		},
		Connections: []detonaut.Connection{
			{Network: "tcp", Address: "192.0.2.1:80", PID: 2, Count: 41, Errno: "ECONNREFUSED", Event: 12},
			{Network: "tcp", Address: "192.0.2.1:80", PID: 3, Count: 1, Event: 15},
			{Network: "udp", Address: "10.0.0.2:53", PID: 2, Count: 1, Event: 14},
		},
		Names: []string{"a.example", "b.example"}, FilesWritten: []string{"/a", "/b", "/c"}, FilesDeleted: []string{"/a"},
		Output: "hello\n",
	}
	if diff := cmp.Diff(want, r.Run); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	if !r.Coverage.Full {
		t.Errorf("gaps: %q", r.Coverage.Gaps)
	}
}

func TestGapsOfCoverage(t *testing.T) {
	long := exec(1, 0, "/app")
	long.Cut, long.Process.ArgCount = true, 900
	env := exec(1, 0, "/app")
	env.Cut, env.Process.EnvCount = true, 900
	text := &tape.Event{Kind: tape.OutputStdout, Cut: true, Output: &tape.Output{Text: "x", Size: 9000}}
	ok := tape.End{Reason: tape.Exited}
	rejected := &tape.Event{Kind: tape.TLSHandshake, TLS: &tape.TLS{SNI: "a.example", Rejected: true}}
	trusted := &tape.Event{Kind: tape.TrustInstall, Trust: &tape.Trust{Path: "/a"}}
	untrusted := &tape.Event{Kind: tape.TrustInstall, Errno: "EROFS", Trust: &tape.Trust{Path: "/a"}}
	strange := whole(ok, rejected)
	strange.events[0].Start.Plan.Internet.TrustCut = true
	untraced := whole(ok)
	untraced.events[0].Start.Plan.Detail = plan.Untraced
	for name, tt := range map[string]struct {
		src *source
		gap string // "" for full coverage
	}{
		"it ended by itself":       {whole(ok), ""},
		"it ran until the end":     {whole(tape.End{Reason: tape.TimeLimit}), ""},
		"nothing could happen":     {whole(tape.End{Reason: tape.Quiescent}), ""},
		"as far as time went":      {whole(tape.End{Reason: tape.TravelLimit}), ""},
		"it gave up":               {whole(tape.End{Reason: tape.Exited, ExitCode: 2}), "exit code 2"},
		"it crashed":               {whole(tape.End{Reason: tape.Signalled, Signal: "SIGSEGV"}), "SIGSEGV"},
		"by no signal at all":      {whole(tape.End{Reason: tape.Signalled, Signal: "SIGall is well"}), "ended by a signal: "},
		"it was never started":     {whole(tape.End{Reason: tape.NotStarted}), "could not be started"},
		"memory":                   {whole(tape.End{Reason: tape.MemoryLimit}), "memory"},
		"events":                   {whole(tape.End{Reason: tape.EventLimit}), "more than a tape may hold"},
		"somebody ended it":        {whole(tape.End{Reason: tape.Killed}), "from outside"},
		"the sandbox broke":        {whole(tape.End{Reason: tape.Broken}), "sandbox-failed"},
		"an end nobody knows":      {whole(tape.End{Reason: "odd"}), "odd"},
		"events were lost":         {whole(tape.End{Reason: tape.Exited, Dropped: 3}), "3 events were lost"},
		"the numbers differ":       {whole(tape.End{Reason: tape.Exited, Events: 99}), "claims 99"},
		"a limit was met":          {whole(tape.End{Reason: tape.Exited, Bounds: []string{"file_size"}}), "file size"},
		"a part was not kept":      {whole(tape.End{Reason: tape.Exited, Bounds: []string{"artifacts", "bodies", "capture", "files", "names", "record"}}), ""},
		"a program was not kept":   {whole(tape.End{Reason: tape.Exited, Bounds: []string{"payloads"}}), "not everything that ran"},
		"more was different":       {whole(tape.End{Reason: tape.Exited, Bounds: []string{"changes"}}), "not everything that differs"},
		"nothing was to come":      {whole(tape.End{Reason: tape.Quiescent}), ""},
		"its clocks ran far":       {whole(tape.End{Reason: tape.TravelLimit}), ""},
		"connections were refused": {whole(tape.End{Reason: tape.Exited, Bounds: []string{"flows"}}), "more connections at once"},
		"a server of ours failed":  {whole(tape.End{Reason: tape.Exited, Bounds: []string{"servers"}}), "simulated internet failed"},
		"a bound nobody knows":     {whole(tape.End{Reason: tape.Exited, Bounds: []string{"odd_one"}}), "odd one"},
		"it knew whom it wanted":   {whole(ok, trusted, rejected), ""},
		"it could not know our CA": {whole(ok, untrusted, rejected), "certificate was refused"},
		"a store nobody used":      {whole(ok, untrusted), ""},
		"stores were not found":    {strange, "certificate was refused"},
		"headers were long":        {whole(ok, &tape.Event{Kind: tape.HTTPExchange, Cut: true, HTTP: &tape.HTTP{URL: "http://a/"}}), ""},
		"its output was long":      {whole(tape.End{Reason: tape.Exited, Bounds: []string{"output"}, OutputCut: 9}, text), ""},
		"arguments were cut":       {whole(ok, long), "too long"},
		"the environment was cut":  {whole(ok, env), ""},
		"no end":                   {&source{events: whole(ok).events[:1]}, "no end"},
		"no beginning":             {&source{events: whole(ok).events[1:]}, "no beginning"},
		"it was not traced":        {untraced, "not traced"},
		"too many processes":       {whole(ok, crowd(1<<16+1)...), "more processes"},
	} {
		t.Run(name, func(t *testing.T) {
			c := run(t, tt.src).Coverage
			if c.Full != (tt.gap == "") || !strings.Contains(strings.Join(c.Gaps, "; "), tt.gap) {
				t.Errorf("full %t with gaps %q, want %q", c.Full, c.Gaps, tt.gap)
			}
		})
	}
}

// crowd makes n processes that all live.
func crowd(n int32) (events []*tape.Event) {
	for i := range n {
		events = append(events, fork(1, i+2))
	}
	return events
}

func TestTheDigestIsBounded(t *testing.T) {
	var events []*tape.Event
	for i := range int32(3000) {
		events = append(events, fork(1, i+2), exit(i+2, 0), socket(tape.SocketConnect, 1, "stream", fmt.Sprint("192.0.2.1:", i+1), ""),
			&tape.Event{Kind: tape.FileCreate, PID: 1, File: &tape.File{Path: fmt.Sprint("/", i)}},
			&tape.Event{Kind: tape.OutputStderr, Output: &tape.Output{Text: strings.Repeat("x", 100)}})
	}
	r := run(t, whole(tape.End{Reason: tape.Exited}, events...))
	for name, n := range map[string]int{
		"processes": len(r.Run.Processes), "connections": len(r.Run.Connections), "files": len(r.Run.FilesWritten), "notes": len(r.Run.Notes) * 250,
	} {
		if n != 1000 {
			t.Errorf("%s: %d are listed", name, n)
		}
	}
	if len(r.Run.Output) != 16<<10 || !r.Coverage.Full {
		t.Errorf("%d bytes of output, gaps %q", len(r.Run.Output), r.Coverage.Gaps)
	}
}

func TestABrokenSourceIsAnError(t *testing.T) {
	src := &source{err: tape.ErrTruncated}
	if _, err := behavior.Run(src); !errors.Is(err, tape.ErrTruncated) {
		t.Errorf("got %v", err)
	}
}

// watcher notes who did the last event.
type watcher struct{ last behavior.Process }

func (w *watcher) Observe(m behavior.Moment) {
	if m.Event.Kind != tape.RunEnd {
		w.last = *m.Process
	}
}

func (w *watcher) Conclude() ([]detonaut.Finding, []string) { return nil, []string{"looked only once"} }

func TestProcessesRememberWhereTheyComeFrom(t *testing.T) {
	w := new(watcher)
	r := run(t, whole(tape.End{Reason: tape.Exited},
		exec(1, 0, "/sbin/init"), fork(1, 2), exec(2, 1, "/app"), socket(tape.SocketListen, 2, "stream", "0.0.0.0:80", ""),
		socket(tape.SocketAccept, 2, "stream", "192.0.2.7:5000", ""), fork(2, 3), exit(2, 0), fork(3, 4), exec(4, 3, "/bin/busybox", "-c"),
		socket(tape.SocketConnect, 4, "stream", "192.0.2.9:1", "ENETUNREACH"),
		&tape.Event{Kind: "call.setresuid", PID: 4, Call: &tape.Call{Args: map[string]string{"ruid": "-1", "euid": "33", "suid": "-1"}}},
		exec(4, 3, "/bin/id"),
		&tape.Event{Kind: tape.ProcessExec, PID: 4, Errno: "ENOENT", Process: &tape.Process{Executable: "/none"}},
	), w)
	p := w.last
	var up []string
	for _, a := range p.Ancestors() {
		up = append(up, fmt.Sprintf("%d%s %t %t", a.PID, a.Executable, a.Serves, a.Listens))
	}
	if diff := cmp.Diff([]string{"3/app false true", "2/app true true", "1/sbin/init false false"}, up); diff != "" {
		t.Errorf("ancestors (-want +got):\n%s", diff)
	}
	if p.Name() != "id" || !p.Connects || p.Serves || p.Nesting() != 0 {
		t.Errorf("process %+v", p)
	}
	if diff := cmp.Diff([]string{"/app", "/bin/busybox"}, p.History); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"looked only once"}, r.Coverage.Gaps); diff != "" {
		t.Errorf("gaps of the detector (-want +got):\n%s", diff)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		executable string
		args       []string
		want       string
	}{
		{"/usr/bin/ps", []string{"-ps"}, "ps"},
		{"/bin/busybox", []string{"/bin/wget", "-q"}, "wget"},
		{"/bin/busybox", []string{"-sh"}, "sh"},
		{"/bin/busybox", nil, "busybox"},
		{"/usr/sbin/xtables-nft-multi", []string{"iptables", "-L"}, "iptables"},
		{"/usr/bin/pgrep", []string{"pkill", "a"}, "pkill"},
		{"", []string{"a"}, ""},
	} {
		p := &behavior.Process{Executable: test.executable, Args: test.args}
		if got := p.Name(); got != test.want {
			t.Errorf("%s %q: name %q, want %q", test.executable, test.args, got, test.want)
		}
	}
}

// TestWhatCannotBeFollowedIsAGap makes more of what a process is known by than is kept in mind.
func TestWhatCannotBeFollowedIsAGap(t *testing.T) {
	chain := func(n int32) (events []*tape.Event) {
		for pid := int32(1); pid <= n; pid++ {
			events = append(events, fork(pid, pid+1))
		}
		return events
	}
	crowd := func(n int32, exit bool) (events []*tape.Event) {
		for pid := int32(2); pid <= n; pid++ {
			events = append(events, fork(1, pid), &tape.Event{Kind: tape.ProcessExec, PID: pid, Process: &tape.Process{
				Executable: "/bin/x", Args: []string{"x", strings.Repeat("y", 30_000)},
			}})
			if exit {
				events = append(events, &tape.Event{Kind: tape.ProcessExit, PID: pid, Process: &tape.Process{}})
			}
		}
		return events
	}
	const deep, long = "more ancestors than can be followed", "more arguments at once"
	for name, tt := range map[string]struct {
		events []*tape.Event
		want   string
	}{
		"64 ancestors":             {chain(64), ""},
		"65 ancestors":             {chain(65), deep},
		"a thousand of one parent": {crowd(1000, false), ""},
		"more than fit":            {crowd(1500, false), long},
		"as many one by one":       {crowd(3000, true), ""},
		"as many with one number":  {append(crowd(1000, false), crowd(1000, false)...), ""},
	} {
		gaps := strings.Join(run(t, whole(tape.End{Reason: tape.Exited}, tt.events...)).Coverage.Gaps, "; ")
		if (gaps == "") != (tt.want == "") || !strings.Contains(gaps, tt.want) {
			t.Errorf("%s: gaps %q, want %q", name, gaps, tt.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1 80 false false", "[2001:db8::1]:443": "2001:db8::1 443 false false", "127.9.9.9:1": "127.9.9.9 1 true true",
		"[::ffff:127.0.0.1]:1": "::ffff:127.0.0.1 1 true true", "0.0.0.0:22": "0.0.0.0 22 true true", "10.1.1.1:22": "10.1.1.1 22 false true",
		"/run/a:80": "/run/a:80 -1 true true", "@x": "@x -1 true true", "": " -1 true true", "host": "host -1 false false",
		"1.2.3.4:99999": "1.2.3.4:99999 -1 false false", "169.254.169.254:80": "169.254.169.254 80 false true",
	} {
		host, port := behavior.SplitAddress(address)
		if got := fmt.Sprint(host, " ", port, " ", behavior.Loopback(address), " ", behavior.Private(address)); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}
