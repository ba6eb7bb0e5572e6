package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut/internal/config"
)

func (a *app) workerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Do jobs of submissions and surveys, beside servers and other workers",
		Long: `Worker takes jobs from the queue of a database and does them, until it is ended: it
lists repositories, looks what is in them, and analyses images. Any number of
workers, of as many machines, share one database of PostgreSQL; a file of SQLite
those of one machine.

With --concurrency auto it takes as many images as the memory of this machine, or
of its control group, bears. Of these many only wait for their subjects; about as
many as there are processors pull, read and explain at a time. When memory gets
short it takes no more, and if it stays short puts the youngest back.

A first signal (SIGTERM or Ctrl-C) has it take no more jobs; what runs may go on
for --grace, and what is not done then is put back for others. A second one ends
it at once: what it had runs elsewhere within a minute, and nothing is lost.`,
		Example: `  detonaut worker
  detonaut worker --concurrency 8 --database postgres://db/detonaut --blobs s3://detonaut
  detonaut worker --no-catalogue --grace 5m`,
		Args: noArgs,
	}
	noCatalogue := cmd.Flags().Bool("no-catalogue", false, "analyse images only: leave lists and looks of surveys to others")
	addConfigFlags(cmd, workFlags...)
	addConfigFlags(cmd, storeFlags...)
	addConfigFlags(cmd, telemetryFlags...)
	addConfigFlags(cmd, readFlags...)
	addConfigFlags(cmd, analyseFlags...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.load(cmd)
		if err != nil {
			return err
		}
		if *noCatalogue {
			cfg.Worker.Catalogue = 0
		}
		return a.runWorker(cmd, cfg)
	}
	return cmd
}

// workFlags are the flags of commands that do jobs, analyseFlags those of commands that analyse
// images for others.
var (
	workFlags    = []string{"concurrency", "grace"}
	analyseFlags = []string{"platform", "duration", "rules", "rules-only", "rule-packs", "cache", "plain-http", "insecure", "chamber"}
)

func (a *app) runWorker(cmd *cobra.Command, cfg *config.Loaded) (err error) {
	ctx := cmd.Context()
	log := a.serverLog(cfg.Telemetry)
	r, err := a.openStore(ctx, cfg.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	c, _, done, err := a.crew(ctx, cfg, r, crewOptions{images: cfg.Worker.Images(), grace: cfg.Worker.Grace, log: log})
	if err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	defer func() { err = errors.Join(err, done()) }()
	fmt.Fprintf(a.stdout, "working: %s\n", c.limits())
	if cfg.Worker.Catalogue == 0 {
		fmt.Fprintln(a.stdout, "repositories are listed and looked at by others")
	}
	stop := context.AfterFunc(ctx, func() {
		a.notice("ending: what runs may go on for %s; a second signal ends it at once, and nothing is lost", short(cfg.Worker.Grace))
	})
	defer stop()
	if err := c.run(ctx); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, "ended")
	return nil
}
