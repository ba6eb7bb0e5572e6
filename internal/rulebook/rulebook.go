// Package rulebook reads documents with rules: one YAML file for each, whose id is its
// path. What a rule says besides what all rules say, and means, is up to its language.
//
// Rules come from users and are not trusted: a document is bounded, and one that cannot be
// used is a [Problem] that names file and line, and keeps no other from being used.
package rulebook

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// Bounds of a book and of a document.
const (
	MaxRules    = 4096
	MaxDocument = 64 << 10 // bytes
	MaxExamples = 32       // of one rule
)

// Place is where a rule was read from.
type Place struct {
	// System is the number of its file system among those of [Read], from 0, and File
	// its path in it.
	System int
	File   string
}

// Problem says why a rule is not in the book.
type Problem struct {
	Place
	// Line is where in the file, from 1; 0 if that is not known.
	Line int
	// Reason is one line.
	Reason string
}

// Error is "file:line: reason".
func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason)
}

// Failure is an example that its rule gets wrong, or a rule that lacks one.
type Failure struct {
	Place
	Rule string
	// Example is its name; empty if there is none.
	Example string
	// Reason is one line.
	Reason string
}

// Try gives a rule its examples: those that it must match, and those that it must not. try
// says what is wrong with one. A rule without either kind fails, too.
func Try[X any](at Place, rule string, yes, no []X, name func(*X) string, try func(x *X, match bool) error) (failures []Failure) {
	fail := func(example, reason string) {
		failures = append(failures, Failure{Place: at, Rule: rule, Example: example, Reason: reason})
	}
	for _, list := range []struct {
		match    bool
		kind     string
		examples []X
	}{{true, "yes", yes}, {false, "no", no}} {
		if len(list.examples) == 0 {
			fail("", "there is no "+list.kind+" example")
		}
		for i := range list.examples {
			x := &list.examples[i]
			if err := try(x, list.match); err != nil {
				fail(name(x), err.Error())
			}
		}
	}
	return failures
}

// Book is what was read.
type Book struct {
	// Problems are in the order of the file systems and the files in them.
	Problems []Problem
	// Digest is that of the text of all rules that can be used, whatever their order.
	Digest detonaut.Digest
}

// Compile makes a rule of a document and keeps it, unless the error says why it cannot be
// used. It returns the id of the rule, and the line of that.
type Compile func(data []byte, from Place) (id string, line int, keep func(), err error)

// Read gives every file of the systems that ends in .yaml to compile. Rules that cannot be
// used are told by [Book.Problems]; they are gaps in the coverage of whatever the book
// explains.
func Read(compile Compile, systems ...fs.FS) *Book {
	r := &reader{compile: compile, seen: make(map[string]bool)}
	for i, fsys := range systems {
		r.walk(i, fsys)
	}
	slices.Sort(r.sums)
	r.book.Digest = detonaut.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join(r.sums, "\n")))))
	return &r.book
}

// Sum names all that [Read] would read in the systems, in hex, without reading it as
// rules. What cannot be read counts, too.
func Sum(systems ...fs.FS) string {
	var files []string
	for _, fsys := range systems {
		_ = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && path.Ext(name) == ".yaml" {
				text, err := readBounded(fsys, name)
				if err != nil {
					text = []byte(err.Error())
				}
				files = append(files, fmt.Sprintf("%q %x", name, sha256.Sum256(text)))
			}
			return nil
		})
	}
	slices.Sort(files)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(files, "\n"))))
}

type reader struct {
	compile Compile
	book    Book
	seen    map[string]bool
	sums    []string // one line a rule
}

func (r *reader) problem(at Place, err error) {
	p := Problem{Place: at, Reason: strings.ReplaceAll(err.Error(), "\n", " ")}
	var in *LineError
	if errors.As(err, &in) {
		p.Line = in.Line
	}
	r.book.Problems = append(r.book.Problems, p)
}

func (r *reader) walk(system int, fsys fs.FS) {
	full := false
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		at := Place{system, name}
		switch {
		case err != nil:
			r.problem(at, err)
			return nil
		case d.IsDir() || path.Ext(name) != ".yaml":
			return nil
		case len(r.sums)+len(r.book.Problems) >= MaxRules:
			full = true
			return fs.SkipAll
		}
		if err := r.read(at, fsys); err != nil {
			r.problem(at, err)
		}
		return nil
	})
	if full {
		err = fmt.Errorf("%w: more than %d rules; the others are not loaded", detonaut.ErrLimit, MaxRules)
	}
	if err != nil {
		r.problem(Place{system, "."}, err)
	}
}

func (r *reader) read(at Place, fsys fs.FS) (err error) {
	data, err := readBounded(fsys, at.File)
	if err != nil {
		return err
	}
	// The parsers recover from panics of their own making only, and the bytes are anybody's.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not understood: %v", p)
		}
	}()
	id, line, keep, err := r.compile(bytes.TrimPrefix(data, []byte("\ufeff")), at)
	if err != nil {
		return err
	}
	if want := strings.TrimSuffix(at.File, ".yaml"); id != want {
		return &LineError{line, fmt.Errorf("the id is %q; by its path it must be %q", id, want)}
	}
	if r.seen[id] {
		return &LineError{line, errors.New("another rule has this id")}
	}
	r.seen[id] = true
	keep()
	r.sums = append(r.sums, fmt.Sprintf("%s %x", id, sha256.Sum256(data)))
	return nil
}

// readBounded reads a document, and a byte more than it may have.
func readBounded(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open rule: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, MaxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read rule: %w", err)
	}
	return data, nil
}

// ByID orders findings of rules.
func ByID(a, b *detonaut.Finding) int { return cmp.Compare(a.ID, b.ID) }
