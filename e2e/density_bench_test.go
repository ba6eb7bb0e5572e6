//go:build linux

package e2e_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/detonaut/detonaut/chamber/plan"
)

const (
	// crowd is how many idle runs are there at once, timed is how many runs
	// are timed together.
	crowd = 16
	timed = 24
	// room is the memory that idle runs are to fit in.
	room = 16 << 30
	// watched is for how long they are watched, in seconds.
	watched = 5
)

// BenchmarkDensity measures what many runs whose programs sleep hold and use,
// and tells how many would fit if each took as much: what is measured and what
// is extrapolated are apart. The share of a run in the pages that all have gets
// smaller the more there are, so it is a careful guess.
func BenchmarkDensity(b *testing.B) {
	w := newWorkbench(b)
	var shares, losses, uses []float64
	for b.Loop() {
		for range rounds {
			share, loss, use := w.crowd(b)
			shares, losses, uses = append(shares, share), append(losses, loss), append(uses, use)
		}
	}
	share, loss, use := median(shares), median(losses), median(uses)
	b.ReportMetric(share/1e6, "MB/run")
	b.ReportMetric(use, "cpu-s/s")
	t := newSheet(fmt.Sprintf("%d idle runs at once", crowd), "each", "how many fit, extrapolated")
	t.row("MB of memory, by the proportional set size of their processes; in 16 GiB", share/1e6, room/share)
	t.row("MB of memory, by what the machine has less available; in 16 GiB", loss/1e6, room/loss)
	t.row(fmt.Sprintf("CPU seconds in a second; on %d cores", runtime.NumCPU()), use, float64(runtime.NumCPU())/use)
	t.publish(b, "density")
}

// crowd is what each of many idle runs holds, by what its processes have and by
// what the machine has less of, in bytes, and what it uses of a processor.
func (w *workbench) crowd(b *testing.B) (share, loss, use float64) {
	b.Helper()
	before := available(b)
	var all []*exec.Cmd
	var tapes []io.Reader
	for range crowd {
		cmd, rest := w.asleep(b)
		all, tapes = append(all, cmd), append(tapes, rest)
	}
	for _, cmd := range all {
		share += overTree(b, cmd.Process.Pid, proportionalSize) / crowd
	}
	loss = (before - available(b)) / crowd
	for _, cmd := range all {
		use -= overTree(b, cmd.Process.Pid, processorTime)
	}
	time.Sleep(watched * time.Second)
	for _, cmd := range all {
		use += overTree(b, cmd.Process.Pid, processorTime)
	}
	for i, cmd := range all {
		end(b, cmd, tapes[i])
	}
	return share, loss, use / crowd / watched
}

// available is the memory that this machine can still give, in bytes.
func available(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	must(b, err)
	kib, err := strconv.ParseFloat(string(regexp.MustCompile(`(?m)^MemAvailable:\s+(\d+) kB`).FindSubmatch(text)[1]), 64)
	must(b, err)
	return kib * 1024
}

// BenchmarkStarts measures how many runs of a program that exits at once there
// are in a second, one after the other and several at a time.
func BenchmarkStarts(b *testing.B) {
	w := newWorkbench(b)
	t := newSheet("at a time", "runs a second", "CPU seconds for each")
	for _, jobs := range []int{1, 2, 4} {
		b.Run(strconv.Itoa(jobs), func(b *testing.B) {
			var speed, cost []float64
			for b.Loop() {
				for range rounds {
					elapsed, used := w.start(b, jobs)
					speed, cost = append(speed, timed/elapsed.Seconds()), append(cost, used/timed)
				}
			}
			b.ReportMetric(median(speed), "runs/s")
			b.ReportMetric(median(cost), "cpu-s/run")
			t.row(strconv.Itoa(jobs), median(speed), median(cost))
		})
	}
	t.publish(b, "starts")
}

// start makes some runs, so many at a time.
func (w *workbench) start(b *testing.B, jobs int) (elapsed time.Duration, used float64) {
	b.Helper()
	queue := make(chan *exec.Cmd, timed)
	for range timed {
		queue <- w.chamber(b, "exit", plan.Normal)
	}
	close(queue)
	costs := make([]float64, jobs)
	begin := time.Now()
	var all sync.WaitGroup
	for i := range jobs {
		all.Go(func() {
			for cmd := range queue {
				cost, err := processor(cmd)
				if err != nil {
					b.Error(err)
					return
				}
				costs[i] += cost
			}
		})
	}
	all.Wait()
	elapsed = time.Since(begin)
	for _, c := range costs {
		used += c
	}
	return elapsed, used
}
