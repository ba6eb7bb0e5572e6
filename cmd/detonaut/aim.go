package main

import (
	"context"
	"errors"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/store"
)

// aim is what an analysis by these rules aims at, with what is asked of its run: an image that was
// analysed with the same aim is not analysed again. Which vulnerabilities were known then is no
// part of it: inventories are matched anew with less.
func aim(d pipeline.Deps, asked detonate.Overrides) string {
	return store.Aim(detonaut.Fingerprint{Tool: version.String(), Rules: d.Rules, Analyzers: static.Versions(d.Analyzers)}, asked.Digest())
}

// maxKnown bounds how many reports of one digest are looked through.
const maxKnown = 20

// known is a report of an image that was made with an aim; nil if there is none.
func known(ctx context.Context, s store.Reports, d detonaut.Digest, aim string) (*store.Known, error) {
	if d == "" || aim == "" {
		return nil, nil
	}
	all, err := s.Analyses(ctx, d)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	for _, one := range all[:min(len(all), maxKnown)] {
		switch e, err := s.Get(ctx, d, one.Key); {
		case errors.Is(err, store.ErrNotFound): // it was dropped
		case err != nil:
			return nil, err
		case e.Aim == aim:
			return &store.Known{Digest: d, Key: one.Key}, nil
		}
	}
	return nil, nil
}
