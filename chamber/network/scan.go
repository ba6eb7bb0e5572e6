package network

import (
	"hash/fnv"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A scanner must not see a world in which every port of every address is open:
// it would know, or drown. So once a subject has tried this many ports of one
// address, or this many addresses that no name led to, within the window, most
// of what it tries next is refused.
const (
	scanPorts     = 12
	scanAddresses = 24
	scanWindow    = 20 * time.Second
	maxScanned    = 4096 // addresses that are remembered
	openOneIn     = 24   // of the addresses of a scanned range
)

// usual are the ports that stay open on a machine whose ports are scanned.
var usual = []uint16{22, 80, 443}

// scans tells scanning from connecting. Its zero value is ready.
type scans struct {
	mu    sync.Mutex
	since time.Time
	ports map[netip.Addr]map[uint16]bool
	alone map[netip.Addr]bool // tried without a name
}

// accept tells whether a connection to remote is to be accepted. name is the
// name that remote stands for; those are few and wanted.
func (s *scans) accept(remote netip.AddrPort, name string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ports == nil || now.Sub(s.since) > scanWindow || len(s.ports) >= maxScanned {
		s.since, s.ports, s.alone = now, make(map[netip.Addr]map[uint16]bool), make(map[netip.Addr]bool)
	}
	addr, port := remote.Addr(), remote.Port()
	if s.ports[addr] == nil {
		s.ports[addr] = make(map[uint16]bool)
	}
	tried := s.ports[addr]
	if len(tried) <= scanPorts {
		tried[port] = true
	}
	if len(tried) > scanPorts && !slices.Contains(usual, port) {
		return false
	}
	if name != "" {
		return true
	}
	s.alone[addr] = true
	return len(s.alone) <= scanAddresses || open(addr)
}

// open tells whether there is a machine at an address of a scanned range. It
// is the same for every run.
func open(addr netip.Addr) bool {
	h := fnv.New32a()
	b := addr.As16()
	_, _ = h.Write(b[:]) // a hash does not fail
	return h.Sum32()%openOneIn == 0
}
