package detonaut

import "time"

// Schema is the version of the JSON of a [Report]. It grows by one when a
// field changes its meaning or goes; new fields do not change it.
const Schema = 1

// Report is everything known about one image under one fingerprint.
type Report struct {
	Schema      int         `json:"schema"`
	Image       Image       `json:"image"`
	Fingerprint Fingerprint `json:"fingerprint"`
	// Started is when the analysis began, in UTC.
	Started time.Time `json:"started"`
	// Elapsed is how long it took, in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
	Verdict Verdict       `json:"verdict"`
	// Findings are sorted: the worst first, then by ID.
	Findings []Finding `json:"findings"`
	// Inventory is what it is made of; nil if that could not be listed.
	Inventory *Inventory `json:"inventory,omitempty"`
	// Vulnerabilities are sorted: those reached at run time first, then the worst, the
	// known-exploited, the likeliest, then by ID and package. Suppressed are those that
	// somebody decided not to count, in the same order.
	Vulnerabilities []Vulnerability `json:"vulnerabilities,omitempty"`
	Suppressed      []Vulnerability `json:"suppressed,omitempty"`
	// Database is where vulnerabilities were looked up; nil if nowhere.
	Database *Database `json:"database,omitempty"`
	// Files are contents that are worth knowing again, in other images: those that
	// something was found in, that ran, or that no package has; sorted by path.
	Files []File `json:"files,omitempty"`
	// Stories join findings and events that belong together, the worst first.
	Stories []Story `json:"stories,omitempty"`
	// Stages are in the order in which they ran.
	Stages []Stage `json:"stages"`
	// Coverage is what was and was not observed.
	Coverage Coverage `json:"coverage"`
	// Run tells what the subject did; nil when it was never run.
	Run *Run `json:"run,omitempty"`
}

// File is a content, and what it is like.
type File struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Type is the kind of content: "elf", "script-shell" ... (docs/tape.md).
	Type string `json:"type,omitempty"`
	// Path is one of its places; Layer that of the image, empty for what a run made.
	Path  string `json:"path,omitempty"`
	Layer Digest `json:"layer,omitempty"`
	// Use is what the run had to do with it; empty for one that lay there.
	Use Use `json:"use,omitempty"`
	// Likeness are hashes by which others are found that are like it.
	Likeness Likeness `json:"likeness,omitzero"`
}

// Likeness are hashes that are near or equal for contents that are alike; each is empty
// where it cannot be made.
type Likeness struct {
	// TLSH is near for contents of nearly the same bytes.
	TLSH string `json:"tlsh,omitempty"`
	// Imphash is that of the imports of a program of Windows, as pefile makes it.
	Imphash string `json:"imphash,omitempty"`
	// Symbols is the SHA-256 of the names, sorted, a line each, that a program of Unix
	// imports, or has if it is static; Modules that of the modules that a program in Go is
	// built of, or its packages.
	Symbols string `json:"symbols,omitempty"`
	Modules string `json:"modules,omitempty"`
}

// Story is what one group of processes did with one thing: fetched it from
// somewhere, wrote it, ran it, had it connect. It adds nothing to the findings; it
// puts them in their order, and evidence between them.
type Story struct {
	// Title says it in one line. It contains strings of the subject: escape it.
	Title string `json:"title"`
	// Severity is that of the worst finding in it.
	Severity Severity `json:"severity"`
	// PID is the process at the root of the group.
	PID int32 `json:"pid"`
	// SHA256 are the payloads that it is about, in hex, sorted.
	SHA256 []string `json:"sha256,omitempty"`
	// Findings are the ids of those that are part of it, the worst first.
	Findings []string `json:"findings"`
	// Steps are in the order of the tape.
	Steps []Step `json:"steps"`
}

// Step is one step of a story.
type Step struct {
	// Event is its sequence number on the tape; 0 for what was read in a file.
	Event uint64 `json:"event,omitempty"`
	PID   int32  `json:"pid,omitempty"`
	// Text says what happened, in one line. It contains strings of the subject:
	// escape it.
	Text string `json:"text"`
	// Findings are the ids of those that rest on this event.
	Findings []string `json:"findings,omitempty"`
}

