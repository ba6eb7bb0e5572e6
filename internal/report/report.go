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
	// Many is set when the command is about more than one image: a table and
	// Markdown then have one line for each, HTML has a list and all of them, JSON is an array, and of bills of
	// materials there is one a line.
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
	// CycloneDX is a bill of materials with vulnerabilities, of CycloneDX 1.6 in JSON.
	CycloneDX Format = "cyclonedx"
	// SPDX is a bill of materials of SPDX 2.3 in JSON.
	SPDX Format = "spdx"
	// SARIF is a log of SARIF 2.1.0, for code scanning.
	SARIF Format = "sarif"
	// JUnit is a report of tests in XML, for CI.
	JUnit Format = "junit"
	// Markdown is a summary for comments on changes and for jobs of CI.
	Markdown Format = "markdown"
	// HTML is a page that needs nothing beside itself.
	HTML Format = "html"
	// Indicators is a text by which an image and whom it talked to are recognised, defanged.
	Indicators Format = "indicators"
	// CSV is the same as a table, for spreadsheets and programs.
	CSV Format = "csv"
	// STIX is a bundle of STIX 2.1 of them.
	STIX Format = "stix"
	// MISP is an event of MISP of them.
	MISP Format = "misp"
)

// Formats lists every format, the default first.
func Formats() []Format {
	return []Format{Table, JSON, JSONLines, CycloneDX, SPDX, SARIF, JUnit, Markdown, HTML, Indicators, CSV, STIX, MISP}
}

// Describe says in a few words what format f is for.
func Describe(f Format) string {
	return map[Format]string{
		Table: "for people", JSON: "the whole report", JSONLines: "the whole report, one a line",
		CycloneDX: "bill of materials and vulnerabilities, CycloneDX 1.6", SPDX: "bill of materials, SPDX 2.3",
		SARIF: "for code scanning, SARIF 2.1.0", JUnit: "as tests, for CI", Markdown: "summary for comments and job summaries",
		HTML:       "a page to read offline",
		Indicators: "indicators for people, defanged", CSV: "indicators as a table", STIX: "indicators, STIX 2.1", MISP: "indicators, as an event of MISP",
	}[f]
}

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
	case CycloneDX:
		return &documentWriter{w: w, many: o.Many, encode: encodeCycloneDX}, nil
	case SPDX:
		return &documentWriter{w: w, many: o.Many, encode: encodeSPDX}, nil
	case SARIF:
		return &sarifWriter{w: w, many: o.Many}, nil
	case JUnit:
		return &junitWriter{w: w}, nil
	case Markdown:
		return &markdownWriter{w: w, many: o.Many}, nil
	case HTML:
		return &htmlWriter{w: w, many: o.Many}, nil
	case Indicators:
		return &indicatorWriter{w: w}, nil
	case CSV:
		return &csvWriter{w: w}, nil
	case STIX:
		return &documentWriter{w: w, many: o.Many, encode: encodeSTIX}, nil
	case MISP:
		return &documentWriter{w: w, many: o.Many, encode: encodeMISP}, nil
	}
	names := make([]string, 0, len(Formats()))
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return nil, fmt.Errorf("%w: unknown format %q: use %s", detonaut.ErrUsage, f, strings.Join(names, ", "))
}
