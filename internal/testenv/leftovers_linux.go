package testenv

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Leftovers tells what runs of Detonaut have left on this machine: processes,
// mounts, cgroups and files that were not there when it was made. A namespace
// lives as long as a process in it or a mount of it, so these tell of namespaces,
// too. It is safe for several goroutines.
type Leftovers struct {
	programs []os.FileInfo
	dirs     []string
	before   map[string]bool
}

// sharedPlaces are where runs might leave files, beside those of other programs.
var sharedPlaces = []string{"/tmp", "/var/tmp", "/dev/shm", "/run", "/mnt"}

// NewLeftovers is LookBefore for a test.
func NewLeftovers(tb testing.TB, programs []string, dirs ...string) *Leftovers {
	tb.Helper()
	l, err := LookBefore(programs, dirs...)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// LookBefore looks at the machine before the runs. Processes are known by
// their programs: whoever wants to see those of its own runs only makes copies
// of the binaries. dirs belong to the runs alone, and nothing may be left
// below them; a directory that does not exist is empty.
func LookBefore(programs []string, dirs ...string) (*Leftovers, error) {
	l := &Leftovers{dirs: dirs}
	for _, p := range programs {
		info, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("look at a program: %w", err)
		}
		l.programs = append(l.programs, info)
	}
	l.before = l.now()
	return l, nil
}

// leftoversGrace is how long Check waits for what is not ours to be gone: in
// places that are shared others may be at work.
const leftoversGrace = 2 * time.Second

// Check fails tb for everything that is left, when all runs are over.
func (l *Leftovers) Check(tb testing.TB) {
	tb.Helper()
	left := l.Find()
	again := time.NewTicker(leftoversGrace / 20)
	defer again.Stop()
	for end := time.Now().Add(leftoversGrace); len(left) > 0 && time.Now().Before(end); left = l.Find() {
		<-again.C
	}
	for _, what := range left {
		tb.Errorf("left behind: %s", what)
	}
}

// Find lists what is there and was not before, in words, sorted.
func (l *Leftovers) Find() (left []string) {
	for what := range l.now() {
		if !l.before[what] {
			left = append(left, what)
		}
	}
	slices.Sort(left)
	return left
}

func (l *Leftovers) now() map[string]bool {
	found := make(map[string]bool)
	add := func(format string, args ...any) { found[fmt.Sprintf(format, args...)] = true }
	for _, p := range processes() {
		// A zombie has no program any more; ours has us as a parent.
		if l.ours(p.pid) || p.state == "Z" && p.parent == os.Getpid() {
			add("process %d (%s), started at %s, state %s", p.pid, p.name, p.started, p.state)
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && l.near(fields[4]) {
			add("mount %s", strings.TrimSpace(line))
		}
	}
	below := func(root string, visit func(path string, d fs.DirEntry)) {
		// What cannot be read, or is gone by now, is not there.
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && path != root {
				visit(path, d)
			}
			return nil
		})
	}
	own := ownGroups()
	below(groups, func(path string, d fs.DirEntry) {
		if d.IsDir() && (named(path) || slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(path, o) })) {
			add("cgroup %s", path)
		}
	})
	for _, dir := range l.dirs {
		below(dir, func(path string, _ fs.DirEntry) { add("file %s", path) })
	}
	for _, dir := range sharedPlaces {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); suspect(path) {
				add("file %s", path)
			}
		}
	}
	return found
}

// ours tells whether a process runs one of the programs.
func (l *Leftovers) ours(pid int) bool {
	exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && slices.ContainsFunc(l.programs, func(p os.FileInfo) bool { return os.SameFile(p, exe) })
}

// near tells whether a mount point is where runs might make one. In places that are
// shared others mount as well, to make a root file system for example.
func (l *Leftovers) near(point string) bool {
	return named(point) || slices.ContainsFunc(l.dirs, func(dir string) bool { return strings.HasPrefix(point, dir+"/") }) ||
		slices.ContainsFunc(sharedPlaces, func(dir string) bool {
			inside, ok := strings.CutPrefix(point, dir+"/")
			first, _, _ := strings.Cut(inside, "/")
			return ok && suspect(filepath.Join(dir, first))
		})
}

// groups is where control groups are seen.
const groups = "/sys/fs/cgroup"

// ownGroups are the control groups of this process, each with a final slash: those
// of its children begin there. Others make groups elsewhere all the time.
func ownGroups() (own []string) {
	of, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(of)) {
		hierarchy := strings.SplitN(strings.TrimSpace(line), ":", 3) // cgroups(7)
		if len(hierarchy) < 3 {
			continue
		}
		mount := filepath.Join(groups, strings.TrimPrefix(hierarchy[1], "name="))
		if unified := filepath.Join(groups, "unified"); hierarchy[1] == "" && isDir(unified) { // beside those of version 1
			mount = unified
		}
		own = append(own, filepath.Join(mount, hierarchy[2])+"/")
	}
	return own
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// named tells whether a path has one of our names, or of gVisor's.
func named(path string) bool {
	return slices.ContainsFunc([]string{"detonaut", "runsc", "gvisor"}, func(name string) bool {
		return strings.Contains(filepath.Base(path), name)
	})
}

// suspect tells whether a file of a place that is shared may be of a run: it names one
// of ours, or it belongs to nobody whom the machine knows, as the processes of a run do.
func suspect(path string) bool {
	if named(path) {
		return true
	}
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Getuid() {
		return false
	}
	account, err := user.LookupId(strconv.Itoa(int(stat.Uid)))
	return err != nil || account.Username == "nobody"
}
