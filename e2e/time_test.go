package e2e_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/actors/cast"
	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/testenv"
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

// A run is over when nothing can happen in it any more, and not before.
func TestQuiescence(t *testing.T) {
	ref := programImage(t, "waits")
	for _, tc := range []struct {
		way   string
		flags []string
		end   tape.Reason
		// said is part of why it ended, or of what the subject prints.
		said string
	}{
		{"sleep", nil, tape.Quiescent, "waits (1) in clock_nanosleep"},
		{"sleep", []string{"--network", "none"}, tape.Quiescent, "waits (1) in clock_nanosleep"},
		{"timerfd", nil, tape.Quiescent, "read"},
		{"pipe", nil, tape.Quiescent, "waits (1) in "},
		{"accept", nil, tape.Quiescent, "epoll_pwait"},
		{"pair", nil, tape.Quiescent, ", exe ("},
		{"pipe", []string{"--stay", "--duration", "2s"}, tape.TimeLimit, ""},
		{"short", nil, tape.Exited, "realtime 3"},
		{"knock", nil, tape.Exited, "heard true"},
		{"knock", []string{"--profile", "time"}, tape.Exited, "heard true"},
		{"peer", []string{"--profile", "time"}, tape.Exited, "peer 0 minutes"},
		{"days", []string{"--profile", "time", "--travel-days", "1", "--duration", "3m"}, tape.TravelLimit, "jumps; waits (1) in "},
		{"days", []string{"--profile", "time", "--travel-jumps", "7"}, tape.TravelLimit, " in 7 jumps"},
	} {
		t.Run(strings.Join(append([]string{tc.way}, tc.flags...), " "), func(t *testing.T) {
			t.Parallel()
			r := scan(t, ref, append([]string{"--cmd", tc.way}, tc.flags...)...)
			if r.Run.EndReason != string(tc.end) || !strings.Contains(r.Run.EndDetail+r.Run.Output, tc.said) {
				t.Errorf("the run ended with %s (%s), want %s and %q; output:\n%s", r.Run.EndReason, r.Run.EndDetail, tc.end, tc.said, r.Run.Output)
			}
			if !r.Coverage.Full {
				t.Errorf("gaps: %q", r.Coverage.Gaps)
			}
			if tc.end == tape.Quiescent && r.Run.Elapsed > 15*time.Second {
				t.Errorf("it took %s of 30 s to be over", r.Run.Elapsed)
			}
		})
	}
}

// With another C library, and with the tools of a shell, days go by as well.
func TestTimeTravelOfOthers(t *testing.T) {
	ref := "oci-dir:" + serverImages(t) + ":python"
	for _, tc := range []struct{ name, entrypoint, want string }{
		{"python", `["python3","-c","import time\nw,m=time.time(),time.monotonic()\ntime.sleep(86400)\nprint(round(time.time()-w),round(time.monotonic()-m))"]`, `^8640[0-9] 8640[0-9]\n$`},
		{"date", `["sh","-c","a=$(date +%s); sleep 86400; b=$(date +%s); echo $((b-a))"]`, `^864[0-5][0-9]\n$`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := scan(t, ref, "--profile", "time", "--entrypoint", tc.entrypoint)
			if !regexp.MustCompile(tc.want).MatchString(r.Run.Output) {
				t.Errorf("output = %q, want %s", r.Run.Output, tc.want)
			}
		})
	}
}

// Who waits for days shows nothing before.
func TestActorsThatWait(t *testing.T) {
	actors := slices.DeleteFunc(cast.All(), func(a cast.Actor) bool { return !a.Waits })
	dir := t.TempDir()
	if err := cast.Build(t.Context(), testenv.Root(t), dir, actors); err != nil {
		t.Fatal(err)
	}
	for _, a := range actors {
		r := scan(t, "oci-dir:"+filepath.Join(dir, a.Name), "--duration", "3s")
		if found := findings(r); len(found) > 0 || r.Verdict.Word != detonaut.Clean {
			t.Errorf("%s is %s: %v", a.Name, r.Verdict.Word, found)
		}
	}
}

// The machine has been up for days, whoever is asked.
func TestUptime(t *testing.T) {
	ref := programImage(t, "waits")
	for _, profile := range []string{"default", "time"} {
		r := scan(t, ref, "--profile", profile, "--cmd", "uptime")
		want := plan.DefaultMachine().Uptime
		for _, name := range []string{"uptime", "sysinfo", "monotonic", "boottime", "raw", "stat"} {
			m := regexp.MustCompile(`(?m)^up ` + name + ` (\d+)$`).FindStringSubmatch(r.Run.Output)
			if m == nil {
				t.Fatalf("profile %s: %s is not told of:\n%s", profile, name, r.Run.Output)
			}
			seconds, err := strconv.Atoi(m[1])
			if got := time.Duration(seconds) * time.Second; err != nil || got < want-time.Second || got > want+time.Minute {
				t.Errorf("profile %s: %s says %s, want %s", profile, name, got, want)
			}
		}
	}
}
