package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut/internal/pipeline"
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
	addConfigFlags(cmd, append(readFlags, "platform", "jobs", "cache", "plain-http", "insecure")...)
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
