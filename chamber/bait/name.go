package bait

import (
	"index/suffixarray"
	"sort"
	"strings"
)

// A nameIndex answers where a piece of a name is in any encoding of any mark.
// Names are cut at any place, so that the few pieces of Find are not enough.
type nameIndex struct {
	array  *suffixarray.Index
	starts []int // of each encoding in the text of array
	found  []Match
}

func newNameIndex(s *Set) *nameIndex {
	x := &nameIndex{}
	var text strings.Builder
	s.marks(func(name, mark string) {
		for _, e := range nameEncodings(name, mark) {
			x.starts = append(x.starts, text.Len())
			x.found = append(x.found, Match{e.name, e.encoding})
			text.WriteString(folded(e.text))
			text.WriteByte('.') // in no folded name
		}
	})
	x.array = suffixarray.New([]byte(text.String()))
	return x
}

// maxName is how much of a name is looked at: a DNS name has 253 characters at
// most (RFC 1035, section 2.3.4).
const maxName = 255

// FindName finds bait that is written in the labels of a DNS name, whichever
// way it is cut: any 16 characters in a row of an encoding will do. Dots,
// hyphens and case do not count, since they do not come through. The matches
// are sorted, each once.
func (s *Set) FindName(name string) []Match {
	text := folded(name[:min(len(name), maxName)])
	found := map[Match]struct{}{}
	for i := 0; i+pieceSize <= len(text); i++ {
		x := s.names()
		for _, at := range x.array.Lookup([]byte(text[i:i+pieceSize]), 1) {
			found[x.found[sort.SearchInts(x.starts, at+1)-1]] = struct{}{}
		}
	}
	return sorted(found)
}
