package room

import (
	"bufio"
	"io"
	"io/fs"
	"math"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Machine is what a machine, or the control group that this process is in, says of itself at one
// moment. What is not known is zero.
type Machine struct {
	// CPUs are the processors that may be used at once.
	CPUs int
	// Memory is how many bytes there are, and Available how many of them could be had without
	// anybody waiting for them.
	Memory, Available int64
	// Some and Full are the shares of the last ten seconds in which something, and in which
	// everything, waited for memory, in percent.
	Some, Full float64
}

// maxBytes and maxDepth bound what is read of one file, and of how many groups that are in one
// another. The kernel writes them.
const (
	maxBytes = 256 << 10
	maxDepth = 32
)

// Look reads fsys, the root of the file systems of this machine. It never fails: elsewhere than
// on Linux nothing is known but how many processors there are.
func Look(fsys fs.FS) Machine {
	m := Machine{CPUs: runtime.GOMAXPROCS(0)}
	info := fields(fsys, "proc/meminfo")
	m.Memory, m.Available = info["MemTotal:"]<<10, info["MemAvailable:"]<<10
	m.Some, m.Full = pressure(fsys, "proc/pressure/memory")
	above(fsys, "", groups, func(dir string, own bool) { m.within(fsys, dir, own) })
	above(fsys, "memory", groups+"/memory", func(dir string, _ bool) { m.withinFirst(fsys, dir) })
	above(fsys, "cpu", groups+"/cpu", func(dir string, _ bool) {
		m.quota(word(fsys, dir+"/cpu.cfs_quota_us"), word(fsys, dir+"/cpu.cfs_period_us"))
	})
	return m
}

// groups is where the second version of control groups is, and each controller of the first.
const groups = "sys/fs/cgroup"

// above visits the directories of the group of this process and of those that it is in, below root: for
// a controller of the first version, or of the second if it is empty. There may be none. In a container
// of the first version all but the root are not to be seen.
func above(fsys fs.FS, controller, root string, visit func(dir string, own bool)) {
	dir := ""
	lines(fsys, "proc/self/cgroup", func(line string) {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) == 3 && slices.Contains(strings.Split(parts[1], ","), controller) {
			dir = path.Join(root, path.Join("/", parts[2]))
		}
	})
	for level := 0; dir != "" && level < maxDepth; level++ {
		visit(dir, level == 0)
		if dir == root {
			return
		}
		dir = path.Dir(dir)
	}
}

// within takes over what a group allows. The pressure is that of our own: that of others is
// theirs.
func (m *Machine) within(fsys fs.FS, dir string, own bool) {
	if text := word(fsys, dir+"/memory.current"); text != "" {
		if own {
			if some, full, ok := pressureOf(fsys, dir+"/memory.pressure"); ok {
				m.Some, m.Full = some, full
			}
		}
		used, _ := strconv.ParseInt(text, 10, 64) // the kernel writes numbers
		stat := fields(fsys, dir+"/memory.stat")
		used = max(used-stat["inactive_file"]-stat["active_file"], 0) // which the kernel takes back
		for _, name := range []string{"/memory.max", "/memory.high"} {
			most, err := strconv.ParseInt(word(fsys, dir+name), 10, 64)
			if err == nil { // and not "max"; or there is no such file
				m.limit(most, used)
			}
		}
	}
	quota, period, _ := strings.Cut(line(fsys, dir+"/cpu.max"), " ")
	m.quota(quota, period)
}

// withinFirst takes over what a group of the first version allows.
func (m *Machine) withinFirst(fsys fs.FS, dir string) {
	most, err := strconv.ParseInt(word(fsys, dir+"/memory.limit_in_bytes"), 10, 64)
	used, uerr := strconv.ParseInt(word(fsys, dir+"/memory.usage_in_bytes"), 10, 64)
	if err != nil || uerr != nil || most >= math.MaxInt64>>10 { // which is no limit
		return
	}
	stat := fields(fsys, dir+"/memory.stat")
	m.limit(most, max(used-stat["total_inactive_file"]-stat["total_active_file"], 0))
}

// limit takes over that no more than most bytes may be used, of which some are.
func (m *Machine) limit(most, used int64) {
	if m.Memory == 0 || most < m.Memory {
		m.Memory = most
	}
	if left := max(most-used, 0); m.Available == 0 || left < m.Available {
		m.Available = left
	}
}

// quota takes over that processors may be used for so long of a period.
func (m *Machine) quota(quota, period string) {
	q, err := strconv.ParseFloat(quota, 64)
	p, perr := strconv.ParseFloat(period, 64)
	if err == nil && perr == nil && q > 0 && p > 0 {
		m.CPUs = max(min(m.CPUs, int(math.Ceil(q/p))), 1)
	}
}

// pressure is that of a file of pressure stall information; nothing where there is none.
func pressure(fsys fs.FS, name string) (some, full float64) {
	some, full, _ = pressureOf(fsys, name)
	return some, full
}

func pressureOf(fsys fs.FS, name string) (some, full float64, ok bool) {
	lines(fsys, name, func(line string) {
		words := strings.Fields(line)
		if len(words) < 2 {
			return
		}
		text, found := strings.CutPrefix(words[1], "avg10=")
		share, err := strconv.ParseFloat(text, 64)
		if !found || err != nil || math.IsNaN(share) {
			return
		}
		switch words[0] {
		case "some":
			some, ok = share, true
		case "full":
			full = share
		}
	})
	return some, full, ok
}

// fields are the numbers of a file with lines of a name and a number.
func fields(fsys fs.FS, name string) map[string]int64 {
	all := map[string]int64{}
	lines(fsys, name, func(line string) {
		words := strings.Fields(line)
		if len(words) < 2 {
			return
		}
		if n, err := strconv.ParseInt(words[1], 10, 64); err == nil && n >= 0 && n < math.MaxInt64>>10 {
			all[words[0]] = n
		}
	})
	return all
}

// line is the first of a file, word what stands alone in it; empty if there is none.
func line(fsys fs.FS, name string) (first string) {
	n := 0
	lines(fsys, name, func(line string) {
		if n++; n == 1 {
			first = line
		}
	})
	return first
}

func word(fsys fs.FS, name string) string { return strings.TrimSpace(line(fsys, name)) }

// lines has visit see those of a file, none if it cannot be read.
func lines(fsys fs.FS, name string, visit func(string)) {
	f, err := fsys.Open(name)
	if err != nil {
		return
	}
	defer f.Close() // it was only read
	for s := bufio.NewScanner(io.LimitReader(f, maxBytes)); s.Scan(); {
		visit(s.Text())
	}
}
