// Command ptrace attaches to another process, a child of its own, and lets go
// of it again.
//
// Rule: defense-evasion/process-injection.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
)

func main() {
	stage.Play(func(ctx context.Context) error {
		if len(os.Args) > 1 && os.Args[1] == stage.Victim {
			return stage.Suffer(ctx)
		}
		return stage.WithVictim(ctx, attach)
	})
}

// attach stops pid as its tracer and lets it go on.
func attach(pid int) error {
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	if err := unix.PtraceAttach(pid); err != nil {
		return fmt.Errorf("attach to %d: %w", pid, err)
	}
	if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != nil {
		return fmt.Errorf("wait for %d to stop: %w", pid, err)
	}
	if err := unix.PtraceDetach(pid); err != nil {
		return fmt.Errorf("detach from %d: %w", pid, err)
	}
	fmt.Println("attached and detached")
	return nil
}
