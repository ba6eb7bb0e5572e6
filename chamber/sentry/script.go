package sentry

import (
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
	"gvisor.dev/gvisor/pkg/sentry/kernel/pipe"
	"gvisor.dev/gvisor/pkg/sentry/socket"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of scripts that come from no file: bytes of one, and of all that are
// being read at once.
const (
	maxScript  = 1 << 20
	maxScripts = 16 << 20
)

// anyPipe stands for a script that is read from a pipe of whatever descriptor.
const anyPipe = -1

// scripts gathers what interpreters read as their script from pipes and sockets:
// "curl | sh" leaves no file.
type scripts struct {
	active atomic.Int32 // how many there are; read without the lock
	mu     sync.Mutex
	by     map[*kernel.ThreadGroup]*script
	held   int // bytes of all
}

type script struct {
	fd   int32 // where it is read from
	text []byte
	cut  bool
	// What the event says.
	pid, tid int32
	path     string
}

// scriptSource tells from which descriptor a command line has an interpreter
// read its script, if it has one read it from any.
func scriptSource(executable string, args []string) (fd int32, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	kind := interpreterOf(args[0])
	if kind == notInterpreter {
		kind = interpreterOf(executable)
	}
	if kind == notInterpreter {
		return 0, false
	}
	for i := 1; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-" || a == "/dev/stdin" || a == "/proc/self/fd/0" || a == "/dev/fd/0":
			return 0, true
		case strings.HasPrefix(a, "/dev/fd/") || strings.HasPrefix(a, "/proc/self/fd/"):
			return anyPipe, true
		case strings.HasPrefix(a, "--"):
		case !strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "+"):
			return 0, false // a file
		case kind == language && strings.ContainsAny(a, "cemEpr"):
			return 0, false // the script is an argument
		case kind == language:
		case strings.ContainsRune(a, 'c'):
			return 0, false
		case strings.ContainsRune(a, 's'):
			return 0, true
		case strings.HasSuffix(a, "o"): // of -o, and its option
			i++
		}
	}
	return 0, true
}

type interpreterKind int

const (
	notInterpreter interpreterKind = iota
	shellLike
	language
)

// interpreterOf goes by the name, of which a version is no part.
func interpreterOf(name string) interpreterKind {
	switch strings.TrimRight(strings.TrimPrefix(path.Base(name), "-"), "0123456789.") {
	case "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox":
		return shellLike
	case "python", "pypy", "perl", "ruby", "node", "nodejs", "php", "lua", "luajit", "tclsh", "pwsh":
		return language
	default:
		return notInterpreter
	}
}

// beganProgram notes that a process executes another program now.
func (tr *tracer) beganProgram(t *kernel.Task, executable string, args []string) {
	tr.endScript(t.ThreadGroup())
	fd, ok := scriptSource(executable, args)
	if !ok {
		return
	}
	ids := newEvent(t, tape.PayloadKeep)
	s := &tr.scripts
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = make(map[*kernel.ThreadGroup]*script)
	}
	s.by[t.ThreadGroup()] = &script{fd: fd, pid: ids.PID, tid: ids.TID, path: executable}
	s.active.Add(1)
}

// unlessScript makes a read dull at normal detail, unless an interpreter reads
// its script.
func unlessScript(tr *tracer, t *kernel.Task, args arch.SyscallArguments) bool {
	return tr.detail != plan.Full && !tr.readsScript(t, args[0].Int())
}

func (tr *tracer) readsScript(t *kernel.Task, fd int32) bool {
	s := &tr.scripts
	if s.active.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reading := s.by[t.ThreadGroup()]
	return reading != nil && (reading.fd == fd || reading.fd == anyPipe)
}

// readScript gathers what a read has returned, if it is of a script.
func (c *call) readScript(vector bool) {
	fd := c.int(0)
	if c.err != nil || !c.tr.readsScript(c.t, fd) || !c.streams(fd) {
		return
	}
	if c.ret == 0 {
		c.tr.endScript(c.t.ThreadGroup())
		return
	}
	b := make([]byte, min(int(c.ret), maxScript))
	var n int
	if vector {
		n = c.scattered(b)
	} else {
		n, _ = c.t.CopyInBytes(c.addr(1), b)
	}
	c.tr.addScript(c.t.ThreadGroup(), b[:n], int(c.ret) > n)
}

// streams tells whether a descriptor is of a pipe or a socket. What is read
// from a file is kept with the file.
func (c *call) streams(fd int32) bool {
	f := c.t.GetFile(fd)
	if f == nil {
		return false
	}
	defer f.DecRef(c.t)
	switch f.Impl().(type) {
	case *pipe.VFSPipeFD, socket.Socket:
		return true
	default:
		return false
	}
}

// scattered reads the first bytes of what a list of buffers (struct iovec) was
// filled with.
func (c *call) scattered(b []byte) (n int) {
	vectors, err := c.t.CopyInIovecs(c.addr(1), int(c.int(2)))
	for ; err == nil && !vectors.IsEmpty() && n < len(b); vectors = vectors.Tail() {
		part := vectors.Head()
		m, err := c.t.CopyInBytes(part.Start, b[n:][:min(uint64(len(b)-n), uint64(part.Length()))])
		if n += m; err != nil {
			break
		}
	}
	return n
}

func (tr *tracer) addScript(process *kernel.ThreadGroup, b []byte, more bool) {
	s := &tr.scripts
	s.mu.Lock()
	defer s.mu.Unlock()
	reading := s.by[process]
	if reading == nil {
		return
	}
	room := max(min(maxScript-len(reading.text), maxScripts-s.held), 0)
	reading.cut = reading.cut || more || len(b) > room
	b = b[:min(len(b), room)]
	reading.text = append(reading.text, b...)
	s.held += len(b)
}

// endScript keeps what a process has read as its script.
func (tr *tracer) endScript(process *kernel.ThreadGroup) {
	s := &tr.scripts
	if s.active.Load() == 0 {
		return
	}
	s.mu.Lock()
	ended := s.by[process]
	if ended != nil {
		delete(s.by, process)
		s.held -= len(ended.text)
		s.active.Add(-1)
	}
	s.mu.Unlock()
	if ended != nil {
		tr.keepScript(ended)
	}
}

// endScripts keeps what all processes have read so far, at the end of the run.
func (tr *tracer) endScripts() {
	s := &tr.scripts
	s.mu.Lock()
	processes := make([]*kernel.ThreadGroup, 0, len(s.by))
	for p := range s.by {
		processes = append(processes, p)
	}
	s.mu.Unlock()
	for _, p := range processes {
		tr.endScript(p)
	}
}

func (tr *tracer) keepScript(s *script) {
	if len(s.text) == 0 {
		return
	}
	if s.cut {
		tr.out.hit("payloads")
	}
	ev := &tape.Event{Kind: tape.PayloadKeep, PID: s.pid, TID: s.tid}
	ev.Payload = &tape.Payload{How: tape.Stdin, Path: text(ev, s.path)}
	tr.payloads.keepBytes(s.text, ev)
}
