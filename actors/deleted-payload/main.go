// Command deleted-payload writes two programs and deletes both, one after it
// ran. Nothing of them is there at the end.
//
// Rule: execution/drops-and-runs and defense-evasion/deletes-its-program.
package main

import (
	"context"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(drop) }

func drop(ctx context.Context) error {
	if payload.Dropped() {
		return nil
	}
	if err := payload.Pass(ctx, "/tmp/.ran", true); err != nil {
		return err
	}
	return payload.Pass(ctx, "/tmp/.unused", false)
}
