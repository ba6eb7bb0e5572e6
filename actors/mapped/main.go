// Command mapped writes a program without a write: it copies it into the memory
// of a file. Then it runs it.
//
// Rule: execution/drops-and-runs.
package main

import (
	"context"
	"os"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/payload"
	"github.com/detonaut/detonaut/actors/stage"
)

const path = "/tmp/mapped"

func main() { stage.Play(run) }

func run(ctx context.Context) error {
	if payload.Dropped() {
		return nil
	}
	program, err := payload.Program("mapped")
	if err != nil {
		return err
	}
	if err := write(program); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return err
	}
	payload.Tell("executed", program)
	return payload.Run(ctx, path)
}

func write(program []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(int64(len(program))); err != nil {
		return err
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, len(program), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(memory, program)
	return unix.Munmap(memory)
}
