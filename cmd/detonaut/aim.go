package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/internal/store"
)

// rematched begin the versions of what is matched anew with stored reports, by survey rejudge.
var rematched = []string{"vuln@", "suppress@"}

// aim is what an analysis aims at, with what is asked of its run: an image that was analysed with
// the same aim is not analysed again. It is the same on all machines of a configuration. Which
// vulnerabilities were known then, and which do not count, is no part of it: inventories are
// matched anew with less.
func aim(d pipeline.Deps, asked detonate.Overrides) string {
	return aimOf(detonaut.Fingerprint{Tool: version.String(), Rules: d.Rules, Analyzers: d.Versions()}, asked)
}

// aimOf is the aim with which a report of a fingerprint was made, if that was asked of its run.
func aimOf(f detonaut.Fingerprint, asked detonate.Overrides) string {
	var analyzers []string
	for _, v := range f.Analyzers {
		if slices.ContainsFunc(rematched, func(begin string) bool { return strings.HasPrefix(v, begin) }) {
			continue
		}
		if strings.HasPrefix(v, "secret@") { // without the mark of the salt, which each machine has its own of
			parts := strings.Split(v, "-")
			v = strings.Join(parts[:min(len(parts), 2)], "-")
		}
		analyzers = append(analyzers, v)
	}
	return store.Aim(detonaut.Fingerprint{Tool: f.Tool, Rules: f.Rules, Analyzers: analyzers}, asked.Digest())
}

// reading completes d with what reads images, as the configuration says. Whoever used it calls
// done.
func (a *app) reading(ctx context.Context, cfg *config.Loaded, books *ruleBooks, d pipeline.Deps) (_ pipeline.Deps, done func() error, err error) {
	reader, done, err := a.reader(ctx, cfg, books)
	if err != nil {
		return d, nil, err
	}
	d = withReader(d, reader)
	d.Matching = matching(reader)
	return d, done, nil
}

// withReader has what a run leaves be read by what reads images: a payload is a file like theirs.
func withReader(d pipeline.Deps, reader *all.Reader) pipeline.Deps {
	d.Reads, d.Analyzers, d.Likeness = reader.Versions(), reader.Analyzers, reader.Likeness
	return d
}

// known is a report of an image that was made with an aim; nil if there is none.
func known(ctx context.Context, s store.Reports, d detonaut.Digest, aim string) (*store.Known, error) {
	if d == "" || aim == "" {
		return nil, nil
	}
	key, err := s.Under(ctx, d, aim)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &store.Known{Digest: d, Key: key}, nil
}
