package network

import "slices"

// Reached are the bounds that were reached so far.
func (n *Internet) Reached() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.bounds)
}

// Held is how many bytes of bodies are in memory.
func (n *Internet) Held() int64 { return n.bodies.Load() }

// SegmentBytes is how much of a TCP stream passes the cable at once.
const SegmentBytes = segmentBytes
