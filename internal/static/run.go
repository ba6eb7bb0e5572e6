package static

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
)

// maxEvidence is how many pieces of evidence a finding keeps.
const maxEvidence = 8

// Result is what was read in files.
type Result struct {
	// Findings are sorted by ID, one for each. Their evidence is in the order of
	// the files.
	Findings []detonaut.Finding
	// Stage is how far it got: partial when a bound was hit or ctx ended, failed
	// when an analyzer was.
	Stage detonaut.Stage
}

// Run gives every file to every analyzer, in order. It goes on after a failure
// of an analyzer, a panic included, and returns it as its error at the end; the
// result holds all the same. An error of files ends it.
func Run(ctx context.Context, files iter.Seq2[File, error], analyzers []Analyzer, l Limits) (Result, error) {
	r := &reading{limits: l, analyzers: analyzers, findings: map[string]*detonaut.Finding{}, missed: map[string]int{}}
	all, cancel := context.WithTimeout(ctx, l.All)
	defer cancel()
	for f, err := range files {
		if err != nil {
			r.fail(err)
			break
		}
		switch {
		case ctx.Err() != nil:
			r.missed["files not read, because it was interrupted"]++
		case all.Err() != nil:
			r.missed["files not read, because its time was over"]++
		case f.Size > l.File:
			r.missed["files too large to be read"]++
		case f.Size > l.Total-r.total:
			r.missed["files not read, because there was too much"]++
		default:
			r.total += f.Size
			r.read(all, f)
		}
	}
	return r.result(), errors.Join(r.errs...)
}

// reading is a Run in progress.
type reading struct {
	limits    Limits
	analyzers []Analyzer
	total     int64
	findings  map[string]*detonaut.Finding
	missed    map[string]int // how many, by what to say of them
	errs      []error
}

// maxErrors is how many failures are told. There may be one for every file.
const maxErrors = 8

func (r *reading) fail(err error) {
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, err)
	}
}

// read gives one file to every analyzer.
func (r *reading) read(ctx context.Context, f File) {
	whole := true
	for _, a := range r.analyzers {
		found, err := r.analyze(ctx, a, f)
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			whole = false
		default:
			r.fail(fmt.Errorf("analyzer %s: file %s: %w", a.Name(), f.SHA256, err))
		}
		for i := range found {
			r.add(&found[i], f)
		}
	}
	if !whole {
		r.missed["files not read to their end, for lack of time"]++
	}
}

// analyze gives f to a, which has no more time than it should.
func (r *reading) analyze(ctx context.Context, a Analyzer, f File) (found []detonaut.Finding, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, r.limits.PerFile)
	defer cancel()
	open := f.Open
	f.Open = func() (Content, error) {
		c, err := open()
		if err != nil {
			return nil, err
		}
		return limited{c, ctx}, nil
	}
	found, err = a.Analyze(ctx, f)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // whatever it made of that
	}
	return found, err
}

// limited is a content that can be read until its context ends.
type limited struct {
	Content
	ctx context.Context
}

func (l limited) ReadAt(b []byte, off int64) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	return l.Content.ReadAt(b, off)
}

// add adds what was found in f to the finding of that ID.
func (r *reading) add(found *detonaut.Finding, f File) {
	have := r.findings[found.ID]
	if have == nil {
		if len(r.findings) >= r.limits.Findings {
			r.missed["findings left out, because there were too many"]++
			return
		}
		have = new(detonaut.Finding)
		*have = *found
		have.Count, have.Evidence = 0, nil
		r.findings[found.ID] = have
	}
	have.Count += max(found.Count, 1)
	given := found.Evidence
	if len(given) == 0 {
		given = make([]detonaut.Evidence, 1)
	}
	places := f.Places
	if len(places) == 0 {
		places = make([]Place, 1)
	}
	for _, e := range given {
		for _, p := range places {
			if len(have.Evidence) == maxEvidence {
				return
			}
			have.Evidence = append(have.Evidence, detonaut.Evidence{
				Events: f.Events, Summary: e.Summary, Layer: p.Layer, Path: p.Path, Hidden: p.Hidden, Offset: e.Offset, SHA256: f.SHA256,
			})
		}
	}
}

func (r *reading) result() Result {
	findings := []detonaut.Finding{}
	for _, f := range r.findings {
		findings = append(findings, *f)
	}
	slices.SortFunc(findings, func(a, b detonaut.Finding) int { return cmp.Compare(a.ID, b.ID) })
	stage := detonaut.Stage{Name: detonaut.StageRead, State: detonaut.Complete}
	var reasons []string
	for _, say := range slices.Sorted(maps.Keys(r.missed)) {
		stage.State = detonaut.Partial
		reasons = append(reasons, fmt.Sprintf("%s: %d", say, r.missed[say]))
	}
	for _, err := range r.errs {
		stage.State = detonaut.Failed
		reasons = append(reasons, err.Error())
	}
	stage.Reason = strings.Join(reasons, "; ")
	return Result{Findings: findings, Stage: stage}
}
