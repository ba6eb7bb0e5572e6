package network

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	passiveWait = 15 * time.Second
	maxPassive  = 64 // ports that wait at once
	passiveLow  = 40000
	passiveHigh = 50000
)

var errNoPassive = errors.New("no port for one more connection")

// passives are the ports at which a server waits for one more connection, as
// those of FTP do. Its zero value is ready.
type passives struct {
	mu      sync.Mutex
	next    uint16
	waiting map[netip.AddrPort]chan net.Conn
}

// open opens a port of addr. accept waits for its one connection.
func (p *passives) open(addr netip.Addr) (at netip.AddrPort, accept func() (net.Conn, error), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) >= maxPassive {
		return at, nil, errNoPassive
	}
	if p.waiting == nil {
		p.waiting = make(map[netip.AddrPort]chan net.Conn)
	}
	at = netip.AddrPortFrom(addr, passiveLow+p.next%(passiveHigh-passiveLow))
	p.next++
	ready := make(chan net.Conn, 1)
	p.waiting[at] = ready
	// From now on, not from accept: who asks for ports and never uses them must
	// not take those of others.
	overdue := time.AfterFunc(passiveWait, func() {
		if p.take(at) != nil {
			close(ready)
		}
	})
	return at, func() (net.Conn, error) {
		c, ok := <-ready
		overdue.Stop()
		if !ok {
			return nil, errNoPassive
		}
		return c, nil
	}, nil
}

// take returns who waits at an address, and no longer does.
func (p *passives) take(at netip.AddrPort) chan<- net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	ready := p.waiting[at]
	delete(p.waiting, at)
	return ready
}

// handOver gives s to whoever waits for it and returns when that has closed it;
// ok tells whether anybody did.
func (n *Internet) handOver(s *stream) (ok bool) {
	ready := n.passives.take(s.flow.remote)
	if ready == nil {
		return false
	}
	s.flow.speaks("data")
	c := &served{stream: s, gone: make(chan struct{})}
	ready <- c
	select {
	case <-c.gone:
	case <-n.ctx.Done():
	}
	return true
}
