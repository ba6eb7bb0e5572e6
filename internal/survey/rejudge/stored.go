package rejudge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/store"
)

// errPanic is a report that cannot be judged again because we cannot.
var errPanic = errors.New("judging again panicked")

// Names of artifacts, as [store.Entry] has them.
const (
	tapeName    = "tape.jsonl.zst"
	symbolsName = "symbols.zst"
)

// leftNames begin the names of what a run left.
var leftNames = []string{"payloads/", "bodies/"}

// judge judges a stored report again. An error without a report says that it cannot be judged:
// [detonaut.ErrNotFound] and ErrCorrupt are of what was kept.
func (r *rejudging) judge(ctx context.Context, old *store.Entry) (made *detonaut.Report, err error) {
	defer func() {
		if p := recover(); p != nil { // a tape is hostile, and the others are not its affair
			r.o.Log.Error("judging again panicked", "digest", string(old.Report.Image.Digest), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			made, err = nil, errPanic
		}
	}()
	deps, run := r.o.Deps, pipeline.Stored{}
	var spool static.Spool
	defer func() { err = errors.Join(err, spool.Close()) }()
	if known(deps.Analyzers, old.Report) {
		deps.Analyzers = nil // they would find what they found
	}
	if len(deps.Analyzers) > 0 {
		if err := r.load(ctx, old, &spool); err != nil {
			return nil, err
		}
		run.Left = spool.Files()
	}
	if sum := old.Blobs[symbolsName]; sum != "" && deps.Matching != nil {
		symbols, err := r.open(ctx, sum)
		switch {
		case err == nil:
			defer symbols.Close()
			run.Symbols = symbols
		case !errors.Is(err, detonaut.ErrNotFound):
			return nil, err
		}
	}
	if old.Report.Run == nil {
		return pipeline.Rejudge(ctx, deps, old.Report, run)
	}
	sum := old.Blobs[tapeName]
	if sum == "" {
		return nil, fmt.Errorf("open tape: %w", detonaut.ErrNotFound)
	}
	kept, err := r.open(ctx, sum)
	if err != nil {
		return nil, err
	}
	tape, err := detonate.ReadTape(kept, sum)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tape.Close()) }()
	run.Tape = tape
	made, err = pipeline.Rejudge(ctx, deps, old.Report, run)
	if made == nil {
		return nil, err
	}
	// A tape may end before its blob does, which says only at its end that it is whole.
	if _, err := io.Copy(io.Discard, kept); err != nil {
		return nil, fmt.Errorf("read tape: %w", err)
	}
	return made, err
}

// known tells whether analyzers have read what a run left.
func known(analyzers []static.Analyzer, old *detonaut.Report) bool {
	return !slices.ContainsFunc(static.Versions(analyzers), func(v string) bool { return !slices.Contains(old.Fingerprint.Analyzers, v) })
}

// load gets what a run left. What is not there any more is left out: the report will say so.
func (r *rejudging) load(ctx context.Context, old *store.Entry, into *static.Spool) error {
	limits := artifact.DefaultLimits()
	n := 0
	for name, sum := range old.Blobs {
		if !slices.ContainsFunc(leftNames, func(begin string) bool { return strings.HasPrefix(name, begin) }) {
			continue
		}
		if n++; n > limits.Files+limits.Count {
			return fmt.Errorf("read what the run left: %w: more than %d", detonaut.ErrCorrupt, limits.Files+limits.Count)
		}
		b, err := r.read(ctx, sum, max(limits.Payload, limits.Blob))
		if errors.Is(err, detonaut.ErrNotFound) || errors.Is(err, detonaut.ErrCorrupt) {
			continue
		}
		if err == nil {
			err = into.Put(b)
		}
		if err != nil {
			return fmt.Errorf("read what the run left: %w", err)
		}
	}
	return nil
}

// read reads a whole blob.
func (r *rejudging) read(ctx context.Context, sum string, limit int64) ([]byte, error) {
	f, err := r.open(ctx, sum)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", detonaut.ErrCorrupt, limit)
	}
	return b, err
}

// open opens a blob; one that is not there is [detonaut.ErrNotFound].
func (r *rejudging) open(ctx context.Context, sum string) (io.ReadCloser, error) {
	f, _, err := r.o.Blobs.Open(ctx, sum)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: %w", detonaut.ErrNotFound, err)
	}
	return f, err
}
