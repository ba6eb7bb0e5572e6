//go:build linux

package e2e_test

import (
	"io"
	"os/exec"
	"testing"
)

// baitRounds is how often each variant is measured: what baits cost is less than
// what one run differs from the next in.
const baitRounds = 24

// BenchmarkBaits measures what the planted credentials cost a run that never looks at
// one: until its first instruction, and in memory while it sleeps.
func BenchmarkBaits(b *testing.B) {
	w := newWorkbench(b)
	used, held := map[bool]float64{}, map[bool]float64{}
	for b.Loop() {
		for range baitRounds / idlers {
			for _, w.bare = range []bool{false, true} {
				var all []*exec.Cmd
				var tapes []io.Reader
				for range idlers {
					cmd, rest := w.asleep(b)
					used[w.bare] += overTree(b, cmd.Process.Pid, processorTime) / baitRounds
					all, tapes = append(all, cmd), append(tapes, rest)
				}
				for _, cmd := range all {
					held[w.bare] += overTree(b, cmd.Process.Pid, proportionalSize) / baitRounds / 1e6
				}
				for i, cmd := range all {
					end(b, cmd, tapes[i])
				}
			}
		}
	}
	n := float64(b.N)
	within(b, "start", (used[false]-used[true])/n, 0.010, "cpu-s")
	within(b, "idle", (held[false]-held[true])/n, 0.5, "MB")
	b.Logf("with baits %.3f CPU s and %.2f MB, without %.3f and %.2f", used[false]/n, held[false]/n, used[true]/n, held[true]/n)
}
