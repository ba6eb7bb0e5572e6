package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/detonaut/detonaut"
)

func (a *app) completion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes commands and flags in a shell",
		Long:  "Completion prints the script for bash, zsh, fish or powershell.",
		Example: `  source <(detonaut completion bash)
  detonaut completion fish > ~/.config/fish/completions/detonaut.fish`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%w: name one shell: bash, zsh, fish or powershell", detonaut.ErrUsage)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			write := map[string]func(io.Writer) error{
				"bash":       func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
				"zsh":        root.GenZshCompletion,
				"fish":       func(w io.Writer) error { return root.GenFishCompletion(w, true) },
				"powershell": root.GenPowerShellCompletionWithDesc,
			}[args[0]]
			if write == nil {
				return fmt.Errorf("%w: unknown shell %q: use bash, zsh, fish or powershell", detonaut.ErrUsage, args[0])
			}
			if err := write(a.stdout); err != nil {
				return fmt.Errorf("write completion: %w", err)
			}
			return nil
		},
	}
}
