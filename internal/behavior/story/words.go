package story

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of what is said of one event, in bytes.
const (
	maxWords  = 240
	maxString = 120
	maxArgs   = 8 // arguments of a call, fields of a message
)

// Words says in one line what an event shows, as what somebody did: "ran /tmp/x",
// "connected to 203.0.113.9:443". It is bounded, and has strings of the subject in it:
// escape it.
func Words(e *tape.Event) string {
	s := words(e)
	if n := e.N(); n > 1 {
		s += fmt.Sprintf(" (%d times)", n)
	}
	return s
}

// words is the same, however often it happened.
func words(e *tape.Event) string {
	did, do, what := parts(e)
	if e.Errno != "" && e.Errno != "EINPROGRESS" && e.Errno != "EAGAIN" {
		did, what = "tried to "+do, what+" ("+cut(e.Errno, 20)+")"
	}
	return cut(strings.TrimSpace(did+" "+what), maxWords)
}

// parts are what happened in the past tense, the same as what somebody wants, and
// what it was done to.
func parts(e *tape.Event) (did, do, what string) {
	switch {
	case e.Process != nil:
		return ofProcess(e)
	case e.File != nil:
		return ofFile(e)
	case e.Socket != nil:
		return ofSocket(e)
	case e.Memory != nil:
		return "had memory that is code and writable", "have memory that is code and writable", cut(e.Memory.Path, maxString)
	case e.Call != nil:
		return "called", "call", call(e)
	case e.Payload != nil:
		return ofPayload(e.Payload)
	case e.Change != nil:
		return ofChange(e)
	case e.Output != nil:
		return "printed", "print", fmt.Sprintf("%q", cut(e.Output.Text, maxString))
	case e.Start != nil:
		return "the run began", "begin the run", ""
	case e.End != nil:
		return "the run ended:", "end the run:", cut(string(e.End.Reason), 40)
	case e.Jump != nil:
		return "waited while the clocks were moved on by", "wait for", time.Duration(e.Jump.By).Round(time.Second).String()
	case e.Trust != nil:
		return "our CA was added to", "add our CA to", cut(e.Trust.Path, maxString)
	default:
		return ofTraffic(e)
	}
}

func ofProcess(e *tape.Event) (did, do, what string) {
	p := e.Process
	switch e.Kind {
	case tape.ProcessExec:
		return "ran", "run", program(p)
	case tape.ProcessExit:
		return "ended with", "end with", cut(cmp.Or(p.Signal, fmt.Sprint(p.ExitCode)), 20)
	case tape.ProcessThread:
		return "started a thread", "start a thread", ""
	default:
		return "started process", "start a process", number(int64(p.Child))
	}
}

// program is what was executed, with its arguments, and with the name that it gives
// itself.
func program(p *tape.Process) string {
	what := cut(p.Executable, maxString)
	args := p.Args
	switch {
	case p.Origin == tape.FromMemory:
		what = "a program in memory, " + what
	case p.Interpreter != "":
		what += ", a script of " + cut(p.Interpreter, 40) + ","
		if i := slices.Index(args, p.Executable); i > 0 {
			args = args[i:]
		}
	}
	if len(args) == 0 {
		return strings.TrimSuffix(what, ",")
	}
	if path.Base(args[0]) != path.Base(p.Executable) {
		what += " as " + cut(args[0], 40)
	}
	if rest := strings.Join(args[1:min(len(args), 1+maxArgs)], " "); rest != "" {
		return what + " " + cut(rest, maxString)
	}
	return strings.TrimSuffix(what, ",")
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// fileWords are what is done to a file.
var fileWords = map[tape.Kind][2]string{
	tape.FileStat: {"looked for", "look for"}, tape.FileLoad: {"loaded", "load"}, tape.FileCreate: {"wrote", "write"},
	tape.FileRename: {"renamed", "rename"}, tape.FileLink: {"made another name of", "make another name of"},
	tape.FileSymlink: {"made a link", "make a link"}, tape.FileDelete: {"deleted", "delete"},
	tape.FileMkdir: {"made the directory", "make the directory"}, tape.FileRmdir: {"removed the directory", "remove the directory"},
	tape.FileMknod: {"made the device", "make the device"},
	tape.FileChown: {"changed the owner of", "change the owner of"}, tape.FileXattr: {"changed an attribute of", "change an attribute of"},
	tape.FileTruncate: {"cut", "cut"}, tape.FileUtime: {"set the times of", "set the times of"},
	tape.FileRead: {"read", "read"}, tape.FileWrite: {"wrote to", "write to"}, tape.FileClose: {"closed", "close"},
}

func ofFile(e *tape.Event) (did, do, what string) {
	f := e.File
	what = cut(f.Path, maxString)
	verbs, ok := fileWords[e.Kind]
	switch {
	case !ok && writes(f.Flags):
		verbs = fileWords[tape.FileWrite]
	case !ok:
		verbs = fileWords[tape.FileRead]
	}
	switch e.Kind {
	case tape.FileRename, tape.FileLink, tape.FileSymlink:
		what += map[tape.Kind]string{tape.FileRename: " to ", tape.FileLink: ": ", tape.FileSymlink: " to "}[e.Kind] + cut(f.Target, maxString)
	case tape.FileChmod:
		return permit(what, f.Mode)
	case tape.FileXattr:
		what += ": " + cut(f.Attr, 40)
	case tape.FileTruncate:
		what += fmt.Sprintf(" to %d bytes", f.Size)
	default:
	}
	return verbs[0], verbs[1], what
}

// permit says what permissions give.
func permit(what string, mode uint32) (did, do, _ string) {
	switch {
	case mode&0o6000 != 0:
		return "let", "let", what + fmt.Sprintf(" run with the rights of its owner or group (%04o)", mode)
	case mode&0o111 != 0:
		return "made", "make", what + fmt.Sprintf(" executable (%04o)", mode)
	default:
		return "set the permissions of", "set the permissions of", what + fmt.Sprintf(" to %04o", mode)
	}
}

// writes tells whether flags of open are those of somebody who writes.
func writes(flags string) bool {
	return strings.Contains(flags, "O_WRONLY") || strings.Contains(flags, "O_RDWR")
}

func ofSocket(e *tape.Event) (did, do, what string) {
	s := e.Socket
	what = cut(s.Address, maxString)
	if len(s.DNS) > 0 {
		return "asked for the name", "ask for the name", cut(s.DNS[0].Name, maxString)
	}
	switch e.Kind {
	case tape.SocketCreate:
		return "made a socket", "make a socket", cut(strings.TrimSpace(s.Family+" "+s.Type), 40)
	case tape.SocketBind:
		return "took the address", "take the address", what
	case tape.SocketListen:
		return "listened at", "listen at", what
	case tape.SocketAccept:
		return "took a connection from", "take a connection from", what
	case tape.SocketSend:
		return fmt.Sprintf("sent %d bytes to", s.Size), "send to", what
	case tape.SocketLocal:
		return "had the address", "have the address", what
	default:
		return "connected to", "connect to", what
	}
}

func call(e *tape.Event) string {
	name := cut(strings.TrimPrefix(string(e.Kind), tape.CallPrefix), 40)
	if args := fields(e.Call.Args); args != "" {
		name += " with " + args
	}
	return name
}

// fields shows the first of some values, by name.
func fields(of map[string]string) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(of)) {
		if len(words) == maxArgs {
			break
		}
		words = append(words, cut(k, 40)+"="+cut(of[k], 60))
	}
	return cut(strings.Join(words, " "), maxString)
}

