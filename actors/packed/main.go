// Command packed makes a program in its own memory, as packers do: the file that
// was started does not show it. It does not run it.
//
// Rule: defense-evasion/program-in-memory, which alone is no reason for suspicion.
package main

import (
	"context"
	"os"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

// size is how much of a program there is: whole pages.
const size = 256 << 10

func main() { stage.Play(unpack) }

func unpack(context.Context) error {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	payload.Tell("code", memory[:copy(memory, program)])
	if err := unix.Mprotect(memory, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return err
	}
	return unix.Munmap(memory)
}
