package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// A Deed is what an actor does.
type Deed = func(ctx context.Context) error

// OneOf is the deed of those that the first argument of the program names.
func OneOf(deeds map[string]Deed) Deed {
	return func(ctx context.Context) error {
		if len(os.Args) < 2 {
			return fmt.Errorf("usage: %s DEED", os.Args[0])
		}
		deed, ok := deeds[os.Args[1]]
		if !ok {
			return fmt.Errorf("no deed %q", os.Args[1])
		}
		return deed(ctx)
	}
}

// Victim is the argument with which WithVictim starts the program of an actor.
const Victim = "victim"

// Suffer does nothing until its input ends: what a victim does.
func Suffer(context.Context) error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// WithVictim starts the program of the actor once more, and has something done to
// that, which does nothing itself.
func WithVictim(ctx context.Context, do func(pid int) error) error {
	victim := exec.CommandContext(ctx, "/proc/self/exe", Victim)
	hold, err := victim.StdinPipe()
	if err != nil {
		return err
	}
	if err := victim.Start(); err != nil {
		return err
	}
	done := do(victim.Process.Pid)
	hold.Close()
	return errors.Join(done, victim.Wait())
}
