package behavior

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of the process tree.
const (
	// maxLive is how many processes are followed at once. A plan allows far
	// fewer; only a tape that lies has more.
	maxLive = 1 << 16
	// maxEnded is how many processes that have ended are remembered, so that
	// what the network saw of them last, after their end, finds them.
	maxEnded = 1024
	// maxAncestors is how far up a process knows its ancestors, the nearest
	// first.
	maxAncestors = 64
	// maxHistory is how many former programs of a process are remembered.
	maxHistory = 8
	// maxArgBytes is how much of its arguments a process remembers. The event
	// of the exec has them all.
	maxArgBytes = 32 << 10
	// maxEndedArgBytes is the same once it has ended, for the digest, and
	// maxForgottenArgBytes once it is nothing but an ancestor.
	maxEndedArgBytes     = 4 << 10
	maxForgottenArgBytes = 256
	// maxLiveArgBytes is how much of their arguments all processes together
	// remember, their command lines included.
	maxLiveArgBytes = 64 << 20
)

// Process is one process of the subject as the tape shows it. A process that
// executes another program stays one Process.
type Process struct {
	// ID is unique in the run, while the kernel uses a PID again.
	ID  uint64
	PID int32
	// Executable is the file it runs now, Interpreter what runs that if it is
	// a script. A process that was only forked has its parent's.
	Executable  string
	Interpreter string
	Origin      tape.Origin
	SHA256      string
	Args        []string
	Dir         string
	UID         uint32
	// History are the executables it ran before, the oldest first; bounded.
	History []string
	// Listens is set once it or a process it was forked from listened for TCP
	// connections, Serves once it accepted one from another address family
	// than unix, Connects once it tried to reach an address that is not
	// loopback.
	Listens  bool
	Serves   bool
	Connects bool
	// Maker is the role of who wrote Executable at run time: PackageManager, Compiler
	// or Downloader; empty for others, and for what the image has.
	Maker string
	// Start and End are times on the tape; End is -1 while it runs.
	Start time.Duration
	End   time.Duration
	// Exit is "0", "1", "SIGKILL" ...; empty while it runs.
	Exit string
	// Event is the sequence number of the event that shows it best: its last
	// exec, or the fork.
	Event uint64
	// Parent is the PID of its parent at birth.
	Parent int32

	ancestors []*Process
	command   string
	role      string
	worksFor  string // the role of the nearest ancestor that installs or builds
	argBytes  int    // what of maxLiveArgBytes it has
	listed    bool   // in the digest
	// kin counts it and those that descend from it, without those that nothing more
	// can come of; gone is set when there are none.
	kin        int
	left, gone bool // left is set once it does not count itself any more
	// lacked is the last system call that the sandbox does not have and this
	// program made, and lackedAt when.
	lacked   string
	lackedAt time.Duration
}

// Ancestors are the processes it descends from, the parent first, ended ones
// included. The list is bounded, and empty some time after the process itself
// has ended. It must not be changed.
func (p *Process) Ancestors() []*Process { return p.ancestors }

// Gone tells that no later event is of it or of a process that descends from it.
func (p *Process) Gone() bool { return p.gone }

// leave takes p out of its kin.
func (p *Process) leave() {
	if p.left { // a tape may end it twice
		return
	}
	p.left = true
	out := func(q *Process) {
		q.kin--
		q.gone = q.gone || q.kin <= 0
	}
	out(p)
	for _, a := range p.ancestors {
		out(a)
	}
}

// Name is what the program goes by: the last element of Executable, or for
// the many programs in one file such as busybox, what it was called.
func (p *Process) Name() string {
	if p.Executable == "" {
		return ""
	}
	name := path.Base(p.Executable)
	if manyInOne(name) && len(p.Args) > 0 {
		return strings.TrimPrefix(path.Base(p.Args[0]), "-")
	}
	return name
}

// manyInOne tells whether a file of this name is many programs, each of which is
// a link to it: pkill is one to pgrep, iptables to xtables-nft-multi.
func manyInOne(name string) bool {
	switch name {
	case "busybox", "toybox", "coreutils", "kmod", "pgrep", "killall5", "xtables-nft-multi", "xtables-legacy-multi":
		return true
	}
	return false
}

