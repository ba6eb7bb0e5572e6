//go:build embedchamber && linux

package process

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut"
)

// The Makefile copies bin/detonaut-chamber here for a release build.
//
//go:embed detonaut-chamber
var chamber []byte

// embedded puts the chamber that this build carries into a sealed memory file,
// once, and returns a path by which a child of this process can execute it.
// The file is open until the process ends.
var embedded = sync.OnceValues(func() (string, error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(program, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(program, flags)
	}
	if err != nil {
		return "", fmt.Errorf("%w: create memory file for the chamber: %w", detonaut.ErrSandbox, err)
	}
	// A child gets its own files at the lowest numbers, before it is executed: this one must not
	// be there, which it would be in a process that has nothing else open.
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, aboveFiles)
	if err := errors.Join(err, unix.Close(fd)); err != nil {
		return "", fmt.Errorf("%w: keep memory file for the chamber: %w", detonaut.ErrSandbox, err)
	}
	fd = high
	memfd = os.NewFile(uintptr(fd), program)
	if _, err := memfd.Write(chamber); err != nil {
		return "", fmt.Errorf("%w: write chamber to memory: %w", detonaut.ErrSandbox, err)
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return "", fmt.Errorf("%w: seal chamber in memory: %w", detonaut.ErrSandbox, err)
	}
	// The child resolves this between fork and exec, when it still has the
	// descriptor.
	return fmt.Sprintf("/proc/self/fd/%d", fd), nil
})

// aboveFiles is above the numbers of all files that a chamber is started with.
const aboveFiles = 64

var memfd *os.File // keeps the descriptor from being collected and closed
