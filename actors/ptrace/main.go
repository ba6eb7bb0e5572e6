// Command ptrace attaches to another process, a child of its own, and lets go
// of it again.
//
// Rule: defense-evasion/process-injection.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(trace) }

func trace(ctx context.Context) error {
	if len(os.Args) > 1 && os.Args[1] == "victim" { // until its input ends
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	}
	victim := exec.CommandContext(ctx, "/proc/self/exe", "victim")
	hold, err := victim.StdinPipe()
	if err != nil {
		return err
	}
	if err := victim.Start(); err != nil {
		return err
	}
	attached := attach(victim.Process.Pid)
	hold.Close()
	if err := victim.Wait(); err != nil {
		return fmt.Errorf("wait for the victim: %w", err)
	}
	return attached
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
