// Package bait makes the credentials that are planted for the subject to find,
// with the files that they are in, and recognises them in what it does and sends.
//
// They have the prefixes, alphabets, lengths and checksums of real ones, and
// grant nothing. Each run has its own, so that whoever shows one later tells
// which run it was taken from, and each place: it tells from where, too. What no
// program reads by itself shows only if it was looked for.
package bait

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
)

// A Set is the bait of one run. It is safe for concurrent use.
type Set struct {
	byName  map[string]planted
	scenery scenery

	whole   func() *searcher // for the marks as they are and encoded
	differs func() *searcher // for the marks under a one-byte XOR
	names   func() *nameIndex
}

// planted is one credential. Its marks are what is looked for: the parts of it
// that are random. They have letters, digits, '-' and '_' only (a key in PEM
// apart), which URLs, JSON and quoted-printable leave as they are, and whose
// base64 has neither of the characters in which its two alphabets differ.
type planted struct {
	value string
	marks []string
}

// New makes a set. It reads 32 bytes, from which all else follows; it panics if
// it cannot, as crypto/rand does.
func New(random io.Reader) *Set {
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		panic(fmt.Sprintf("bait: read seed: %v", err))
	}
	g := &generator{Rand: rand.New(rand.NewChaCha8(seed))}
	s := &Set{byName: make(map[string]planted, len(All))}
	for _, k := range All {
		s.byName[k.Name] = k.plant(g)
	}
	s.scenery = g.scenery()
	// Most runs send little or nothing: what is looked for is worked out when
	// something is.
	s.whole = sync.OnceValue(func() *searcher { return newSearcher(s.needles()) })
	s.differs = sync.OnceValue(func() *searcher { return newSearcher(s.differences()) })
	s.names = sync.OnceValue(func() *nameIndex { return newNameIndex(s) })
	return s
}

// Value is the credential of a name; empty if there is none.
func (s *Set) Value(name string) string { return s.byName[name].value }

// SourceOf is where the subject can get a credential; empty if there is none of
// that name.
func SourceOf(name string) Source {
	for i := range All {
		if All[i].Name == name {
			return All[i].Source
		}
	}
	return ""
}

// Names are those of All, in its order.
func (s *Set) Names() []string {
	names := make([]string, len(All))
	for i, k := range All {
		names[i] = k.Name
	}
	return names
}

// A Match is bait that was found.
type Match struct {
	// Name is that of the credential.
	Name string
	// Encoding is how it was written, the outermost first: "plain", "base64",
	// "gzip", "base64+gzip", "hex+reversed".
	Encoding string
}
