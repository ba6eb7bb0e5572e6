package runner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The runtimes of the sandbox and of this process wake a thread now and then for
// their own sake, and after each answer: a look that finds one is taken again.
const (
	restTime  = 40 * time.Millisecond
	restPause = time.Millisecond
	// A sandbox alone is looked at before each jump of its clocks, and seldom in vain.
	stillPause = 100 * time.Microsecond
)

// atRest tells whether the sandbox of that process does nothing, nor is about to: every
// thread sleeps. On a busy machine a thread that waits for its turn does not sleep,
// however long that takes. What a timer is going to do is not known here. With network
// the same is to hold of this process, and nothing to be on its way between the two.
func atRest(pid int, net *internet, network bool) bool {
	look, pause := func() bool { return allAsleep(pid, 0) }, stillPause
	if network {
		look, pause = func() bool { return rests(pid, net.inTransit) }, restPause
	}
	for late := time.Now().Add(restTime); !look(); <-time.After(pause) {
		if time.Now().After(late) {
			return false
		}
	}
	return true
}

// rests takes one look at all threads, which takes a while: one may wake another that
// was looked at already, and fall asleep. So they are looked at again.
func rests(pid int, inTransit func() bool) bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	asleep := func() bool { return allAsleep(pid, 0) && allAsleep(os.Getpid(), unix.Gettid()) }
	return asleep() && !inTransit() && asleep()
}

// allAsleep tells whether every thread of a process, but for one, waits for something
// other than a processor (the state in proc_pid_stat(5)).
func allAsleep(pid, but int) bool {
	found, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // the pattern is valid
	for _, path := range found {
		if filepath.Base(filepath.Dir(path)) == strconv.Itoa(but) {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name, which may have anything in it, is in brackets.
		if _, state, ok := bytes.Cut(b[bytes.LastIndexByte(b, ')')+1:], []byte(" ")); !ok || state[0] != 'S' {
			return false
		}
	}
	return true
}
