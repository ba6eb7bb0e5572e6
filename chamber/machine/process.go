package machine

import (
	"fmt"
	"strconv"
	"strings"
)

// status adds to /proc/PID/status what gVisor leaves out. Of what it does not
// know either, a process shows what one at rest has.
func (f *Face) status(old string, _ int32) string {
	own := make(map[string]string)
	for line := range strings.Lines(old) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":\t")
		own[key] = value
	}
	if own["Tgid"] == "" || own["NStgid"] != "" {
		return old
	}
	more := f.statusLines(own)
	return lines(old, func(line string) (string, bool) {
		key, value, ok := strings.Cut(line, ":\t")
		if kB, isSize := strings.CutSuffix(value, " kB"); isSize {
			line = size(key, kB)
		}
		if ok && more[key] != "" {
			line += "\n" + strings.TrimSuffix(more[key], "\n")
			delete(more, key) // once, whatever a process calls itself
		}
		return line, true
	})
}

// size writes a line of /proc/PID/status that tells of memory.
func size(key, kB string) string { return fmt.Sprintf("%s:\t%8s kB", key, strings.TrimSpace(kB)) }

// statusLines are the lines that Linux 6.1 has after those of the keys. own are
// gVisor's.
func (f *Face) statusLines(own map[string]string) map[string]string {
	tgid, pid := own["Tgid"], own["Pid"]
	vm, rss := strings.TrimSuffix(own["VmSize"], " kB"), strings.TrimSuffix(own["VmRSS"], " kB")
	share := func(of string, part uint64) string {
		n, _ := strconv.ParseUint(strings.TrimSpace(of), 10, 64)
		return strconv.FormatUint(n/part, 10)
	}
	all := uint64(1)<<min(max(f.Processors, 1), 63) - 1
	cpus := fmt.Sprintf("Cpus_allowed:\t%x\nCpus_allowed_list:\t0-%d\n", all, max(f.Processors, 1)-1)
	if f.Processors <= 1 {
		cpus = "Cpus_allowed:\t1\nCpus_allowed_list:\t0\n"
	}
	more := map[string]string{
		"Name":   "Umask:\t0022\n",
		"Tgid":   "Ngid:\t0\n",
		"Groups": "NStgid:\t" + tgid + "\nNSpid:\t" + pid + "\nNSpgid:\t" + tgid + "\nNSsid:\t1\n",
		"VmRSS":  size("RssAnon", share(rss, 2)) + "\n" + size("RssFile", share(rss, 2)) + "\n" + size("RssShmem", "0") + "\n",
		"VmData": size("VmStk", "132") + "\n" + size("VmExe", share(rss, 4)) + "\n" + size("VmLib", share(rss, 3)) + "\n" + size("VmPTE", share(rss, 64)) + "\n" +
			size("VmSwap", "0") + "\n" + size("HugetlbPages", "0") + "\nCoreDumping:\t0\nTHP_enabled:\t1\n",
		"Threads": "SigQ:\t0/31139\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000000\n" +
			"SigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n",
		"Seccomp": "Seccomp_filters:\t0\nSpeculation_Store_Bypass:\tvulnerable\nSpeculationIndirectBranch:\talways enabled\n" + cpus,
	}
	if vm != "" { // a kernel thread, or one that has ended, has none
		more["Groups"] += size("VmPeak", vm) + "\n"
		more["VmSize"] = size("VmLck", "0") + "\n" + size("VmPin", "0") + "\n" + size("VmHWM", rss) + "\n"
	}
	return more
}

// memoryMap shows /proc/PID/maps or smaps without the page in which the sandbox
// leaves a system call, and names the kernel's own code.
func memoryMap(old string, _ int32) string {
	const nameColumn = 73
	hidden, afterData := false, false
	return lines(old, func(line string) (string, bool) {
		if !isMapping(line) { // of smaps: it belongs to the mapping before it
			return line, !hidden
		}
		hidden = strings.HasSuffix(line, " [usertrap]")
		if afterData && len(strings.Fields(line)) == 5 {
			line = strings.TrimRight(line, " ")
			line += strings.Repeat(" ", max(nameColumn-len(line), 1)) + "[vdso]"
		}
		afterData = strings.HasSuffix(line, " [vvar]")
		return line, !hidden
	})
}

// isMapping tells the line of a mapping, "00400000-0041f000 r--p ...", from those
// of its sizes.
func isMapping(line string) bool {
	from, _, ok := strings.Cut(line, "-")
	_, err := strconv.ParseUint(from, 16, 64)
	return ok && err == nil
}

// load is that of a machine with little to do.
func load(_ string, reader int32) string { return fmt.Sprintf("0.08 0.03 0.01 1/148 %d\n", reader) }

// stat shows /proc/stat with the counts that gVisor has at zero, in proportion to
// the time that has passed.
func stat(old string, _ int32) string {
	var ticks uint64 // of all processors, 100 a second of each
	return lines(old, func(line string) (string, bool) {
		w := strings.Fields(line)
		if len(w) < 2 {
			return line, true
		}
		switch {
		case strings.HasPrefix(w[0], "cpu") && len(w) == 11:
			n := numbers(w[1:])
			idle := n[3]
			if w[0] == "cpu" {
				ticks = idle
			}
			// What services, disks and the hypervisor took.
			n[0], n[2], n[4], n[6], n[7] = n[0]+idle/130, n[2]+idle/210, n[4]+idle/900, n[6]+idle/4100, n[7]+idle/2300
			n[3] = idle - min(idle/130+idle/210+idle/900+idle/4100+idle/2300, idle)
			name := w[0]
			if name == "cpu" {
				name += " " // as Linux has it
			}
			return name + " " + strings.Trim(fmt.Sprint(n), "[]"), true
		case w[0] == "intr":
			return counts("intr", ticks/3, w[2:], 40), true
		case w[0] == "softirq":
			return counts("softirq", ticks/5, w[2:], 10), true
		case w[0] == "ctxt":
			return fmt.Sprintf("ctxt %d", ticks/2+1021), true
		case w[0] == "processes":
			return fmt.Sprintf("processes %d", ticks/900+311), true
		}
		return line, true
	})
}

// counts spreads total over the first of the fields, the others being zero.
func counts(name string, total uint64, fields []string, used int) string {
	var b strings.Builder
	parts := make([]uint64, len(fields))
	sum := uint64(0)
	for i := range min(used, len(parts)) {
		parts[i] = total / uint64(2+i*i)
		sum += parts[i]
	}
	fmt.Fprintf(&b, "%s %d", name, sum)
	for _, n := range parts {
		fmt.Fprintf(&b, " %d", n)
	}
	return b.String()
}

// numbers reads each word; what is none, or far too large, counts as zero.
func numbers(words []string) []uint64 {
	out := make([]uint64, len(words))
	for i, w := range words {
		if n, err := strconv.ParseUint(w, 10, 48); err == nil {
			out[i] = n
		}
	}
	return out
}
