package room

import (
	"context"
	"slices"
	"time"
)

// Place is that of one analysis in a room. Only one goroutine at a time uses it.
type Place struct {
	room *Room
	in   chan struct{} // is closed when it is inside
	ctx  context.Context
	end  context.CancelCauseFunc

	// These are of the room's mutex.
	phase   Phase
	began   bool      // it has told what it does
	ran     time.Time // when its subject began to run
	leaving bool      // it was asked to leave
}

// turn is somebody who waits for a slot.
type turn struct {
	place *Place
	ready chan struct{}
}

// Context ends when the one with which it was entered does, or because of [ErrShed], which is
// its cause then.
func (p *Place) Context() context.Context { return p.ctx }

// Stage tells which stage of a report begins, and waits until it is its turn, or the context of
// the place ends.
func (p *Place) Stage(name string) { p.Turn(phaseOf(name)) }

// Turn tells what comes next, and waits until it is its turn, or the context of the place ends.
func (p *Place) Turn(next Phase) {
	r := p.room
	r.mu.Lock()
	p.began = true
	if next == Waiting {
		p.ran = time.Now()
		r.free(p)
		r.o.Changed()
		r.mu.Unlock()
		return
	}
	if r.slot(next) == r.slot(p.phase) {
		p.phase = next
		r.mu.Unlock()
		return
	}
	r.free(p)
	t := &turn{p, make(chan struct{})}
	r.turns[next] = append(r.turns[next], t)
	r.next()
	r.mu.Unlock()
	select {
	case <-t.ready:
	case <-p.ctx.Done():
		r.mu.Lock()
		r.turns[next] = slices.DeleteFunc(r.turns[next], func(o *turn) bool { return o == t })
		r.mu.Unlock()
	}
}

// Leave gives the place to another, and ends its context.
func (p *Place) Leave() {
	r := p.room
	p.end(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	same := func(o *Place) bool { return o == p }
	r.door, r.inside = slices.DeleteFunc(r.door, same), slices.DeleteFunc(r.inside, same)
	r.free(p)
	r.read = time.Time{} // there is more room than then
	r.letIn()
	r.o.Changed()
}

// slot is what a phase takes: reading and finishing take the same.
func (r *Room) slot(p Phase) Phase {
	if p == Finishing {
		return Reading
	}
	return p
}

// free takes the slot of a place, and gives it to another. It has r.mu.
func (r *Room) free(p *Place) {
	if p.phase != Waiting {
		r.using[r.slot(p.phase)]--
		p.phase = Waiting
		r.next()
	}
}

// next gives slots to those whose turn it is: to those that are nearly done first. It has r.mu.
func (r *Room) next() {
	for _, phase := range []Phase{Finishing, Reading, Pulling} {
		slot, most := r.slot(phase), r.limits.Slots
		if phase == Pulling {
			most = r.limits.Pulls
		}
		for len(r.turns[phase]) > 0 && r.using[slot] < most {
			t := r.turns[phase][0]
			r.turns[phase] = r.turns[phase][1:]
			r.using[slot]++
			t.place.phase = phase
			close(t.ready)
		}
	}
}