// Command is Args joined by spaces.
func (p *Process) Command() string {
	if p.command == "" && len(p.Args) > 0 {
		p.command = strings.Join(p.Args, " ")
	}
	return p.command
}

// Nesting is how many of its nearest ancestors, without a break, run the same
// executable as it does.
func (p *Process) Nesting() int {
	for i, a := range p.ancestors {
		if a.Executable != p.Executable {
			return i
		}
	}
	return len(p.ancestors)
}

// tree follows the processes of a run.
type tree struct {
	live   map[int32]*Process
	ended  map[int32]*Process // the last of each number
	recent []*Process         // those of ended and older ones of their numbers, the oldest first
	nextID uint64
	// nobody stands for the run itself.
	nobody   *Process
	makers   makers
	argBytes int // what all have of maxLiveArgBytes
	// overflow is set when there are more processes than can be followed, deep when
	// one has more ancestors, and long when their arguments are too much.
	overflow, deep, long bool
	// birth is told of every new process.
	birth func(*Process)
}

func newTree(birth func(*Process)) *tree {
	return &tree{live: make(map[int32]*Process), ended: make(map[int32]*Process), nobody: &Process{End: -1}, birth: birth}
}

// apply brings the tree up to date with e and returns who did it.
func (t *tree) apply(e *tape.Event) *Process {
	if e.PID == 0 {
		return t.nobody
	}
	p := t.live[e.PID]
	if p == nil && e.Flow != 0 {
		// The network sees the end of a connection after that of its process.
		if p = t.ended[e.PID]; p == nil {
			p = t.nobody
		}
		return p
	}
	if p == nil {
		p = t.born(e, e.PID, t.orphanParent(e))
	}
	if e.Errno != "" && e.Kind != tape.SocketConnect {
		return p
	}
	switch {
	case e.Kind == tape.ProcessFork && e.Process.Child > 0:
		t.born(e, e.Process.Child, p)
	case e.Kind == tape.ProcessExec:
		p.execute(e)
		p.Maker = ""
		if p.Origin != tape.FromImage {
			p.Maker = t.makers.of(p.Executable)
		}
		t.remember(p)
	case e.Kind == tape.ProcessExit:
		p.End = time.Duration(e.Time)
		p.Exit = e.Process.Signal
		if p.Exit == "" {
			p.Exit = strconv.Itoa(e.Process.ExitCode)
		}
	case e.Socket != nil:
		p.talk(e)
	case strings.HasPrefix(string(e.Kind), "call.set"):
		p.become(e)
	}
	return p
}

// settle forgets what is not needed after e.
func (t *tree) settle(e *tape.Event, p *Process) {
	if e.File != nil && e.Errno == "" {
		t.makers.note(e, p)
	}
	if e.Kind != tape.ProcessExit || p == t.nobody {
		return
	}
	if t.live[p.PID] == p {
		delete(t.live, p.PID)
	}
	p.command = ""
	p.Args = cutArgs(p.Args, maxEndedArgBytes)
	t.argBytes -= p.argBytes
	p.argBytes = 0
	t.ended[p.PID] = p
	t.recent = append(t.recent, p)
	if len(t.recent) > maxEnded {
		t.forget(t.recent[0])
		t.recent = t.recent[1:]
	}
}

// forget lets go of a process that ended long ago.
func (t *tree) forget(p *Process) {
	p.leave()
	p.ancestors, p.command = nil, ""
	if !p.listed {
		p.Args = cutArgs(p.Args, maxForgottenArgBytes)
	}
	if t.ended[p.PID] == p {
		delete(t.ended, p.PID)
	}
}

func (t *tree) gaps() (gaps []string) {
	if t.overflow {
		gaps = append(gaps, "more processes lived at once than can be followed")
	}
	if t.deep {
		gaps = append(gaps, "a process has more ancestors than can be followed")
	}
	if t.long {
		gaps = append(gaps, "processes had more arguments at once than can be kept in mind")
	}
	return gaps
}

