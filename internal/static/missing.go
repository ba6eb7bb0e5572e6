package static

import (
	"context"

	"github.com/detonaut/detonaut"
)

// Missing stands in for an analyzer that is asked for and cannot be had: its stage fails,
// so that nobody takes its silence for an answer.
type Missing struct {
	Analyzer string
	// Err says what is missing, and what to do about it.
	Err error
}

var _ Limited = Missing{}

// Name is that of the analyzer.
func (m Missing) Name() string { return m.Analyzer }

// Version of nothing.
func (Missing) Version() string { return "missing" }

// Wants nothing.
func (Missing) Wants(File) bool { return false }

// Analyze finds nothing.
func (m Missing) Analyze(context.Context, File) ([]detonaut.Finding, error) { return nil, m.Err }

// Lack says what is missing.
func (m Missing) Lack() (detonaut.State, string) { return detonaut.Failed, m.Err.Error() }
