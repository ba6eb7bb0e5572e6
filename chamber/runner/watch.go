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

// cpuInterval is how often processor time is looked at.
const cpuInterval = 250 * time.Millisecond

// watchInterval is how often memory is looked at. A subject that writes as
// fast as memory allows overshoots its limit by what fits into it.
const watchInterval = 20 * time.Millisecond

// memory watches how much a sandbox holds. gVisor keeps the subject's memory
// and its files in one memory file (a memfd), so their sum is one stat away;
// the sentry's own heap comes on top.
//
// It is used in place of a cgroup because it needs no rights, works alike for
// root and for ordinary users, and leaves nothing behind (docs/adr/0007).
type memory struct {
	pid  int
	file string // the memory file, by its path under /proc
	max  int64
}

// sample returns how many bytes the sandbox holds now; 0 once it is gone.
func (m *memory) sample() int64 {
	if m.file == "" {
		m.file = memoryFile(m.pid)
	}
	total := anonymous(m.pid)
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

// processorTime returns the processor time, in nanoseconds, of all processes
// that live in the namespace. gVisor runs the subject's code in processes of
// the host that nobody waits for, so that their time appears nowhere else; it
// keeps them for reuse when the subject's own end.
func processorTime() (total int64) {
	found, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		total += ticks(string(b))
	}
	return total * int64(time.Second) / ticksPerSecond
}

// ticksPerSecond is USER_HZ, the same on all machines that gVisor runs on.
const ticksPerSecond = 100

// ticks returns the processor time in a line of /proc/PID/stat (proc_pid_stat(5)).
func ticks(stat string) int64 {
	// The second field is a name in parentheses, which may contain any.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64) // field 14 of the line
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return user + system
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