// Fingerprint names everything that a report depends on besides the image.
// Equal fingerprints and equal digests make comparable reports.
type Fingerprint struct {
	// Tool is the version of detonaut.
	Tool string `json:"tool"`
	// Rules is the digest of the rules that were applied.
	Rules Digest `json:"rules,omitempty"`
	// Analyzers are those that read files, as "name@version", sorted.
	Analyzers []string `json:"analyzers,omitempty"`
	// Database is the digest of the vulnerability database.
	Database Digest `json:"database,omitempty"`
	// Plan is the digest of the plan that the subject was run with.
	Plan Digest `json:"plan,omitempty"`
}

// State is how far a stage got.
type State string

// States of a stage.
const (
	Complete State = "complete"
	Partial  State = "partial"
	Failed   State = "failed"
	Skipped  State = "skipped"
)

// Stage names. A reading of the image's files has one for each analyzer, its name
// behind [StageImage].
const (
	StagePull            = "pull"
	StageImage           = "image/"
	StageInventory       = "inventory"
	StagePackages        = "malicious-packages" // looked up by name, version and hash
	StageVulnerabilities = "vulnerabilities"
	StageConfig          = "config"
	StageDetonate        = "detonate"
	StageRead            = "read" // of what the run left, by the analyzers of files
	StageExplain         = "explain"
)

// Stage is the status of one stage of the analysis.
type Stage struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Reason says why it is not complete.
	Reason string `json:"reason,omitempty"`
}

// Coverage says what was and was not observed. A report whose coverage is not
// full is never judged clean.
type Coverage struct {
	// Full is true when nothing below was missed.
	Full bool `json:"full"`
	// Gaps are the reasons why coverage is not full, in plain words.
	Gaps []string `json:"gaps,omitempty"`
	// Exercised is what was run, in plain words: "entrypoint for 30s".
	Exercised []string `json:"exercised,omitempty"`
	// Events recorded, folded into others, cut short and lost.
	Events  uint64 `json:"events"`
	Folded  uint64 `json:"events_folded"`
	Cut     uint64 `json:"events_cut"`
	Dropped uint64 `json:"events_dropped"`
	// Bounds are the limits that were reached, by the names that docs/tape.md
	// lists.
	Bounds []string `json:"bounds,omitempty"`
	// Unimplemented are system calls that the subject made and the sandbox does
	// not have, by name.
	Unimplemented []Call `json:"unimplemented,omitempty"`
	// Checks are what the subject did that programs do to find out whether they
	// are being watched. Honest programs do some of them, too.
	Checks []Check `json:"checks,omitempty"`
	// Unstarted tells of the programs of the image that never ran; nil when the
	// image is not at hand.
	Unstarted *Unstarted `json:"unstarted,omitempty"`
}

// Call is a system call, and how often it was made.
type Call struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
	// Event is the sequence number of the first.
	Event uint64 `json:"event"`
}

// Check is one way to find out about a sandbox.
type Check struct {
	// Name is what was looked at: "kernel version", "processor" ... (docs/report.md).
	Name  string `json:"name"`
	Count uint64 `json:"count"`
	// PID is who looked first, and Event that event.
	PID   int32  `json:"pid"`
	Event uint64 `json:"event"`
}

// Unstarted tells of the programs of an image that never ran.
type Unstarted struct {
	// Programs is how many the image has, Count how many of them never ran.
	Programs int `json:"programs"`
	Count    int `json:"count"`
	// Paths are the first of them: those of the upper layers first.
	Paths []string `json:"paths,omitempty"`
}

