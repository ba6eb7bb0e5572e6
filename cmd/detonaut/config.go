package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) config() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Show the configuration in effect, and where each value comes from",
		Long: `Config prints the configuration as YAML, fit to be used as a file. A comment
tells where a value that is not the default comes from.

Values come from the defaults, the file, the environment and the flags of a
command, each stronger than the one before. The key run.duration is the
variable DETONAUT_RUN_DURATION and the flag --duration.`,
		Example: `  detonaut config
  detonaut config > ~/.config/detonaut/config.yaml
  DETONAUT_RUN_DURATION=2m detonaut config`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			b, err := cfg.YAML()
			if err != nil {
				return err
			}
			if _, err := a.stdout.Write(b); err != nil {
				return fmt.Errorf("write configuration: %w", err)
			}
			return nil
		},
	}
}
