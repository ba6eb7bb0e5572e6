//go:build linux

package main

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/detonaut/detonaut/chamber/plan"
	"github.com/detonaut/detonaut/internal/detonate"
)

// A trial is one run to make: all that is needed to make it again.
type trial struct {
	Subject string    `json:"subject"`
	Plan    plan.Plan `json:"plan"` // without the path of the image
	// Artifacts tells whether they are wanted.
	Artifacts bool `json:"artifacts"`
	// EndAfter is when the run is ended from outside, in nanoseconds; 0 for not
	// at all.
	EndAfter time.Duration `json:"end_after_ns,omitempty"`
}

// most is how many runs there are at once.
const most = 3

// batch invents runs that are made at the same time. It also tells how many
// plans nobody would make: they are refused, as they should be.
func batch(random *rand.Rand, subjects []*subject) (trials []trial, refused int) {
	for n := 1 + random.IntN(most); len(trials) < n; {
		if t, ok := invent(random, choose(random, subjects)); ok {
			trials = append(trials, t)
		} else {
			refused++
		}
	}
	return trials, refused
}

// choose takes one that can do many things as often as one of all others.
func choose(random *rand.Rand, subjects []*subject) *subject {
	for many := random.IntN(2) == 0; ; {
		if s := one(random, subjects...); (len(s.commands) > 1) == many {
			return s
		}
	}
}

// invent makes a random plan; ok is false when it was refused.
func invent(random *rand.Rand, s *subject) (t trial, ok bool) {
	o := detonate.Overrides{
		Entrypoint: one(random, s.commands...),
		Detail:     one(random, plan.Normal, plan.Normal, plan.Full),
		Network:    one(random, plan.Simulated, plan.Simulated, plan.None),
		User:       one(random, "", "", "", "", "1000", "65534:7", "nobody-there"),
		Limits:     limits(random),
	}
	if random.IntN(10) == 0 {
		o.Env = []string{"LONG=" + strings.Repeat("x", random.IntN(64<<10)), "PATH"}
	}
	o.Internet.ResolveRandom, o.Internet.NoProbe = random.IntN(4) == 0, random.IntN(4) == 0
	p, err := detonate.NewPlan(s.img.Image, s.fsys, o)
	if err != nil {
		return t, false
	}
	switch random.IntN(20) { // what NewPlan would refuse
	case 0:
		p.Args = []string{"/nowhere/program"}
	case 1:
		p.Dir = one(random, "/nowhere/at/all", p.Args[0])
	case 2:
		p.Args = append(p.Args, strings.Repeat("a", random.IntN(100<<10)))
	}
	p.Machine = one(random, plan.Machine{}, plan.DefaultMachine())
	p.Stay = random.IntN(4) == 0
	if random.IntN(3) == 0 {
		p.Profile, p.Travel = plan.Time, one(random, plan.DefaultTravel(), plan.Travel{Days: 1 + random.IntN(400), Jumps: 1 + random.IntN(100)})
	}
	if p.Validate() != nil {
		return t, false
	}
	t = trial{Subject: s.name, Plan: p, Artifacts: random.IntN(2) == 0}
	if random.IntN(6) == 0 {
		t.EndAfter = 1 + time.Duration(random.Int64N(int64(p.Limits.Duration)))
	}
	return t, true
}

// limits are the default ones, but for some that are anything from tiny to
// those. All runs are short.
func limits(random *rand.Rand) plan.Limits {
	l := plan.DefaultLimits()
	l.Duration = time.Second + time.Duration(random.Int64N(int64(4*time.Second)))
	for _, limit := range []struct {
		n    *int64
		tiny int64
	}{{&l.Memory, 32 << 20}, {&l.FileSize, 1}, {&l.Disk, 64 << 10}, {&l.Output, 1}} {
		*limit.n = between(random, limit.tiny, *limit.n)
	}
	l.Processes = int(between(random, 1, int64(l.Processes)))
	l.Events = uint64(between(random, 2, int64(l.Events)))
	return l
}

// between returns high three times of four, or else a number of any magnitude.
func between(random *rand.Rand, low, high int64) int64 {
	if random.IntN(4) != 0 {
		return high
	}
	return int64(float64(low) * math.Pow(float64(high)/float64(low), random.Float64()))
}

func one[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }
