package fileless

import (
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/sentry/kernel"

	"github.com/detonaut/detonaut/chamber/sentry/payload"
	"github.com/detonaut/detonaut/chamber/sentry/wire"
	"github.com/detonaut/detonaut/chamber/tape"
)

// MaxScript is the most bytes that are kept of a script that comes from no file;
// maxScripts bounds those of all that are being read at once.
const (
	MaxScript  = 1 << 20
	maxScripts = 16 << 20
)

// anyPipe stands for a script that is read from a pipe of whatever descriptor.
const anyPipe = -1

// Scripts gathers what interpreters read as their script from pipes and sockets:
// "curl | sh" leaves no file. It is asked about every read that there is, and costs
// those of other programs next to nothing.
type Scripts struct {
	out      *wire.Emitter
	payloads *payload.Store

	active atomic.Int32 // how many there are; read without the lock
	mu     sync.Mutex
	by     map[*kernel.ThreadGroup]*script
	held   int // bytes of all
}

type script struct {
	fd   int32 // where it is read from
	text []byte
	cut  bool
	ev   *tape.Event // what tells of it; owned
}

// NewScripts returns the scripts of a run, which go to payloads when they end.
func NewScripts(out *wire.Emitter, payloads *payload.Store) *Scripts {
	return &Scripts{out: out, payloads: payloads, by: make(map[*kernel.ThreadGroup]*script)}
}

// Began notes that a process executes another program now, with these arguments. ev
// is an event of the process, which it owns from here on.
func (s *Scripts) Began(process *kernel.ThreadGroup, executable string, args []string, ev *tape.Event) {
	s.End(process)
	fd, ok := scriptSource(executable, args)
	if !ok {
		return
	}
	ev.Payload = &tape.Payload{How: tape.Stdin, Path: wire.Text(ev, executable)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[process] = &script{fd: fd, ev: ev}
	s.active.Add(1)
}

// Reads tells whether what a process reads from a descriptor may be its script. If
// that is a file, it is none.
func (s *Scripts) Reads(process *kernel.ThreadGroup, fd int32) bool {
	if s.active.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reading := s.by[process]
	return reading != nil && (reading.fd == fd || reading.fd == anyPipe)
}

// Add adds what a process has read of its script, of which there was more than b if
// more says so. b is the caller's.
func (s *Scripts) Add(process *kernel.ThreadGroup, b []byte, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reading := s.by[process]
	if reading == nil {
		return
	}
	room := max(min(MaxScript-len(reading.text), maxScripts-s.held), 0)
	reading.cut = reading.cut || more || len(b) > room
	b = b[:min(len(b), room)]
	reading.text = append(reading.text, b...)
	s.held += len(b)
}

// End keeps what a process has read as its script, if it has read any: it has
// come to the end of it, executes another program, or ends.
func (s *Scripts) End(process *kernel.ThreadGroup) {
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
		s.keep(ended)
	}
}

// EndAll keeps what all processes have read so far, at the end of the run.
func (s *Scripts) EndAll() {
	s.mu.Lock()
	processes := make([]*kernel.ThreadGroup, 0, len(s.by))
	for p := range s.by {
		processes = append(processes, p)
	}
	s.mu.Unlock()
	for _, p := range processes {
		s.End(p)
	}
}

func (s *Scripts) keep(ended *script) {
	if len(ended.text) == 0 {
		return
	}
	if ended.cut {
		s.out.Hit("payloads")
	}
	s.payloads.KeepBytes(ended.ev, ended.text)
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