func ofPayload(p *tape.Payload) (did, do, what string) {
	what = cut(p.Path, maxString)
	switch p.How {
	case tape.Executed:
		return "was about to run", "run", what
	case tape.Loaded:
		return "loaded the code of", "load the code of", what
	case tape.Deleted, tape.Replaced, tape.Truncated, tape.Rewritten:
		verb := map[tape.How]string{tape.Deleted: "delete", tape.Replaced: "replace", tape.Truncated: "cut", tape.Rewritten: "write over"}[p.How]
		return "was about to " + verb, verb, what
	case tape.Stdin:
		return "ran a script from its input, in", "run a script from its input, in", what
	case tape.Code:
		return fmt.Sprintf("made %d bytes of its memory code, as", p.Size), "make its memory code, as", what
	default:
		return "left behind", "leave behind", what
	}
}

func ofChange(e *tape.Event) (did, do, what string) {
	c := e.Change
	what = cut(c.Path, maxString)
	if c.Mode != c.Was && c.Type == "file" {
		what += fmt.Sprintf(" with permissions %04o", c.Mode)
	}
	if c.Capabilities != "" {
		what += " with capabilities"
	}
	switch e.Kind {
	case tape.ChangeRemove:
		return "in the end there was no", "remove", what
	case tape.ChangeModify:
		return "in the end there was another", "change", what
	default:
		return "in the end there was a new", "leave", what
	}
}

// ofTraffic is what the network saw.
func ofTraffic(e *tape.Event) (did, do, what string) {
	switch {
	case e.FlowEnd != nil:
		f := e.FlowEnd
		what = place(f.Remote, f.Name)
		if f.Protocol != "" {
			what += ", speaking " + cut(f.Protocol, 40)
		}
		if f.TLS {
			what += " in TLS"
		}
		if f.Reason != "" {
			return "tried to reach", "reach", what + ", refused: " + cut(f.Reason, 40)
		}
		return "talked to", "talk to", what
	case e.DNS != nil:
		what = cut(e.DNS.Name, maxString)
		if e.DNS.Code != "" && e.DNS.Code != "NOERROR" {
			what += ", " + cut(e.DNS.Code, 20)
		}
		return "asked for the name", "ask for the name", what
	case e.TLS != nil && e.TLS.Rejected:
		return "refused our certificate for", "refuse our certificate for", cut(cmp.Or(e.TLS.SNI, e.TLS.Certificate), maxString)
	case e.TLS != nil:
		return "began TLS with", "begin TLS with", cut(e.TLS.SNI, maxString)
	case e.HTTP != nil:
		return ofHTTP(e.HTTP)
	case e.Message != nil:
		what = cut(e.Message.Protocol, 40) + " " + cut(e.Message.Verb, 40)
		if said := fields(e.Message.Fields); said != "" {
			what += " with " + said
		}
		return "said", "say", what
	case e.Bait != nil:
		return "sent the planted", "send the planted", cut(e.Bait.Name, 60) + " as " + cut(e.Bait.Encoding, 40) + " in " + cut(e.Bait.Place, 40)
	default:
		return "did", "do", cut(string(e.Kind), 40)
	}
}

// ofHTTP tells uploads from downloads.
func ofHTTP(h *tape.HTTP) (did, do, what string) {
	what = cut(h.URL, maxString)
	switch {
	case h.Body != nil && h.Body.Size > 0:
		return fmt.Sprintf("sent %d bytes to", h.Body.Size), "send to", what
	case h.ResponseBody != nil && h.ResponseBody.Size > 0 && h.Status < 300:
		return "fetched", "fetch", what
	default:
		return "asked for", "ask for", fmt.Sprintf("%s: %d", what, h.Status)
	}
}

// cut bounds a string of the subject. What is cut is a string of its own: it does not
// keep all of the subject's.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
