package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxQueue is the most time that a sandbox is granted because its threads waited
// for a processor.
const maxQueue = 8 * time.Second

// queue tells for how long the threads of a process waited for a processor. On a
// machine that is busy with others that is no time in which the process could have
// done anything. It is used by one goroutine.
type queue struct {
	pid     int
	before  map[string]time.Duration // by thread
	max     time.Duration            // the most that is granted
	granted time.Duration
}

func newQueue(pid int, most time.Duration) *queue {
	return &queue{pid: pid, before: waited(pid), max: most}
}

// grant returns for how much longer than at the last call the thread has waited
// that has waited longest; 0 if that is too little to matter, or too much of all.
func (q *queue) grant() time.Duration {
	var most time.Duration
	for thread, now := range waited(q.pid) {
		most = max(most, now-q.before[thread])
	}
	more := min(most, q.max) - q.granted
	if more < watchInterval {
		return 0
	}
	q.granted += more
	return more
}

// waited reads for how long each thread of a process has waited for a processor
// since it began: the second figure of /proc/PID/task/TID/schedstat (sched-stats of
// the kernel's documentation). Without such statistics there is none.
func waited(pid int) map[string]time.Duration {
	found, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid)) // the pattern is valid
	all := make(map[string]time.Duration, len(found))
	for _, path := range found {
		b, err := os.ReadFile(path)
		fields := strings.Fields(string(b))
		if err != nil || len(fields) < 2 {
			continue // it has ended
		}
		if ns, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			all[path] = time.Duration(ns)
		}
	}
	return all
}
