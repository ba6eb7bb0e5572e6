package machine

import (
	"slices"
	"strings"
)

// mounts shows what is mounted as Docker has it, in /proc/PID/mounts:
//
//	none / overlay rw,size=524288k 0 0
func (f *Face) mounts(old string, _ int32) string {
	return lines(old, func(line string) (string, bool) {
		w := strings.Split(line, " ")
		if len(w) != 6 {
			return line, true
		}
		m := f.mounted(w[1], w[2])
		w[0], w[2], w[3] = m.source, m.kind, join(m.flagsOf(w[3]), m.data(w[3]))
		return strings.Join(w, " "), true
	})
}

// mountInfo does the same in /proc/PID/mountinfo:
//
//	18 17 0:20 / / rw - overlay none rw,size=524288k
func (f *Face) mountInfo(old string, _ int32) string {
	return lines(old, func(line string) (string, bool) {
		head, tail, ok := strings.Cut(line, " - ")
		h, t := strings.Split(head, " "), strings.Split(tail, " ")
		if !ok || len(h) < 6 || len(t) != 3 {
			return line, true
		}
		m := f.mounted(h[4], t[0])
		access, _, _ := strings.Cut(t[2], ",")
		h[5] = m.flagsOf(h[5])
		t[0], t[1], t[2] = m.kind, m.source, join(access, m.data(t[2]))
		return strings.Join(h, " ") + " - " + strings.Join(t, " "), true
	})
}

// mount is how one file system is shown.
type mount struct {
	source, kind string
	// flags are added to those that gVisor has, options to those of the file
	// system's own that begin with one of keep.
	flags, keep []string
	options     string
}

// mounted returns how the file system of a kind is shown at a place.
func (f *Face) mounted(at, kind string) mount {
	switch {
	case kind == "overlay" && at == "/":
		return mount{source: "overlay", kind: kind, options: f.overlay()}
	case kind == "dev":
		return mount{source: "tmpfs", kind: "tmpfs", flags: []string{"nosuid"}, options: "size=65536k,mode=755,inode64"}
	case kind == "devpts":
		return mount{source: kind, kind: kind, flags: []string{"nosuid", "noexec"}, options: "gid=5,mode=620,ptmxmode=666"}
	case kind == "tmpfs" && at == "/dev/shm":
		return mount{source: "shm", kind: kind, flags: []string{"nodev"}, keep: []string{"size="}, options: "inode64"}
	case kind == "tmpfs":
		return mount{source: kind, kind: kind, keep: []string{"size=", "mode="}, options: "inode64"}
	case kind == "proc" || kind == "sysfs":
		return mount{source: kind, kind: kind, flags: []string{"nodev"}}
	}
	return mount{source: kind, kind: kind, keep: []string{""}}
}

// overlay are the options of Docker's root: a layer of the container, one with its
// names, and two of the image.
func (f *Face) overlay() string {
	const dir = "/var/lib/docker/overlay2/"
	link := func(of string) string { return dir + "l/" + strings.ToUpper(base32(f.name(of))) }
	top := dir + f.name("container")
	return "lowerdir=" + link("names") + ":" + link("image") + ":" + link("base") + ",upperdir=" + top + "/diff,workdir=" + top + "/work"
}

// base32 writes hex digits as letters and digits, as Docker names links: 26 of them.
func base32(hex string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var b strings.Builder
	for i := 0; i < 52; i += 2 {
		b.WriteByte(digits[(hex[i]*7+hex[i+1])%32])
	}
	return b.String()
}

// flagsOf are the flags among options and those of m, in the order of Linux.
func (m mount) flagsOf(options string) string {
	has := make(map[string]bool)
	for _, o := range append(strings.Split(options, ","), m.flags...) {
		has[o] = true
	}
	access, times := "rw", "relatime"
	if has["ro"] {
		access = "ro"
	}
	if has["noatime"] {
		times = "noatime"
	}
	shown := access
	for _, o := range []string{"nosuid", "nodev", "noexec"} {
		if has[o] {
			shown += "," + o
		}
	}
	return shown + "," + times
}

// data are the options of the file system's own among options, and those of m.
func (m mount) data(options string) string {
	var kept []string
	for o := range strings.SplitSeq(options, ",") {
		switch {
		case slices.Contains([]string{"rw", "ro", "nosuid", "nodev", "noexec", "noatime"}, o), strings.HasPrefix(o, "dentry_cache_limit="):
		case slices.ContainsFunc(m.keep, func(prefix string) bool { return strings.HasPrefix(o, prefix) }):
			kept = append(kept, o)
		}
	}
	return join(strings.Join(kept, ","), m.options)
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "," + b
}
