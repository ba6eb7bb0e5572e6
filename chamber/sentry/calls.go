package sentry

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/sentry/kernel"

	"github.com/detonaut/detonaut/chamber/sentry/meaning"
)

// args reads the arguments of a call that mean something. A nil map with false
// says that this call is not worth an event.
type args func(c *call) (map[string]string, bool)

// callHooks see the calls that are not about files, sockets or processes but
// about rights, namespaces, other processes and the kernel.
func callHooks() map[string]hook {
	all := make(map[string]hook)
	for name, read := range callArgs() {
		all[name] = func(c *call) {
			// Read before the call runs: chroot or exec change what names mean.
			m, ok := read(c)
			c.run()
			if ok {
				c.emitCall(m)
			}
		}
	}
	return all
}

func callArgs() map[string]args {
	all := map[string]args{
		"setuid": ids("uid"), "setgid": ids("gid"), "setfsuid": ids("uid"), "setfsgid": ids("gid"),
		"setreuid": ids("ruid", "euid"), "setregid": ids("rgid", "egid"),
		"setresuid": ids("ruid", "euid", "suid"), "setresgid": ids("rgid", "egid", "sgid"),
		"setgroups": always(func(c *call) map[string]string { return map[string]string{"size": c.decimal(0)} }),
		"capset":    always(capset), "prctl": prctl, "kill": killOther(1), "tgkill": killOther(2), "tkill": killThread,
		"rt_sigqueueinfo": killOther(1), "rt_tgsigqueueinfo": killOther(2),
		"pidfd_send_signal": always(func(c *call) map[string]string {
			return map[string]string{"fd": c.decimal(0), "signal": meaning.Signal(c.int(1))}
		}),
		"pidfd_getfd": always(func(c *call) map[string]string {
			return map[string]string{"fd": c.decimal(0), "target": c.decimal(1)}
		}),
		"chroot":     always(func(c *call) map[string]string { return map[string]string{"path": c.object(noDir, 0)} }),
		"pivot_root": always(strings2("new", "old")), "umount2": always(umount), "mount": always(mount),
		"unshare": always(func(c *call) map[string]string {
			return map[string]string{"flags": meaning.CloneFlags(c.args[0].Uint64())}
		}),
		"setns": always(func(c *call) map[string]string {
			return map[string]string{"fd": c.decimal(0), "path": pathOf(c.t, c.int(0)), "type": meaning.CloneFlags(c.args[1].Uint64())}
		}),
		"clone": cloneNamespaces(func(c *call) uint64 { return c.args[0].Uint64() }),
		"clone3": cloneNamespaces(func(c *call) uint64 {
			if b := c.bytes(c.addr(0), 8); len(b) == 8 {
				return binary.NativeEndian.Uint64(b)
			}
			return 0
		}),
		"ptrace":            always(ptrace),
		"process_vm_writev": always(pidOnly), "process_vm_readv": always(pidOnly),
		"memfd_create": always(func(c *call) map[string]string { return map[string]string{"name": c.string(0)} }),
		"bpf":          always(func(c *call) map[string]string { return map[string]string{"cmd": c.decimal(0)} }),
		"keyctl":       always(func(c *call) map[string]string { return map[string]string{"operation": c.decimal(0)} }),
		"sethostname":  always(named), "setdomainname": always(named),
		"delete_module": always(func(c *call) map[string]string { return map[string]string{"name": c.string(0)} }),
		"finit_module":  always(func(c *call) map[string]string { return map[string]string{"path": pathOf(c.t, c.int(0))} }),
		"personality": func(c *call) (map[string]string, bool) {
			p := c.args[0].Uint()
			return map[string]string{"persona": fmt.Sprintf("%#x", p)}, p != 0 && p != 0xffffffff // that only asks
		},
	}
	for _, name := range []string{
		"init_module", "perf_event_open", "add_key", "request_key", "io_uring_setup", "io_uring_enter", "io_uring_register",
		"kexec_load", "kexec_file_load", "userfaultfd", "seccomp", "iopl", "ioperm", "reboot", "swapon", "swapoff",
		"settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "acct", "quotactl", "open_by_handle_at",
		"fanotify_init", "fsopen", "fsmount", "move_mount", "open_tree", "vhangup", "setsid", "kcmp",
	} {
		all[name] = always(func(*call) map[string]string { return nil })
	}
	return all
}

