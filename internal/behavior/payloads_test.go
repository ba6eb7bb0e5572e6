package behavior_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

func keep(how tape.How, pid int32, path, sum string) *tape.Event {
	return &tape.Event{Kind: tape.PayloadKeep, PID: pid, Payload: &tape.Payload{How: how, Path: path, SHA256: sum, Size: 9, Type: "elf", Kept: sum != ""}}
}

func file(kind tape.Kind, pid int32, path, target string) *tape.Event {
	e := &tape.Event{Kind: kind, PID: pid, File: &tape.File{Path: path, Target: target}}
	if kind == tape.FileOpen {
		e.File.Flags = "O_WRONLY|O_TRUNC"
	}
	return e
}

func written(pid int32, path, sum string) *tape.Event {
	e := exec(pid, 1, path)
	e.Process.Origin, e.Process.SHA256 = tape.FromWritten, sum
	return e
}

// TestPayloadsBelongToTheirEvents follows contents from whoever made them to
// what became of them.
func TestPayloadsBelongToTheirEvents(t *testing.T) {
	memfd := &tape.Event{Kind: "call.memfd_create", PID: 1, Call: &tape.Call{Args: map[string]string{"name": "m"}}}
	r := run(t, whole(tape.End{Reason: tape.Exited, Ahead: int64(time.Hour)},
		exec(1, 0, "/app"),                     // 2
		file(tape.FileCreate, 1, "/tmp/x", ""), // 3
		file(tape.FileRename, 1, "/tmp/x", "/tmp/y"),
		fork(1, 2), // 5
		keep(tape.Executed, 2, "/tmp/y", "aa"),
		written(2, "/tmp/y", "aa"), // 7
		keep(tape.Deleted, 1, "/tmp/y", "aa"),
		file(tape.FileDelete, 2, "/tmp/y", ""), // 9: of another process
		file(tape.FileDelete, 1, "/tmp/y", ""),
		file(tape.FileCreate, 1, "/tmp/y", ""), // 11: another file
		keep(tape.Rewritten, 1, "/bin/ls", ""),
		file(tape.FileOpen, 1, "/bin/ls", ""), // 13
		memfd,                                 // 14
		keep(tape.Executed, 2, "/memfd:m", "bb"),
		written(2, "/memfd:m", "bb"), // 16
		keep(tape.Stdin, 2, "/bin/sh", "cc"),
		keep(tape.Replaced, 1, "/b", "dd"),
		file(tape.FileRename, 1, "/c", "/b"), // 19
		keep(tape.Left, 0, "/copy", "aa"),
		keep(tape.Left, 0, "/left", "ee"),
		keep("odd", 1, "/odd", "ff"),
	)).Run
	want := []detonaut.Payload{
		{SHA256: "aa", Hows: []string{"executed", "deleted", "left"}, Paths: []string{"/copy", "/tmp/y"}, PID: 2, Kept: true, Events: []uint64{3, 4, 6, 7, 8, 10, 20}},
		{SHA256: "bb", Hows: []string{"executed"}, Paths: []string{"/memfd:m"}, PID: 2, Kept: true, Events: []uint64{14, 15, 16}},
		{SHA256: "cc", Hows: []string{"stdin"}, Paths: []string{"/bin/sh"}, PID: 2, Kept: true, Events: []uint64{16, 17}},
		{SHA256: "dd", Hows: []string{"replaced"}, Paths: []string{"/b"}, PID: 1, Kept: true, Events: []uint64{18, 19}},
		{Hows: []string{"rewritten"}, Paths: []string{"/bin/ls"}, PID: 1, Events: []uint64{12, 13}},
		{SHA256: "ee", Hows: []string{"left"}, Paths: []string{"/left"}, Kept: true, Events: []uint64{21}},
		{SHA256: "ff", Hows: []string{"odd"}, Paths: []string{"/odd"}, PID: 1, Kept: true, Events: []uint64{22}},
	}
	for i := range want {
		want[i].Size, want[i].Type = 9, "elf"
	}
	if diff := cmp.Diff(want, r.Payloads); diff != "" {
		t.Errorf("payloads (-want +got):\n%s", diff)
	}
	if want := r.Elapsed + time.Hour; r.Simulated != want {
		t.Errorf("simulated %s, want %s", r.Simulated, want)
	}
}

func TestWhatIsLeftDifferent(t *testing.T) {
	change := func(kind tape.Kind, c tape.Change) *tape.Event { return &tape.Event{Kind: kind, Change: &c} }
	got := run(t, whole(tape.End{Reason: tape.Exited},
		change(tape.ChangeAdd, tape.Change{Path: "/a", Type: "file", SHA256: "aa", Size: 9, Mode: 0o755}),
		change(tape.ChangeAdd, tape.Change{Path: "/caps", Type: "file", Mode: 0o755, Capabilities: "0100"}),
		change(tape.ChangeAdd, tape.Change{Path: "/dir", Type: "dir", Mode: 0o2755}),
		change(tape.ChangeModify, tape.Change{Path: "/had", Type: "file", Mode: 0o4755, Was: 0o4755}),
		change(tape.ChangeModify, tape.Change{Path: "/setuid", Type: "file", Mode: 0o4755, Was: 0o755}),
		change(tape.ChangeRemove, tape.Change{Path: "/z"}),
	)).Run.Changes
	want := []detonaut.Change{
		{Kind: "add", Path: "/a", Type: "file", SHA256: "aa", Size: 9, Mode: 0o755, Event: 2},
		{Kind: "add", Path: "/caps", Type: "file", Mode: 0o755, Privileged: true, Event: 3},
		{Kind: "add", Path: "/dir", Type: "dir", Mode: 0o2755, Event: 4},
		{Kind: "modify", Path: "/had", Type: "file", Mode: 0o4755, Was: 0o4755, Event: 5},
		{Kind: "modify", Path: "/setuid", Type: "file", Mode: 0o4755, Was: 0o755, Privileged: true, Event: 6},
		{Kind: "remove", Path: "/z", Event: 7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestAFloodDoesNotHideWhatRan fills the lists with what matters little.
func TestAFloodDoesNotHideWhatRan(t *testing.T) {
	var events []*tape.Event
	for i := range 3000 {
		name := fmt.Sprintf("/%04d", i)
		events = append(events, keep(tape.Deleted, 1, name, name), &tape.Event{Kind: tape.ChangeAdd, Change: &tape.Change{Path: name, Type: "file"}})
	}
	events = append(events, keep(tape.Executed, 1, "/x", "late"), keep(tape.Loaded, 1, "/0001", "/0001"),
		&tape.Event{Kind: tape.ChangeAdd, Change: &tape.Change{Path: "/x", Type: "file", Mode: 0o4755}})
	r := run(t, whole(tape.End{Reason: tape.Exited}, events...)).Run
	if len(r.Payloads) != 1000 || r.Payloads[0].SHA256 != "late" || r.Payloads[1].SHA256 != "/0001" {
		t.Errorf("%d payloads, the first %+v", len(r.Payloads), r.Payloads[:2])
	}
	if last := r.Changes[len(r.Changes)-1]; len(r.Changes) != 1000 || !last.Privileged {
		t.Errorf("%d changes, the last %+v", len(r.Changes), last)
	}
	if notes := strings.Join(r.Notes, "; "); !strings.Contains(notes, "payloads: only") || !strings.Contains(notes, "changes: only") {
		t.Errorf("notes %q", notes)
	}
}
