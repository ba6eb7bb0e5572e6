package e2e_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
)

// waits are the ways of the program waits.
var waits = []string{
	"go", "nanosleep", "sleep", "sleep-until", "sleep-wall", "sleep-boot", "poll", "ppoll", "select", "pselect", "epoll",
	"futex", "futex-until", "futex-wall", "timerfd", "timerfd-abs", "timerfd-ep", "itimer", "timer", "sigwait", "recv",
}

// An hour is over at once, in whichever way a program waits for it, and every
// clock has gone on by an hour.
func TestTimeTravel(t *testing.T) {
	ref := programImage(t, "waits")
	for _, network := range []string{"none", "simulated"} {
		for _, way := range waits {
			t.Run(network+"/"+way, func(t *testing.T) {
				t.Parallel()
				r := scan(t, ref, "--profile", "time", "--network", network, "--cmd", way)
				if r.Run.EndReason != string(tape.Exited) || r.Run.ExitCode != 0 {
					t.Fatalf("the run ended with %s (%s) and exit code %d; output:\n%s", r.Run.EndReason, r.Run.EndDetail, r.Run.ExitCode, r.Run.Output)
				}
				if got := r.Run.Simulated - r.Run.Elapsed; got < time.Hour-time.Minute || got > time.Hour+time.Minute {
					t.Errorf("%s were left out, want an hour", got)
				}
				for _, name := range []string{"go", "go-monotonic", "uptime", "sysinfo", "realtime", "monotonic", "boottime", "raw", "coarse"} {
					if !regexp.MustCompile(`(?m)^` + name + ` 36[0-5]\d$`).MatchString(r.Run.Output) {
						t.Errorf("%s has not gone on by an hour:\n%s", name, r.Run.Output)
					}
				}
			})
		}
	}
}
