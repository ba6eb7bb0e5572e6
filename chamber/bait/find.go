package bait

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"
)

// Bounds on what one call looks into.
const (
	maxDepth    = 3        // layers below the data itself
	maxOutput   = 4 << 20  // bytes of all layers together
	maxInput    = 16 << 20 // bytes that decompressors read, the same ones perhaps again
	maxAttempts = 1024     // containers that turn out to be none
)

// Find finds bait in data: as it is; in base64, hexadecimal digits, UTF-16 or
// rot13, reversed, or under an XOR with one byte; and below layers of gzip,
// zlib, deflate, zip, bzip2, base64, hexadecimal digits and escapes such as %41
// and \x41. A part of 16 characters is enough. What is encrypted, or compressed
// in another way, it does not see.
//
// The matches are sorted, each once. Search tells also whether that is all.
func (s *Set) Find(data []byte) []Match {
	found, _ := s.Search(data)
	return found
}

// Search is Find; complete is false if a bound was hit, so that there may be
// more.
func (s *Set) Search(data []byte) (found []Match, complete bool) {
	f := &finder{
		set: s, found: map[Match]struct{}{}, complete: true,
		output: maxOutput, input: maxInput, attempts: maxAttempts,
	}
	f.look(data, "", 0)
	return sorted(f.found), f.complete
}

func sorted(found map[Match]struct{}) []Match {
	var out []Match
	for m := range found {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Match) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Encoding, b.Encoding))
	})
	return out
}

// A finder is the state of one call of Find.
type finder struct {
	set      *Set
	inflater io.ReadCloser // made when the first container is found
	found    map[Match]struct{}
	complete bool
	// What is left of the bounds.
	output, input, attempts int
}

// look searches data, which lies below the layers that outer names, and then
// what is inside it.
func (f *finder) look(data []byte, outer string, depth int) {
	f.set.whole().find(data, func(m Match, _ int) { f.add(m, outer) })
	f.lookXOR(data, outer)
	f.descend(data, outer, depth)
}

func (f *finder) add(m Match, outer string) {
	if outer != "" && m.Encoding == "plain" {
		m.Encoding = outer
	} else if outer != "" {
		m.Encoding = outer + "+" + m.Encoding
	}
	f.found[m] = struct{}{}
}

// chunk is how much is searched at a time for what needs a copy.
const chunk = 16 << 10

// lookXOR finds marks of which each byte had an XOR with the same other one.
func (f *finder) lookXOR(data []byte, outer string) {
	var buffer [chunk]byte
	for len(data) > pieceSize {
		part := data[:min(len(data), chunk)]
		f.set.differs().find(differ(buffer[:0], part), func(m Match, at int) {
			if !f.set.has(m.Name, part[at:at+pieceSize]) { // else the byte was 0
				f.add(m, outer)
			}
		})
		if len(part) == len(data) {
			return
		}
		data = data[chunk-pieceSize:]
	}
}

// has tells whether text is part of a mark.
func (s *Set) has(name string, text []byte) bool {
	return slices.ContainsFunc(s.byName[name].marks, func(mark string) bool { return strings.Contains(mark, string(text)) })
}

// Plain finds the credentials of one source in data as they are, whole. It needs
// nothing but the data, and is for what is looked at in every run.
func (s *Set) Plain(source Source, data []byte) (found []Match) {
	for i := range All {
		k := &All[i]
		if k.Source == source && bytes.Contains(data, []byte(s.byName[k.Name].value)) {
			found = append(found, Match{k.Name, "plain"})
		}
	}
	return found
}
