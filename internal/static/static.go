// Package static is the contract of whatever reads files instead of running
// them: a file goes in, findings come out. Files of an image and what a run
// wrote, ran and deleted are read alike.
//
// Implementations are its sub-folders, all lists those that are used. Every
// byte that they read is the subject's.
package static

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
)

// Analyzer looks for one kind of thing in files. It is used by several
// goroutines at once.
type Analyzer interface {
	// Name is a word that no other analyzer has. Version changes whenever equal
	// files may yield other findings than before.
	Name() string
	Version() string
	// Wants tells whether a may find something in f, by all that is known of it
	// without reading it: only then it is given f. It is asked of every file.
	Wants(f File) bool
	// Analyze reads f, in the goroutine that calls it, and returns what it
	// found: a finding of one ID has the same title, meaning, severity and
	// confidence in every file. Of evidence it gives the summary and the offset;
	// where f is, [Run] adds. What it finds follows from the content alone, so that it
	// can be remembered for equal ones: f has no places and no events. An error means that we failed; a file that is not
	// what it claims to be is none.
	//
	// When ctx ends, reading f fails; what computes for long without reading
	// looks at ctx itself. What was found until then may be returned beside the
	// error. One that wraps [context.DeadlineExceeded] says that f is more work than
	// any file is worth, whatever time there is.
	Analyze(ctx context.Context, f File) ([]detonaut.Finding, error)
}

// File is one content, and where it was found.
type File struct {
	// SHA256 is its hash, in hex; Size its bytes.
	SHA256 string
	Size   int64
	// Type is the kind of content, as package content tells it.
	Type string
	// Places are where it was; none if that is not known.
	Places []Place
	// Use and Events are those of what a run left: what it had to do with the content,
	// and the events that it belongs to. From says in a few words where it is from, if it
	// was in no file. A file of the image has none of these.
	Use    detonaut.Use
	Events []uint64
	From   string
	// Open opens the content. Whoever opens it closes it.
	Open func() (Content, error)
}

// Content is read at any offset, by several goroutines at once.
type Content interface {
	io.ReaderAt
	io.Closer
}

// Place is where a content was: a path, and of a file of the image its layer.
type Place struct {
	Path  string
	Layer detonaut.Digest
	// Hidden is set when it is in a lower layer only: an upper one removed or replaced
	// it.
	Hidden bool
}

// Limits bound one [Run].
type Limits struct {
	// File is the most bytes of a file that is read, Total of all together.
	File, Total int64
	// PerFile is the most time for one file and one analyzer, All for all.
	PerFile, All time.Duration
	// Findings is the most findings, by ID.
	Findings int
}

// DefaultLimits are enough for whatever a run may hand over.
func DefaultLimits() Limits {
	return Limits{File: 64 << 20, Total: 1 << 30, PerFile: 20 * time.Second, All: 5 * time.Minute, Findings: 1000}
}

// Versions names analyzers for the fingerprint of a report, as "name@version",
// sorted.
func Versions(analyzers []Analyzer) []string {
	var names []string
	for _, a := range analyzers {
		names = append(names, key(a))
	}
	slices.Sort(names)
	return names
}
