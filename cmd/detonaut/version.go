package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut/chamber/version"
	"github.com/detonaut/detonaut/internal/detonate/process"
	"github.com/detonaut/detonaut/internal/report"
)

// versions is the result of the command version.
type versions struct {
	Detonaut string `json:"detonaut"`
	// Chamber is empty when there is none, or not one that we can use; Problem
	// says why.
	Chamber  string `json:"chamber,omitempty"`
	Problem  string `json:"problem,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) version() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of detonaut and of its chamber",
		Long: `Version shows the version of this program and of detonaut-chamber, the program
that runs images. The two must be the same.`,
		Example: `  detonaut version
  detonaut version -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			v := versions{Detonaut: version.String(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if _, err := process.New(cmd.Context(), process.Options{Path: cfg.Chamber}); err != nil {
				v.Problem = err.Error()
			} else {
				v.Chamber = version.String() // New holds it to that
			}
			return a.printResult(format, v, func(w io.Writer) {
				fmt.Fprintf(w, "detonaut          %s\n", v.Detonaut)
				if v.Chamber != "" {
					fmt.Fprintf(w, "detonaut-chamber  %s\n", v.Chamber)
				} else {
					fmt.Fprintf(w, "detonaut-chamber  not usable: %s\n", report.Escape(v.Problem))
				}
				fmt.Fprintf(w, "built with        %s for %s\n", v.Go, v.Platform)
			})
		},
	}
	textOrJSON(cmd, &format)
	return cmd
}