// always makes args of what every call is worth an event for.
func always(read func(c *call) map[string]string) args {
	return func(c *call) (map[string]string, bool) { return read(c), true }
}

func (c *call) decimal(i int) string { return strconv.Itoa(int(c.int(i))) }

// ids reads user or group ids in order; -1 leaves one as it is.
func ids(names ...string) args {
	return always(func(c *call) map[string]string {
		m := make(map[string]string, len(names))
		for i, n := range names {
			m[n] = c.decimal(i)
		}
		return m
	})
}

func strings2(a, b string) func(c *call) map[string]string {
	return func(c *call) map[string]string { return map[string]string{a: c.string(0), b: c.string(1)} }
}

func pidOnly(c *call) map[string]string { return map[string]string{"pid": c.decimal(0)} }

func named(c *call) map[string]string {
	return map[string]string{"name": string(c.bytes(c.addr(0), int(min(c.args[1].SizeT(), linux.UTSLen))))}
}

func umount(c *call) map[string]string { return map[string]string{"target": c.object(noDir, 0)} }

func mount(c *call) map[string]string {
	return map[string]string{
		"source": c.string(0), "target": c.object(noDir, 1), "type": c.string(2), "flags": meaning.MountFlags(c.args[3].Uint64()),
	}
}

// capset reads the effective set of struct __user_cap_data_struct, version 3.
func capset(c *call) map[string]string {
	b := c.bytes(c.addr(1), 24)
	if len(b) < 24 {
		return nil
	}
	low, high := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[12:])
	return map[string]string{"effective": fmt.Sprintf("%#x", uint64(high)<<32|uint64(low))}
}

// prctl is worth an event where it changes the process.
func prctl(c *call) (map[string]string, bool) {
	name, ok := meaning.Prctl(c.int(0))
	if !ok {
		return nil, false
	}
	m := map[string]string{"option": name, "value": strconv.FormatUint(c.args[1].Uint64(), 10)}
	if c.int(0) == unix.PR_SET_NAME {
		b := c.bytes(c.addr(1), linux.TASK_COMM_LEN)
		s, _, _ := strings.Cut(string(b), "\x00")
		m["value"] = s
	}
	return m, true
}

func ptrace(c *call) map[string]string {
	return map[string]string{"request": meaning.Ptrace(c.int(0)), "pid": c.decimal(1)}
}

// killOther reads a signal that is for another process, which the first
// argument names; 0 only asks whether there is one.
func killOther(signal int) args {
	return func(c *call) (map[string]string, bool) {
		target, sig := c.int(0), c.int(signal)
		self := int32(c.t.PIDNamespace().IDOfThreadGroup(c.t.ThreadGroup()))
		return map[string]string{"pid": strconv.Itoa(int(target)), "signal": meaning.Signal(sig)}, sig != 0 && target != self
	}
}

// killThread is killOther for a thread, whose process the call does not name.
func killThread(c *call) (map[string]string, bool) {
	target := c.t.PIDNamespace().TaskWithID(kernel.ThreadID(c.int(0)))
	if target != nil && target.ThreadGroup() == c.t.ThreadGroup() {
		return nil, false
	}
	return map[string]string{"tid": c.decimal(0), "signal": meaning.Signal(c.int(1))}, c.int(1) != 0
}

// cloneNamespaces reads a clone that makes namespaces; others are births of
// processes and seen as such.
func cloneNamespaces(flags func(c *call) uint64) args {
	return func(c *call) (map[string]string, bool) {
		made := meaning.Namespaces(flags(c))
		return map[string]string{"flags": meaning.CloneFlags(made)}, made != 0
	}
}
