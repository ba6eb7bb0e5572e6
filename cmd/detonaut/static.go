package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/pipeline"
	"github.com/detonaut/detonaut/internal/report"
	"github.com/detonaut/detonaut/internal/static/all"
	"github.com/detonaut/detonaut/internal/static/memory"
	"github.com/detonaut/detonaut/internal/static/vuln"
	"github.com/detonaut/detonaut/internal/static/vuln/vulndb"
)

// staticFlags are the flags of static that are no configuration.
type staticFlags struct {
	list   string
	output []string
	failOn string
	strict bool
}

func (a *app) static() *cobra.Command {
	var f staticFlags
	cmd := &cobra.Command{
		Use:   "static [REF...]",
		Short: "Read images without running them",
		Long: `Static pulls each image and reads it: its packages, and what it and they are
known for. It does that part of scan alone, needs no sandbox, and runs nothing,
so it calls no image clean.

A REF is what scan takes; see detonaut scan --help. So are lists, outputs and
exit codes.`,
		Example: `  detonaut static nginx:latest
  detonaut static oci-dir:./image -o json=report.json
  detonaut static --list images.txt --jobs 2 --fail-on critical`,
		RunE: func(cmd *cobra.Command, refs []string) error { return a.runStatic(cmd, refs, f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.list, "list", "", "`FILE` with one REF a line and # comments; - is standard input")
	addOutputFlag(cmd, &f.output)
	addThresholdFlags(cmd, &f.failOn, &f.strict)
	addConfigFlags(cmd, "platform", "jobs", "memory-size", "db-dir", "cache", "plain-http", "insecure")
	return cmd
}

func (a *app) runStatic(cmd *cobra.Command, args []string, f staticFlags) (err error) {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	threshold, err := parseThreshold(f.failOn, f.strict)
	if err != nil {
		return err
	}
	refs, err := a.refs(args, f.list)
	if err != nil {
		return err
	}
	reader, done, err := a.reader(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	out, err := a.openOutputs(f.output, len(refs) > 1 || f.list != "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	console := newConsole(a.stderr, a.quiet, len(refs))
	defer console.close()

	s := &scan{app: a, cfg: cfg, console: console, reader: reader, deps: pipeline.Deps{Reads: reader.Versions()}, analyse: pipeline.Read}
	s.pull = s.pullImage
	return s.report(cmd.Context(), refs, threshold, out)
}

// reader makes what reads images as the configuration says, and what ends its use. What
// it remembers is worth no failure, and neither is that there is no database.
func (a *app) reader(ctx context.Context, cfg *config.Loaded) (_ *all.Reader, done func() error, err error) {
	r := &all.Reader{Analyzers: all.Analyzers()}
	r.Database, err = openDatabase(cfg.Vulnerabilities)
	switch {
	case errors.Is(err, vuln.ErrNone):
		r.NoDatabase = "there is no database of known vulnerabilities: run detonaut db update"
	case err != nil:
		return nil, nil, err
	}
	var m *memory.Memory
	if cfg.Static.Memory > 0 {
		if m, err = a.memory(ctx, cfg); err != nil {
			fmt.Fprintf(a.stderr, "detonaut: warning: nothing is remembered of earlier images: %s\n", report.Escape(err.Error()))
		} else {
			r.Memory = m
		}
	}
	return r, func() error {
		var errs []error
		if m != nil {
			errs = append(errs, m.Close())
		}
		if r.Database != nil {
			errs = append(errs, r.Database.Close())
		}
		return errors.Join(errs...)
	}, nil
}

func openDatabase(c config.Vulnerabilities) (*vuln.Database, error) {
	dir := c.Dir
	if dir == "" {
		var err error
		if dir, err = vulndb.DefaultDir(); err != nil {
			return nil, err
		}
	}
	return vuln.Open(dir, vuln.Options{MaxAge: c.MaxAge})
}

func (a *app) memory(ctx context.Context, cfg *config.Loaded) (*memory.Memory, error) {
	dir := cfg.Image.Cache
	if dir == "" {
		var err error
		if dir, err = image.DefaultCacheDir(); err != nil {
			return nil, err
		}
	}
	return memory.Open(ctx, memory.Options{Dir: dir, Bytes: int64(cfg.Static.Memory)})
}
