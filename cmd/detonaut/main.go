// detonaut says what a container image does when it runs.
//
// This package is the command line: it reads flags, wires the parts together
// and names their implementations. It analyses nothing itself.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(realMain()) }

// realMain is main without the exit, for test scripts too.
func realMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the run in an orderly way. From then on a signal
	// does what it does to any process: ends it at once.
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
}
