package pipeline

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/static"
)

// payloads is the sink of what a run leaves: it spools what analyzers read, and
// passes everything on to where the run is kept.
type payloads struct {
	static.Spool
	kept artifact.Sink // nil keeps nothing
}

// Wants are payloads, bodies, and whatever is kept.
func (p *payloads) Wants() artifact.Kinds {
	return artifact.Wanted(p.kept) | artifact.Payloads | artifact.Bodies
}

// Capture passes bytes of the capture on.
func (p *payloads) Capture(b []byte) error {
	if p.kept == nil {
		return nil
	}
	return p.kept.Capture(b)
}

// Record passes bytes of the record on.
func (p *payloads) Record(b []byte) error {
	if p.kept == nil {
		return nil
	}
	return p.kept.Record(b)
}

// Blob spools a body and passes it on.
func (p *payloads) Blob(b []byte) error {
	if err := p.Put(b); err != nil || p.kept == nil {
		return err
	}
	return p.kept.Blob(b)
}

// Payload spools a payload and passes it on.
func (p *payloads) Payload(b []byte) error {
	if err := p.Put(b); err != nil || p.kept == nil {
		return err
	}
	return p.kept.Payload(b)
}

// left is what a run left that analyzers read.
type left struct {
	contents []static.File
	bodies   []static.File // those that the tape tells of, without contents
}

// read gives what the run left to the analyzers, if there are any. An error is a
// failure of ours, already in the report.
func (r *report) read(ctx context.Context, d Deps, job Job, left left) error {
	if len(d.Analyzers) == 0 {
		return nil
	}
	job.stage(detonaut.StageRead)
	files, missing := order(r.Run.Payloads, left)
	res, err := static.Run(ctx, files, d.Analyzers, static.Options{})
	stage := res.Stage(detonaut.StageRead)
	if missing > 0 {
		reasons := []string{fmt.Sprintf("payloads and bodies that the tape tells of and that are not there: %d", missing)}
		if stage.State == detonaut.Complete {
			stage.State = detonaut.Partial
		} else {
			reasons = append(reasons, stage.Reason)
		}
		stage.Reason = strings.Join(reasons, "; ")
	}
	r.Findings = static.Join(r.Findings, res.Findings)
	r.Stages = append(r.Stages, stage)
	if err != nil {
		return fmt.Errorf("read payloads: %w", err)
	}
	return nil
}

// order puts the contents that a run left in the order of its report, which
// tells where they were: payloads, then bodies; those for which it had no room come
// last. It counts those that were kept and are not there.
func order(payloads []detonaut.Payload, left left) (files iter.Seq2[static.File, error], missing int) {
	at := make(map[string]int, len(left.contents))
	for i, f := range left.contents {
		at[f.SHA256] = i
	}
	var all []static.File
	taken := map[string]bool{}
	take := func(told static.File) bool {
		i, ok := at[told.SHA256]
		if ok && !taken[told.SHA256] {
			taken[told.SHA256] = true
			told.Size, told.Type, told.Open = left.contents[i].Size, left.contents[i].Type, left.contents[i].Open
			all = append(all, told)
		}
		return ok
	}
	for _, p := range payloads {
		f := static.File{SHA256: p.SHA256, Use: use(p.Hows), Events: p.Events}
		for _, path := range p.Paths {
			f.Places = append(f.Places, static.Place{Path: path})
		}
		if !take(f) && p.Kept && p.Size > 0 {
			missing++
		}
	}
	for _, b := range left.bodies {
		if !take(b) {
			missing++
		}
	}
	for _, f := range left.contents {
		if !taken[f.SHA256] {
			f.Use = detonaut.Dropped
			all = append(all, f)
		}
	}
	return func(yield func(static.File, error) bool) {
		for _, f := range all {
			if !yield(f, nil) {
				return
			}
		}
	}, missing
}

// use is what a run had to do with a payload that was kept for these reasons.
func use(hows []string) detonaut.Use {
	runs := []tape.How{tape.Executed, tape.Loaded, tape.Stdin, tape.Code}
	if slices.ContainsFunc(hows, func(h string) bool { return slices.Contains(runs, tape.How(h)) }) {
		return detonaut.DroppedRan
	}
	return detonaut.Dropped
}

// payloads are the payloads among contents.
func (r *report) payloads(contents []static.File) (files []static.File) {
	all, _ := order(r.Run.Payloads, left{contents: contents})
	for f, err := range all {
		if err == nil && len(f.Places) > 0 {
			files = append(files, f)
		}
	}
	return files
}
