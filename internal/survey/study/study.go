// Package study counts what came of a survey: the numbers at the end, with intervals where
// they are of a sample. It reads results one after another, so what it needs of memory does not
// depend on how many there are.
package study

import (
	"context"
	"html/template"
	"io"
	"time"

	"github.com/detonaut/detonaut/internal/store"
)

// Options say what is counted.
type Options struct {
	// Survey is which.
	Survey store.Survey
	// Now is from when ages are counted; zero is when the survey ended, or, of one that has not, the
	// newest report.
	Now time.Time
}

// Study counts. It is of one goroutine.
type Study struct{ o Options }

// New begins one.
func New(o Options) *Study { return &Study{o: o} }

// Add counts a result. All results of a repository come one after another.
func (s *Study) Add(store.Result) {}

// Report is what was counted so far.
func (s *Study) Report() *Report { return &Report{Schema: Schema} }

// Schema is the version of the JSON of a [Report].
const Schema = 1

// Report is the study: tables, in the order in which they are printed.
type Report struct {
	Schema int `json:"schema"`
}

// Of counts all results of a survey.
func Of(ctx context.Context, s store.Surveys, name string) (*Report, error) {
	return &Report{Schema: Schema}, nil
}

// Formats lists how a report can be written.
func Formats() []string { return []string{"markdown", "html", "json", "csv"} }

// Write writes a report in one of [Formats].
func Write(w io.Writer, format string, r *Report) error { return nil }

// Body is the report for a page that has the layout of the site around it: what is in <main>.
// All in it is escaped.
func Body(r *Report) (template.HTML, error) { return "", nil }
