package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/detonate"
	"github.com/detonaut/detonaut/internal/detonate/process"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/static"
	"github.com/detonaut/detonaut/internal/static/all"
)

// analyst analyses images as the configuration says. It is what scan, static, serve and
// worker share; several images may be analysed at once.
type analyst struct {
	app     *app
	cfg     *config.Loaded
	deps    pipeline.Deps // without what differs from image to image
	reader  *all.Reader
	analyse func(context.Context, pipeline.Deps, pipeline.Job) (*detonaut.Report, error)
	// transport wraps what asks registries; nil wraps nothing.
	transport func(http.RoundTripper) http.RoundTripper
	// pull stands in for the method of that name in tests; nil does not.
	pull func(context.Context, task) (*pipeline.Subject, error)
}

// task is one image to analyse.
type task struct {
	ref       detonaut.Ref
	platform  string       // empty is that of the configuration
	guest     *image.Guest // nil is for the operator
	overrides detonate.Overrides
	keep      *keeper // nil keeps nothing
	// These are told how far it is, and may be nil.
	onPull  func(image.Progress)
	onStage func(string)
	onEvent func(*tape.Event)
}

// analyst makes one that runs images. Whoever is done with it calls done.
func (a *app) analyst(ctx context.Context, cfg *config.Loaded) (_ *analyst, done func() error, err error) {
	books, err := a.readingRules(cfg, true)
	if err != nil {
		return nil, nil, err
	}
	sandbox, err := process.New(ctx, process.Options{Path: cfg.Chamber, Log: a.log()})
	if err != nil {
		return nil, nil, err
	}
	reader, done, err := a.reader(ctx, cfg, books)
	if err != nil {
		return nil, nil, err
	}
	deps := withReader(books.deps(), reader)
	deps.Sandbox = sandbox
	return &analyst{app: a, cfg: cfg, deps: deps, reader: reader, analyse: pipeline.Run}, done, nil
}

// readingAnalyst makes one that runs nothing.
func (a *app) readingAnalyst(ctx context.Context, cfg *config.Loaded) (_ *analyst, done func() error, err error) {
	books, err := a.readingRules(cfg, false)
	if err != nil {
		return nil, nil, err
	}
	reader, done, err := a.reader(ctx, cfg, books)
	if err != nil {
		return nil, nil, err
	}
	deps := pipeline.Deps{Reads: reader.Versions(), Likeness: reader.Likeness, Gaps: books.gaps()}
	return &analyst{app: a, cfg: cfg, deps: deps, reader: reader, analyse: pipeline.Read}, done, nil
}

// readingRules are the rules of the configuration, and its model.
func (a *app) readingRules(cfg *config.Loaded, runs bool) (*ruleBooks, error) {
	books, err := a.loadRules(cfg.Rules, runs)
	if err != nil {
		return nil, err
	}
	return books, books.judgeBy(cfg.Static)
}

// one analyses one image. A report may come with an error, as [pipeline.Run] has it.
func (an *analyst) one(ctx context.Context, t task) (*detonaut.Report, error) {
	job := pipeline.Job{Ref: t.ref, OnStage: t.onStage, OnEvent: t.onEvent}
	if t.keep != nil {
		job.Keep = t.keep.run
	}
	pull := an.pull
	if pull == nil {
		pull = an.pullImage
	}
	deps := an.deps
	deps.Pull = func(ctx context.Context, _ detonaut.Ref) (*pipeline.Subject, error) { return pull(ctx, t) }
	deps.Plan = func(img detonaut.Image, fsys fs.FS) (plan.Plan, error) {
		return detonate.NewPlan(img, fsys, t.overrides)
	}
	return an.analyse(ctx, deps, job)
}

// pullImage gets an image as a subject of the pipeline.
func (an *analyst) pullImage(ctx context.Context, t task) (*pipeline.Subject, error) {
	c := an.cfg.Image
	if t.platform != "" {
		c.Platform = t.platform
	}
	img, err := image.Pull(ctx, t.ref, image.Options{
		Platform: c.Platform, CacheDir: c.Cache, CacheBytes: int64(c.CacheSize), LayerBytes: int64(c.LayerCache),
		Caps:  caps(c),
		Stdin: an.app.stdin, PlainHTTP: slices.Clone(c.PlainHTTP), Insecure: slices.Clone(c.Insecure),
		Guest: t.guest, Silence: c.Silence, Transport: an.transport, Progress: t.onPull,
	})
	if err != nil {
		return nil, err
	}
	fsys, err := img.FS()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open image %s: %w", t.ref, err), img.Close())
	}
	read := func(ctx context.Context, tell func(string)) (static.Reading, error) {
		return an.reader.Read(ctx, all.Image{Image: img.Image, Index: img.Index, Files: fsys}, tell)
	}
	return &pipeline.Subject{Image: img.Image, Root: img.Root, FS: fsys, Programs: img.Index, Read: read, Close: img.Close}, nil
}

// caps are what an image may cost.
func caps(c config.Image) image.Caps {
	return image.Caps{
		CompressedBytes: int64(c.MaxCompressed), UncompressedBytes: int64(c.MaxUncompressed),
		Entries: c.MaxEntries, Ratio: c.MaxRatio, MetadataBytes: int64(c.MaxMetadata),
		Devices: c.MaxDevices, PathLength: c.MaxPath, SymlinkDepth: c.MaxSymlinks,
	}
}

// overrides are what the configuration says of every run.
func overrides(cfg *config.Loaded, internet plan.Internet) detonate.Overrides {
	return detonate.Overrides{
		Profile: plan.Profile(cfg.Run.Profile), Detail: plan.Detail(cfg.Run.Detail), Limits: cfg.Run.Limits(),
		Travel: plan.Travel{Days: cfg.Run.Travel.Days, Jumps: cfg.Run.Travel.Jumps}, Stay: cfg.Run.Stay, NoBaits: cfg.Run.NoBaits,
		Machine: cfg.Machine.Plan(),
		Network: plan.Network(cfg.Run.Network), Internet: internet,
	}
}

// chosen is o with what who submitted chose, within what the configuration allows.
func chosen(o detonate.Overrides, profile string, duration time.Duration) (detonate.Overrides, error) {
	switch p := plan.Profile(profile); p {
	case "":
	case plan.Default, plan.Time:
		o.Profile = p
	default:
		return o, fmt.Errorf("%w: profile %q is unknown: use %s or %s", detonaut.ErrUsage, profile, plan.Default, plan.Time)
	}
	if duration > 0 {
		o.Limits.Duration = min(duration, o.Limits.Duration)
	}
	return o, nil
}
