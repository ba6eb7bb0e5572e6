package machine_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/chamber/machine"
	"github.com/detonaut/detonaut/chamber/plan"
)

// face is that of a subject of the default machine.
func face() *machine.Face {
	return &machine.Face{Machine: plan.DefaultMachine(), Hostname: "90319187bc54", Processors: 2, Card: true}
}

// gVisor's own texts, in short.
var own = map[string]string{
	"/version":              "Linux version 4.19.0-gvisor #1 SMP Sun Jan 10 15:06:54 PST 2016\n",
	"/sys/kernel/osrelease": "4.19.0-gvisor",
	"/sys/kernel/version":   "#1 SMP Sun Jan 10 15:06:54 PST 2016",
	"/cmdline":              "BOOT_IMAGE=/vmlinuz-4.19.0-gvisor quiet\n",
	"/cpuinfo": "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 175\nmodel\t\t: 1\nmodel name\t: unknown\nstepping\t: unknown\n" +
		"cpu MHz\t\t: 2445.402\ncache size\t: 8192 KB\nflags\t\t: fpu hypervisor\nbogomips\t: 2445.40\npower management:\n\n",
	"/meminfo": "MemTotal:       24683656 kB\nMemFree:        24683324 kB\nCached:               24 kB\nAnonPages:           320 kB\n",
	"/7/mounts": "none / overlay rw,size=524288k 0 0\nnone /dev dev rw,mode=0755 0 0\nnone /sys sysfs ro,nosuid,noexec,dentry_cache_limit=1000 0 0\n" +
		"none /dev/pts devpts rw 0 0\nnone /dev/shm tmpfs rw,nosuid,noexec,size=131072k,mode=1777 0 0\nnone /tmp/a\\040b tmpfs rw,noatime 0 0\n",
	"/7/mountinfo":     "18 17 0:20 / / rw - overlay none rw,size=524288k\n23 18 0:24 / /proc rw,nosuid,noexec - proc none rw,dentry_cache_limit=1000\n",
	"/7/task/9/cgroup": "7:pids:/\n5:job:/\n",
	"/1/status": "Name:\tcat\nState:\tR (running)\nTgid:\t7\nPid:\t9\nTracerPid:\t0\nGroups:\t0 \nVmSize:\t10700 kB\nVmRSS:\t4276 kB\nVmData:\t360 kB\n" +
		"Threads:\t1\nCapInh:\t0000000000000000\nSeccomp:\t0\nMems_allowed:\t1\n",
	"/7/maps": "00060000-00065000 r-xp 00000000 00:00 0                                  [usertrap]\n" +
		"00400000-0041f000 r--p 00000000 00:1b 2563                               /usr/bin/python3.11\n" +
		"7ec91981d000-7ec91981e000 r--p 00000000 00:00 0                          [vvar]\n7ec91981e000-7ec919820000 r-xp 00000000 00:00 0 \n",
	"/7/smaps": "00060000-00065000 r-xp 00000000 00:00 0                                  [usertrap]\nSize:                 20 kB\n" +
		"00400000-0041f000 r--p 00000000 00:1b 2563                               /usr/bin/python3.11\nSize:                124 kB\n",
	"/stat":        "cpu  6 0 5 160000000 0 0 0 0 0 0\ncpu0 3 0 3 80000000 0 0 0 0 0 0\nintr 0 0 0\nctxt 0\nbtime 1795559470\nprocesses 0\nsoftirq 0 0 0\n",
	"/loadavg":     "0.00 0.00 0.00 0/0 0\n",
	"/cgroups":     "#subsys_name\thierarchy\tnum_cgroups\tenabled\njob\t5\t1\t1\n",
	"/filesystems": "nodev\tproc\n",
	"/modules":     "",
}

