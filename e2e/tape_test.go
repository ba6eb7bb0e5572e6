package e2e_test

import (
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/image/imagetest"
	"github.com/detonaut/detonaut/internal/testenv"
)

// deeds are what the probe does, in the form in which the tape must have it.
var deeds = []struct {
	name string
	kind tape.Kind
	is   func(e *tape.Event) bool
}{
	{"first exec", tape.ProcessExec, func(e *tape.Event) bool {
		p := e.Process
		return e.PID == 1 && p.Executable == "/probe" && p.Origin == tape.FromImage && len(p.SHA256) == 64 && p.Dir == "/" && p.UID == 0
	}},
	{"fork", tape.ProcessFork, func(e *tape.Event) bool { return e.PID == 1 && e.Process.Child > 1 }},
	{"exec from the image", tape.ProcessExec, func(e *tape.Event) bool {
		return has(e.Process.Args, "from-image") && e.Process.Origin == tape.FromImage && e.Process.Parent == 1
	}},
	{"exec of what was written", tape.ProcessExec, func(e *tape.Event) bool {
		p := e.Process
		return has(p.Args, "from-written") && p.Origin == tape.FromWritten && p.Executable == "/tmp/written" && len(p.SHA256) == 64
	}},
	{"exec from memory", tape.ProcessExec, func(e *tape.Event) bool {
		return has(e.Process.Args, "from-memory") && e.Process.Origin == tape.FromMemory && len(e.Process.SHA256) == 64
	}},
	{"exec of a script", tape.ProcessExec, func(e *tape.Event) bool {
		return e.Process.Executable == "/work/script" && e.Process.Interpreter == "/probe as-interpreter"
	}},
	{"failed exec", tape.ProcessExec, func(e *tape.Event) bool {
		return e.Errno == "ENOENT" && e.Process.Executable == "/nowhere/program"
	}},
	{"cut arguments", tape.ProcessExec, func(e *tape.Event) bool {
		return e.Cut && e.Process.ArgCount == 2 && len(e.Process.Args[1]) < 10_000
	}},
	{"exit", tape.ProcessExit, func(e *tape.Event) bool { return e.PID > 1 && e.Process.ExitCode == 7 && e.Process.Parent == 1 }},

	{"mkdir", tape.FileMkdir, func(e *tape.Event) bool { return e.File.Path == "/work" && e.File.Mode == 0o750 }},
	{"create", tape.FileCreate, func(e *tape.Event) bool { return e.File.Path == "/work/new" && e.File.Mode == 0o640 }},
	{"symlink", tape.FileSymlink, func(e *tape.Event) bool { return e.File.Path == "/alias" && e.File.Target == "/work" }},
	{"open through a symlink", tape.FileOpen, func(e *tape.Event) bool {
		return e.File.Path == "/work/new" && e.File.Flags == "O_WRONLY|O_APPEND"
	}},
	{"failed create", tape.FileOpen, func(e *tape.Event) bool { return e.File.Path == "/no/such/directory" && e.Errno == "ENOENT" }},
	{"ftruncate", tape.FileTruncate, func(e *tape.Event) bool { return e.File.Path == "/work/new" && e.File.Size == 4 }},
	{"truncate", tape.FileTruncate, func(e *tape.Event) bool { return e.File.Path == "/work/new" && e.File.Size == 2 }},
	{"setuid bit", tape.FileChmod, func(e *tape.Event) bool {
		return e.File.Path == "/work/new" && e.File.Mode == 0o4755 && e.File.Was != 0
	}},
	{"chmod", tape.FileChmod, func(e *tape.Event) bool { return e.File.Path == "/work/new" && e.File.Mode == 0o755 && e.File.Was != 0 }},
	{"chown", tape.FileChown, func(e *tape.Event) bool {
		return e.File.Path == "/work/new" && e.File.UID != nil && *e.File.UID == 12 && *e.File.GID == 34
	}},
	{"set attribute", tape.FileXattr, func(e *tape.Event) bool { return e.File.Attr == "user.note" && !e.File.Removed }},
	{"remove attribute", tape.FileXattr, func(e *tape.Event) bool { return e.File.Attr == "user.note" && e.File.Removed }},
	{"set times", tape.FileUtime, func(e *tape.Event) bool { return e.File.Path == "/work/new" }},
	{"link", tape.FileLink, func(e *tape.Event) bool { return e.File.Path == "/work/new" && e.File.Target == "/work/hard" }},
	{"rename", tape.FileRename, func(e *tape.Event) bool { return e.File.Path == "/work/hard" && e.File.Target == "/work/moved" }},
	{"delete", tape.FileDelete, func(e *tape.Event) bool { return e.File.Path == "/work/moved" && e.Errno == "" }},
	{"mknod", tape.FileMknod, func(e *tape.Event) bool { return e.File.Path == "/work/pipe" && e.File.Mode == 0o10600 }},
	{"rmdir", tape.FileRmdir, func(e *tape.Event) bool { return e.File.Path == "/work/sub" }},
	{"rename past a symlink", tape.FileRename, func(e *tape.Event) bool {
		return e.File.Path == "/work/new" && e.File.Target == "/work/odd (deleted)"
	}},
	{"a name like that of a deleted file", tape.FileChmod, func(e *tape.Event) bool { return e.File.Path == "/work/odd (deleted)" }},
	{"chown of a symlink", tape.FileChown, func(e *tape.Event) bool { return e.File.Path == "/alias" && *e.File.UID == 56 }},
	{"link that follows", tape.FileLink, func(e *tape.Event) bool { return e.File.Path == "/work/new" && e.File.Target == "/work/second" }},
	{"sensitive read", tape.FileOpen, func(e *tape.Event) bool { return e.File.Path == "/etc/shadow" && e.File.Sensitive }},

	{"socket", tape.SocketCreate, func(e *tape.Event) bool { return e.Socket.Family == "inet6" && e.Socket.Type == "dgram" }},
	{"bind", tape.SocketBind, func(e *tape.Event) bool { return e.Socket.Address == "[::]:5353" && e.Socket.Type == "dgram" }},
	{"listen", tape.SocketListen, func(e *tape.Event) bool { return e.Socket.Address == "127.0.0.1:4321" && e.Socket.Type == "stream" }},
	{"connect", tape.SocketConnect, func(e *tape.Event) bool { return e.Socket.Address == "203.0.113.9:443" && e.Errno == "EINPROGRESS" }},
	{"connect to a unix socket", tape.SocketConnect, func(e *tape.Event) bool { return e.Socket.Address == "/run/no.sock" && e.Socket.Family == "unix" }},
	{"accept", tape.SocketAccept, func(e *tape.Event) bool { return strings.HasPrefix(e.Socket.Address, "127.0.0.1:") }},
	{"question by sendto", tape.SocketSend, asks("sendto.example")},
	{"question by sendmsg", tape.SocketSend, asks("sendmsg.example")},
	{"last of many messages", tape.SocketSend, func(e *tape.Event) bool { return e.Socket.Address == "203.0.113.119:10" && e.Socket.Size > 0 }},
	{"folded datagrams", tape.SocketSend, func(e *tape.Event) bool { return e.Socket.Address == "203.0.113.1:9" && e.Count > 50 }},

	{"writable code", tape.MemoryExec, func(e *tape.Event) bool { return e.Memory.Call == "mmap" && e.Memory.Size == 4096 }},
	{"code made writable", tape.MemoryExec, func(e *tape.Event) bool { return e.Memory.Call == "mprotect" && e.Memory.Size == 4096 }},
	{"shared memory as code", tape.MemoryExec, func(e *tape.Event) bool { return e.Memory.Call == "shmat" }},
	{"mount", "call.mount", arg("type", "tmpfs", "target", "/work", "flags", "MS_NOSUID")},
	{"umount", "call.umount2", arg("target", "/work")},
	{"unshare", "call.unshare", arg("flags", "CLONE_NEWUTS")},
	{"setns", "call.setns", arg("type", "CLONE_NEWNET")},
	{"pivot_root", "call.pivot_root", arg("new", "/work")},
	{"ptrace", "call.ptrace", arg("request", "PTRACE_ATTACH", "pid", "4242")},
	{"process_vm_writev", "call.process_vm_writev", arg("pid", "4242")},
	{"prctl", "call.prctl", arg("option", "PR_SET_NAME", "value", "kworker/0:1")},
	{"kill", "call.kill", arg("pid", "4242", "signal", "SIGTERM")},
	{"tkill", "call.tkill", arg("tid", "4243", "signal", "SIGTERM")},
	{"pidfd_getfd", "call.pidfd_getfd", arg("fd", "9999", "target", "3")},
	{"memfd_create", "call.memfd_create", arg("name", "hidden")},
	{"init_module", "call.init_module", arg()},
	{"finit_module", "call.finit_module", arg()},
	{"bpf", "call.bpf", arg("cmd", "5")},
	{"perf_event_open", "call.perf_event_open", arg()},
	{"keyctl", "call.keyctl", arg("operation", "1")},
	{"io_uring", "call.io_uring_setup", arg()},
	{"sethostname", "call.sethostname", arg("name", "other")},
	{"capset", "call.capset", arg("effective", "0x0")},
	{"chroot", "call.chroot", arg("path", "/work")},
	{"setgroups", "call.setgroups", arg("size", "1")},
	{"setresgid", "call.setresgid", arg("rgid", "1000", "egid", "1000")},
	{"setuid", "call.setuid", arg("uid", "1000")},

	{"flow", tape.FlowEnded, func(e *tape.Event) bool {
		return e.PID == 1 && e.FlowEnd.Remote == "203.0.113.9:443" && e.FlowEnd.Network == "tcp"
	}},
	{"answer to a question", tape.DNSAnswer, func(e *tape.Event) bool {
		return e.PID == 1 && e.DNS.Name == "sendto.example" && len(e.DNS.Answers) == 1
	}},
	{"stdout", tape.OutputStdout, func(e *tape.Event) bool { return strings.Contains(e.Output.Text, "probe: done\n") }},
	{"stderr", tape.OutputStderr, func(e *tape.Event) bool { return strings.Contains(e.Output.Text, "\x1b[31mdone\\xff") }},
}

