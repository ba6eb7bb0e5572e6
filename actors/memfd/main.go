// Command memfd runs a program that never had a name on disk: itself, from
// anonymous memory. The program says one word.
//
// Rule: execution/from-memory.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
)

func main() { stage.Play(run) }

func run(ctx context.Context) error {
	if len(os.Args) > 1 && os.Args[1] == "nameless" {
		fmt.Println("nameless")
		return nil
	}
	program, err := os.ReadFile("/proc/self/exe")
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
	cmd := exec.CommandContext(ctx, fmt.Sprintf("/proc/self/fd/%d", fd), "nameless")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
