package sentry

import (
	"path/filepath"
	"runtime"

	"gvisor.dev/gvisor/pkg/sentry/kernel"
	slinux "gvisor.dev/gvisor/pkg/sentry/syscalls/linux"
	"gvisor.dev/gvisor/runsc/cli"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/sentry/sentrycmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
)

// IsSandbox tells whether gVisor started this process, as the sandbox or as
// one of its helpers: it executes /proc/self/exe under names of its own.
func IsSandbox(args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch filepath.Base(args[0]) {
	case "runsc-sandbox", "runsc-gofer", "exe":
		return true
	}
	return len(args) > 1 && args[1] == "umount"
}

// Main is the main function of such a process. It never returns. Of gVisor's
// commands only those are linked in that gVisor itself starts: its whole
// command line would more than double the binary.
func Main() {
	Register()
	install(table())
	cli.Run(nil, map[util.SubCommand]string{
		new(sentrycmd.Boot):   "internal",
		new(cmd.Gofer):        "internal",
		new(sentrycmd.Umount): "internal",
	}, nil)
}

func table() *kernel.SyscallTable {
	if runtime.GOARCH == "arm64" {
		return slinux.ARM64
	}
	return slinux.AMD64
}
