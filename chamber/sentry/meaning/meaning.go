// Package meaning knows what the words of a system call mean: which places hold
// secrets or tell of a sandbox, what its flags and numbers are called, and what it
// means that gVisor refuses it.
//
// Its functions follow from their arguments alone. The hooks of package sentry call
// them, on the goroutine of the task that makes the call, some for every call that
// there is. There is no gVisor in here.
package meaning

import (
	"path"
	"slices"
	"strings"
)

// Paths whose reading is worth an event: they hold secrets of people, of
// clouds or of the host. The lists are of well-known places; rules decide what
// reading one means. Places that tell of a sandbox are tells.
var (
	sensitivePaths = map[string]bool{
		"/etc/shadow": true, "/etc/shadow-": true, "/etc/gshadow": true, "/etc/gshadow-": true, "/etc/sudoers": true,
		"/etc/krb5.keytab": true, "/etc/ssl/private": true,
		"/proc/kcore": true, "/proc/kallsyms": true, "/dev/mem": true, "/dev/kmem": true,
		"/var/run/docker.sock": true, "/run/docker.sock": true, "/run/containerd/containerd.sock": true,
		"/proc/sysrq-trigger": true, "/proc/sys/kernel/core_pattern": true, "/proc/sys/kernel/modprobe": true,
	}
	sensitivePrefixes = []string{
		"/etc/sudoers.d/", "/etc/ssl/private/", "/proc/1/root", "/proc/1/cwd/", "/proc/1/ns/", "/proc/1/environ",
		"/etc/kubernetes/", "/var/lib/kubelet/", "/host/", "/hostfs/", "/dev/input/",
	}
	sensitiveParts = []string{
		"/.ssh/", "/.aws/", "/.azure/", "/.config/gcloud/", "/.kube/", "/.docker/config.json", "/.gnupg/", "/.git-credentials",
		"/.netrc", "/.npmrc", "/.pypirc", "/.pgpass", "/.my.cnf", "/.vault-token", "/.config/gh/", "/.config/rclone/",
		"/.bash_history", "/.zsh_history", "/.ash_history", "/.sh_history",
		"/.mozilla/", "/.config/google-chrome/", "/.config/chromium/", "/.config/BraveSoftware/", "/.config/microsoft-edge/",
		"/.bitcoin/", "/.ethereum/", "/.electrum/", "/.litecoin/", "/.dogecoin/", "/.zcash/", "/.config/solana/", "/.config/Exodus/", "/Monero/wallets/",
		"/wallet.dat", "/release_agent",
	}
)

// Sensitive tells whether reading path is worth an event.
func Sensitive(path string) bool {
	if sensitivePaths[path] {
		return true
	}
	for _, p := range sensitivePrefixes {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return InFiles(path) || ofProcess(path)
}

// InFiles tells whether path is in a place where secrets are kept in files: the names
// of these are none.
func InFiles(path string) bool {
	return strings.Contains(path, "/run/secrets/") ||
		slices.ContainsFunc(sensitiveParts, func(p string) bool { return strings.Contains(path, p) })
}

// ofProcess tells whether path is the environment or the memory of a process.
func ofProcess(path string) bool {
	number, ok := strings.CutPrefix(path, "/proc/")
	if !ok {
		return false
	}
	number, what, _ := strings.Cut(number, "/")
	return (what == "environ" || what == "mem") && strings.Trim(number, "0123456789") == ""
}

// First is how the places of the first process begin.
const First = "/proc/1/"

// ThroughFirst tells whether a path leads through the root, the directory or the
// namespaces of the first process. Resolved, it would be like any other; but where
// the first process is the host's, what is there is the host's.
func ThroughFirst(path string) bool {
	return path == First+"root" || under(path, First+"root", First+"cwd", First+"ns")
}

// tells are the places that tell a program where it runs, and of what: what the
// tape calls the reveals of a file. The names are those of docs/report.md.
var tells = map[string]string{
	"/proc/version": "kernel version", "/proc/version_signature": "kernel version",
	"/proc/sys/kernel/osrelease": "kernel version", "/proc/sys/kernel/version": "kernel version",
	"/proc/cpuinfo": "processor", "/proc/meminfo": "memory", "/proc/modules": "kernel modules", "/proc/cmdline": "boot parameters",
	"/proc/kmsg": "kernel log", "/dev/kmsg": "kernel log", "/proc/scsi/scsi": "hardware names",
	"/.dockerenv": "container marker", "/.dockerinit": "container marker", "/run/.containerenv": "container marker",
	"/proc/1/cgroup": "cgroup", "/proc/1/mountinfo": "mounts", "/proc/1/mounts": "mounts", "/proc/1/sched": "first process",
	"/proc/gvisor": "hypervisor", "/proc/sentry-meminfo": "hypervisor", "/proc/xen": "hypervisor", "/proc/vz": "hypervisor", "/proc/bc": "hypervisor",
	"/proc/device-tree": "hypervisor", "/sys/hypervisor": "hypervisor", "/dev/vboxguest": "hypervisor", "/dev/vmci": "hypervisor",
}

// Reveals returns of what a place tells; empty for others. asked gives how it was
// asked for: what a process reads of itself tells nothing of the first process,
// even if it is that.
func Reveals(where string, asked func() string) string {
	what := tells[where]
	switch {
	case what != "" && strings.HasPrefix(where, "/proc/1/"):
		if a := asked(); strings.HasPrefix(a, "/proc/") && !strings.HasPrefix(a, "/proc/1/") {
			return ""
		}
		return what
	case what != "" || !strings.HasPrefix(where, "/proc/") && !strings.HasPrefix(where, "/sys/"):
		return what
	case path.Base(where) == "address" && (strings.HasPrefix(where, "/sys/class/net/") || strings.HasPrefix(where, "/sys/devices/virtual/net/")):
		return "network address"
	case under(where, "/sys/class/dmi", "/sys/devices/virtual/dmi", "/sys/firmware/dmi"):
		return "hardware names"
	case under(where, "/proc/gvisor", "/proc/xen", "/proc/device-tree", "/sys/hypervisor"):
		return "hypervisor"
	}
	return ""
}

func under(where string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return strings.HasPrefix(where, dir) && strings.HasPrefix(where[len(dir):], "/")
	})
}

// HeadSize is how many bytes of a path MayReveal goes by.
const HeadSize = 5

// MayReveal tells whether a path that begins like this may be one that Reveals knows.
func MayReveal(head [HeadSize]byte) bool {
	switch string(head[:]) {
	case "/.doc", "/run/", "/proc", "/sys/", "/dev/":
		return true
	}
	return false
}