// want are lines, as patterns, of what is shown instead.
var want = map[string][]string{
	"/version":              {`Linux version 6\.1\.0-28-cloud-amd64 \(debian-kernel@.*\) #1 SMP PREEMPT_DYNAMIC Debian 6\.1\.119-1 \(2024-11-22\)`},
	"/sys/kernel/osrelease": {`6\.1\.0-28-cloud-amd64`},
	"/sys/kernel/version":   {`#1 SMP PREEMPT_DYNAMIC Debian .*`},
	"/cmdline":              {`BOOT_IMAGE=/boot/vmlinuz-6\.1\.0-28-cloud-amd64 root=PARTUUID=[0-9a-f-]{36} ro .*`},
	"/cpuinfo": {
		"vendor_id\t: GenuineIntel", "cpu family\t: 6", "model\t\t: 85", "model name\t: Intel\\(R\\) Xeon\\(R\\) .*", "stepping\t: 7", "microcode\t: 0x5003801",
		"cpu MHz\t\t: 2499\\.998", "cache size\t: 36608 KB", "flags\t\t: fpu hypervisor", "bogomips\t: 4999\\.99",
	},
	"/meminfo": {`MemTotal:        7962624 kB`, `MemFree:         44\d{5} kB`, `SwapCached:            0 kB`, `DirectMap2M:     \d{7} kB`},
	"/7/mounts": {
		`overlay / overlay rw,relatime,lowerdir=/var/lib/docker/overlay2/l/[A-Z2-7]{26}:\S*,upperdir=/var/lib/docker/overlay2/[0-9a-f]{64}/diff,workdir=\S+/work 0 0`,
		`tmpfs /dev tmpfs rw,nosuid,relatime,size=65536k,mode=755,inode64 0 0`, `sysfs /sys sysfs ro,nosuid,nodev,noexec,relatime 0 0`,
		`devpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666 0 0`,
		`shm /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=131072k,inode64 0 0`, `tmpfs /tmp/a\\040b tmpfs rw,noatime,inode64 0 0`,
	},
	"/7/mountinfo":     {`18 17 0:20 / / rw,relatime - overlay overlay rw,lowerdir=\S+`, `23 18 0:24 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw`},
	"/7/task/9/cgroup": {`0::/`},
	"/1/status": {
		"Umask:\t0022", "Ngid:\t0", "Pid:\t9", "NStgid:\t7", "NSpid:\t9", "VmPeak:\t   10700 kB", "VmHWM:\t    4276 kB", "SigCgt:\t0000000000000000",
		"Seccomp_filters:\t0", "Cpus_allowed:\t3", "Cpus_allowed_list:\t0-1",
	},
	"/7/maps":      {`7ec91981e000-7ec919820000 r-xp 00000000 00:00 0 {26}\[vdso\]`, `00400000-0041f000 .*/python3.11`},
	"/7/smaps":     {`Size:                124 kB`},
	"/stat":        {`cpu  1230\d+ 0 \d{6} 15\d{7} \d+ 0 \d+ \d+ 0 0`, `intr \d{8} \d+ \d+`, `ctxt \d{8}`, `btime 1795559470`, `processes \d{6}`, `softirq \d{8} \d+ \d+`},
	"/loadavg":     {`0\.08 0\.03 0\.01 1/148 7`},
	"/cgroups":     {"memory\t0\t84\t1"},
	"/filesystems": {"nodev\tproc", "\text4"},
	"/modules":     {`overlay 163840 8 - Live 0x0{16}`},
}

// tells is what would tell of gVisor.
var tells = regexp.MustCompile(`(?i)gvisor|runsc|4\.19\.0|2016|unknown|job|usertrap|dentry_cache|\bdev dev\b|none`)

