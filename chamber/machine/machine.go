// Package machine is the face that a subject is shown: what the files of /proc
// and /sys, the kernel's log and the calls that ask for the machine would say on
// the machine of a plan.
//
// It makes texts of texts. gVisor's own are the start, so that what it knows
// (processes, mounts, memory in use) stays true. It imports the standard library
// only, and takes any text: a subject that mounts has a hand in it.
package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/detonaut/detonaut/chamber/plan"
)

// Face is what is needed to know to draw one.
type Face struct {
	plan.Machine
	// Hostname is that of the plan.
	Hostname string
	// Processors is how many the subject sees.
	Processors int
	// Card is set when there is a network card besides the loopback.
	Card bool
}

// Blank tells whether there is nothing to show: gVisor's own face stays.
func (f *Face) Blank() bool { return f.Machine == (plan.Machine{}) }

// Edit makes of the text that gVisor has the one that is shown. reader is the
// process that reads, as it knows itself.
type Edit func(text string, reader int32) string

// Proc returns how the file of /proc is shown, path being that below it: "/version",
// "/7/mounts". It returns nil for what is shown as it is.
func (f *Face) Proc(path string) Edit {
	if f.Blank() {
		return nil
	}
	rest := strings.TrimPrefix(path, "/")
	if rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		_, rest, _ = strings.Cut(rest, "/")
		if tail, ok := strings.CutPrefix(rest, "task/"); ok {
			_, rest, _ = strings.Cut(tail, "/")
		}
		return f.process(rest)
	}
	constant := func(text string) Edit { return func(string, int32) string { return text } }
	switch rest {
	case "version":
		return f.version
	case "sys/kernel/osrelease":
		return ended(f.Release)
	case "sys/kernel/version":
		return ended(f.Version)
	case "cmdline":
		return f.commandLine
	case "cpuinfo":
		return f.processors
	case "meminfo":
		return f.memory
	case "stat":
		return stat
	case "loadavg":
		return load
	case "cgroups":
		return constant(cgroups)
	case "filesystems":
		return constant(filesystems)
	case "modules":
		return constant(modules)
	}
	return nil
}

// process returns how a file of a process's own directory is shown.
func (f *Face) process(name string) Edit {
	switch name {
	case "mounts":
		return f.mounts
	case "mountinfo":
		return f.mountInfo
	case "cgroup": // of version 2, in a namespace of its own
		return func(string, int32) string { return "0::/\n" }
	case "status":
		return f.status
	case "maps", "smaps":
		return memoryMap
	}
	return nil
}

// ended shows s, where there is one, as a line.
func ended(s string) Edit {
	return func(old string, _ int32) string {
		if s == "" {
			return strings.TrimSuffix(old, "\n") + "\n"
		}
		return s + "\n"
	}
}

// name makes an id of hex digits, as long as a hash, the same in every run of one
// image.
func (f *Face) name(of string) string {
	sum := sha256.Sum256([]byte(of + " of " + f.Hostname))
	return hex.EncodeToString(sum[:])
}

// Who compiled the kernel, and with what, as /proc/version has it.
const (
	debian = "(debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40)"
	others = "(root@build) (gcc (GCC) 12.2.0, GNU ld (GNU Binutils) 2.40)"
)

func (f *Face) version(old string, _ int32) string {
	words := strings.SplitN(strings.TrimSpace(old), " ", 4) // Linux version RELEASE VERSION
	release, version := f.Release, f.Version
	if release == "" && len(words) > 2 {
		release = words[2]
	}
	if version == "" && len(words) > 3 {
		version = words[3]
	}
	by := others
	if strings.Contains(version, "Debian") {
		by = debian
	}
	return "Linux version " + release + " " + by + " " + version + "\n"
}

func (f *Face) commandLine(old string, _ int32) string {
	if f.Release == "" {
		return old
	}
	return f.bootLine() + "\n"
}

func (f *Face) bootLine() string {
	id := f.name("root disk")
	return "BOOT_IMAGE=/boot/vmlinuz-" + f.Release + " root=PARTUUID=" +
		strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:32]}, "-") +
		" ro console=tty0 console=ttyS0,115200 earlyprintk=ttyS0,115200 consoleblank=0"
}

// lines calls edit for each line, without its end, and joins what it returns: a
// line is left out if keep is false.
func lines(text string, edit func(line string) (shown string, keep bool)) string {
	var b strings.Builder
	b.Grow(len(text) + len(text)/4)
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		shown, keep := edit(line)
		if !keep {
			continue
		}
		b.WriteString(shown)
		if ended {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// These are of a Debian machine in a cloud that runs containers. No name of a
// file system is missing that can be mounted.
var (
	filesystems = list("nodev\t%\n", "sysfs", "tmpfs", "bdev", "proc", "cgroup", "cgroup2", "devtmpfs", "configfs", "debugfs", "tracefs",
		"securityfs", "sockfs", "bpf", "pipefs", "ramfs", "hugetlbfs", "devpts", "mqueue", "pstore", "autofs", "efivarfs", "fuse", "fusectl",
		"overlay", "9p") + "\text3\n\text2\n\text4\n\tfuseblk\n\tsquashfs\n\terofs\n"
	cgroups = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n" + list("%\t0\t84\t1\n", "cpuset", "cpu", "cpuacct", "blkio", "memory",
		"devices", "freezer", "net_cls", "perf_event", "net_prio", "hugetlb", "pids", "rdma", "misc")
	modules = list("% Live 0x0000000000000000\n", "veth 36864 0 -", "xt_nat 16384 1 -", "xt_conntrack 16384 2 -", "xt_MASQUERADE 20480 2 -",
		"nf_conntrack_netlink 57344 0 -", "nfnetlink 20480 3 nf_conntrack_netlink,", "xt_addrtype 16384 2 -", "iptable_filter 16384 1 -",
		"iptable_nat 16384 1 -", "nf_nat 57344 3 xt_nat,xt_MASQUERADE,iptable_nat,",
		"nf_conntrack 188416 5 xt_nat,xt_conntrack,xt_MASQUERADE,nf_conntrack_netlink,nf_nat,", "br_netfilter 36864 0 -",
		"bridge 311296 1 br_netfilter,", "stp 16384 1 bridge,", "llc 16384 2 bridge,stp,", "overlay 163840 8 -", "crc32c_intel 24576 3 -",
		"nvme 57344 2 -", "nvme_core 163840 4 nvme,", "ena 147456 0 -", "ext4 983040 1 -", "mbcache 16384 1 ext4,", "jbd2 167936 1 ext4,")
)

// list writes a line for each word, with the word in the place of %.
func list(format string, words ...string) string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		out = append(out, strings.Replace(format, "%", w, 1))
	}
	return strings.Join(slices.Clip(out), "")
}
