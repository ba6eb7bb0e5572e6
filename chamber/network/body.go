package network

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"

	"github.com/detonaut/detonaut/chamber/bait"
)

// noBody is the SHA-256 of nothing.
const noBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// body is what of a request's body was read.
type body struct {
	internet *Internet
	held     []byte // its start
	size     int64
	sum      string
	found    []bait.Match
	reserved int64
}

func (b *body) release() { b.internet.bodies.Add(-b.reserved) }

// readBody reads r to its end and holds what the bounds allow.
func (n *Internet) readBody(r io.Reader) *body {
	b := &body{internet: n, sum: noBody}
	if r == http.NoBody {
		return b // most have none: there is nothing to make room for
	}
	limit := int64(bodySample)
	if n.bodies.Add(bodyBytes) <= bodiesBytes {
		limit, b.reserved = bodyBytes, bodyBytes
	} else {
		n.bodies.Add(-bodyBytes)
	}
	hash := sha256.New()
	b.held, _ = io.ReadAll(io.TeeReader(io.LimitReader(r, limit), hash)) // what came before it broke
	b.found = n.find(b.held)
	rest := &searcher{find: n.find, window: slices.Clone(b.held[max(0, len(b.held)-searchOverlap):])}
	size, _ := io.Copy(io.MultiWriter(hash, rest), r)
	b.size = int64(len(b.held)) + size
	b.sum = hex.EncodeToString(hash.Sum(nil))
	if size > 0 {
		n.bound("bodies")
		b.found = append(b.found, rest.end()...)
	}
	return b
}

// searcher looks for baits in what is not held, window by window. The windows
// overlap, so that none falls between two.
type searcher struct {
	find   func([]byte) []bait.Match
	window []byte
	found  []bait.Match
}

const (
	searchWindow  = 256 << 10
	searchOverlap = 8 << 10 // longer than any bait in any encoding
)

func (s *searcher) Write(b []byte) (int, error) {
	s.window = append(s.window, b...)
	if len(s.window) >= searchWindow {
		s.search()
		s.window = append(s.window[:0], s.window[len(s.window)-searchOverlap:]...)
	}
	return len(b), nil
}

func (s *searcher) search() {
	for _, m := range s.find(s.window) {
		if !slices.Contains(s.found, m) {
			s.found = append(s.found, m)
		}
	}
}

// end returns what was found.
func (s *searcher) end() []bait.Match {
	s.search()
	return s.found
}
