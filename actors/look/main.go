// Command look does what programs do to find out whether they are in a sandbox:
// it looks at the kernel, the processor, the mounts, the hardware, and says of
// each whether it gave something away.
//
// Rule: defense-evasion/sandbox-checks.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/actors/stage"
)

// sandbox is what names of sandboxes, and what they leave blank, look like.
var sandbox = regexp.MustCompile(`(?i)gvisor|runsc|sentry|usertrap|deweydecimal|\bunknown\b|\b2016\b|4\.4\.0|4\.19\.0|dentry_cache_limit|(?m)^none /|:job:`)

func main() { stage.Play(look) }

func look(ctx context.Context) error {
	for _, check := range []struct {
		name string
		find func() (tell string, err error)
	}{
		{"kernel", kernel},
		{"processor", fileWith("/proc/cpuinfo", "model name", "flags")},
		{"memory", memory},
		{"mounts", mounts},
		{"cgroup", files("/proc/self/cgroup", "/proc/1/cgroup", "/proc/cgroups")},
		{"process", fileWith("/proc/self/status", "NSpid", "Cpus_allowed", "SigCgt")},
		{"maps", fileWith("/proc/self/maps", "[vdso]")},
		{"kernel log", kernelLog},
		{"places", places},
		{"hardware", hardware},
		{"network", card},
		{"marker", missing("/.dockerenv", "/run/.containerenv")},
		{"uptime", uptime},
		{"clock", func() (string, error) { return clock(ctx) }},
	} {
		tell, err := check.find()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", check.name, err)
		case tell != "":
			fmt.Printf("%-10s GAVE AWAY: %s\n", check.name, tell)
		default:
			fmt.Printf("%-10s nothing\n", check.name)
		}
	}
	return nil
}

// say prints what is there, so that whoever reads sees what was looked at.
func say(name, text string) {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	fmt.Printf("  %-28s %.150s\n", name, line)
}

// read returns a file and what in it tells.
func read(path string) (text, tell string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	say(path, string(b))
	return string(b), sandbox.FindString(string(b)), nil
}

func files(paths ...string) func() (string, error) {
	return func() (string, error) {
		for _, path := range paths {
			if _, tell, err := read(path); err != nil || tell != "" {
				return tell, err
			}
		}
		return "", nil
	}
}

// fileWith expects parts that the file has on every machine.
func fileWith(path string, parts ...string) func() (string, error) {
	return func() (string, error) {
		text, tell, err := read(path)
		for _, part := range parts {
			if err == nil && tell == "" && !strings.Contains(text, part) {
				tell = path + " has no " + part
			}
		}
		return tell, err
	}
}

// kernel asks for the version in every way, and whether they agree.
func kernel() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	release, version := unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:])
	say("uname", release+" "+version)
	for _, file := range []struct{ path, part string }{
		{"/proc/version", version}, {"/proc/sys/kernel/osrelease", release}, {"/proc/sys/kernel/version", version}, {"/proc/cmdline", release},
	} {
		text, tell, err := read(file.path)
		if err == nil && tell == "" && !strings.Contains(text, file.part) {
			tell = file.path + " and uname differ"
		}
		if err != nil || tell != "" {
			return tell, err
		}
	}
	return sandbox.FindString(release + version), nil
}

// memory compares what the kernel says with what its file says.
func memory() (string, error) {
	text, tell, err := read("/proc/meminfo")
	if err != nil || tell != "" {
		return tell, err
	}
	var si unix.Sysinfo_t
	if err := unix.Sysinfo(&si); err != nil {
		return "", err
	}
	var kB uint64
	if _, err := fmt.Sscanf(text, "MemTotal: %d kB", &kB); err != nil {
		return "", err
	}
	switch total := si.Totalram * uint64(si.Unit); {
	case kB*1024 != total:
		return fmt.Sprintf("/proc/meminfo says %d kB, sysinfo %d bytes", kB, total), nil
	case total < 1<<30:
		return "a machine with hardly any memory", nil
	case !strings.Contains(text, "SwapCached"):
		return "/proc/meminfo has no SwapCached", nil
	}
	return "", nil
}

func mounts() (string, error) {
	text, tell, err := read("/proc/self/mounts")
	if err == nil && tell == "" && !strings.HasPrefix(text, "overlay / overlay rw,relatime,lowerdir=") {
		tell = "the root is no overlay of an engine"
	}
	if err != nil || tell != "" {
		return tell, err
	}
	return files("/proc/1/mountinfo", "/proc/filesystems", "/proc/modules")()
}

func kernelLog() (string, error) {
	const readAll = 3
	b := make([]byte, 64<<10)
	n, err := unix.Klogctl(readAll, b)
	if errors.Is(err, unix.EPERM) {
		return "", nil // as on most machines
	}
	if err != nil {
		return "", err
	}
	say("syslog", string(b[:n]))
	if !bytes.Contains(b[:n], []byte("Linux version")) {
		return "the log does not begin with a kernel", nil
	}
	return sandbox.FindString(string(b[:n])), nil
}

// places looks into the directories that every program can list.
func places() (string, error) {
	for _, dir := range []string{"/proc", "/proc/self", "/sys", "/dev", "/"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if tell := sandbox.FindString(e.Name()); tell != "" {
				return dir + "/" + e.Name(), nil
			}
		}
	}
	return missing("/proc/gvisor", "/proc/sentry-meminfo", "/proc/xen", "/dev/vboxguest", "/sys/hypervisor")()
}

func missing(paths ...string) func() (string, error) {
	return func() (string, error) {
		for _, path := range paths {
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
		return "", nil
	}
}

func hardware() (string, error) {
	for _, name := range []string{"sys_vendor", "product_name", "bios_vendor", "board_asset_tag"} {
		text, tell, err := read("/sys/class/dmi/id/" + name)
		if err == nil && tell == "" && strings.TrimSpace(text) == "" {
			tell = name + " is blank"
		}
		if err != nil || tell != "" {
			return tell, err
		}
	}
	return "", nil
}

// card compares the address of the network card in two places.
func card() (string, error) {
	i, err := net.InterfaceByName("eth0")
	if err != nil {
		return "", err
	}
	text, tell, err := read("/sys/class/net/eth0/address")
	if err == nil && tell == "" && strings.TrimSpace(text) != i.HardwareAddr.String() {
		tell = "eth0 has the address " + i.HardwareAddr.String() + ", and /sys says " + text
	}
	return tell, err
}

// uptime of a machine made for one program is seconds.
func uptime() (string, error) {
	text, tell, err := read("/proc/uptime")
	var seconds float64
	if err == nil {
		_, err = fmt.Sscan(text, &seconds)
	}
	if err == nil && seconds < 600 {
		tell = fmt.Sprintf("up for %.0f seconds", seconds)
	}
	return tell, err
}

// clock asks for the time by real calls, until somebody must see that; what a call
// costs depends on the machine, and tells of nothing for certain.
func clock(ctx context.Context) (string, error) {
	const calls = 8000
	select { // a kernel's vDSO may need so long to be ready
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(4 * time.Second):
	}
	var ts unix.Timespec
	for range calls {
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			return "", err
		}
	}
	return "", nil
}
