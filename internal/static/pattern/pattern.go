// Package pattern looks for thousands of patterns in a file at once: texts, bytes with
// gaps, and regular expressions. The file is read once, from its beginning to its end,
// whatever is looked for.
//
// Of each pattern some bytes are taken that all that it stands for must have, its atoms.
// All atoms are in one automaton, of Aho and Corasick; where one is found, its pattern is
// compared with what is around it. So a pattern costs nothing until there is something
// like it.
//
// The bytes that are read are the subject's: work at one place, and the number of places
// that are kept, are bounded.
package pattern

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/detonaut/detonaut"
)

// Pattern is what is looked for: one of Text, Hex and Regex.
type Pattern struct {
	// Name is what errors call it.
	Name string
	// Text is looked for as it is. With NoCase letters of ASCII are those of either case;
	// with Wide it is found in UTF-16 (little endian), too; with FullWord no letter, digit
	// or underscore of ASCII is beside it.
	Text                   string
	NoCase, Wide, FullWord bool
	// Hex are bytes, two digits each: ? is any digit, [4] and [2-8] as many bytes of
	// any value. Blanks do not count.
	Hex string
	// Regex is a regular expression of RE2, in which . is any byte but a newline. It is
	// found only as far as it is within reach of its atom: 1 KiB before, and behind.
	Regex string
}

// Bounds of patterns.
const (
	maxPatterns = 1 << 16
	maxLength   = 1 << 10 // bytes, gaps included
	minAtom     = 3       // bytes that a pattern must have at one place
	maxAtom     = 6
	maxAtoms    = 64 // of a pattern
	// maxCells is how many entries the table of all atoms may have, of four bytes each:
	// it is what bounds the memory of a set, whoever wrote its patterns.
	maxCells = 16 << 20
)

// Bounds of what is found in one file.
const (
	maxPlaces = 16      // that are kept of a pattern
	maxCount  = 1 << 16 // that are counted
)

// Hit is what was found of one pattern.
type Hit struct {
	// Pattern is its number in the set.
	Pattern int
	// Count is how often it was found; at most 65,536 times.
	Count int
	// Places are the first of them, in their order: at most 16.
	Places []Place

	// maybe are where an atom of an expression is that was not compared yet, in their order,
	// and file is where.
	maybe       []int64
	file        *file
	until, told int64
}

// Each returns the hits of n patterns from the first on, one for each: that of a pattern of
// which nothing was found has a count of 0. hits are those of [Set.Scan].
func Each(hits []Hit, first, n int) []Hit {
	each := make([]Hit, n)
	at, _ := slices.BinarySearchFunc(hits, first, func(h Hit, first int) int { return h.Pattern - first })
	for _, h := range hits[at:] {
		if h.Pattern >= first+n {
			break
		}
		each[h.Pattern-first] = h
	}
	return each
}

// Place is where it was: an offset and a length, in bytes.
type Place struct {
	Offset int64
	Length int
}

// Set is a compiled set of patterns. It is immutable.
type Set struct {
	patterns []matcher
	automaton
	// states are scans that have ended, to be used again.
	states *sync.Pool
}

// matcher compares a pattern with what is around one of its atoms.
type matcher interface {
	// match is told that a is at w[at:], and tells where the pattern is, if it is there.
	// w has everything within reach of that, as far as the file has; begins and ends tell
	// whether the file begins or ends with it.
	match(w window, at int, a *atom) (from, to int, ok bool)
}

// window is a part of a file.
type window struct {
	bytes []byte
	// begins and ends tell whether the file does there, too.
	begins, ends bool
}

// Compile makes a set of patterns, in whose order hits are told. An error names the
// pattern, and is [detonaut.ErrUsage]; that there are too many is [detonaut.ErrLimit].
func Compile(patterns []Pattern) (*Set, error) {
	if len(patterns) > maxPatterns {
		return nil, fmt.Errorf("%w: %d patterns, at most %d", detonaut.ErrLimit, len(patterns), maxPatterns)
	}
	s := &Set{states: &sync.Pool{New: func() any {
		n := len(patterns)
		return &scan{hits: make([]Hit, n), seen: make([]bool, n)}
	}}}
	var atoms []atom
	for i := range patterns {
		m, of, err := compile(&patterns[i])
		if err != nil {
			return nil, fmt.Errorf("%w: pattern %s: %w", detonaut.ErrUsage, patterns[i].Name, err)
		}
		for j := range of {
			of[j].pattern = i
		}
		s.patterns, atoms = append(s.patterns, m), append(atoms, of...)
	}
	var err error
	s.automaton, err = newAutomaton(atoms, maxCells)
	return s, err
}

// Check tells what is wrong with a pattern, as [Compile] does, and more: a pattern of
// somebody who may not be trusted must be checked before.
func Check(p Pattern) error {
	_, _, err := compile(&p)
	if err == nil && p.Regex != "" {
		err = checkRegex(p.Regex)
	}
	if err != nil {
		return fmt.Errorf("%w: pattern %s: %w", detonaut.ErrUsage, p.Name, err)
	}
	return nil
}

// Len is how many patterns there are.
func (s *Set) Len() int { return len(s.patterns) }

var errShort = fmt.Errorf("has no %d bytes at one place by which it can be found", minAtom)

func compile(p *Pattern) (matcher, []atom, error) {
	set := 0
	for _, text := range []string{p.Text, p.Hex, p.Regex} {
		if text != "" {
			set++
		}
	}
	switch {
	case set != 1:
		return nil, nil, errors.New("must have one of text, hex and regex")
	case len(p.Text) > maxLength:
		return nil, nil, fmt.Errorf("has %d bytes, at most %d", len(p.Text), maxLength)
	case p.Text != "":
		return compileText(p)
	case p.NoCase || p.Wide || p.FullWord:
		return nil, nil, errors.New("only a text can be nocase, wide or fullword")
	case p.Hex != "":
		return compileHex(p.Hex)
	default:
		return compileRegex(p.Regex)
	}
}
