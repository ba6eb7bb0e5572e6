package story

import (
	"maps"
	"slices"
	"sort"

	"github.com/detonaut/detonaut"
)

// settle draws what follows from the whole tape: which downloads were of things.
func (t *Teller) settle() {
	for _, id := range slices.Sorted(maps.Keys(t.things)) {
		g := t.things[id]
		for _, sum := range g.sums {
			if d := t.fetched[sum]; d != nil {
				t.link(d.seq, g)
			}
		}
	}
}

// groups are what a piece of evidence is about: things that ran, as roots of their
// trees; else the jobs of those who did it, as actors; else a file, as its hash.
func (t *Teller) groups(e *detonaut.Evidence) (groups []any) {
	add := func(g any) {
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	if g := t.things[e.SHA256]; g != nil && e.SHA256 != "" {
		add(g.group())
	}
	for _, seq := range e.Events {
		if g := t.links[seq]; g != nil {
			add(g.group())
		} else if a := t.owner(seq); a != nil && a.thing != nil {
			add(a.thing.group())
		}
	}
	if len(groups) > 0 {
		return groups
	}
	if a := t.programs[e.SHA256]; a != nil && e.SHA256 != "" {
		return []any{a.job}
	}
	for _, seq := range e.Events {
		a := t.owner(seq)
		if a == nil {
			continue
		}
		if g := t.led(a); g != nil {
			add(g)
		} else {
			add(a.job)
		}
	}
	switch {
	case len(groups) > 0:
	case len(e.Events) > 0 && t.first != nil: // nobody is known to have done it; somebody did
		add(t.first.job)
	case e.SHA256 != "":
		add(e.SHA256)
	}
	return groups
}

// led is the only thing that descends from a, as the shell does that is fed with a
// download from the one that called both. A whole job is more than what it brought
// in, unless it is a script.
func (t *Teller) led(a *actor) *thing {
	if a == a.job && !slices.Contains(interpreters, base(a.program)) {
		return nil
	}
	if t.heirs == nil {
		t.heirs = map[*actor]*thing{}
		for _, g := range t.things {
			g = g.group()
			for up := g.root.parent; up != nil; up = up.parent {
				if have, known := t.heirs[up]; known && have != g {
					t.heirs[up] = nil // there are several
				} else {
					t.heirs[up] = g
				}
			}
		}
	}
	return t.heirs[a]
}

// owner is who did an event; nil if that is not known.
func (t *Teller) owner(seq uint64) *actor {
	i := sort.Search(len(t.spans), func(i int) bool { return t.spans[i].from > seq })
	if i == 0 || i == len(t.spans) && len(t.spans) >= maxSpans {
		return nil
	}
	return t.spans[i-1].by
}
