package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/tape"
)

// processInterval is how often all processes are looked at, for their processor
// time and page tables.
const processInterval = 250 * time.Millisecond

// Memory is looked at as often as watchInterval while it changes, or may reach
// its limit soon, at fastest bytes a second: several times as fast as gVisor can
// hand it out. A subject overshoots its limit by what it writes within
// watchInterval, no matter how long it has kept still.
const (
	watchInterval     = 20 * time.Millisecond
	watchIntervalIdle = 250 * time.Millisecond
	fastest           = 4 << 30
)

// usage is what a run uses of the machine.
type usage struct {
	mem       memory
	limit     int64 // of memory
	held      int64 // bytes, at the last look
	every     time.Duration
	watch     *time.Timer // when to look at memory
	cpu       int64       // nanoseconds
	processes *time.Ticker
}

func newUsage(s *sandbox) *usage {
	u := &usage{
		mem: memory{pid: s.cont.SandboxPid()}, limit: s.plan.Limits.Memory, every: watchInterval,
		watch: time.NewTimer(watchInterval), processes: time.NewTicker(processInterval),
	}
	u.held = u.mem.sample()
	return u
}

func (u *usage) stop() {
	u.watch.Stop()
	u.processes.Stop()
}

// end is the end of a run that used so much.
func (u *usage) end(reason tape.Reason, detail string) tape.End {
	return tape.End{Reason: reason, Detail: detail, MaxMemory: u.mem.max, CPU: u.cpu}
}

// lookAtMemory tells whether there is too much in use.
func (u *usage) lookAtMemory() bool {
	held := u.mem.sample()
	soon := time.Duration(float64(u.limit-held) / fastest * float64(time.Second))
	u.every = min(paced(u.every, held != u.held, watchInterval, watchIntervalIdle), max(soon, watchInterval))
	u.held = held
	u.watch.Reset(u.every)
	return held > u.limit
}

func (u *usage) lookAtProcesses() {
	var used int64
	used, u.mem.tables = processes(u.mem.pid)
	u.cpu = max(u.cpu, used)
}

// paced is how long to wait until the next look: the shortest where something
// has changed, and ever longer where nothing has.
func paced(last time.Duration, changed bool, shortest, longest time.Duration) time.Duration {
	if changed {
		return shortest
	}
	return min(2*last, longest)
}

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

// least is the nice value of who runs when nobody else wants to.
const least = 19

// yield has the processes that a sandbox runs the subject's code in wait for all
// others: they may be hundreds that never rest, and what is left to do for the
// sandbox would wait for its turn among them.
func yield(sandbox int) {
	found, _ := filepath.Glob("/proc/[0-9]*") // the pattern is valid
	for _, dir := range found {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && pid != os.Getpid() && pid != sandbox {
			_ = unix.Setpriority(unix.PRIO_PROCESS, pid, least) // it may have ended
		}
	}
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
