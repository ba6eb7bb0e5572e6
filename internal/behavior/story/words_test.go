package story_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior/story"
)

func TestWords(t *testing.T) {
	p := func(kind tape.Kind, x tape.Process) *tape.Event { return &tape.Event{Kind: kind, Process: &x} }
	f := func(kind tape.Kind, x tape.File) *tape.Event { return &tape.Event{Kind: kind, File: &x} }
	s := func(kind tape.Kind, x tape.Socket) *tape.Event { return &tape.Event{Kind: kind, Socket: &x} }
	kept := func(how tape.How) *tape.Event {
		return &tape.Event{Kind: tape.PayloadKeep, Payload: &tape.Payload{How: how, Path: "/x", Size: 9}}
	}
	change := func(kind tape.Kind, x tape.Change) *tape.Event { return &tape.Event{Kind: kind, Change: &x} }
	failed := f(tape.FileCreate, tape.File{Path: "/x"})
	failed.Errno = "EACCES"
	waits := s(tape.SocketConnect, tape.Socket{Address: "203.0.113.9:1"})
	waits.Errno, waits.Count = "EINPROGRESS", 40
	for _, tt := range []struct {
		e    *tape.Event
		want string
	}{
		{&tape.Event{Kind: tape.RunStart, Start: &tape.Start{}}, "the run began"},
		{&tape.Event{Kind: tape.RunEnd, End: &tape.End{Reason: tape.Exited}}, "the run ended: exited"},
		{p(tape.ProcessFork, tape.Process{Child: 7}), "started process 7"},
		{p(tape.ProcessThread, tape.Process{Child: 7}), "started a thread"},
		{p(tape.ProcessExec, tape.Process{Executable: "/bin/sh", Args: []string{"sh", "-c", "id"}}), "ran /bin/sh -c id"},
		{p(tape.ProcessExec, tape.Process{Executable: "/tmp/x", Args: []string{"[kworker]"}}), "ran /tmp/x as [kworker]"},
		{p(tape.ProcessExec, tape.Process{Executable: "/memfd:x", Origin: tape.FromMemory}), "ran a program in memory, /memfd:x"},
		{p(tape.ProcessExec, tape.Process{Executable: "/x.sh", Interpreter: "/bin/sh", Args: []string{"/bin/sh", "/x.sh", "a"}}), "ran /x.sh, a script of /bin/sh, a"},
		{p(tape.ProcessExec, tape.Process{Executable: "/x.sh", Interpreter: "/bin/sh", Args: []string{"/bin/sh", "/x.sh"}}), "ran /x.sh, a script of /bin/sh"},
		{p(tape.ProcessExit, tape.Process{ExitCode: 3}), "ended with 3"},
		{p(tape.ProcessExit, tape.Process{Signal: "SIGKILL"}), "ended with SIGKILL"},
		{f(tape.FileOpen, tape.File{Path: "/x", Flags: "O_RDONLY"}), "read /x"},
		{f(tape.FileOpen, tape.File{Path: "/x", Flags: "O_RDWR"}), "wrote to /x"},
		{f(tape.FileStat, tape.File{Path: "/x"}), "looked for /x"},
		{f(tape.FileCreate, tape.File{Path: "/x"}), "wrote /x"},
		{failed, "tried to write /x (EACCES)"},
		{f(tape.FileRename, tape.File{Path: "/x", Target: "/y"}), "renamed /x to /y"},
		{f(tape.FileLink, tape.File{Path: "/x", Target: "/y"}), "made another name of /x: /y"},
		{f(tape.FileSymlink, tape.File{Path: "/x", Target: "/y"}), "made a link /x to /y"},
		{f(tape.FileDelete, tape.File{Path: "/x"}), "deleted /x"},
		{f(tape.FileMkdir, tape.File{Path: "/x"}), "made the directory /x"},
		{f(tape.FileRmdir, tape.File{Path: "/x"}), "removed the directory /x"},
		{f(tape.FileMknod, tape.File{Path: "/x"}), "made the device /x"},
		{f(tape.FileChmod, tape.File{Path: "/x", Mode: 0o644}), "set the permissions of /x to 0644"},
		{f(tape.FileChmod, tape.File{Path: "/x", Mode: 0o755}), "made /x executable (0755)"},
		{f(tape.FileChmod, tape.File{Path: "/x", Mode: 0o4755}), "let /x run with the rights of its owner or group (4755)"},
		{f(tape.FileChown, tape.File{Path: "/x"}), "changed the owner of /x"},
		{f(tape.FileXattr, tape.File{Path: "/x", Attr: "user.a"}), "changed an attribute of /x: user.a"},
		{f(tape.FileTruncate, tape.File{Path: "/x"}), "cut /x to 0 bytes"},
		{f(tape.FileUtime, tape.File{Path: "/x"}), "set the times of /x"},
		{f(tape.FileRead, tape.File{Path: "/x"}), "read /x"},
		{f(tape.FileWrite, tape.File{Path: "/x"}), "wrote to /x"},
		{f(tape.FileClose, tape.File{Path: "/x"}), "closed /x"},
		{s(tape.SocketCreate, tape.Socket{Family: "packet", Type: "raw"}), "made a socket packet raw"},
		{s(tape.SocketBind, tape.Socket{Address: "0.0.0.0:1"}), "took the address 0.0.0.0:1"},
		{s(tape.SocketListen, tape.Socket{Address: "0.0.0.0:1"}), "listened at 0.0.0.0:1"},
		{s(tape.SocketAccept, tape.Socket{Address: "192.0.2.1:1"}), "took a connection from 192.0.2.1:1"},
		{waits, "connected to 203.0.113.9:1 (40 times)"},
		{s(tape.SocketSend, tape.Socket{Address: "203.0.113.9:1", Size: 5}), "sent 5 bytes to 203.0.113.9:1"},
		{s(tape.SocketSend, tape.Socket{Address: "203.0.113.9:53", DNS: []tape.Question{{Name: "a.example"}}}), "asked for the name a.example"},
		{s(tape.SocketLocal, tape.Socket{Address: "10.0.0.2:1"}), "had the address 10.0.0.2:1"},
		{&tape.Event{Kind: tape.FlowEnded, FlowEnd: &tape.Flow{Remote: "[2001:db8::1]:443", Name: "a.example", Protocol: "http", TLS: true}}, "talked to a.example:443, speaking http in TLS"},
		{&tape.Event{Kind: tape.FlowEnded, FlowEnd: &tape.Flow{Remote: "203.0.113.9", Reason: "policy"}}, "tried to reach 203.0.113.9, refused: policy"},
		{&tape.Event{Kind: tape.DNSAnswer, DNS: &tape.DNS{Name: "a.example", Code: "NXDOMAIN"}}, "asked for the name a.example, NXDOMAIN"},
		{&tape.Event{Kind: tape.TLSHandshake, TLS: &tape.TLS{SNI: "a.example"}}, "began TLS with a.example"},
		{&tape.Event{Kind: tape.TLSHandshake, TLS: &tape.TLS{Certificate: "a.example", Rejected: true}}, "refused our certificate for a.example"},
		{&tape.Event{Kind: tape.HTTPExchange, HTTP: &tape.HTTP{URL: "http://a/x", Status: 200, ResponseBody: &tape.Body{Size: 1}}}, "fetched http://a/x"},
		{&tape.Event{Kind: tape.HTTPExchange, HTTP: &tape.HTTP{URL: "http://a/x", Status: 404, ResponseBody: &tape.Body{Size: 1}}}, "asked for http://a/x: 404"},
		{&tape.Event{Kind: tape.HTTPExchange, HTTP: &tape.HTTP{URL: "http://a/x", Status: 200, Body: &tape.Body{Size: 7}}}, "sent 7 bytes to http://a/x"},
		{&tape.Event{Kind: tape.MessageReceive, Message: &tape.Message{Protocol: "irc", Verb: "NICK", Fields: map[string]string{"nick": "a"}}}, "said irc NICK with nick=a"},
		{&tape.Event{Kind: tape.BaitSent, Bait: &tape.Bait{Name: "aws-key", Encoding: "hex", Place: "stream"}}, "sent the planted aws-key as hex in stream"},
		{&tape.Event{Kind: tape.TrustInstall, Trust: &tape.Trust{Path: "/etc/ca.pem"}}, "our CA was added to /etc/ca.pem"},
		{&tape.Event{Kind: tape.MemoryExec, Memory: &tape.Memory{Call: "mmap"}}, "had memory that is code and writable"},
		{&tape.Event{Kind: "call.ptrace", Call: &tape.Call{Args: map[string]string{"request": "PTRACE_ATTACH", "pid": "7"}}}, "called ptrace with pid=7 request=PTRACE_ATTACH"},
		{&tape.Event{Kind: "call.vhangup", Call: &tape.Call{}}, "called vhangup"},
		{kept(tape.Executed), "was about to run /x"},
		{kept(tape.Loaded), "loaded the code of /x"},
		{kept(tape.Deleted), "was about to delete /x"},
		{kept(tape.Replaced), "was about to replace /x"},
		{kept(tape.Truncated), "was about to cut /x"},
		{kept(tape.Rewritten), "was about to write over /x"},
		{kept(tape.Stdin), "ran a script from its input, in /x"},
		{kept(tape.Code), "made 9 bytes of its memory code, as /x"},
		{kept(tape.Left), "left behind /x"},
		{change(tape.ChangeAdd, tape.Change{Path: "/x", Type: "file", Mode: 0o4755, Capabilities: "01"}), "in the end there was a new /x with permissions 4755 with capabilities"},
		{change(tape.ChangeModify, tape.Change{Path: "/x"}), "in the end there was another /x"},
		{change(tape.ChangeRemove, tape.Change{Path: "/x"}), "in the end there was no /x"},
		{&tape.Event{Kind: tape.TimeJump, Jump: &tape.Jump{By: 3600e9}}, "waited while the clocks were moved on by 1h0m0s"},
		{&tape.Event{Kind: tape.OutputStdout, Output: &tape.Output{Text: "a\x1bb\n"}}, `printed "a\x1bb\n"`},
		{&tape.Event{Kind: "odd.kind"}, "did odd.kind"},
	} {
		if diff := cmp.Diff(tt.want, story.Words(tt.e)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.e.Kind, diff)
		}
	}
}

// TestWordsAreBounded holds what is said of strings of any length to a line of some
// length, and to whole characters.
func TestWordsAreBounded(t *testing.T) {
	long := strings.Repeat("é", 4000)
	many := map[string]string{}
	for i := range 100 {
		many[long+string(rune('a'+i))] = long
	}
	for _, e := range []*tape.Event{
		{Kind: tape.ProcessExec, Process: &tape.Process{Executable: long, Args: []string{long, long}}, Errno: long},
		{Kind: tape.FileRename, File: &tape.File{Path: long, Target: long}, Count: 1 << 60},
		{Kind: tape.MessageReceive, Message: &tape.Message{Protocol: long, Verb: long, Fields: many}},
		{Kind: "call.x", Call: &tape.Call{Args: many}},
		{Kind: tape.FlowEnded, FlowEnd: &tape.Flow{Remote: long + ":1", Name: long, Protocol: long, Reason: long}},
		{Kind: tape.OutputStderr, Output: &tape.Output{Text: long}},
	} {
		if got := story.Words(e); len(got) > 300 || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, valid %t", e.Kind, len(got), utf8.ValidString(got))
		}
	}
}
