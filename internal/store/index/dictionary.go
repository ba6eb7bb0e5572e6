package index

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sort"
	"strings"
)

// dictionary gives strings numbers, from 0 on, and finds those that have a word in them. The
// strings are kept in lower case, one behind the other; what they were else is kept where
// they were not in lower case, and not only their first letter.
type dictionary struct {
	text  []byte
	ends  []int
	marks []uint32 // beside strings that are told apart by it; nil if all are 0
	slots []uint32 // number and 1, by the hash of the string
	seed  maphash.Seed
	// capital are those that begin with one of A to Z, and have no other; cased the others.
	capital set
	cased   map[uint32]string
}

func newDictionary() dictionary {
	return dictionary{slots: make([]uint32, 16), seed: maphash.MakeSeed(), cased: make(map[uint32]string)}
}

func (d *dictionary) len() int { return len(d.ends) }

// lower is a string in lower case. It is part of the text.
func (d *dictionary) lower(i uint32) []byte { return d.text[d.start(i):d.ends[i]] }

func (d *dictionary) start(i uint32) int {
	if i == 0 {
		return 0
	}
	return d.ends[i-1]
}

func (d *dictionary) string(i uint32) string {
	if s, ok := d.cased[i]; ok {
		return s
	}
	s := string(d.lower(i))
	if d.capital.has(i) {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

func (d *dictionary) mark(i uint32) uint32 {
	if d.marks == nil {
		return 0
	}
	return d.marks[i]
}

// number is that of a string with a mark, which it gets if it has none.
func (d *dictionary) number(s string, mark uint32) uint32 {
	slot, i, ok := d.find(s, mark)
	if ok {
		return i
	}
	i = uint32(len(d.ends)) //nolint:gosec // memory is full long before
	lower := strings.ToLower(s)
	d.text = append(d.text, lower...)
	d.ends = append(d.ends, len(d.text))
	if d.marks == nil && mark != 0 {
		d.marks = make([]uint32, i)
	}
	if d.marks != nil {
		d.marks = append(d.marks, mark)
	}
	switch {
	case lower == s:
	case s[0] >= 'A' && s[0] <= 'Z' && lower[1:] == s[1:]:
		d.capital.add(i)
	default:
		d.cased[i] = strings.Clone(s)
	}
	d.slots[slot] = i + 1
	if d.len()*4 > len(d.slots)*3 {
		d.grow()
	}
	return i
}

// find returns the number of a string, else the slot that it would have.
func (d *dictionary) find(s string, mark uint32) (slot int, i uint32, ok bool) {
	mask := len(d.slots) - 1
	for slot = int(maphash.String(d.seed, s)) & mask; d.slots[slot] != 0; slot = (slot + 1) & mask { //nolint:gosec // the mask makes it small
		if i = d.slots[slot] - 1; d.mark(i) == mark && d.is(i, s) {
			return slot, i, true
		}
	}
	return slot, 0, false
}

func (d *dictionary) is(i uint32, s string) bool {
	if cased, ok := d.cased[i]; ok {
		return cased == s
	}
	lower := d.lower(i)
	if !d.capital.has(i) {
		return string(lower) == s
	}
	return len(s) == len(lower) && s[0] == lower[0]-'a'+'A' && s[1:] == string(lower[1:])
}

func (d *dictionary) grow() {
	d.slots = make([]uint32, 2*len(d.slots))
	mask := len(d.slots) - 1
	for i := range uint32(len(d.ends)) { //nolint:gosec // as above
		slot := int(maphash.String(d.seed, d.string(i))) & mask //nolint:gosec // as above
		for d.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		d.slots[slot] = i + 1
	}
}

// having are the strings that have a word in them, which is in lower case; at the beginning
// of one of their words if begins is set.
func (d *dictionary) having(word string, begins bool) (found set) {
	w, at, i := []byte(word), 0, 0
	for at <= len(d.text) && i < len(d.ends) {
		k := bytes.Index(d.text[at:], w)
		if k < 0 {
			break
		}
		at += k
		i += d.upTo(i, at)
		if i == len(d.ends) {
			break
		}
		number := uint32(i) //nolint:gosec // as above
		if start := d.start(number); at+len(w) <= d.ends[i] && (!begins || beginsWord(d.text[start:], at-start)) {
			found.add(number)
			at = d.ends[i]
			i++
		} else {
			at++
		}
	}
	return found
}

// upTo is how many strings from i on end before there is a byte at a place. It is looked for
// near i first.
func (d *dictionary) upTo(i, at int) int {
	rest, reach := d.ends[i:], 1
	for reach < len(rest) && rest[reach-1] <= at {
		reach *= 2
	}
	return sort.SearchInts(rest[:min(reach, len(rest))], at+1)
}

// ending are the strings that end so, beginning those that begin so, equal those that are so,
// in any case.
func (d *dictionary) ending(word string, begins bool) set {
	return d.each(func(text []byte) bool {
		return bytes.HasSuffix(text, []byte(word)) && (!begins || word == "" || beginsWord(text, len(text)-len(word)))
	})
}

func (d *dictionary) beginning(word string) set {
	return d.each(func(text []byte) bool { return bytes.HasPrefix(text, []byte(word)) })
}

func (d *dictionary) equal(words []string) set {
	lower := make([]string, 0, len(words))
	for _, w := range words {
		lower = append(lower, strings.ToLower(w))
	}
	return d.each(func(text []byte) bool { return slices.Contains(lower, string(text)) })
}

func (d *dictionary) each(is func(text []byte) bool) (found set) {
	for i := range uint32(len(d.ends)) { //nolint:gosec // as above
		if is(d.lower(i)) {
			found.add(i)
		}
	}
	return found
}

// beginsWord tells whether a word of the text begins at a place, or none is there.
func beginsWord(text []byte, at int) bool {
	return at == 0 || !inWord(text[at-1]) || !inWord(text[at])
}

func inWord(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}
