package bait

import (
	"encoding/binary"
)

// A searcher finds any of many needles of pieceSize bytes, looking at few of
// the bytes it passes over (S. Wu and U. Manber, "A fast algorithm for
// multi-pattern searching", 1994): the last block of a window says how far the
// next needle that could begin after it is.
type searcher struct {
	shift   [1 << shiftBits]uint8
	needles map[[pieceSize]byte]Match
}

const (
	blockSize = 4 // bytes
	shiftBits = 16
)

// block is the place of the block that begins at p in the table.
func block(p []byte) uint32 {
	return binary.LittleEndian.Uint32(p) * 0x9e3779b1 >> (32 - shiftBits) // Fibonacci hashing
}

func newSearcher(needles map[[pieceSize]byte]Match) *searcher {
	s := &searcher{needles: needles}
	for i := range s.shift {
		s.shift[i] = pieceSize - blockSize + 1
	}
	for n := range needles {
		for i := 0; i+blockSize <= pieceSize; i++ {
			at := &s.shift[block(n[i:])]
			*at = min(*at, uint8(pieceSize-blockSize-i))
		}
	}
	return s
}

// find calls found for each needle in data, with the place of it.
func (s *searcher) find(data []byte, found func(m Match, at int)) {
	for end := pieceSize; end <= len(data); {
		skip := int(s.shift[block(data[end-blockSize:])])
		if skip > 0 {
			end += skip
			continue
		}
		if m, ok := s.needles[[pieceSize]byte(data[end-pieceSize:end])]; ok {
			found(m, end-pieceSize)
		}
		end++
	}
}

// differ appends to dst what each byte of b differs from the next in.
func differ(dst, b []byte) []byte {
	i := 0
	for ; i+9 <= len(b); i += 8 {
		d := binary.LittleEndian.Uint64(b[i:]) ^ binary.LittleEndian.Uint64(b[i+1:])
		dst = binary.LittleEndian.AppendUint64(dst, d)
	}
	for ; i+1 < len(b); i++ {
		dst = append(dst, b[i]^b[i+1])
	}
	return dst
}
