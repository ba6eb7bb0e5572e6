//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cpu runs cmd and returns the processor time of it and of all its
// descendants, in seconds.
func cpu(b *testing.B, cmd *exec.Cmd) float64 {
	b.Helper()
	used, err := processor(cmd)
	must(b, err)
	return used
}

// processor runs cmd and returns the processor time of it and of all its
// descendants, in seconds. What a process is told of its children, getrusage(2),
// is not enough: gVisor runs a subject's code in processes that nobody waits
// for. A counter of the kernel (perf_event_open(2)) is inherited by all.
func processor(cmd *exec.Cmd) (seconds float64, err error) {
	runtime.LockOSThread() // from which cmd is started, and nothing else
	defer runtime.UnlockOSThread()
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type:   unix.PERF_TYPE_SOFTWARE,
		Config: unix.PERF_COUNT_SW_TASK_CLOCK, // nanoseconds, whatever is excluded
		Size:   uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Bits: unix.PerfBitDisabled | unix.PerfBitEnableOnExec | unix.PerfBitInherit |
			unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv, // or else it is for root alone
	}, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("count processor time: %w; allow it with sysctl -w kernel.perf_event_paranoid=2", err)
	}
	defer unix.Close(fd)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if cmd.Stdout == nil {
		cmd.Stdout = io.Discard
	}
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", cmd, err, stderr.Bytes())
	}
	var count [8]byte
	if _, err := unix.Read(fd, count[:]); err != nil {
		return 0, fmt.Errorf("count processor time: %w", err)
	}
	return float64(binary.NativeEndian.Uint64(count[:])) / 1e9, nil
}
