package network

import "slices"

// Reached are the bounds that were reached so far.
func (n *Internet) Reached() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.bounds)
}