func has(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

func asks(name string) func(*tape.Event) bool {
	return func(e *tape.Event) bool {
		s := e.Socket
		return s.Address == "203.0.113.53:53" && len(s.DNS) == 1 && s.DNS[0] == tape.Question{Name: name, Type: "A"}
	}
}

func arg(pairs ...string) func(*tape.Event) bool {
	return func(e *tape.Event) bool {
		for i := 0; i < len(pairs); i += 2 {
			if e.Call.Args[pairs[i]] != pairs[i+1] {
				return false
			}
		}
		return true
	}
}

// Everything that the tape promises to record is on the tape of a subject
// that does it, with resolved paths and symbolic arguments.
func TestTapeRecordsEveryDeed(t *testing.T) {
	events := probe(t)
	for _, d := range deeds {
		found, ofKind := false, []tape.Event(nil)
		for _, e := range events {
			if e.Kind == d.kind {
				ofKind = append(ofKind, *e)
				found = found || d.is(e)
			}
		}
		if !found {
			t.Errorf("%s: no such event among %d of kind %s:\n%s", d.name, len(ofKind), d.kind, lines(t, ofKind))
		}
	}
	ended := make(map[int32]bool)
	for _, e := range events {
		if e.Kind == tape.ProcessExit {
			if ended[e.PID] {
				t.Errorf("event %d: process %d ended twice", e.Seq, e.PID)
			}
			ended[e.PID] = true
		}
		if e.File != nil && e.File.Path == "/etc/passwd" {
			t.Errorf("event %d: a read of /etc/passwd is on a tape of normal detail", e.Seq)
		}
	}
}

// probe runs the probe and returns its tape.
func probe(t *testing.T, args ...string) (events []*tape.Event) {
	t.Helper()
	dir := t.TempDir()
	img, err := imagetest.New(v1.Config{Entrypoint: []string{"/probe"}, Env: []string{"DETONAUT_PROBE=1", path}}, v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	if img, err = imagetest.AddFile(img, "/probe", testenv.Program(t, "./e2e/probe")); err != nil {
		t.Fatal(err)
	}
	if err := imagetest.WriteOCIDir(img, filepath.Join(dir, "image")); err != nil {
		t.Fatal(err)
	}
	r := scan(t, "oci-dir:"+filepath.Join(dir, "image"), append(args, "--keep", filepath.Join(dir, "keep"))...)
	if want := string(tape.Exited); r.Run.EndReason != want || r.Verdict.Word == detonaut.Clean {
		t.Errorf("the probe ended with %q and verdict %q, want %q and one that is not clean", r.Run.EndReason, r.Verdict.Word, want)
	}
	return kept(t, filepath.Join(dir, "keep"))
}

// readTape reads a whole tape.
func readTape(t *testing.T, file string) (events []*tape.Event) {
	t.Helper()
	tapeFile, err := detonate.OpenTape(file)
	if err != nil {
		t.Fatal(err)
	}
	defer tapeFile.Close()
	for {
		e, err := tapeFile.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
}

// lines writes events as on a tape.
func lines(t *testing.T, events []tape.Event) string {
	t.Helper()
	var b strings.Builder
	enc := tape.NewEncoder(&b)
	for i := range events[:min(len(events), 40)] {
		if err := enc.Record(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
