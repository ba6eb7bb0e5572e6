//go:build unix

package telemetry

import "golang.org/x/sys/unix"

// processorTime is what this process and the children that it has waited for have used, in
// seconds.
func processorTime() (self, children float64) {
	of := func(who int) float64 {
		var u unix.Rusage
		if unix.Getrusage(who, &u) != nil {
			return 0
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	return of(unix.RUSAGE_SELF), of(unix.RUSAGE_CHILDREN)
}
