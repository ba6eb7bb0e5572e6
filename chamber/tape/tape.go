// Package tape is the record of one run: an ordered list of events, facts
// without opinions.
//
// The events are defined here, field by field as docs/tape.md explains them,
// and so is their form on disk and between processes: JSON Lines. It imports
// the standard library only. Whatever it decodes is hostile: the sandbox wrote
// it.
package tape

import "github.com/detonaut/detonaut/chamber/plan"

// Version is the version of the format. It is on every tape's first event.
const Version = 1

// Event is one thing that happened. Exactly one payload is set; which one
// follows from the part of the Kind before its dot.
//
// Strings of the subject that are not valid UTF-8 have each bad byte written
// as \xNN.
type Event struct {
	// Seq counts from 1 without gaps.
	Seq uint64 `json:"seq"`
	// Time is nanoseconds since the start of the run, by a monotonic clock
	// that the subject cannot set. It never decreases along the tape.
	Time int64 `json:"t"`
	Kind Kind  `json:"kind"`
	// PID and TID are the process and the thread that did it, numbered as in
	// the sandbox's first PID namespace; 0 for the run itself.
	PID int32 `json:"pid,omitempty"`
	TID int32 `json:"tid,omitempty"`
	// Ahead is how many nanoseconds the clocks of the subject had been moved on by
	// then, beyond the time that passed: see TimeJump.
	Ahead int64 `json:"ahead,omitempty"`
	// Count is how many identical events this one stands for; 0 means 1.
	// Folded events are written down at most a second after the last of them,
	// and Time is then that of the writing.
	Count uint64 `json:"count,omitempty"`
	// Errno is the name of the error with which the call failed, such as
	// "ENOENT"; empty if it succeeded.
	Errno string `json:"errno,omitempty"`
	// Cut is set when a string or list of this event was cut at its bound.
	Cut bool `json:"cut,omitempty"`
	// Flow is the number of the flow that this event is of, from 1, in the order
	// in which flows began; 0 for an event that is of none.
	Flow uint64 `json:"flow,omitempty"`

	Start   *Start   `json:"start,omitempty"`
	End     *End     `json:"end,omitempty"`
	Process *Process `json:"process,omitempty"`
	File    *File    `json:"file,omitempty"`
	Socket  *Socket  `json:"socket,omitempty"`
	Memory  *Memory  `json:"memory,omitempty"`
	Call    *Call    `json:"call,omitempty"`
	Output  *Output  `json:"output,omitempty"`

	FlowEnd *Flow    `json:"flow_end,omitempty"`
	DNS     *DNS     `json:"dns,omitempty"`
	TLS     *TLS     `json:"tls,omitempty"`
	HTTP    *HTTP    `json:"http,omitempty"`
	Message *Message `json:"message,omitempty"`
	Bait    *Bait    `json:"bait,omitempty"`
	Trust   *Trust   `json:"trust,omitempty"`

	Payload *Payload `json:"payload,omitempty"`
	Change  *Change  `json:"change,omitempty"`
	Jump    *Jump    `json:"time,omitempty"`
}

// Kind is what happened, as family.deed. Kinds of the family "call" are open:
// "call." and the name of a system call.
type Kind string

