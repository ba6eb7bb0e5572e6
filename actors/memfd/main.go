// Command memfd runs a program that never had a name on disk: itself, from
// anonymous memory.
//
// Rule: execution/from-memory.
package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(run) }

func run(ctx context.Context) error {
	if payload.Dropped() {
		return nil
	}
	program, err := payload.Program("memfd")
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("kworker", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "kworker")
	defer f.Close()
	if _, err := f.Write(program); err != nil {
		return err
	}
	payload.Tell("executed", program)
	return payload.Run(ctx, fmt.Sprintf("/proc/self/fd/%d", fd))
}
