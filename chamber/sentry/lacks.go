package sentry

import (
	"fmt"
	"slices"

	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/sentry/kernel"
)

// support is what gVisor has of a system call, and so what an error of it means.
type support uint8

const (
	// present calls do their work; where they say ENOSYS, a part is lacking. Those
	// that gVisor lacks altogether say so too, once they have checked the caller's
	// rights as Linux does.
	present support = iota
	// stubs are lacking, and have another error to say so.
	stubs
	// obsolete calls Linux does not have either.
	obsolete
)

// supportOf tells what gVisor has of a system call.
func supportOf(entry kernel.Syscall) support {
	switch {
	case slices.Contains([]string{
		"add_key", "modify_ldt", "name_to_handle_at", "open_by_handle_at", "perf_event_open", "request_key", "sched_rr_get_interval",
	}, entry.Name):
		return stubs
	case slices.Contains([]string{
		"afs_syscall", "create_module", "epoll_ctl_old", "epoll_wait_old", "get_kernel_syms", "get_thread_area", "getpmsg", "nfsservctl",
		"putpmsg", "query_module", "security", "set_thread_area", "sysctl", "tuxcall", "uselib", "vserver",
	}, entry.Name):
		return obsolete
	default:
		return present
	}
}

// lacks tells whether err, of a call, means that gVisor does not have it.
func (s support) lacks(err error) bool {
	return err != nil && (s == stubs || s == present && linuxerr.Equals(linuxerr.ENOSYS, err))
}

// lack reports a call that gVisor lacks, unless its hook has done so.
func (c *call) lack() {
	if !c.told && c.support.lacks(c.err) {
		c.emitCall(nil)
	}
}

// firstLater is the first of the numbers that are the same on all architectures
// and have no entry in gVisor's tables, and lastLater the last that Linux might
// give to a call. laterCalls are their names, as far as Linux 6.17.
const (
	firstLater = 440
	lastLater  = 511
)

var laterCalls = [...]string{
	"process_madvise", "", "mount_setattr", "quotactl_fd", "landlock_create_ruleset", "landlock_add_rule",
	"landlock_restrict_self", "memfd_secret", "process_mrelease", "futex_waitv", "set_mempolicy_home_node", "cachestat",
	"fchmodat2", "map_shadow_stack", "futex_wake", "futex_wait", "futex_requeue", "statmount", "listmount",
	"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal", "setxattrat", "getxattrat", "listxattrat",
	"removexattrat", "open_tree_attr", "file_getattr", "file_setattr",
}

// missing tells the name of a call without an entry, and whether Linux may have
// it.
func missing(no uintptr) (name string, has support) {
	if no < firstLater || no > lastLater {
		return fmt.Sprintf("sys_%d", no), obsolete
	}
	if i := int(no - firstLater); i < len(laterCalls) && laterCalls[i] != "" {
		return laterCalls[i], present
	}
	return fmt.Sprintf("sys_%d", no), present
}
