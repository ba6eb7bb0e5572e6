// Command dropper writes a program to /tmp, runs it and deletes it. The
// program is itself, and says one word.
//
// Rule: execution/drops-and-runs and defense-evasion/deletes-its-program.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/detonaut/detonaut/actors/stage"
)

const dropped = "/tmp/.cache-7f3a"

func main() { stage.Play(drop) }

func drop(ctx context.Context) error {
	if len(os.Args) > 1 && os.Args[1] == "dropped" {
		fmt.Println("dropped")
		return nil
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := os.WriteFile(dropped, program, 0o600); err != nil {
		return err
	}
	defer os.Remove(dropped)
	if err := os.Chmod(dropped, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, dropped, "dropped")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
