package runner

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/chamber/tape"
)

// A run is over when the sandbox says twice that nothing can happen, and nothing
// has between.
func TestIdle(t *testing.T) {
	still := func(events uint64) answer { return answer{tape.End{Reason: tape.Quiescent, Detail: "x"}, events} }
	busy := func(events uint64) answer { return answer{events: events} }
	for _, tc := range []struct {
		name    string
		plan    plan.Plan
		answers []answer
		want    tape.Reason // after the last
	}{
		{"twice", plan.Plan{}, []answer{busy(3), still(3), still(3)}, tape.Quiescent},
		{"once", plan.Plan{}, []answer{busy(3), still(3)}, ""},
		{"an event between", plan.Plan{}, []answer{busy(3), still(3), still(4)}, ""},
		{"and still after it", plan.Plan{}, []answer{busy(3), still(3), still(4), still(4)}, tape.Quiescent},
		{"busy between", plan.Plan{}, []answer{still(0), busy(0), still(0)}, ""},
		{"it stays", plan.Plan{Stay: true, Profile: plan.Time}, []answer{still(0), still(0), still(0)}, ""},
		{"as far as it goes", plan.Plan{Profile: plan.Time}, []answer{{tape.End{Reason: tape.TravelLimit}, 9}}, tape.TravelLimit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIdle(&sandbox{plan: &tc.plan}, func(bool) bool { return true })
				defer i.stop()
				var reason tape.Reason
				for _, a := range tc.answers {
					if reason != "" {
						t.Fatalf("it was over too soon, with %s", reason)
					}
					if over, _ := i.take(a); over != "" {
						t.Fatalf("it was over with %s when nobody had asked", over)
					}
					<-i.next.C
					i.asked = true
					reason, _ = i.take(a)
				}
				if reason != tc.want {
					t.Errorf("it was over with %q, want %q", reason, tc.want)
				}
			})
		})
	}
}

// What a jump woke has not run yet: an answer that came with the jump is no proof
// that nothing can happen, and neither is one from before it.
func TestIdleAsksAgainAfterAJump(t *testing.T) {
	i := &idle{box: &sandbox{plan: &plan.Plan{Profile: plan.Time}}, every: travelInterval}
	now := time.Now()
	still := func(jumps uint64) answer { return answer{End: tape.End{Reason: tape.Quiescent, Jumps: jumps}} }
	for n, step := range []struct {
		answer answer
		over   bool
		wait   time.Duration
	}{
		{still(0), false, lookInterval},
		{still(1), false, 0}, // with a jump
		{still(1), false, lookInterval},
		{still(1), true, 0},
	} {
		over, wait := i.judge(step.answer, now)
		if over != step.over || wait != step.wait {
			t.Errorf("answer %d: over %t, wait %s; want %t, %s", n, over, wait, step.over, step.wait)
		}
		now = now.Add(lookInterval)
	}
}

// The memory of a run is looked at often enough that it cannot pass its limit
// unseen, and seldom where it keeps still.
func TestUsageIsLookedAtInTime(t *testing.T) {
	u := &usage{limit: 1 << 30, watch: time.NewTimer(time.Hour), every: watchInterval}
	for range 10 {
		u.lookAtMemory() // of no process: it holds nothing
	}
	if u.every != watchIntervalIdle {
		t.Errorf("it is looked at every %s, want %s", u.every, watchIntervalIdle)
	}
	u.limit = 1 << 20
	u.lookAtMemory()
	if u.every != watchInterval {
		t.Errorf("close to its limit it is looked at every %s, want %s", u.every, watchInterval)
	}
}

// The sandbox may say that nothing can happen while its network is at work.
func TestIdleWhileTheNetworkWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := false
		i := newIdle(&sandbox{plan: &plan.Plan{}}, func(bool) bool { return rest })
		defer i.stop()
		still := answer{End: tape.End{Reason: tape.Quiescent}}
		for n := range 5 {
			<-i.next.C
			i.asked, rest = true, n == 4
			if reason, _ := i.take(still); (reason != "") != rest {
				t.Errorf("answer %d: it was over with %q, and at rest %t", n, reason, rest)
			}
		}
	})
}
