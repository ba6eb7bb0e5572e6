package secret

import "slices"

// words finds many words at once, in any case: the automaton of Aho and Corasick,
// with every transition made beforehand.
type words struct {
	class [256]uint8
	// next is the table of states: one row of 64 for each. Those that end a word
	// are the last, from ends on.
	next []uint16
	ends uint16
	// found are the words that a state ends, by state - ends, the longest first.
	found [][]uint16
	// length is that of a word in bytes.
	length  []int
	longest int
}

const row = 64 // more than there are classes

// newWords makes an automaton of words of ASCII in lower case, each once. There are
// few enough of them that it has fewer than 1<<16 states; see TestRules.
func newWords(all []string) *words {
	w := &words{}
	classes := uint8(1)
	for _, word := range all {
		for _, c := range []byte(word) {
			if w.class[c] == 0 {
				w.class[c] = classes
				classes++
			}
		}
		w.length = append(w.length, len(word))
		w.longest = max(w.longest, len(word))
	}
	for c := 'A'; c <= 'Z'; c++ {
		w.class[c] = w.class[c|0x20]
	}
	w.build(all)
	return w
}

// build makes the trie, then, in the order of depth, the transitions that leave it.
func (w *words) build(all []string) {
	next, ends := [][row]uint16{{}}, [][]uint16{nil}
	for i, word := range all {
		state := uint16(0)
		for _, c := range []byte(word) {
			to := &next[state][w.class[c]]
			if *to == 0 {
				*to = uint16(len(next)) //nolint:gosec // see newWords
				state = *to
				next, ends = append(next, [row]uint16{}), append(ends, nil)
				continue
			}
			state = *to
		}
		ends[state] = append(ends[state], uint16(i)) //nolint:gosec // see newWords
	}
	fail, queue := make([]uint16, len(next)), []uint16{0}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		ends[state] = append(ends[state], ends[fail[state]]...)
		for c := range row {
			to, other := next[state][c], next[fail[state]][c]
			switch {
			case to == 0:
				next[state][c] = other
			case state == 0:
				queue = append(queue, to)
			default:
				fail[to] = other
				queue = append(queue, to)
			}
		}
	}
	w.number(next, ends)
}

// number gives the states that end a word the last numbers. The first one is none of
// them, and stays the first.
func (w *words) number(next [][row]uint16, ends [][]uint16) {
	var order []int
	for _, ending := range []bool{false, true} {
		for state := range next {
			if (ends[state] != nil) == ending {
				order = append(order, state)
			}
		}
	}
	number := make([]uint16, len(next))
	for i, state := range order {
		number[state] = uint16(i) //nolint:gosec // see newWords
	}
	w.ends = uint16(slices.IndexFunc(order, func(state int) bool { return ends[state] != nil })) //nolint:gosec // see newWords
	for _, state := range order {
		for _, to := range next[state] {
			w.next = append(w.next, number[to])
		}
		if ends[state] != nil {
			w.found = append(w.found, ends[state])
		}
	}
}
