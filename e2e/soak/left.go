//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// leftovers looks for what runs leave behind, when none is under way: every run
// has tmp for its temporary files, and its orphans become children of this
// process.
type leftovers struct {
	tmp string
	// patience is how long the kernel may take to forget what has ended.
	patience time.Duration
	// cgroups are those that were there before.
	cgroups map[string]bool
}

func newLeftovers(tmp string) (*leftovers, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("adopt orphans: %w", err)
	}
	if err := os.Setenv("TMPDIR", tmp); err != nil {
		return nil, err
	}
	return &leftovers{tmp: tmp, patience: 5 * time.Second, cgroups: cgroups()}, nil
}

// look lists what is left.
func (l *leftovers) look(ctx context.Context) (left []string) {
	deadline := time.NewTimer(l.patience)
	defer deadline.Stop()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if left = l.now(); len(left) == 0 {
			return nil
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return left
		case <-ctx.Done():
			return left
		}
	}
}

func (l *leftovers) now() (left []string) {
	left = append(left, children()...)
	entries, err := os.ReadDir(l.tmp)
	if err != nil {
		left = append(left, err.Error())
	}
	for _, e := range entries {
		left = append(left, "file "+filepath.Join(l.tmp, e.Name()))
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		left = append(left, err.Error())
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, l.tmp) {
			left = append(left, "mount "+strings.TrimSpace(line))
		}
	}
	for name := range cgroups() {
		if !l.cgroups[name] {
			left = append(left, "cgroup "+name)
		}
	}
	return left
}

// children lists the processes whose parent this one is, zombies included.
func children() (found []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil { // it has ended
			continue
		}
		// pid (name) state ppid ..., where the name may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			found = append(found, "process "+string(stat[:bytes.LastIndexByte(stat, ')')+1])+", state "+fields[0])
		}
	}
	return found
}

// cgroups lists the control groups that are named for a sandbox.
func cgroups() map[string]bool {
	found := make(map[string]bool)
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir // it has ended
		}
		if name := d.Name(); d.IsDir() && (strings.Contains(name, "detonaut") || strings.Contains(name, "runsc")) {
			found[path] = true
		}
		return nil
	})
	return found
}
