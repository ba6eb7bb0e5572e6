// Package report writes reports for people and for programs.
//
// A [Writer] knows one format. It decides nothing, and what it writes is a
// function of the report alone: no clock, no environment. Strings of the
// subject are hostile; every format escapes them.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/detonaut/detonaut"
)

// Writer writes the reports of one command to one place.
type Writer interface {
	// Write writes r, or keeps what Close needs of it. It does not change r.
	Write(r *detonaut.Report) error
	// Close writes what belongs after the last report. It does not close the
	// writer below.
	Close() error
}

// Options say how to write.
type Options struct {
	// Many is set when the command is about more than one image: a table then
	// has one line for each, JSON is an array.
	Many bool
	// Color allows colours in the table, for terminals.
	Color bool
}

// Format is the name of a way to write a report.
type Format string

// Formats.
const (
	// Table is for people.
	Table Format = "table"
	// JSON is one indented [detonaut.Report], or an array of them.
	JSON Format = "json"
	// JSONLines is one report a line, written as soon as it is ready.
	JSONLines Format = "jsonl"
)

// Formats lists every format, the default first.
func Formats() []Format { return []Format{Table, JSON, JSONLines} }

// New returns a writer of format f on w. An unknown format is
// [detonaut.ErrUsage].
func New(f Format, w io.Writer, o Options) (Writer, error) {
	switch f {
	case Table:
		return &tableWriter{w: w, opts: o}, nil
	case JSON:
		return &jsonWriter{w: w, array: o.Many}, nil
	case JSONLines:
		return &jsonLinesWriter{w: w}, nil
	}
	names := make([]string, 0, len(Formats()))
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return nil, fmt.Errorf("%w: unknown format %q: use %s", detonaut.ErrUsage, f, strings.Join(names, ", "))
}
