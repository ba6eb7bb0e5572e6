// Package plan says how to run a subject: the command, the limits, the
// network. The main program writes a plan, the chamber follows it.
//
// It imports the standard library only and decides nothing.
package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Plan is everything the chamber needs to know to run one subject.
type Plan struct {
	// Image is the path of the EROFS image on this machine. It is emptied in
	// the copy of the plan that goes on the tape.
	Image string `json:"image,omitempty"`
	// Digest is the digest of the image, for the tape.
	Digest string `json:"digest,omitempty"`
	// Profile is the kind of run.
	Profile Profile `json:"profile"`

	// Args is the command line; Args[0] is looked up along the PATH of Env
	// inside the image.
	Args []string `json:"args"`
	Env  []string `json:"env,omitempty"`
	// Dir is the working directory, an absolute path inside the image.
	Dir  string `json:"dir"`
	User User   `json:"user"`
	// Tmp asks for a file system of its own over /tmp. It would hide what the
	// image has there, so it is for images whose /tmp is missing or empty.
	Tmp bool `json:"tmp,omitempty"`
	// Hostname is what the subject sees as its own.
	Hostname string `json:"hostname"`

	// Machine is what the subject is told of the machine that it runs on.
	Machine Machine `json:"machine,omitzero"`
	// Travel bounds how far the profile Time moves clocks on; zero otherwise.
	Travel Travel `json:"travel,omitzero"`
	// Stay keeps the run going until the time limit even when nothing can happen
	// before that any more.
	Stay bool `json:"stay,omitempty"`

	Network  Network  `json:"network"`
	Internet Internet `json:"internet,omitzero"`
	// Baits are the credentials that are planted in files and variables.
	Baits Baits `json:"baits,omitzero"`

	Detail Detail `json:"detail"`
	Limits Limits `json:"limits"`
}

// Profile is a kind of run.
type Profile string

// Profiles. Each runs the command that the image itself asks for.
const (
	Default Profile = "default"
	// Time moves the clocks of the subject on whenever it only waits for time to
	// pass: hours go by in seconds.
	Time Profile = "time"
)

// User is who the subject runs as, inside the sandbox.
type User struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups,omitempty"`
}

// Detail is how much the tape records.
type Detail string

// Details.
const (
	// Normal records everything that changes something or reaches out, and
	// reads of sensitive paths.
	Normal Detail = "normal"
	// Full records also every open for reading, every read, write and close,
	// and threads.
	Full Detail = "full"
	// Untraced records the start, the output and the end only. It exists to
	// measure what tracing costs, and never supports a verdict.
	Untraced Detail = "untraced"
)

// Limits bound what a subject may use. All are required to be positive.
type Limits struct {
	// Duration is the wall time that the subject may run, in nanoseconds.
	Duration time.Duration `json:"duration_ns"`
	// Memory is how many bytes the sandbox may hold, files in its memory
	// included.
	Memory int64 `json:"memory"`
	// Processes is how many threads of all processes may live at once.
	Processes int `json:"processes"`
	// FileSize is how many bytes one file may grow to.
	FileSize int64 `json:"file_size"`
	// Disk is how many bytes may be written over the image, what the network
	// puts there included; /tmp and /dev/shm have as much as a half and a
	// quarter of it on top.
	Disk int64 `json:"disk"`
	// Output is how many bytes of stdout and stderr are kept.
	Output int64 `json:"output"`
	// Events is how many events the tape may hold before the run is ended.
	Events uint64 `json:"events"`
}

// DefaultLimits fit a server image of ordinary size.
func DefaultLimits() Limits {
	return Limits{
		Duration:  30 * time.Second,
		Memory:    1 << 30,
		Processes: 512,
		FileSize:  256 << 20,
		Disk:      512 << 20,
		Output:    1 << 20,
		Events:    500_000,
	}
}

// Bounds on a plan itself: plans are made from the configs of hostile images.
const (
	maxArgs   = 4096
	maxArgLen = 128 << 10
	// maxSize is how many bytes of JSON a plan may have: it must fit on one
	// line of the tape (tape.MaxLine).
	maxSize = 192 << 10
)

// Validate reports everything in p that makes no sense, each with the JSON
// name of its field.
func (p *Plan) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	}
	if len(p.Args) == 0 || p.Args[0] == "" {
		bad("args", "empty: there is nothing to run")
	}
	if len(p.Args) > maxArgs || len(p.Env) > maxArgs {
		bad("args", "more than %d arguments or variables", maxArgs)
	}
	for _, s := range append(append([]string{p.Dir, p.Hostname}, p.Args...), p.Env...) {
		if len(s) > maxArgLen || strings.ContainsRune(s, 0) {
			bad("args", "a string with a NUL byte or of more than %d bytes", maxArgLen)
			break
		}
	}
	if !path.IsAbs(p.Dir) {
		bad("dir", "%q is not an absolute path", p.Dir)
	}
	if p.Hostname == "" || len(p.Hostname) > 63 {
		bad("hostname", "must have 1 to 63 characters")
	}
	p.validateTime(bad)
	p.Machine.Validate(bad)
	p.Internet.validate(p.Network, bad)
	p.Baits.validate(p.Env, bad)
	if p.Detail != Normal && p.Detail != Full && p.Detail != Untraced {
		bad("detail", "%q is unknown", p.Detail)
	}
	if b, err := json.Marshal(p); err != nil || len(b) > maxSize {
		bad("args", "with the environment more than %d bytes of JSON", maxSize)
	}
	l := p.Limits
	for _, limit := range []struct {
		field string
		n     int64
	}{
		{"duration_ns", int64(l.Duration)},
		{"memory", l.Memory},
		{"processes", int64(l.Processes)},
		{"file_size", l.FileSize},
		{"disk", l.Disk},
		{"output", l.Output},
		{"events", int64(min(l.Events, 1<<62))},
	} {
		if limit.n <= 0 {
			bad("limits."+limit.field, "must be greater than 0")
		}
	}
	if l.Events == 1 {
		bad("limits.events", "must be at least 2: a tape has a start and an end")
	}
	return errors.Join(errs...)
}
