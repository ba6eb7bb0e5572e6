package pipeline

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/internal/static"
)

// payloads is the sink of what a run leaves: it spools what analyzers read, and
// passes everything on to where the run is kept.
type payloads struct {
	static.Spool
	kept artifact.Sink // nil keeps nothing
}

// Wants are payloads, and whatever is kept.
func (p *payloads) Wants() artifact.Kinds { return artifact.Wanted(p.kept) | artifact.Payloads }

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

// Blob passes a body on.
func (p *payloads) Blob(b []byte) error {
	if p.kept == nil {
		return nil
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

// read gives what the run left to the analyzers, if there are any. An error is a
// failure of ours, already in the report.
func (r *report) read(ctx context.Context, d Deps, job Job, left []static.File) error {
	if len(d.Analyzers) == 0 {
		return nil
	}
	job.stage(detonaut.StageRead)
	files, missing := order(r.Run.Payloads, left)
	res, err := static.Run(ctx, files, d.Analyzers, static.Options{})
	stage := res.Stage(detonaut.StageRead)
	if missing > 0 {
		reasons := []string{fmt.Sprintf("payloads that the tape tells of and that are not there: %d", missing)}
		if stage.State == detonaut.Complete {
			stage.State = detonaut.Partial
		} else {
			reasons = append(reasons, stage.Reason)
		}
		stage.Reason = strings.Join(reasons, "; ")
	}
	r.Findings = append(r.Findings, res.Findings...)
	r.Stages = append(r.Stages, stage)
	if err != nil {
		return fmt.Errorf("read payloads: %w", err)
	}
	return nil
}

// order puts the contents that a run left in the order of its report, which
// tells where they were; those for which it had no room come last. It counts
// those that were kept and are not there.
func order(told []detonaut.Payload, left []static.File) (files iter.Seq2[static.File, error], missing int) {
	at := make(map[string]int, len(left))
	for i, f := range left {
		at[f.SHA256] = i
	}
	var all []static.File
	for _, p := range told {
		i, ok := at[p.SHA256]
		if !ok {
			if p.Kept && p.Size > 0 {
				missing++
			}
			continue
		}
		f := left[i]
		f.Hows, f.Events = p.Hows, p.Events
		for _, path := range p.Paths {
			f.Places = append(f.Places, static.Place{Path: path})
		}
		all = append(all, f)
		delete(at, p.SHA256)
	}
	for _, f := range left {
		if _, ok := at[f.SHA256]; ok {
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
