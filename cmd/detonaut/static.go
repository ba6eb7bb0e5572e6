package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut/internal/pipeline"
)

func (a *app) static() *cobra.Command {
	var f imageFlags
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
	f.add(cmd)
	addConfigFlags(cmd, append(readFlags, "platform", "jobs", "rules", "rules-only", "rule-packs", "cache", "plain-http", "insecure")...)
	return cmd
}

func (a *app) runStatic(cmd *cobra.Command, args []string, f imageFlags) (err error) {
	b, err := a.batch(cmd, args, f)
	if err != nil {
		return err
	}
	books, err := a.loadRules(b.cfg.Rules, false)
	if err != nil {
		return err
	}
	if err := books.judgeBy(b.cfg.Static); err != nil {
		return err
	}
	reader, done, err := a.reader(cmd.Context(), b.cfg, books)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	out, err := a.openOutputs(f.output, b.many)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	console := newConsole(a.stderr, a.quiet, len(b.refs))
	defer console.close()

	s := &scan{app: a, cfg: b.cfg, console: console, reader: reader, deps: pipeline.Deps{Reads: reader.Versions(), Likeness: reader.Likeness, Gaps: books.gaps()}, analyse: pipeline.Read}
	s.pull = s.pullImage
	return s.report(cmd.Context(), b.refs, b.threshold, out)
}