// Kinds of events. The payload of family f is the field named f; that of
// run.start is Start, that of run.end is End, that of flow.end is FlowEnd, that
// of time.jump is Jump.
const (
	RunStart Kind = "run.start" // always the first event
	RunEnd   Kind = "run.end"   // always the last event

	ProcessFork   Kind = "process.fork"   // Process.Child was born
	ProcessThread Kind = "process.thread" // the same for a thread; full detail only
	ProcessExec   Kind = "process.exec"   // a program was executed, or could not be (Errno)
	ProcessExit   Kind = "process.exit"   // the last thread of a process ended

	FileOpen     Kind = "file.open"   // opened for writing, or for reading a path that is sensitive or reveals
	FileStat     Kind = "file.stat"   // a path that reveals was looked for, and not opened
	FileLoad     Kind = "file.load"   // code of the image: a library was mapped, or a source opened, for the first time
	FileCreate   Kind = "file.create" // opened and made by it
	FileRename   Kind = "file.rename" // Path became Target
	FileLink     Kind = "file.link"   // Target is another name of Path
	FileSymlink  Kind = "file.symlink"
	FileDelete   Kind = "file.delete"
	FileMkdir    Kind = "file.mkdir"
	FileRmdir    Kind = "file.rmdir"
	FileMknod    Kind = "file.mknod"
	FileChmod    Kind = "file.chmod"
	FileChown    Kind = "file.chown"
	FileXattr    Kind = "file.xattr" // an extended attribute was set or removed
	FileTruncate Kind = "file.truncate"
	FileUtime    Kind = "file.utime" // times were set by hand
	FileRead     Kind = "file.read"  // full detail only
	FileWrite    Kind = "file.write" // full detail only
	FileClose    Kind = "file.close" // full detail only

	SocketCreate  Kind = "socket.create"
	SocketBind    Kind = "socket.bind"
	SocketListen  Kind = "socket.listen"
	SocketConnect Kind = "socket.connect"
	SocketAccept  Kind = "socket.accept"
	SocketSend    Kind = "socket.send" // a datagram, or a DNS question over any transport

	// What the simulated or live internet saw. The process is the one that owns
	// the socket, 0 where nobody could be found.
	FlowEnded      Kind = "flow.end"        // a connection, or an exchange of datagrams, is over
	DNSAnswer      Kind = "dns.answer"      // a name was asked for, and answered
	TLSHandshake   Kind = "tls.handshake"   // TLS was agreed on, or refused
	HTTPExchange   Kind = "http.exchange"   // a request, and what it was answered
	MessageReceive Kind = "message.receive" // something said in another protocol
	BaitSent       Kind = "bait.sent"       // a planted credential left the sandbox
	BaitSeen       Kind = "bait.seen"       // one was found in what was done inside
	TrustInstall   Kind = "trust.install"   // a trust store of the image got the run's CA

	// SocketLocal says which process an address of the sandbox belongs to. It
	// joins flows to processes; full detail only.
	SocketLocal Kind = "socket.local"

	MemoryExec Kind = "memory.exec" // memory became writable and executable

	// PayloadKeep is what a file, or memory, held at a moment after which it might
	// be gone. It comes before the event of the deed that was about to be done.
	PayloadKeep Kind = "payload.keep"

	// What the file systems differ in from the image, at the end of the run: the
	// root in the order of names, then each file system of memory, by where it is
	// mounted. Only what ends with the run comes later.
	ChangeAdd    Kind = "change.add"
	ChangeModify Kind = "change.modify" // content, permissions, owner or kind
	ChangeRemove Kind = "change.remove"

	// TimeJump is the clocks of the subject being moved on: nothing could happen
	// before a timer, so the time until then was left out.
	TimeJump Kind = "time.jump"

	OutputStdout Kind = "output.stdout"
	OutputStderr Kind = "output.stderr"
)

// CallPrefix begins the kind of every event of the family "call".
const CallPrefix = "call."

// Start opens a tape.
type Start struct {
	// Version is that of the format.
	Version int `json:"version"`
	// Chamber is the version of the program that recorded it.
	Chamber string `json:"chamber"`
	// Wall is the wall-clock time of the start, in nanoseconds since 1970 UTC.
	Wall int64 `json:"wall"`
	// Plan is what was run, its Image emptied.
	Plan plan.Plan `json:"plan"`
}

// Reason is why a run ended.
type Reason string

