//go:build linux

// Soak runs harmless subjects under random plans for as long as it is told to,
// one, two or three at once, each in a chamber of its own. It ends at the first
// thing that is wrong: an error of ours, a tape that is not whole, an event that
// was lost, anything that a run leaves behind, memory that grows. What it was
// doing then is written to a file, from which it can be done again.
//
//	soak -time 1h [-seed N] [-chamber FILE] [-failure FILE]
//	soak -replay FILE [-chamber FILE]
//
// Run it from the root of the checkout, whose actors it builds. Interrupted, it
// says what it has seen so far.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o := options{root: ".", out: os.Stdout, progress: os.Stderr}
	replay := ""
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.DurationVar(&o.time, "time", time.Hour, "how long")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().Unix()), "the same seed makes the same plans")
	flags.StringVar(&o.chamber, "chamber", "bin/detonaut-chamber", "the chamber's binary")
	flags.StringVar(&o.failure, "failure", "soak-failure.json", "where to write what went wrong")
	flags.StringVar(&replay, "replay", "", "do again what such a file has")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 0 {
		return errors.New("there are no arguments")
	}
	s, err := newSoak(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	if replay != "" {
		return s.replay(ctx, replay)
	}
	return s.run(ctx)
}
