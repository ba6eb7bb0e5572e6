package tape

// How is why the content of a file or of memory was kept, at that moment.
type How string

// Reasons to keep content. Content of the image itself is not kept: the image
// has it.
const (
	Executed  How = "executed"  // a file written at run time, or a memfd, is executed
	Loaded    How = "loaded"    // such a file is mapped as code
	Deleted   How = "deleted"   // it is about to lose its name
	Replaced  How = "replaced"  // another file is about to take its name
	Truncated How = "truncated" // it is about to be shortened
	Rewritten How = "rewritten" // a program or script is opened to be written over
	Left      How = "left"      // it was there when the run ended
	Stdin     How = "stdin"     // an interpreter read it as its script, from no file
	Code      How = "code"      // memory that was written became executable, or was both
)

// Payload is the payload of payload events. The process of the event is the one
// that did the deed; of Left there is none.
type Payload struct {
	How How `json:"how"`
	// Path is the file; of Stdin and Code the executable of the process; of a
	// memfd "/memfd:" and its name.
	Path string `json:"path"`
	// SHA256 is that of the content, in hex; Size its bytes. What was larger than
	// is kept is hashed all the same, up to 256 MiB, and has no hash beyond.
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size"`
	// Type is the kind of content, told by its first bytes (docs/tape.md).
	Type string `json:"type,omitempty"`
	// Mode is the permission bits of the file, with setuid, setgid and sticky.
	Mode uint32 `json:"mode,omitempty"`
	// Address is where memory of Code lay.
	Address uint64 `json:"address,omitempty"`
	// Kept is set when the artifacts of the run have it.
	Kept bool `json:"kept,omitempty"`
}

// Change is the payload of change events: one path that differs from the image
// at the end of the run.
type Change struct {
	Path string `json:"path"`
	// Type is "file", "dir", "symlink", "fifo", "socket", "char" or "block"; of
	// remove what the image had, if that is known.
	Type string `json:"type,omitempty"`
	// Content is set when what a file or symlink holds may differ, as opposed to
	// its permissions or owner alone.
	Content bool `json:"content,omitempty"`
	// SHA256 and Size are those of a file. Target is that of a symlink.
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Target string `json:"target,omitempty"`
	// Mode is the permission bits, with setuid, setgid and sticky; Was those that
	// the image has, of modify.
	Mode uint32 `json:"mode,omitempty"`
	Was  uint32 `json:"was,omitempty"`
	UID  uint32 `json:"uid,omitempty"`
	GID  uint32 `json:"gid,omitempty"`
	// Capabilities is security.capability in hex, which gives a program rights of
	// root; Attrs are the names of the other extended attributes that were set.
	Capabilities string   `json:"capabilities,omitempty"`
	Attrs        []string `json:"attrs,omitempty"`
}

// Jump is the payload of time events.
type Jump struct {
	// By is how many nanoseconds were left out, of all that Count stands for.
	By int64 `json:"by"`
	// For is what waited: the name of a system call, or "timer".
	For string `json:"for,omitempty"`
}
