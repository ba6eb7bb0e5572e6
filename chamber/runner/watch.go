package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processInterval is how often all processes are looked at, for their processor
// time and page tables.
const processInterval = 250 * time.Millisecond

// watchInterval is how often memory is looked at. A subject that writes as
// fast as memory allows overshoots its limit by what fits into it.
const watchInterval = 20 * time.Millisecond

// memory watches how much a sandbox holds. gVisor keeps the subject's memory
// and its files in one memory file (a memfd), so their sum is one stat away;
// the sentry's own heap comes on top, and the page tables with which the kernel
// maps the memory file into the processes that run the subject's code: one page
// of it in many places is little memory and many tables.
//
// It is used in place of a cgroup because it needs no rights, works alike for
// root and for ordinary users, and leaves nothing behind (docs/adr/0007).
type memory struct {
	pid    int
	file   string // the memory file, by its path under /proc
	tables int64  // bytes of page tables, when they were last looked at
	max    int64
}

// sample returns how many bytes the sandbox holds now; 0 once it is gone.
func (m *memory) sample() int64 {
	if m.file == "" {
		m.file = memoryFile(m.pid)
	}
	total := anonymous(m.pid) + m.tables
	var st unix.Stat_t
	if m.file != "" && unix.Stat(m.file, &st) == nil {
		total += st.Blocks * 512
	}
	m.max = max(m.max, total)
	return total
}

// memoryFile finds the sentry's memory file among its descriptors.
func memoryFile(pid int) string {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		path := dir + "/" + e.Name()
		if target, err := os.Readlink(path); err == nil && strings.HasPrefix(target, "/memfd:runsc-memory") {
			return path
		}
	}
	return ""
}

// processes returns the processor time, in nanoseconds, of all processes that
// live in the namespace, and the bytes of page tables of those that the sandbox
// with that pid runs the subject's code in. Nobody waits for these, so their time
// appears nowhere else; gVisor keeps them for reuse when the subject's own end.
func processes(sandbox int) (time, tables int64) {
	found, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		parent, used := parentAndTicks(string(b))
		time += used * nanosecondsPerTick
		// The children of these share their tables.
		if parent == sandbox {
			tables += pageTables(filepath.Dir(path))
		}
	}
	return time, tables
}

// pageTables returns the bytes of page tables of a process (proc_pid_status(5)).
func pageTables(dir string) int64 {
	b, err := os.ReadFile(dir + "/status")
	if err != nil {
		return 0 // it has ended
	}
	_, after, _ := strings.Cut(string(b), "\nVmPTE:")
	line, _, _ := strings.Cut(after, " kB\n")
	kib, _ := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return kib << 10
}

// nanosecondsPerTick follows from USER_HZ, which is 100 on all machines that
// gVisor runs on.
const nanosecondsPerTick = int64(time.Second) / 100

// parentAndTicks returns the parent and the processor time in a line of
// /proc/PID/stat (proc_pid_stat(5)).
func parentAndTicks(stat string) (parent int, time int64) {
	// The second field is a name in parentheses, which may contain any.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(fields[1])               // field 4 of the line
	user, _ := strconv.ParseInt(fields[11], 10, 64)   // field 14
	system, _ := strconv.ParseInt(fields[12], 10, 64) // and the next
	return parent, user + system
}

// anonymous returns the bytes of memory that belong to the process alone.
func anonymous(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0 // it has ended
	}
	return anonymousPages(string(b)) * int64(os.Getpagesize())
}

// anonymousPages returns what is resident but not shared, of a line of
// /proc/PID/statm (proc_pid_statm(5)).
func anonymousPages(statm string) int64 {
	fields := strings.Fields(statm)
	if len(fields) < 3 {
		return 0
	}
	resident, _ := strconv.ParseInt(fields[1], 10, 64)
	shared, _ := strconv.ParseInt(fields[2], 10, 64)
	return max(resident-shared, 0)
}
