package pattern

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/detonaut/detonaut"
)

// automaton finds atoms, as Aho and Corasick do. Its table has a row for each state and a
// column for each class of bytes: bytes that are in no atom are of class 0, and the two
// cases of a letter are one.
type automaton struct {
	class [256]uint8
	width int
	// next is the row, that is the state times width, which follows; rows from ending on
	// are of states in which atoms end.
	next   []uint32
	ending uint32
	// found has, for each state from ending on, the atoms that end in it.
	found [][]atom
}

// node is a state in the making.
type node struct {
	next  map[uint8]int
	fail  int
	atoms []atom
	state int
}

func newAutomaton(atoms []atom, most int) (a automaton, err error) {
	a.width = 1
	for i := range atoms {
		for j := range len(atoms[i].bytes) {
			if c := &a.class[atoms[i].bytes[j]]; *c == 0 {
				*c = uint8(a.width) //nolint:gosec // there are 230 bytes besides capitals
				a.width++
			}
		}
	}
	for c := range a.class {
		a.class[c] = a.class[fold[c]]
	}
	nodes, err := a.trie(atoms, most/a.width)
	if err != nil {
		return a, err
	}
	order := link(nodes)
	a.fill(nodes, order)
	return a, nil
}

// trie has as many nodes as are allowed, or there is an error.
func (a *automaton) trie(atoms []atom, most int) ([]node, error) {
	nodes := []node{{next: map[uint8]int{}}}
	for _, one := range atoms {
		at := 0
		for i := range len(one.bytes) {
			c := a.class[one.bytes[i]]
			to, ok := nodes[at].next[c]
			if !ok {
				if to = len(nodes); to >= most {
					return nil, fmt.Errorf("%w: the patterns together need more than %d states", detonaut.ErrLimit, most)
				}
				nodes = append(nodes, node{next: map[uint8]int{}})
				nodes[at].next[c] = to
			}
			at = to
		}
		nodes[at].atoms = append(nodes[at].atoms, one)
	}
	return nodes, nil
}

// link gives each node the longest other one that it ends with, and returns them by their
// depth.
func link(nodes []node) (order []int) {
	order = []int{0}
	for i := 0; i < len(order); i++ {
		at := order[i]
		for _, c := range sortedKeys(nodes[at].next) {
			to := nodes[at].next[c]
			order = append(order, to)
			if at == 0 {
				continue
			}
			fail := nodes[at].fail
			for {
				if next, ok := nodes[fail].next[c]; ok {
					nodes[to].fail = next
					break
				}
				if fail == 0 {
					break
				}
				fail = nodes[fail].fail
			}
			nodes[to].atoms = append(nodes[to].atoms, nodes[nodes[to].fail].atoms...)
		}
	}
	return order
}

func sortedKeys(m map[uint8]int) []uint8 {
	keys := make([]uint8, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// fill makes the table: first the states in which nothing ends, by their depth, so that
// those that are visited most are close to one another.
func (a *automaton) fill(nodes []node, order []int) {
	byEnding := slices.Clone(order)
	slices.SortStableFunc(byEnding, func(x, y int) int {
		return cmp.Compare(min(len(nodes[x].atoms), 1), min(len(nodes[y].atoms), 1))
	})
	a.ending = uint32(len(nodes) * a.width) //nolint:gosec // at most maxCells
	for i, n := range byEnding {
		nodes[n].state = i
		if len(nodes[n].atoms) > 0 {
			a.ending = min(a.ending, uint32(i*a.width)) //nolint:gosec // the same
			a.found = append(a.found, nodes[n].atoms)
		}
	}
	a.next = make([]uint32, len(nodes)*a.width)
	for _, n := range order { // the failures of a node are before it
		row := a.next[nodes[n].state*a.width:][:a.width]
		if n != 0 {
			copy(row, a.next[nodes[nodes[n].fail].state*a.width:][:a.width])
		}
		for c, to := range nodes[n].next {
			row[c] = uint32(nodes[to].state * a.width) //nolint:gosec // the same
		}
	}
}

// ends are the atoms that end in a state, by its row.
func (a *automaton) ends(row uint32) []atom {
	return a.found[(row-a.ending)/uint32(a.width)] //nolint:gosec // below 257
}
