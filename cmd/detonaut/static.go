package main

import (
	"errors"

	"github.com/spf13/cobra"
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
	an, done, err := a.readingAnalyst(cmd.Context(), b.cfg)
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

	s := &scan{analyst: an, console: console}
	return s.report(cmd.Context(), b.refs, b.threshold, out)
}