// Of every file that gVisor makes its own, the machine's is shown.
func TestProc(t *testing.T) {
	for path, text := range own {
		edit := face().Proc(path)
		if edit == nil {
			t.Errorf("%s is shown as gVisor has it", path)
			continue
		}
		got := edit(text, 7)
		if tell := tells.FindString(got); tell != "" {
			t.Errorf("%s tells of gVisor: %q in\n%s", path, tell, got)
		}
		for _, line := range want[path] {
			if !regexp.MustCompile("(?m)^" + line + "$").MatchString(got) {
				t.Errorf("%s has no line %s:\n%s", path, line, got)
			}
		}
		if !strings.HasSuffix(got, "\n") {
			t.Errorf("%s does not end with a line", path)
		}
	}
	for _, path := range []string{"/uptime", "/7/cmdline", "/7/fd/mounts", "/self", "/", "", "/7", "/7/task"} {
		if face().Proc(path) != nil {
			t.Errorf("%q is not shown as it is", path)
		}
	}
}

// A machine of which nothing is known keeps gVisor's face, and one of which only
// something is known, gVisor's for the rest.
func TestBlank(t *testing.T) {
	blank := machine.Face{Hostname: "a", Processors: 2, Card: true}
	for path := range own {
		if blank.Proc(path) != nil {
			t.Errorf("%s of no machine is edited", path)
		}
	}
	if blank.Log() != "" || blank.Hardware() != nil || blank.Cards() != nil {
		t.Error("no machine has a log, hardware or cards")
	}
	partly := machine.Face{Machine: plan.Machine{Vendor: "Google"}, Processors: 1}
	for _, path := range []string{"/version", "/cpuinfo", "/meminfo", "/cmdline"} {
		if got := partly.Proc(path)(own[path], 7); got != own[path] && path != "/version" || path == "/version" && !strings.Contains(got, "4.19.0-gvisor") {
			t.Errorf("%s = %q, want gVisor's own", path, got)
		}
	}
}

// The log is that of the machine, in the order of its times.
func TestLog(t *testing.T) {
	log := face().Log()
	for _, s := range []string{"6.1.0-28-cloud-amd64", "Amazon EC2 t3.large", "Platinum 8259CL", "7962624K/8388608K", "Allowing 2 CPUs"} {
		if !strings.Contains(log, s) {
			t.Errorf("the log has no %q:\n%s", s, log)
		}
	}
	line, last := regexp.MustCompile(`^<[56]>\[ *(\d+\.\d{6})\] .+\n$`), ""
	for l := range strings.Lines(log) {
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("line %q of the log has not its form", l)
		}
		if at := strings.Repeat("0", 12-len(m[1])) + m[1]; at < last {
			t.Errorf("line %q of the log is out of order", l)
		} else {
			last = at
		}
	}
}

// The card is that of the plan, and there is none without a network.
func TestCards(t *testing.T) {
	f := face()
	f.MAC = "06:1f:8d:70:2b:5d"
	if got := f.Cards()["eth0"]["address"]; got != "06:1f:8d:70:2b:5d\n" {
		t.Errorf("address = %q", got)
	}
	f.Card = false
	if _, ok := f.Cards()["eth0"]; ok || len(f.Cards()) != 1 {
		t.Error("a card without a network")
	}
}

// What is free follows what is used, and is never more than there is.
func TestMemory(t *testing.T) {
	f := face()
	if a, b := f.Free(0), f.Free(1<<30); a-b != 1<<30 || a > f.RAM() {
		t.Errorf("free = %d, with a GiB used %d, of %d", a, b, f.RAM())
	}
	if got := f.Free(1 << 62); got == 0 || got > f.RAM() {
		t.Errorf("free = %d, want a rest", got)
	}
}

// Any text may come: a subject names mounts and mappings.
func FuzzProc(f *testing.F) {
	for path, text := range own {
		f.Add(path, text, "model @ 2.50GHz", int64(1<<30), 2)
	}
	f.Fuzz(func(t *testing.T, path, text, processor string, memory int64, processors int) {
		shown := face()
		shown.Processor, shown.Memory, shown.Processors = processor, memory, processors
		edit := shown.Proc(path)
		if edit == nil {
			return
		}
		if got := edit(text, 7); len(got) > 64*len(text)+1<<16 {
			t.Errorf("%s grew from %d bytes to %d", path, len(text), len(got))
		}
		_ = shown.Log()
	})
}
