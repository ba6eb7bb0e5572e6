// embedded runs the plan on its stdin in the chamber that it carries, and says
// why the run ended.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/detonate/process"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var p plan.Plan
	if err := json.NewDecoder(os.Stdin).Decode(&p); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	sandbox, err := process.New(ctx, process.Options{})
	if err != nil {
		return err
	}
	r, err := sandbox.Run(ctx, p, tape.SinkFunc(func(*tape.Event) error { return nil }), nil)
	if err == nil {
		_, err = fmt.Print(r.End.Reason)
	}
	return err
}
