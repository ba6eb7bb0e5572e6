package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/detonate/process"
	"github.com/detonaut/detonaut/internal/doctor"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/report"
)

func (a *app) doctor() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what this machine can do, and what to change",
		Long: `Doctor checks what a scan needs: the kernel, user namespaces, seccomp filters,
the chamber, the cache, memory, and which outside engines are there. Each check
is ok, warn or fail, with a remedy. The exit code is 1 when a scan cannot work here.`,
		Example: `  detonaut doctor
  detonaut doctor -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			dir := cfg.Image.Cache
			if dir == "" {
				if dir, err = image.DefaultCacheDir(); err != nil {
					return err
				}
			}
			checks := doctor.Run(cmd.Context(), doctor.Options{
				Config:   cfg.Config,
				CacheDir: dir,
				Probe:    []string{"/proc/self/exe", "--help"},
				Chamber: func(ctx context.Context) (string, error) {
					_, err := process.New(ctx, process.Options{Path: cfg.Chamber, Log: a.log()})
					return version.String(), err
				},
				Engines: engines(cfg.Config),
			})
			err = a.printResult(format, checks, func(w io.Writer) {
				for _, c := range checks {
					fmt.Fprintf(w, "%-4s  %-10s  %s\n", c.Status, c.Name, report.Escape(c.Detail))
					if c.Remedy != "" {
						fmt.Fprintf(w, "                  %s\n", report.Escape(c.Remedy))
					}
				}
			})
			if err != nil {
				return err
			}
			if !doctor.Works(checks) {
				return exitCode(exitError)
			}
			return nil
		},
	}
	textOrJSON(cmd, &format)
	addConfigFlags(cmd, "cache", "chamber", "memory", "jobs", "yara-rules", "clamd")
	return cmd
}