// Reasons. All but Killed and Broken are facts about the subject.
const (
	Exited      Reason = "exited"       // its first process ended by itself
	Signalled   Reason = "signalled"    // its first process was ended by a signal
	NotStarted  Reason = "not-started"  // its command could not be executed
	TimeLimit   Reason = "time-limit"   // it ran as long as the plan allowed
	MemoryLimit Reason = "memory-limit" // it used more memory than the plan allowed
	EventLimit  Reason = "event-limit"  // it did more than the tape may hold
	Quiescent   Reason = "quiescent"    // nothing could happen any more before the time limit
	TravelLimit Reason = "travel-limit" // its clocks were moved on as far, or as often, as the plan allowed
	Killed      Reason = "killed"       // whoever started the run ended it
	Broken      Reason = "sandbox-failed"
)

// End closes a tape.
type End struct {
	Reason Reason `json:"reason"`
	// Detail explains the reason where it does not speak for itself.
	Detail string `json:"detail,omitempty"`
	// ExitCode and Signal are those of the subject's first process, valid for
	// Exited and Signalled.
	ExitCode int    `json:"exit_code"`
	Signal   string `json:"signal,omitempty"`

	// Events is the number of events on the tape, this one included; Folded is
	// how many happened but are counted in others; Cut is how many had a
	// string cut; Dropped is how many were lost, and must be 0.
	Events  uint64 `json:"events"`
	Folded  uint64 `json:"folded"`
	Cut     uint64 `json:"cut"`
	Dropped uint64 `json:"dropped"`

	// CPU is the processor time of the sandbox, in nanoseconds; MaxMemory the
	// most bytes it held.
	CPU       int64 `json:"cpu_ns"`
	MaxMemory int64 `json:"max_memory"`
	// Output is how many bytes the subject wrote to stdout and stderr;
	// OutputCut how many of them are not on the tape.
	Output    int64 `json:"output"`
	OutputCut int64 `json:"output_cut"`
	// Ahead is how many nanoseconds the clocks of the subject were moved on, in
	// Jumps steps.
	Ahead int64  `json:"ahead"`
	Jumps uint64 `json:"jumps"`
	// Bounds names the limits of the plan that the subject ran into without
	// being ended for it: "processes", "file_size", "disk", "output".
	Bounds []string `json:"bounds,omitempty"`
}

// Origin is where the bytes of an executable came from.
type Origin string

// Origins.
const (
	FromImage   Origin = "image"   // unchanged from the image
	FromWritten Origin = "written" // written or changed at run time
	FromMemory  Origin = "memory"  // a memfd: it never had a name on disk
)

// Process is the payload of process events.
type Process struct {
	// Child is the new process or thread of fork and thread.
	Child int32 `json:"child,omitempty"`
	// Parent is the parent of the process of exec and exit.
	Parent int32 `json:"parent,omitempty"`

	// Executable is the resolved path of the file that was executed; of a
	// failed exec, the path as given. When it is a script, Interpreter is what
	// its #! line names.
	Executable  string `json:"executable,omitempty"`
	Interpreter string `json:"interpreter,omitempty"`
	Origin      Origin `json:"origin,omitempty"`
	// SHA256 is that of Executable's contents, in hex; empty if it could not
	// be read.
	SHA256 string `json:"sha256,omitempty"`
	// Args and Env are cut at bounds; ArgCount and EnvCount are the true
	// numbers when they were.
	Args     []string `json:"args,omitempty"`
	ArgCount int      `json:"arg_count,omitempty"`
	Env      []string `json:"env,omitempty"`
	EnvCount int      `json:"env_count,omitempty"`
	Dir      string   `json:"dir,omitempty"`
	UID      uint32   `json:"uid,omitempty"`
	GID      uint32   `json:"gid,omitempty"`

	// ExitCode and Signal tell how it ended, for exit.
	ExitCode int    `json:"exit_code,omitempty"`
	Signal   string `json:"signal,omitempty"`
}

