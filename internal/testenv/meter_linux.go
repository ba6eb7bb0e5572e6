package testenv

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what the processes of a run use of the machine.
type Usage struct {
	// Memory is in bytes: what belongs to the processes alone, their share of
	// what they share with others (PSS), all of their memory files, and the
	// kernel's tables of their pages.
	Memory int64
	// Processes and Threads are how many there are.
	Processes, Threads int
	// Disk is how many bytes lie in the directories of the run.
	Disk int64
	// Last is when the process that is watched had descendants for the last time;
	// zero if it never had.
	Last time.Time
}

// Meter watches the processes of a run.
type Meter struct {
	root int
	dirs []string
	stop chan struct{}
	done chan struct{}

	mu   sync.Mutex
	peak Usage
	seen map[process]bool
}

// meterInterval is how long a Meter sleeps between two looks.
const meterInterval = 50 * time.Millisecond

// NewMeter watches a process and all that descend from it, until Stop, and the
// directories of the run.
func NewMeter(pid int, dirs ...string) *Meter {
	m := &Meter{root: pid, dirs: dirs, stop: make(chan struct{}), done: make(chan struct{}), seen: make(map[process]bool)}
	go func() {
		defer close(m.done)
		tick := time.NewTicker(meterInterval)
		defer tick.Stop()
		for {
			m.look()
			select {
			case <-m.stop:
				return
			case <-tick.C:
			}
		}
	}()
	return m
}

// Stop ends it and returns the most that there was of each at any time, and Last.
func (m *Meter) Stop() Usage {
	close(m.stop)
	<-m.done
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peak
}

// Descendants are the processes that descend from the one that is watched, now,
// itself included, by the names of their programs.
func (m *Meter) Descendants() map[int]string {
	found := make(map[int]string)
	for _, p := range family(m.root) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
		name, _, _ := strings.Cut(string(line), "\x00")
		found[p.pid] = filepath.Base(name)
	}
	return found
}

// Left lists, in words, the processes that were seen and still live, after a
// moment: those that lost their parent are there until the machine's first
// process, or whoever adopts them, has waited for them.
func (m *Meter) Left() []string {
	left := m.living()
	again := time.NewTicker(meterInterval)
	defer again.Stop()
	for end := time.Now().Add(leftoversGrace); len(left) > 0 && time.Now().Before(end); left = m.living() {
		<-again.C
	}
	return left
}

func (m *Meter) living() (left []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range processes() {
		if m.seen[p.identity()] {
			left = append(left, fmt.Sprintf("process %d (%s), state %s", p.pid, p.name, p.state))
		}
	}
	return left
}

func (m *Meter) look() {
	now := Usage{Disk: diskUse(m.dirs)}
	files := make(map[uint64]int64)
	found := family(m.root)
	for _, p := range found {
		now.Processes++
		now.Threads += p.threads
		if !sharesMemory(p.pid, p.parent) {
			now.Memory += ownMemory(p.pid)
		}
		memoryFiles(p.pid, files)
	}
	for _, size := range files {
		now.Memory += size
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range found {
		m.seen[p.identity()] = true
	}
	m.peak.Memory = max(m.peak.Memory, now.Memory)
	m.peak.Processes = max(m.peak.Processes, now.Processes)
	m.peak.Threads = max(m.peak.Threads, now.Threads)
	m.peak.Disk = max(m.peak.Disk, now.Disk)
	if len(found) > 1 {
		m.peak.Last = time.Now()
	}
}

// process is a line of /proc/PID/stat (proc_pid_stat(5)).
type process struct {
	pid, parent int
	name, state string
	threads     int
	started     string // in ticks since the machine started
}

// identity is what stays the same of a process as long as it lives.
func (p process) identity() process { return process{pid: p.pid, started: p.started} }

func processes() (all []process) {
	found, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		line := string(b)
		open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
		fields := strings.Fields(line[end+1:]) // from the third on
		if open < 0 || end < open || len(fields) < 20 {
			continue
		}
		p := process{name: line[open+1 : end], state: fields[0], started: fields[19]}
		p.pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
		p.parent, _ = strconv.Atoi(fields[1])
		p.threads, _ = strconv.Atoi(fields[17])
		all = append(all, p)
	}
	return all
}

// family is a process and all that descend from it. Within a PID namespace
// whoever loses its parent descends from the first.
func family(root int) (found []process) {
	children := make(map[int][]process)
	for _, p := range processes() {
		if p.pid == root {
			found = append(found, p)
		}
		children[p.parent] = append(children[p.parent], p)
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found
}

// sharesMemory tells whether two processes have one memory, as those have in
// which gVisor runs one process of a subject. Where nobody may ask, they do not.
func sharesMemory(a, b int) bool {
	const kcmpVM = 1 // KCMP_VM of kcmp(2)
	order, _, err := unix.Syscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), kcmpVM, 0, 0, 0)
	return err == 0 && order == 0
}

// ownMemory is the memory of a process without its memory files, in bytes; 0 if
// it has ended.
func ownMemory(pid int) (total int64) {
	rollup := numbers(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	return rollup["Pss"] - rollup["Pss_Shmem"] + numbers(fmt.Sprintf("/proc/%d/status", pid))["VmPTE"]
}

// numbers reads the sizes of a file of /proc, in bytes, by their names.
func numbers(path string) map[string]int64 {
	text, _ := os.ReadFile(path) // it may have ended
	all := make(map[string]int64)
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		if f := strings.Fields(rest); len(f) == 2 && f[1] == "kB" {
			kib, _ := strconv.ParseInt(f[0], 10, 64)
			all[name] = kib << 10
		}
	}
	return all
}

// memoryFiles adds the memory files that a process has open, with their sizes.
func memoryFiles(pid int, files map[uint64]int64) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || !strings.HasPrefix(target, "/memfd:") {
			continue
		}
		if info, err := os.Stat(link); err == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				files[stat.Ino] = stat.Blocks * 512
			}
		}
	}
}

// diskUse is how many bytes lie in directories.
func diskUse(dirs []string) (total int64) {
	for _, dir := range dirs {
		// What is gone by now uses nothing.
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				total += blocks(d)
			}
			return nil
		})
	}
	return total
}

func blocks(d fs.DirEntry) int64 {
	info, err := d.Info()
	if err != nil {
		return 0 // it is gone
	}
	stat, _ := info.Sys().(*syscall.Stat_t) // as on every Linux
	return stat.Blocks * 512
}
