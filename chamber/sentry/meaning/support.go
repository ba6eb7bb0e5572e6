package meaning

import (
	"fmt"
	"slices"
)

// Support is what gVisor has of a system call, and so what an error of it means.
type Support uint8

// What there is of a call.
const (
	// Present calls do their work; where they say ENOSYS, a part is lacking. Those
	// that gVisor lacks altogether say so too, once they have checked the caller's
	// rights as Linux does.
	Present Support = iota
	// Stub calls are lacking, and have another error to say so.
	Stub
	// Obsolete calls Linux does not have either.
	Obsolete
)

// SupportOf tells what gVisor has of the system call of that name, of those that have
// an entry in its tables.
func SupportOf(name string) Support {
	switch {
	case slices.Contains([]string{
		"add_key", "modify_ldt", "name_to_handle_at", "open_by_handle_at", "perf_event_open", "request_key", "sched_rr_get_interval",
	}, name):
		return Stub
	case slices.Contains([]string{
		"afs_syscall", "create_module", "epoll_ctl_old", "epoll_wait_old", "get_kernel_syms", "get_thread_area", "getpmsg", "nfsservctl",
		"putpmsg", "query_module", "security", "set_thread_area", "sysctl", "tuxcall", "uselib", "vserver",
	}, name):
		return Obsolete
	default:
		return Present
	}
}

// Lacks tells whether an error of a call, which may be ENOSYS or another, means that
// gVisor does not have it.
func (s Support) Lacks(enosys bool) bool { return s == Stub || s == Present && enosys }

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

// Missing tells the name of a call without an entry, and whether Linux may have
// it. One that is not known is called "sys_" and its number.
func Missing(no uintptr) (name string, has Support) {
	if no < firstLater || no > lastLater {
		return fmt.Sprintf("sys_%d", no), Obsolete
	}
	if i := int(no - firstLater); i < len(laterCalls) && laterCalls[i] != "" {
		return laterCalls[i], Present
	}
	return fmt.Sprintf("sys_%d", no), Present
}
