// Command forkstorm starts many processes in a short time: 300 of itself, which
// end at once.
//
// Rule: impact/process-storm.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sync/errgroup"

	"github.com/detonaut/detonaut/actors/stage"
)

// A storm has an end, and few enough processes at a time to leave the limits
// of the sandbox alone.
const (
	children = 300
	atOnce   = 16
)

func main() { stage.Play(storm) }

func storm(ctx context.Context) error {
	if len(os.Args) > 1 && os.Args[1] == "drop" { // of the storm
		return nil
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for range children {
		g.Go(func() error { return exec.CommandContext(ctx, "/proc/self/exe", "drop").Run() })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	fmt.Printf("%d processes\n", children)
	return nil
}
