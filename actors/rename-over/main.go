// Command rename-over puts one program after another in its own place. The
// first runs and is replaced, the second is replaced, and the third is there at
// the end.
//
// Rule: execution/written-program.
package main

import (
	"context"
	"os"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(replace) }

func replace(ctx context.Context) error {
	if payload.Dropped() {
		return nil
	}
	place, err := os.Executable()
	if err != nil {
		return err
	}
	for _, how := range [][]string{{"executed", "replaced"}, {"replaced"}, {"left"}} {
		if err := put(ctx, place, how); err != nil {
			return err
		}
	}
	return nil
}

// put replaces what is in place by a program, and runs it if it is to be
// executed.
func put(ctx context.Context, place string, hows []string) error {
	program, err := payload.Program(hows[0])
	if err != nil {
		return err
	}
	if err := os.WriteFile(place+".new", program, 0o755); err != nil {
		return err
	}
	if err := os.Rename(place+".new", place); err != nil {
		return err
	}
	for _, how := range hows {
		payload.Tell(how, program)
	}
	if hows[0] == "executed" {
		return payload.Run(ctx, place)
	}
	return nil
}