// Run is a digest of a tape: what the subject did, for people and for search.
// Every list is sorted, and bounded; Notes tells when a bound was reached.
type Run struct {
	// Command is what was started.
	Command []string `json:"command"`
	// EndReason is why the run ended, in the words of the tape: "exited",
	// "signalled", "time-limit" ... (docs/tape.md).
	EndReason string `json:"end_reason"`
	// EndDetail explains it where the reason alone does not.
	EndDetail string `json:"end_detail,omitempty"`
	// ExitCode is that of the subject's first process, if it exited.
	ExitCode int    `json:"exit_code"`
	Signal   string `json:"signal,omitempty"`
	// Elapsed is how long the subject ran, in nanoseconds; Simulated how long by
	// its own clocks, when these were moved on.
	Elapsed   time.Duration `json:"elapsed_ns"`
	Simulated time.Duration `json:"simulated_ns,omitempty"`
	// CPU is the processor time of the sandbox, in nanoseconds.
	CPU time.Duration `json:"cpu_ns"`
	// MaxMemory is the most memory the sandbox held, in bytes.
	MaxMemory int64 `json:"max_memory"`
	// Network is what it could reach: "none", "simulated" or "live", the real
	// internet.
	Network string `json:"network,omitempty"`

	Processes   []Process    `json:"processes"`
	Listeners   []Listener   `json:"listeners,omitempty"`
	Connections []Connection `json:"connections,omitempty"`
	Names       []string     `json:"dns_names,omitempty"`
	// Requests, Rejections and Messages are what was said in connections, Bodies
	// what was sent and received in requests, Baits what was taken.
	Requests   []Request   `json:"requests,omitempty"`
	Rejections []Rejection `json:"rejections,omitempty"`
	Messages   []Message   `json:"messages,omitempty"`
	Baits      []Bait      `json:"baits,omitempty"`
	Bodies     []Body      `json:"bodies,omitempty"`
	// Trust is what became of the image's trust stores; nil when none was
	// touched.
	Trust *Trust `json:"trust,omitempty"`
	// Payloads are contents of files and of memory, each once, that were written
	// while it ran; Changes is what differs from the image at the end.
	Payloads     []Payload `json:"payloads,omitempty"`
	Changes      []Change  `json:"changes,omitempty"`
	FilesWritten []string  `json:"files_written,omitempty"`
	FilesDeleted []string  `json:"files_deleted,omitempty"`
	// Output is the head of what the subject wrote to stdout and stderr, as
	// it wrote it: escape it.
	Output string `json:"output,omitempty"`
	// Notes say which of the lists above are not whole, in plain words. What
	// they leave out was seen by the rules all the same.
	Notes []string `json:"notes,omitempty"`
}

