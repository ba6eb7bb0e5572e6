package rule

import "slices"

// trie finds words in texts, all of them in one pass: at the beginning, at the end,
// or anywhere, as Aho and Corasick do. It is immutable once it is built.
type trie struct {
	how how
	// class gives each byte that is in a word a number, and 0 to the others; width
	// is how many numbers there are.
	class [256]uint16
	width int
	// next are the states that follow one for each class. 0 is the beginning, and
	// where a word must begin there, also the end of the search.
	next []int32
	// found are the offers of the words that end in a state.
	found [][]uint16
}

// word is a text that is looked for, and by which offer.
type word struct {
	text  string
	offer uint16
}

// cells is how many entries of next a trie of words may need.
func cells(words []word) int {
	states, width := 1, 1
	var seen [256]bool
	for _, w := range words {
		states += len(w.text)
		for i := range len(w.text) {
			if !seen[w.text[i]] {
				seen[w.text[i]] = true
				width++
			}
		}
	}
	return states * width
}

func newTrie(h how, words []word) *trie {
	t := &trie{how: h, width: 1}
	for _, w := range words {
		for i := range len(w.text) {
			if c := &t.class[w.text[i]]; *c == 0 {
				*c = uint16(t.width)
				t.width++
			}
		}
	}
	t.grow()
	for _, w := range words {
		t.add(w)
	}
	if h == within {
		t.link()
	}
	for i := range t.found {
		slices.Sort(t.found[i])
		t.found[i] = slices.Compact(t.found[i])
	}
	return t
}

// grow adds a state and returns it.
func (t *trie) grow() int32 {
	t.next = append(t.next, make([]int32, t.width)...)
	t.found = append(t.found, nil)
	return int32(len(t.found) - 1)
}

func (t *trie) add(w word) {
	state := int32(0)
	for i := range len(w.text) {
		b := w.text[i]
		if t.how == ending {
			b = w.text[len(w.text)-1-i]
		}
		at := int(state)*t.width + int(t.class[b])
		if t.next[at] == 0 {
			t.next[at] = t.grow()
		}
		state = t.next[at]
	}
	t.found[state] = append(t.found[state], w.offer)
}

// link makes each state go on where the longest end of what was read goes on, so
// that no byte is read twice.
func (t *trie) link() {
	back := make([]int32, len(t.found))
	var queue []int32
	for _, s := range t.next[:t.width] {
		if s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		t.found[state] = append(t.found[state], t.found[back[state]]...)
		for c := range t.width {
			behind := t.next[int(back[state])*t.width+c]
			if s := &t.next[int(state)*t.width+c]; *s != 0 {
				back[*s] = behind
				queue = append(queue, *s)
			} else {
				*s = behind
			}
		}
	}
}

// find marks the offers of all words that are in s.
func (t *trie) find(s string, marks marks) {
	marks.add(t.found[0]) // the empty word is in all texts
	state := int32(0)
	for i := range len(s) {
		b := s[i]
		if t.how == ending {
			b = s[len(s)-1-i]
		}
		state = t.next[int(state)*t.width+int(t.class[b])]
		if state == 0 && t.how != within {
			return
		}
		if found := t.found[state]; found != nil {
			marks.add(found)
		}
	}
}