// File is the payload of file events. Paths are absolute and resolved, as seen
// from the sandbox's first root directory.
type File struct {
	Path string `json:"path"`
	// Target is the new name of rename and link, or what a symlink points to.
	Target string `json:"target,omitempty"`
	FD     int32  `json:"fd,omitempty"`
	// Flags are those of open, as "O_WRONLY|O_CREAT".
	Flags string `json:"flags,omitempty"`
	// Mode is the permission bits of create, mkdir and chmod, with setuid,
	// setgid and sticky, as for chmod(2); of mknod with the file type.
	Mode uint32 `json:"mode,omitempty"`
	// Was is the permission bits that there were before a chmod; 0 if they are unknown.
	Was uint32 `json:"was,omitempty"`
	// UID and GID are those of chown; -1 leaves one as it is.
	UID *int64 `json:"uid,omitempty"`
	GID *int64 `json:"gid,omitempty"`
	// Attr is the name of an extended attribute; Removed tells set from remove.
	Attr    string `json:"attr,omitempty"`
	Removed bool   `json:"removed,omitempty"`
	// Size is the new length of truncate, or the bytes of read and write.
	Size int64 `json:"size,omitempty"`
	// Sensitive is set when Path is one that holds secrets.
	Sensitive bool `json:"sensitive,omitempty"`
	// Reveals is of what Path tells that gives a sandbox away, when it is looked at:
	// "kernel version", "processor" ... (docs/report.md).
	Reveals string `json:"reveals,omitempty"`
	// Bait is the kind of what was planted at Path, when it is opened, and at or
	// below it, when it gets another name.
	Bait string `json:"bait,omitempty"`
}

// Socket is the payload of socket events.
type Socket struct {
	FD int32 `json:"fd,omitempty"`
	// Family is "inet", "inet6", "unix", "netlink", "packet" or a number.
	Family string `json:"family,omitempty"`
	// Type is "stream", "dgram", "raw", "seqpacket" or a number.
	Type     string `json:"type,omitempty"`
	Protocol int32  `json:"protocol,omitempty"`
	// Address is the peer's, or for bind, listen and local the socket's own:
	// "IP:port", "[IP]:port", or a unix path ("@" begins an abstract one).
	Address string `json:"address,omitempty"`
	// Size is the number of bytes of send.
	Size int64 `json:"size,omitempty"`
	// DNS are the questions of a DNS message that was sent.
	DNS []Question `json:"dns,omitempty"`
}

// Question is one DNS question.
type Question struct {
	// Name has no final dot.
	Name string `json:"name"`
	// Type is "A", "AAAA", "TXT" or a number.
	Type string `json:"type"`
}

// Memory is the payload of memory events.
type Memory struct {
	// Call is "mmap", "mprotect" or "shmat".
	Call    string `json:"call"`
	Address uint64 `json:"address"`
	Size    uint64 `json:"size"`
	// Path is the file that is mapped; empty for anonymous memory.
	Path string `json:"path,omitempty"`
}

// Call is the payload of call events: a system call that is not about files,
// sockets or processes, with those arguments that mean something.
type Call struct {
	// Args are by the names of the manual page, symbolic where a number has a
	// name: {"request": "PTRACE_ATTACH", "pid": "7"}.
	Args map[string]string `json:"args,omitempty"`
	// Unimplemented is set when the sandbox does not have the call: what a real
	// kernel would have answered is not known.
	Unimplemented bool `json:"unimplemented,omitempty"`
}

// Output is the payload of output events: what was written within some
// milliseconds, in one piece or in many.
type Output struct {
	Text string `json:"text"`
	// Size is the number of bytes that were written.
	Size int `json:"size"`
}

// Sink takes the events of one run in their order. Record is called from one
// goroutine at a time and may keep e. An error ends the run.
type Sink interface {
	Record(e *Event) error
}

// SinkFunc makes a Sink of a function.
type SinkFunc func(*Event) error

// Record calls f.
func (f SinkFunc) Record(e *Event) error { return f(e) }

// N returns how many occurrences e stands for; at least 1.
func (e *Event) N() uint64 { return max(e.Count, 1) }
