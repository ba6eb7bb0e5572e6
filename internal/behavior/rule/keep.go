package rule

import (
	"time"

	"github.com/detonaut/detonaut/chamber/tape"
	"github.com/detonaut/detonaut/internal/behavior"
)

// Bounds of what all rules together may keep of one run.
const (
	// maxState is how many bytes they share.
	maxState = 64 << 20
	// reserve is how many bytes each rule has for itself beside that, so that no
	// subject can make a rule forget what it saw by giving others too much to keep.
	reserve = 64 << 10
	// sweepAfter is how many things are kept at least before it is looked which of
	// them are too old, and enough is what one event may need.
	sweepAfter = 4096
	enough     = 1 << 20
)

// What is kept takes at least so many bytes, with its share of maps and lists.
const (
	costOfPlace = 160
	costOfEntry = 96
	costOfKey   = 96
)

// budget is what is left of all that may be kept.
type budget struct {
	left    int // of what the rules share
	reserve int // of each
	// things is how many things are kept, swept how many the last sweep left, and
	// asked how many there was to be room for since.
	things, swept, asked int
}

// tidy forgets what is too old, when it is time to. As it looks at all there is it
// waits until as much was kept, or a part of it if room is scarce. It comes before
// an event is put anywhere.
func (d *detector) tidy() {
	b := &d.budget
	if b.asked > 2*b.swept+sweepAfter || b.left < enough && b.asked > b.swept/4 {
		d.sweep()
	}
}

// take makes the state of a rule n bytes larger by one thing, if there is room.
func (d *detector) take(st *state, n int) bool {
	d.budget.asked++
	shared := d.budget.beyond(st.held+n) - d.budget.beyond(st.held)
	if shared > d.budget.left {
		return false
	}
	d.budget.left -= shared
	d.budget.things++
	st.held += n
	return true
}

// give gives back what take took.
func (d *detector) give(st *state, n int) {
	d.budget.left += d.budget.beyond(st.held) - d.budget.beyond(st.held-n)
	d.budget.things--
	st.held -= n
}

// beyond is how many of n bytes of one rule are of what the rules share.
func (b *budget) beyond(n int) int { return max(0, n-b.reserve) }

// place is where a rule puts events together: a process (0 is the run) and the
// value of the rule's key.
type place struct {
	process uint64
	key     *key
}

// key is one value of a rule's key. The same text always is the same key.
type key struct {
	text  string
	cost  int
	users int // places that have it
}

// keys are those of a rule that are in use.
type keys map[string]*key

// keyOf finds the key of a text; nil if nothing is kept for it and there is no room.
func (d *detector) keyOf(st *state, text string) *key {
	if k := st.keys[text]; k != nil {
		return k
	}
	k := &key{text: text, cost: costOfKey + len(text)}
	if !d.take(st, k.cost) {
		return nil
	}
	if st.keys == nil {
		st.keys = make(keys)
	}
	st.keys[text] = k
	return k
}

// release forgets a key that no place has any more.
func (d *detector) release(st *state, k *key) {
	if k != nil && k.users == 0 && st.keys[k.text] == k {
		delete(st.keys, k.text)
		d.give(st, k.cost)
	}
}

// leave takes a place away from its key.
func (d *detector) leave(st *state, k *key) {
	k.users--
	d.release(st, k)
}

// places calls visit for every process whose events p's belong to under s, the
// nearest first, until visit returns false. For the run it is nil.
func (s scope) places(p *behavior.Process, visit func(*behavior.Process) bool) {
	if s == inRun {
		visit(nil)
		return
	}
	if !visit(p) || s == inProcess {
		return
	}
	for _, a := range p.Ancestors() {
		if !visit(a) {
			return
		}
	}
}

// at is the place of a key in a process, or in the run.
func (k *key) at(p *behavior.Process) place {
	if p == nil {
		return place{key: k}
	}
	return place{p.ID, k}
}

// sweep forgets everything that has become too old to matter, and all of processes
// that no event can be of any more.
func (d *detector) sweep() {
	now := d.scene.moment.Event
	for i, r := range d.rules {
		d.expire(r, &d.states[i], now)
	}
	d.budget.asked, d.budget.swept = 0, d.budget.things
}

// expire forgets what r has held for longer than it may matter.
func (d *detector) expire(r *Rule, st *state, now *tape.Event) {
	for at, w := range st.counts {
		if n := len(w.entries); n == 0 || isGone(w.who) || r.clock(now)-w.entries[n-1].at > int64(r.within) {
			d.drop(st, w)
			d.close(st, at)
		}
	}
	for j := range st.chains {
		for at, p := range st.chains[j] {
			if isGone(p.who) || r.within > 0 && time.Duration(now.Time-p.events[0].Time) > r.within {
				d.forget(st, j, at)
			}
		}
	}
}

func isGone(p *behavior.Process) bool { return p != nil && p.Gone() }
