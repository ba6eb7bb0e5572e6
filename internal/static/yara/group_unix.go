//go:build unix

package yara

import (
	"os/exec"
	"syscall"
)

// group has a command lead a group of processes, all of which are killed when its time is
// over.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
