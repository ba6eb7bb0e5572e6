package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/config"
	"github.com/detonaut/detonaut/internal/detonate"
)

// scanFlags are the flags of scan that are no configuration.
type scanFlags struct {
	imageFlags
	keep            string
	remember        bool
	entrypoint, cmd string
	env             []string
	user            string
	network         networkFlag
}

func (a *app) scan() *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "scan [REF...]",
		Short: "Read images, run them in the sandbox, and judge what they do",
		Long: `Scan pulls each image, reads it, runs it in the sandbox, records what it does,
and gives a verdict with the evidence for it: malicious, unwanted, suspicious, clean, or
inconclusive when not everything could be seen.

A REF is the name of an image in a registry (docker.io if it names none), or
  oci-dir:DIR          an OCI image layout
  oci-archive:FILE     the same in a tar file
  docker-archive:FILE  what docker save writes
  docker:NAME          an image of the Docker daemon
  -                    any of these archives on standard input

An image finds a simulated internet: every name and address answers, and what
is said to it is recorded, but nothing leaves this machine. With --network live
it reaches the hosts of --allow, and the simulation elsewhere: that cannot be
configured, it is typed for the run that needs it.

When there is more than one image, or a --list, one that fails does not keep
the others from being analysed, a table has a line for each, json is an array,
and bills of materials are one a line. Reports come in the order of the images.
docs/formats.md tells what each format is for.

Exit codes: 0 done, 1 something of ours failed, 2 --fail-on was reached,
3 an analysis was incomplete under --strict; the worst is 1, then 2, then 3.`,
		Example: `  detonaut scan nginx:latest
  detonaut scan oci-dir:./image -o table -o json=report.json
  detonaut scan app:1.2 -o table -o sarif=app.sarif -o cyclonedx=bom.json
  detonaut scan --list images.txt --jobs 4 -o jsonl=reports.jsonl --keep tapes
  detonaut scan app:1.2 --remember && detonaut serve
  detonaut scan app:1.2 --fail-on suspicious --strict --duration 1m
  detonaut scan app:1.2 --network live --allow '*.example.com,203.0.113.0/24'
  detonaut scan app:1.2 --entrypoint '["/bin/sh","-c"]' --cmd '["exec /app"]'`,
		RunE: func(cmd *cobra.Command, refs []string) error { return a.runScan(cmd, refs, f) },
	}
	fl := cmd.Flags()
	f.add(cmd)
	fl.StringVar(&f.keep, "keep", "", "`DIR` in which tape.jsonl.zst, report.json, network.pcapng, network.har, bodies/ and payloads/ of each image are kept, in a folder named for its digest")
	fl.BoolVar(&f.remember, "remember", false, "put reports and artifacts where detonaut serve shows them (docs/server.md)")
	fl.StringVar(&f.entrypoint, "entrypoint", "", "`COMMAND` to run instead of the image's entrypoint: words, or a JSON array")
	fl.StringVar(&f.cmd, "cmd", "", "`ARGUMENTS` instead of the image's cmd: words, or a JSON array")
	fl.StringArrayVar(&f.env, "env", nil, "`NAME=VALUE` to set over the image's environment; NAME alone removes it")
	fl.StringVar(&f.user, "user", "", "`USER[:GROUP]` instead of the image's")
	addNetworkFlags(cmd, &f.network)
	addConfigFlags(cmd, readFlags...)
	addConfigFlags(cmd, "platform", "profile", "travel-days", "travel-jumps", "stay", "no-baits", "detail", "duration", "memory", "processes", "file-size", "disk",
		"max-output", "max-events", "jobs", "rules", "rules-only", "rule-packs", "cache", "plain-http", "insecure", "chamber")
	addConfigFlags(cmd, storeFlags...)
	return cmd
}

func (a *app) runScan(cmd *cobra.Command, args []string, f scanFlags) (err error) {
	ctx := cmd.Context()
	b, err := a.batch(cmd, args, f.imageFlags)
	if err != nil {
		return err
	}
	cfg := b.cfg
	changed, err := f.overrides(cfg)
	if err != nil {
		return err
	}
	keep, err := newKeeper(f.keep, f.network.record, b.many)
	if err != nil {
		return err
	}
	var shelved *shelf
	if f.remember {
		if shelved, err = a.openShelf(ctx, cfg); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, shelved.close()) }()
	}
	an, done, err := a.analyst(ctx, cfg)
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
	s := &scan{analyst: an, overrides: changed, keep: keep, shelf: shelved, console: console}
	return s.report(ctx, b.refs, b.threshold, out)
}

