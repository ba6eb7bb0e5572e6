package doctor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// probeLimit bounds the time of the probe.
	probeLimit = 10 * time.Second
	// lowDisk is the free space of the cache below which images of ordinary
	// size may not fit: one flattened image of some GB and its layers.
	lowDisk = 4 << 30
	// nobody is the user that root is mapped to in the chamber.
	nobody = 65534
)

func all() []func(context.Context, Options) Check {
	return []func(context.Context, Options) Check{platform, namespaces, seccomp, chamber, cache, memory, cgroups}
}

// platform: gVisor runs on these architectures, and its systrap platform from
// Linux 4.14.77 on (gvisor.dev/docs/user_guide/faq).
func platform(context.Context, Options) Check {
	c := Check{Name: "platform", Status: OK}
	var u unix.Utsname
	release := "unknown"
	if err := unix.Uname(&u); err == nil {
		release = unix.ByteSliceToString(u.Release[:])
	}
	c.Detail = fmt.Sprintf("linux/%s, kernel %s", runtime.GOARCH, release)
	var major, minor int
	_, _ = fmt.Sscanf(release, "%d.%d", &major, &minor)
	switch {
	case runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64":
		c.Status, c.Remedy = Fail, "the sandbox runs on amd64 and arm64 only"
	case major > 0 && (major < 4 || major == 4 && minor < 15):
		c.Status, c.Remedy = Fail, "the sandbox needs Linux 4.15 or newer"
	}
	return c
}

// namespaces makes those that the chamber makes, and uses a right in them: on
// some systems they can be made, but give no rights.
func namespaces(ctx context.Context, o Options) Check {
	c := Check{Name: "namespaces", Status: OK, Detail: "user, mount, pid, network, ipc and uts namespaces can be made"}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.Probe[0], o.Probe[1:]...)
	cmd.Dir = "/"
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = nobody, nobody
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
			unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: gid, Size: 1}},
		Chroot:      "/", // needs CAP_SYS_CHROOT in the new namespace
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		c.Status = Fail
		c.Detail = fmt.Sprintf("cannot be made: %v", err)
		if text := bytes.TrimSpace(out); len(text) > 0 {
			c.Detail += ": " + string(text[:min(len(text), 200)])
		}
		c.Remedy = namespaceRemedy("/proc/sys")
	}
	return c
}

// namespaceRemedy names what forbids namespaces, of the settings that exist
// below sys.
func namespaceRemedy(sys string) string {
	var do []string
	for _, s := range []struct{ name, bad, good string }{
		{"kernel.unprivileged_userns_clone", "0", "1"},
		{"user.max_user_namespaces", "0", "15000"},
		{"kernel.apparmor_restrict_unprivileged_userns", "1", "0"},
	} {
		if readSetting(filepath.Join(sys, strings.ReplaceAll(s.name, ".", "/"))) == s.bad {
			do = append(do, fmt.Sprintf("sysctl -w %s=%s", s.name, s.good))
		}
	}
	if len(do) > 0 {
		return "as root: " + strings.Join(do, "; ")
	}
	return "in a container: run it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined " +
		"--security-opt systempaths=unconfined; otherwise ask who forbids user namespaces here"
}

// seccomp: the sandbox confines itself with filters, and its systrap platform
// catches system calls by the action "trap".
func seccomp(context.Context, Options) Check {
	c := Check{Name: "seccomp", Status: OK}
	actions := strings.Fields(readSetting("/proc/sys/kernel/seccomp/actions_avail"))
	c.Detail = "filter actions: " + strings.Join(actions, " ")
	for _, a := range actions {
		if a == "trap" {
			return c
		}
	}
	c.Status, c.Detail = Fail, "this kernel has no seccomp filters with the action trap"
	c.Remedy = "use a kernel with CONFIG_SECCOMP_FILTER"
	return c
}

// cache: images are kept where we can write, and where there is room.
func cache(_ context.Context, o Options) Check {
	c := Check{Name: "cache", Status: OK}
	fail := func(err error) Check {
		c.Status, c.Detail = Fail, fmt.Sprintf("%s: %v", o.CacheDir, err)
		c.Remedy = "make it writable, or name another with image.cache or DETONAUT_IMAGE_CACHE"
		return c
	}
	if err := os.MkdirAll(o.CacheDir, 0o700); err != nil {
		return fail(err)
	}
	f, err := os.CreateTemp(o.CacheDir, ".doctor-*")
	if err != nil {
		return fail(err)
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return fail(err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(o.CacheDir, &st); err != nil {
		return fail(err)
	}
	free := int64(min(st.Bavail, 1<<40)) * st.Bsize
	c.Detail = fmt.Sprintf("%s is writable, %.1f GB free", o.CacheDir, float64(free)/1e9)
	if free < lowDisk {
		c.Status = Warn
		c.Remedy = "large images will not fit: free some space, or name another directory with image.cache"
	}
	return c
}

// memory: what the images that run at once may use has to be there.
func memory(_ context.Context, o Options) Check {
	c := Check{Name: "memory", Status: OK}
	free, ok := available("/proc/meminfo")
	if !ok {
		c.Status, c.Detail, c.Remedy = Warn, "unknown", "/proc/meminfo should have MemAvailable"
		return c
	}
	need := int64(o.Config.Run.Memory) * int64(o.Config.Scan.Jobs)
	c.Detail = fmt.Sprintf("%.1f GB available; %d at once may use %.1f GB", float64(free)/1e9, o.Config.Scan.Jobs, float64(need)/1e9)
	if free < need {
		c.Status = Warn
		c.Remedy = "lower run.memory or scan.jobs"
	}
	return c
}

// available reads MemAvailable, in bytes.
func available(meminfo string) (int64, bool) {
	for line := range strings.Lines(readSetting(meminfo)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == "MemAvailable:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}

// cgroups are not needed: the sandbox keeps its limits by itself.
func cgroups(context.Context, Options) Check {
	c := Check{Name: "cgroups", Status: OK, Detail: "none; they are not needed"}
	var st unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &st); err == nil {
		c.Detail = "version 1; they are not needed"
		if st.Type == unix.CGROUP2_SUPER_MAGIC {
			c.Detail = "version 2; they are not needed"
		}
	}
	return c
}

// readSetting reads a small file of /proc, "" if it cannot be read.
func readSetting(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