// Process is one process of the subject. A process that executes another
// program stays one Process, with the last program it ran.
type Process struct {
	PID        int32    `json:"pid"`
	Parent     int32    `json:"parent"`
	Executable string   `json:"executable"`
	Args       []string `json:"args,omitempty"`
	// Origin tells where the executable came from: "image", "written" (at run
	// time) or "memory".
	Origin string `json:"origin,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	UID    uint32 `json:"uid"`
	// Start and End are nanoseconds after the start of the run; End is -1
	// while it still ran when the run ended.
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
	// Exit is "0", "1", "SIGKILL" ...; empty while it still ran.
	Exit string `json:"exit,omitempty"`
	// Event is the sequence number of the event that shows it.
	Event uint64 `json:"event"`
}

// Listener is an address at which the subject accepted connections.
type Listener struct {
	// Network is "tcp" or "udp".
	Network string `json:"network"`
	// Address is "IP:port", or "[IP]:port".
	Address string `json:"address"`
	PID     int32  `json:"pid"`
	Event   uint64 `json:"event"`
}

// Connection is an address that the subject tried to reach.
type Connection struct {
	// Network is "tcp", "udp" or "icmp".
	Network string `json:"network"`
	// Address is "IP:port", or "[IP]:port"; of icmp without a port.
	Address string `json:"address"`
	// Name is the name for which Address was the answer.
	Name string `json:"name,omitempty"`
	// Protocol is what was spoken, inside TLS if TLS is set; empty if it was not
	// recognised.
	Protocol string `json:"protocol,omitempty"`
	TLS      bool   `json:"tls,omitempty"`
	// PID is who tried; 0 if nobody could be found.
	PID int32 `json:"pid"`
	// Count is how often it was tried.
	Count int `json:"count"`
	// Sent and Received are bytes of payload, of all together.
	Sent     int64 `json:"sent,omitempty"`
	Received int64 `json:"received,omitempty"`
	// Errno is the error of the first attempt; empty if it succeeded, or was
	// left to go on by itself.
	Errno string `json:"errno,omitempty"`
	// Refused is why the network refused it, the first time that it did: "scan",
	// "policy" ...
	Refused string `json:"refused,omitempty"`
	// Live is set when it reached the real internet.
	Live  bool   `json:"live,omitempty"`
	Event uint64 `json:"event"`
}

// Request is a request of HTTP, and its answer.
type Request struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Status int    `json:"status"`
	// Answer says who answered: "canned", "metadata/aws" ...
	Answer string `json:"answer,omitempty"`
	PID    int32  `json:"pid"`
	// Count is how often it was made.
	Count int `json:"count"`
	// Sent and Received are bytes of the bodies, of all together.
	Sent     int64 `json:"sent,omitempty"`
	Received int64 `json:"received,omitempty"`
	// Live is set when the real internet answered, Replayed when a record of it
	// did.
	Live     bool   `json:"live,omitempty"`
	Replayed bool   `json:"replayed,omitempty"`
	Event    uint64 `json:"event"`
}

// Rejection is a TLS client that would not go on with the certificate that it
// was shown, so that nothing of what it says was seen.
type Rejection struct {
	// Name is the name that it asked for, else that on the certificate.
	Name string `json:"name"`
	// JA4 is the fingerprint of its hello.
	JA4   string `json:"ja4,omitempty"`
	PID   int32  `json:"pid"`
	Count int    `json:"count"`
	Event uint64 `json:"event"`
}

// Message is something that the subject said in a protocol other than HTTP.
type Message struct {
	Protocol string `json:"protocol"`
	Verb     string `json:"verb"`
	// Fields are what it said, by the names that docs/tape.md lists.
	Fields map[string]string `json:"fields,omitempty"`
	// Remote is to whom it was said first: a name, else an address.
	Remote string `json:"remote,omitempty"`
	PID    int32  `json:"pid"`
	Count  int    `json:"count"`
	Event  uint64 `json:"event"`
}

// Bait is a planted credential that left the sandbox, or was found in what was
// done inside.
type Bait struct {
	Name string `json:"name"`
	// Source is where it was to be had: "service", "file" or "environment".
	Source string `json:"source,omitempty"`
	// Encoding is how it was written, Place where it was: "http-body", "argv" ...
	Encoding string `json:"encoding"`
	Place    string `json:"place"`
	// Path is the file, or the program that was executed, in which it was.
	Path string `json:"path,omitempty"`
	// Sent is set when it left.
	Sent bool `json:"sent,omitempty"`
	// Home is set when it went to the service that had handed it out.
	Home bool `json:"home,omitempty"`
	// Remote is where it went first: a name, else an address.
	Remote string `json:"remote,omitempty"`
	PID    int32  `json:"pid"`
	Count  int    `json:"count"`
	Event  uint64 `json:"event"`
}

// Body is what a request or a response carried.
type Body struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Sent is set when the subject sent it, Received when it got it.
	Sent     bool `json:"sent,omitempty"`
	Received bool `json:"received,omitempty"`
	// Kept is set when the artifacts of the run have it, by that name.
	Kept  bool   `json:"kept,omitempty"`
	Count int    `json:"count"`
	Event uint64 `json:"event"`
}

// Payload is one content, of one or more files or pieces of memory.
type Payload struct {
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size"`
	// Type is the kind of content: "elf", "script-shell" ... (docs/tape.md).
	Type string `json:"type,omitempty"`
	// Hows are why it was kept: "executed", "deleted" ...; Paths where it was.
	Hows  []string `json:"hows"`
	Paths []string `json:"paths"`
	// PID is who did that first; 0 for what was left at the end.
	PID int32 `json:"pid,omitempty"`
	// Kept is set when the artifacts of the run have it, by its hash.
	Kept bool `json:"kept,omitempty"`
	// Events belong to it: those that kept it, and those of the deeds.
	Events []uint64 `json:"events"`
}

// Change is one path that differs from the image at the end of a run.
type Change struct {
	// Kind is "add", "modify" or "remove".
	Kind string `json:"kind"`
	Path string `json:"path"`
	// Type is "file", "dir", "symlink" ...; Target that of a symlink.
	Type   string `json:"type,omitempty"`
	Target string `json:"target,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
	// Mode is its permissions, Was those that the image has.
	Mode uint32 `json:"mode,omitempty"`
	Was  uint32 `json:"was,omitempty"`
	// Privileged is set when it gives rights that it did not give before: it is
	// setuid or setgid, or has capabilities.
	Privileged bool   `json:"privileged,omitempty"`
	Event      uint64 `json:"event"`
}

// Trust is how many trust stores of the image got the run's CA, and how many
// could not.
type Trust struct {
	Edited int `json:"edited"`
	Failed int `json:"failed,omitempty"`
}
