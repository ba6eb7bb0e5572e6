// Command deleted-payload writes two programs and deletes both, one after it
// ran. Nothing of them is there at the end.
//
// Rule: execution/drops-and-runs and defense-evasion/deletes-its-program.
package main

import (
	"context"
	"os"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(drop) }

func drop(ctx context.Context) error {
	if payload.Dropped() {
		return nil
	}
	if err := pass(ctx, "/tmp/.ran", true); err != nil {
		return err
	}
	return pass(ctx, "/tmp/.unused", false)
}

// pass makes a program, and removes all trace of it.
func pass(ctx context.Context, path string, run bool) error {
	program, err := payload.Program(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, program, 0o600); err != nil {
		return err
	}
	if run {
		if err := os.Chmod(path, 0o700); err != nil {
			return err
		}
		if err := payload.Run(ctx, path); err != nil {
			return err
		}
		payload.Tell("executed", program)
	}
	payload.Tell("deleted", program)
	return os.Remove(path)
}
