package runner

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// A process that waits for a processor is granted that time, and one that sleeps
// is granted none.
func TestQueue(t *testing.T) {
	if len(waited(os.Getpid())) == 0 {
		t.Fatal("this kernel has no /proc/PID/task/TID/schedstat: build it with CONFIG_SCHED_INFO")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8 * runtime.NumCPU()))
	q := newQueue(os.Getpid(), maxQueue)
	var busy sync.WaitGroup
	until := time.Now().Add(500 * time.Millisecond)
	for range 8 * runtime.NumCPU() {
		busy.Go(func() {
			for time.Now().Before(until) { // eight times as much as there are processors for
			}
		})
	}
	busy.Wait()
	if got := q.grant(); got == 0 {
		t.Error("threads that waited for a processor are granted no time")
	}
	q.granted = maxQueue
	if got := q.grant(); got != 0 {
		t.Errorf("%s are granted beyond the most", got)
	}
	if got := newQueue(os.Getpid(), maxQueue).grant(); got != 0 {
		t.Errorf("%s are granted to threads that have not waited", got)
	}
}
