//go:build linux

package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// warm is how many rounds pass before what is held is taken for what it will
// always be.
const warm = 3

// figures are what must stay flat, in the units of their names.
var figures = []struct {
	name string
	read func() float64
	// grows is how much more than after the first rounds there may be.
	grows float64
	// shared is set when others on this machine change it too: it is reported,
	// and nothing else.
	shared bool
}{
	{name: "heap after a collection, MB", read: heap, grows: 16},
	{name: "resident memory, MB", read: func() float64 { return kib("/proc/self/status", "VmRSS") / 1024 }, grows: 64},
	{name: "goroutines", read: func() float64 { return float64(runtime.NumGoroutine()) }},
	{name: "descriptors", read: descriptors},
	{name: "memory that the machine has left, MB", read: func() float64 { return kib("/proc/meminfo", "MemAvailable") / 1024 }, shared: true},
	{name: "open files of the machine", read: openFiles, shared: true},
}

// meter reads all figures after every round.
type meter struct {
	at   []time.Duration
	seen [][]float64 // by round, as figures
}

// sample reads the figures and says which of them has grown.
func (m *meter) sample(at time.Duration) error {
	now := make([]float64, len(figures))
	for i, f := range figures {
		now[i] = f.read()
	}
	m.at, m.seen = append(m.at, at), append(m.seen, now)
	if len(m.seen) <= warm {
		return nil
	}
	first := m.seen[warm-1]
	for i, f := range figures {
		if !f.shared && now[i] > first[i]+f.grows {
			return fmt.Errorf("%s: %.4g after %d rounds, %.4g after %d", f.name, now[i], len(m.seen), first[i], warm)
		}
	}
	return nil
}

// first and last are the samples between which nothing should have grown.
func (m *meter) first() []float64 { return m.seen[min(warm, len(m.seen))-1] }
func (m *meter) last() []float64  { return m.seen[len(m.seen)-1] }

// slope is how much a figure grows in an hour: the line of least squares
// through what was seen after the first rounds.
func (m *meter) slope(figure int) float64 {
	var n, x, y, xx, xy float64
	for i := min(warm, len(m.seen)) - 1; i < len(m.seen); i++ {
		t, v := m.at[i].Hours(), m.seen[i][figure]
		n, x, y, xx, xy = n+1, x+t, y+v, xx+t*t, xy+t*v
	}
	if d := n*xx - x*x; d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
}

// heap also gives back what is free, so that what is resident is what is held.
func heap() float64 {
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc) / (1 << 20)
}

// kib is a line of a file of /proc, such as "VmRSS:  1234 kB".
func kib(file, name string) float64 {
	text, _ := os.ReadFile(file)
	if m := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB`).FindSubmatch(text); m != nil {
		v, _ := strconv.ParseFloat(string(m[1]), 64)
		return v
	}
	return 0
}

func descriptors() float64 {
	names, _ := os.ReadDir("/proc/self/fd")
	return float64(len(names))
}

// openFiles is the first number of /proc/sys/fs/file-nr (proc_sys_fs(5)).
func openFiles() float64 {
	text, _ := os.ReadFile("/proc/sys/fs/file-nr")
	first, _, _ := strings.Cut(string(text), "\t")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}
