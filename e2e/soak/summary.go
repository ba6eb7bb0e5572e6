//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tell says every now and then how far it is.
func (s *soak) tell() {
	if time.Since(s.told) < telling {
		return
	}
	s.told = time.Now()
	now := "no round is over yet"
	if len(s.meter.seen) > 0 {
		now = fmt.Sprintf("heap %.1f MB, resident %.1f MB", s.meter.last()[0], s.meter.last()[1])
	}
	elapsed := time.Since(s.start)
	fmt.Fprintf(s.progress, "%8s  %d runs, %.2f a second, %d events; %s\n", elapsed.Round(time.Second), s.runs,
		float64(s.runs)/elapsed.Seconds(), s.events, now)
}

// long is for how long a soak must have gone before it tells what an hour does.
const long = 5 * time.Minute

// summarize writes one table, in Markdown.
func (s *soak) summarize() error {
	elapsed := time.Since(s.start)
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "| soak of %s, seed %d | |\n|---|---|\n", elapsed.Round(time.Second), s.seed)
	row("runs", "%d, up to %d at once, %.2f a second", s.runs, s.most, float64(s.runs)/elapsed.Seconds())
	row("plans refused", "%d", s.refused)
	row("events", "%d", s.events)
	row("events lost", "%d", s.lost)
	row("artifacts, MB", "%d", s.bytes>>20)
	for _, reason := range slices.Sorted(maps.Keys(s.reasons)) {
		row("ended with "+string(reason), "%d", s.reasons[reason])
	}
	row("processes, mounts, cgroups and files left behind", "%d, in %d looks", s.behind, len(s.meter.seen))
	for i, f := range figures {
		if len(s.meter.seen) == 0 {
			break
		}
		hour := ""
		if elapsed >= long {
			hour = fmt.Sprintf(" (%+.2g an hour)", s.meter.slope(i))
		}
		row(f.name, "%.5g, in the end %.5g%s", s.meter.first()[i], s.meter.last()[i], hour)
	}
	_, err := fmt.Fprint(s.out, b.String())
	return err
}
