// Package behavior explains a tape: in one pass it follows the process tree,
// offers every event to its detectors and makes the digest of the run and the
// account of its coverage.
//
// It is pure: no files, no network, no clock, and the same tape gives the same
// result. It does not judge; that is for package verdict. The rule language is
// a detector of its own, in the sub-folder rule.
package behavior

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Detector looks for behaviours in one run. It is made for that run and used
// by one goroutine.
type Detector interface {
	// Observe is given the events of the run in their order. It may keep the
	// parts of m, but must bound what it keeps: the subject decides how many
	// events there are and what is in them.
	Observe(m Moment)
	// Conclude is called once, after the last event. It returns what was
	// found, and what could not be looked for in plain words: gaps keep a
	// subject from being judged clean.
	Conclude() (findings []detonaut.Finding, gaps []string)
}

// Moment is one event and who did it.
type Moment struct {
	Event *tape.Event
	// Process is the process that did it, as it was after the event; never
	// nil. For the events of the run itself it is an empty one.
	Process *Process
}

// Result is what a tape tells.
type Result struct {
	// Findings are sorted: the worst first, then by ID.
	Findings []detonaut.Finding
	Run      detonaut.Run
	// Coverage is that of the run; stages before it may add to its gaps.
	Coverage detonaut.Coverage
	// Used are the files of the image that were executed or loaded, in the order in
	// which that was first done. At most 65,536; a path may be cut short.
	Used []Use `json:"-"`

	started started
}

// Source gives the events of a tape in their order, then [io.EOF].
// [*tape.Decoder] is one.
type Source interface {
	Next() (*tape.Event, error)
}

// Run analyses a whole tape. An error is that of the source: the tape is no
// whole tape and supports no verdict.
func Run(src Source, detectors ...Detector) (Result, error) {
	a := NewAnalysis(detectors...)
	for {
		e, err := src.Next()
		if errors.Is(err, io.EOF) {
			return a.Result(), nil
		}
		if err != nil {
			return Result{}, err
		}
		if err := a.Record(e); err != nil {
			return Result{}, err
		}
	}
}

// Analysis is an analysis in progress. It is a [tape.Sink], so that a run can
// be explained while it is recorded. It holds a bounded amount of memory
// whatever the tape holds.
type Analysis struct {
	tree      *tree
	digest    *digest
	coverage  coverage
	started   started
	used      used
	detectors []Detector
}

// NewAnalysis begins an analysis with detectors, which it owns from then on.
func NewAnalysis(detectors ...Detector) *Analysis {
	d := new(digest)
	return &Analysis{tree: newTree(d.list), digest: d, detectors: detectors}
}

// Record takes the next event of the run. It keeps parts of e and never
// returns an error.
func (a *Analysis) Record(e *tape.Event) error {
	p := a.tree.apply(e)
	a.digest.add(e, p)
	a.coverage.add(e, p)
	a.started.add(e)
	a.used.add(e)
	m := Moment{Event: e, Process: p}
	for _, d := range a.detectors {
		d.Observe(m)
	}
	a.tree.settle(e, p)
	return nil
}

// Result ends the analysis; nothing may be recorded afterwards.
func (a *Analysis) Result() Result {
	gaps := a.tree.gaps()
	findings := []detonaut.Finding{}
	for _, d := range a.detectors {
		f, g := d.Conclude()
		findings = append(findings, f...)
		gaps = append(gaps, g...)
	}
	Sort(findings)
	return Result{Findings: findings, Run: a.digest.run(), Coverage: a.coverage.result(gaps), Used: a.used.all, started: a.started}
}

// Sort puts findings in the order of a report: the worst first, of
// those the surest, then by ID.
func Sort(findings []detonaut.Finding) {
	slices.SortStableFunc(findings, func(a, b detonaut.Finding) int {
		return cmp.Or(
			b.Severity.Rank()-a.Severity.Rank(),
			b.Confidence.Rank()-a.Confidence.Rank(),
			cmp.Compare(a.ID, b.ID),
		)
	})
}
