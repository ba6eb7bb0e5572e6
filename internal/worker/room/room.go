// Package room decides how many analyses there is room for on a machine, and whose turn it is.
//
// A detonation waits most of the time: many of them cost little. What computes is to get done:
// pulling an image and reading it, reading what a run left, explaining it. So there may be many
// analyses in a [Room], as many as memory bears, of which few compute, about one for each
// processor; those that are nearly done come first.
//
// Memory is watched. When it gets short nobody enters any more, and if it stays so the youngest
// have to leave, before the kernel picks one: what they did is done again, later or elsewhere.
package room

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/detonaut/detonaut"
)

// ErrShed is why the context of a place ends that is needed for others.
var ErrShed = errors.New("this machine is short of memory")

// Phase is what an analysis does, as far as it matters to others.
type Phase int

// Phases.
const (
	Waiting   Phase = iota // for its subject, or its turn
	Pulling                // gets its image
	Reading                // reads it
	Finishing              // reads and explains what a run left
)

// phaseOf is the phase of a stage of a report.
func phaseOf(stage string) Phase {
	switch stage {
	case detonaut.StagePull:
		return Pulling
	case detonaut.StageDetonate:
		return Waiting
	case detonaut.StageRead, detonaut.StageExplain:
		return Finishing
	}
	return Reading
}

// Options are those of a room.
type Options struct {
	// Most is how many analyses there may be at once; 0 is as many as the machine bears.
	Most  int
	Needs Needs
	// Look reads the machine.
	Look func() Machine
	// Changed is called when there may be more room than before. It must not block, and not ask the
	// room anything. Nil is nobody's.
	Changed func()
	// Every is how often the machine is read; zero is a second.
	Every time.Duration
	// Log is told when nobody may enter, and who has to leave; nil is nobody.
	Log *slog.Logger
}

// Room is where analyses are. Its methods may be called from any goroutine.
type Room struct {
	o      Options
	limits Limits

	mu       sync.Mutex
	inside   []*Place          // in the order in which they have entered
	door     []*Place          // who waits to enter
	turns    map[Phase][]*turn // who is inside, and waits for a slot
	using    map[Phase]int
	strained time.Time // since when memory is short, or somebody had to leave; zero if it is not
	told     bool      // that nobody may enter
	machine  Machine
	now      Decision
	read     time.Time // when these were made
	shed     uint64
}

// New makes a room of this machine.
func New(o Options) *Room {
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Room{o: o, limits: LimitsOf(o.Look(), o.Needs, o.Most), turns: map[Phase][]*turn{}, using: map[Phase]int{}}
}

// Limits are what the room keeps to.
func (r *Room) Limits() Limits { return r.limits }

// Watch watches the machine until ctx ends. Without it nobody has to leave, and who waits at the
// door enters only when another leaves.
func (r *Room) Watch(ctx context.Context) {
	tick := time.NewTicker(r.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.mu.Lock()
		r.look()
		r.letIn()
		r.mu.Unlock()
	}
}

// look reads the machine, decides, and has leave who has to. It has r.mu.
func (r *Room) look() {
	now := time.Now()
	load := r.load(now)
	r.machine, r.read = r.o.Look(), now
	r.now = r.limits.Decide(r.machine, load)
	switch {
	case !r.now.Strained:
		r.strained = time.Time{}
	case r.strained.IsZero():
		r.strained = now
	}
	if r.now.Strained != r.told {
		r.told = r.now.Strained
		if r.told {
			r.o.Log.Warn("no analysis is begun", "why", r.now.Why, "running", len(r.inside))
		} else {
			r.o.Log.Warn("analyses are begun again", "running", len(r.inside))
		}
	}
	for _, p := range slices.Backward(r.inside) {
		if r.now.Shed > 0 && !p.leaving {
			r.now.Shed--
			r.shed++
			r.o.Log.Warn("an analysis is put back", "why", r.now.Why, "running", len(r.inside))
			p.leaving = true
			p.end(ErrShed)
			r.strained = now // what it had is not free at once
		}
	}
}

// young is how long a subject has run that may not have taken yet what it will.
const young = 10 * time.Second

func (r *Room) load(now time.Time) Load {
	load := Load{Inside: len(r.inside)}
	for _, p := range r.inside {
		switch {
		case p.leaving:
			load.Leaving++
		case p.ran.IsZero() || now.Sub(p.ran) < young:
			load.Young++
		}
		if p.phase != Waiting {
			load.Computing++
		}
	}
	if !r.strained.IsZero() {
		load.Strained = max(now.Sub(r.strained), 1)
	}
	return load
}

// fresh is how old a reading may be by which somebody is let in.
const fresh = 200 * time.Millisecond

// letIn opens the door for as many as may enter. It has r.mu.
func (r *Room) letIn() {
	if len(r.door) > 0 && time.Since(r.read) > fresh {
		r.look()
	}
	for ; r.now.Admit > 0 && len(r.door) > 0; r.now.Admit-- {
		p := r.door[0]
		r.door = r.door[1:]
		r.inside = append(r.inside, p)
		close(p.in)
	}
}

// Enter waits until there is room for one more, or ctx ends, which is the error then. Whoever
// has a place leaves it.
func (r *Room) Enter(ctx context.Context) (*Place, error) {
	p := &Place{room: r, in: make(chan struct{})}
	p.ctx, p.end = context.WithCancelCause(ctx)
	r.mu.Lock()
	r.door = append(r.door, p)
	r.letIn()
	r.mu.Unlock()
	select {
	case <-p.in:
		return p, nil
	case <-ctx.Done():
		p.Leave()
		return nil, context.Cause(ctx)
	}
}

// Vacant is how many more had better be taken up now: as many as may enter, and will pull soon.
// What only waits here could be done elsewhere.
func (r *Room) Vacant() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letIn()
	if time.Since(r.read) > fresh {
		r.look()
	}
	begin := r.limits.Pulls + 1 - len(r.door) - len(r.turns[Pulling]) - r.using[Pulling]
	for _, p := range r.inside {
		if !p.began {
			begin--
		}
	}
	return max(min(begin, r.now.Admit-len(r.door)), 0)
}

// State is how a room is.
type State struct {
	Limits  Limits
	Machine Machine
	Load    Load
	// Turns is how many wait for a slot, Shed how many had to leave so far, and Why is why nobody may
	// enter, if nobody may; Strained that it is because memory is short.
	Turns    int
	Shed     uint64
	Why      string
	Strained bool
}

// State tells how the room is at the moment.
func (r *Room) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := State{Limits: r.limits, Machine: r.machine, Load: r.load(time.Now()), Shed: r.shed, Why: r.now.Why, Strained: r.now.Strained}
	for _, waiting := range r.turns {
		s.Turns += len(waiting)
	}
	return s
}