// remember makes room for the arguments of p, or shortens them.
func (t *tree) remember(p *Process) {
	t.argBytes -= p.argBytes
	bytes := func() (n int) {
		for _, s := range p.Args {
			n += 2*len(s) + 16 // they are in its command, too
		}
		return n
	}
	p.argBytes = bytes()
	if t.argBytes+p.argBytes > maxLiveArgBytes {
		t.long = true
		p.Args = cutArgs(p.Args, maxForgottenArgBytes)
		p.argBytes = bytes()
	}
	t.argBytes += p.argBytes
}

// orphanParent is the parent that e names for a process whose birth is not on
// the tape: the first process, or one that joined from outside.
func (t *tree) orphanParent(e *tape.Event) *Process {
	if e.Process == nil || e.Process.Parent == e.PID {
		return nil
	}
	return t.live[e.Process.Parent]
}

// born adds the process pid, a copy of parent as fork makes one.
func (t *tree) born(e *tape.Event, pid int32, parent *Process) *Process {
	t.nextID++
	p := &Process{ID: t.nextID, PID: pid, Start: time.Duration(e.Time), End: -1, Event: e.Seq}
	if parent != nil {
		p.Parent = parent.PID
		p.Executable, p.Interpreter, p.Origin, p.SHA256 = parent.Executable, parent.Interpreter, parent.Origin, parent.SHA256
		p.Args, p.Dir, p.UID = parent.Args, parent.Dir, parent.UID
		p.Maker, p.role = parent.Maker, parent.role
		p.Listens = parent.Listens
		n := min(len(parent.ancestors), maxAncestors-1)
		t.deep = t.deep || n < len(parent.ancestors)
		p.ancestors = append(make([]*Process, 0, n+1), parent)
		p.ancestors = append(p.ancestors, parent.ancestors[:n]...)
		p.employ()
	}
	p.kin = 1
	for _, a := range p.ancestors {
		a.kin++
	}
	t.birth(p)
	if len(t.live) >= maxLive {
		t.overflow = true
		return p
	}
	t.remember(p)
	if old := t.live[pid]; old != nil { // its end is not on the tape
		t.argBytes -= old.argBytes
		old.argBytes = 0
		old.leave()
	}
	t.live[pid] = p
	return p
}

func (p *Process) execute(e *tape.Event) {
	x := e.Process
	if p.Executable != "" && len(p.History) < maxHistory {
		p.History = append(slices.Clip(p.History), p.Executable)
	}
	p.Executable, p.Interpreter, p.Origin, p.SHA256 = x.Executable, x.Interpreter, x.Origin, x.SHA256
	p.Args = cutArgs(x.Args, maxArgBytes)
	p.Dir, p.UID = x.Dir, x.UID
	p.command = ""
	p.Event = e.Seq
	p.role = p.ofProgram()
	p.employ()
}

// talk notes what a successful socket call says of the process. A connect that
// failed counts too: the subject wanted it, whatever the network lets it.
func (p *Process) talk(e *tape.Event) {
	if e.Socket.Family != "inet" && e.Socket.Family != "inet6" {
		return
	}
	switch e.Kind {
	case tape.SocketListen:
		p.Listens = true
	case tape.SocketAccept:
		p.Serves = true
	case tape.SocketConnect:
		p.Connects = p.Connects || !Loopback(e.Socket.Address)
	default:
	}
}

// become follows the calls that change the effective user.
func (p *Process) become(e *tape.Event) {
	arg := "euid"
	if e.Kind == "call.setuid" {
		arg = "uid"
	}
	if uid, err := strconv.ParseUint(e.Call.Args[arg], 10, 32); err == nil {
		p.UID = uint32(uid)
	}
}

// cutArgs keeps the first bytes of args, in a list of its own if it cuts.
func cutArgs(args []string, limit int) []string {
	for i, s := range args {
		limit -= len(s) + 16 // a string costs its header as well
		if limit < 0 {
			return append(slices.Clone(args[:i]), strings.Clone(s[:max(0, len(s)+limit)]))
		}
	}
	return args
}
