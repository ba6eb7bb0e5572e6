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
	// Stages are in the order in which they ran.
	Stages []Stage `json:"stages"`
	// Coverage is what was and was not observed.
	Coverage Coverage `json:"coverage"`
	// Run tells what the subject did; nil when it was never run.
	Run *Run `json:"run,omitempty"`
}

// Fingerprint names everything that a report depends on besides the image.
// Equal fingerprints and equal digests make comparable reports.
type Fingerprint struct {
	// Tool is the version of detonaut.
	Tool string `json:"tool"`
	// Rules is the digest of the rules that were applied.
	Rules Digest `json:"rules,omitempty"`
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

// Stage names.
const (
	StagePull     = "pull"
	StageDetonate = "detonate"
	StageExplain  = "explain"
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
	// Elapsed is how long the subject ran, in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
	// CPU is the processor time of the sandbox, in nanoseconds.
	CPU time.Duration `json:"cpu_ns"`
	// MaxMemory is the most memory the sandbox held, in bytes.
	MaxMemory int64 `json:"max_memory"`

	Processes    []Process    `json:"processes"`
	Listeners    []Listener   `json:"listeners,omitempty"`
	Connections  []Connection `json:"connections,omitempty"`
	Names        []string     `json:"dns_names,omitempty"`
	FilesWritten []string     `json:"files_written,omitempty"`
	FilesDeleted []string     `json:"files_deleted,omitempty"`
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
	Network string `json:"network"`
	Address string `json:"address"`
	PID     int32  `json:"pid"`
	// Count is how often it was tried.
	Count int `json:"count"`
	// Errno is the error of the first attempt; empty if it succeeded, or was
	// left to go on by itself.
	Errno string `json:"errno,omitempty"`
	Event uint64 `json:"event"`
}