// report analyses refs and writes what came of them. The error is the exit
// code that they deserve, if nothing else.
func (s *scan) report(ctx context.Context, refs []detonaut.Ref, t threshold, out *outputs) error {
	code := exitCode(exitDone)
	failed := 0
	err := s.all(ctx, refs, func(o outcome) error {
		if o.err != nil && !errors.Is(o.err, context.Canceled) { // which is said once, at the end
			failed++
			s.console.clear(func() { s.app.showError(o.err) })
		}
		if o.report == nil {
			return nil
		}
		code = worst(code, t.code(o.report))
		var err error
		s.console.clear(func() { err = out.write(o.report) })
		return err
	})
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case failed > 0 && len(refs) > 1:
		// The errors themselves may be far above by now.
		return fmt.Errorf("analyse images: %d of %d failed", failed, len(refs))
	case failed > 0:
		return exitCode(exitError)
	}
	return code.err()
}

// overrides are what the flags change of how an image asks to be run.
func (f *scanFlags) overrides(cfg *config.Loaded) (detonate.Overrides, error) {
	entrypoint, err := words("--entrypoint", f.entrypoint)
	if err != nil {
		return detonate.Overrides{}, err
	}
	cmd, err := words("--cmd", f.cmd)
	if err != nil {
		return detonate.Overrides{}, err
	}
	for _, v := range f.env {
		if name, _, _ := strings.Cut(v, "="); name == "" {
			return detonate.Overrides{}, fmt.Errorf("%w: --env %q: no name before =", detonaut.ErrUsage, v)
		}
	}
	internet, err := f.network.internet(cfg)
	if err != nil {
		return detonate.Overrides{}, err
	}
	o := overrides(cfg, internet)
	o.Entrypoint, o.Cmd, o.Env, o.User = entrypoint, cmd, f.env, f.user
	return o, nil
}

// scan is the analysis of some images.
type scan struct {
	*analyst
	overrides detonate.Overrides
	keep      *keeper // nil keeps nothing
	shelf     *shelf  // nil remembers nothing
	console   *console
}

// outcome is what came of one image: a report, an error, or both.
type outcome struct {
	report *detonaut.Report
	err    error
}

// all analyses refs, as many at once as the configuration says, and gives the
// outcomes to take in the order of refs. An error of take ends it.
func (s *scan) all(ctx context.Context, refs []detonaut.Ref, take func(outcome) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := s.cfg.Scan.Jobs
	// The queue is what may be finished and wait for one that is not.
	queue := make(chan chan outcome, 4*jobs)
	go func() {
		defer close(queue)
		var running sync.WaitGroup
		defer running.Wait()
		slots := make(chan struct{}, jobs)
		for _, ref := range refs {
			slots <- struct{}{}
			if ctx.Err() != nil {
				return
			}
			done := make(chan outcome, 1)
			queue <- done
			running.Go(func() {
				done <- s.one(ctx, ref)
				<-slots
			})
		}
	}()
	// This loop ends after the goroutine above and all of its own.
	var err error
	for done := range queue {
		o := <-done
		if err != nil || o.report == nil && ctx.Err() != nil {
			continue
		}
		if err = take(o); err != nil {
			cancel()
		}
	}
	return err
}

// one analyses one image.
func (s *scan) one(ctx context.Context, ref detonaut.Ref) (o outcome) {
	status := s.console.begin(ref)
	defer status.end()
	keep := s.keep
	if s.shelf != nil {
		own, free, err := s.shelf.keeper(keep)
		if err != nil {
			return outcome{err: err}
		}
		defer func() { o.err = errors.Join(o.err, free()) }()
		keep = own
	}
	r, err := s.analyst.one(ctx, task{
		ref: ref, overrides: s.overrides, keep: keep,
		onPull: status.pull, onStage: status.stage, onEvent: status.event,
	})
	if r != nil && s.shelf != nil && ctx.Err() == nil { // what was ended from outside is not worth it
		err = errors.Join(err, s.shelf.put(ctx, r, keep))
	}
	if r != nil && s.keep != nil {
		err = errors.Join(err, s.keep.report(r))
	}
	return outcome{report: r, err: err}
}
