// Package har writes the HTTP exchanges of a run as an HTTP archive, HAR 1.2,
// which browsers and proxies open.
//
// What the format has no place for is in fields that begin with an underscore,
// as it asks: who made the request, who answered, what names a body has. The
// archive is a function of the tape and the bodies alone, and is written as the
// tape is read. The format is http://www.softwareishard.com/blog/har-12-spec.
package har

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/detonaut/detonaut/chamber/tape"
)

// Options say how to write an archive.
type Options struct {
	// Version is that of the program that writes it.
	Version string
	// Body returns a body of the run by its SHA-256, as the tape has it: it is
	// hostile. One that is not there is [fs.ErrNotExist]. nil has none.
	Body func(sha256 string) ([]byte, error)
	// MaxBody is the most bytes of a body that the archive has whole, and
	// MaxBodies the most of all bodies together. Of the others it has what the
	// tape has. 1 MiB and 64 MiB if 0.
	MaxBody, MaxBodies int64
}

const (
	defaultMaxBody   = 1 << 20
	defaultMaxBodies = 64 << 20
)

// Writer writes one archive. It is a [tape.Sink], for one goroutine, that takes
// a tape from its start.
type Writer struct {
	w         io.Writer
	opts      Options
	left      int64 // of MaxBodies
	wall      int64 // of run.start
	processes processes
	entries   int
}

// NewWriter returns a Writer on w. The caller closes it, and w after it.
func NewWriter(w io.Writer, o Options) *Writer {
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.MaxBodies <= 0 {
		o.MaxBodies = defaultMaxBodies
	}
	return &Writer{w: w, opts: o, left: o.MaxBodies, processes: processes{}}
}

// Record writes e if it is an exchange, and remembers what later ones need.
func (w *Writer) Record(e *tape.Event) error {
	switch e.Kind {
	case tape.RunStart:
		w.wall = e.Start.Wall
	case tape.ProcessFork, tape.ProcessExec, tape.ProcessExit:
		w.processes.observe(e)
	case tape.HTTPExchange:
		return w.exchange(e)
	}
	return nil
}

func (w *Writer) exchange(e *tape.Event) error {
	made, err := w.entry(e)
	if err != nil {
		return err
	}
	if err := w.between(); err != nil {
		return err
	}
	w.entries++
	return w.write(made)
}

// between writes what stands before an entry.
func (w *Writer) between() error {
	if w.entries > 0 {
		return w.text(",\n")
	}
	if err := w.text(`{"log":{"version":"1.2","creator":`); err != nil {
		return err
	}
	if err := w.write(creator{Name: "detonaut", Version: w.opts.Version}); err != nil {
		return err
	}
	return w.text(",\"entries\":[\n")
}

// Close writes the end of the archive, and all of one that has no entries. It
// does not close the writer below.
func (w *Writer) Close() error {
	if w.entries == 0 {
		if err := w.between(); err != nil {
			return err
		}
	}
	return w.text("\n]}}\n")
}

// write writes v as JSON. Characters that HTML knows are escaped, for pages
// that have an archive in them.
func (w *Writer) write(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode archive: %w", err)
	}
	return w.text(string(b))
}

func (w *Writer) text(s string) error {
	if _, err := io.WriteString(w.w, s); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

// processes are the executables of processes, by their numbers.
type processes map[int32]string

// maxProcesses bounds how many are remembered; from maxExited on those that
// ended are not.
const (
	maxProcesses = 8192
	maxExited    = 1024
)

func (p processes) observe(e *tape.Event) {
	switch {
	case e.Kind == tape.ProcessExit:
		// What it asked for last may still be on its way to the tape.
		if len(p) > maxExited {
			delete(p, e.PID)
		}
	case e.Errno != "":
	case e.Kind == tape.ProcessFork:
		p.set(e.Process.Child, p[e.PID])
	default:
		p.set(e.PID, e.Process.Executable)
	}
}

func (p processes) set(pid int32, executable string) {
	if _, known := p[pid]; known || len(p) < maxProcesses {
		p[pid] = executable
	}
}
