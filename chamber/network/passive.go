package network

import (
	"context"
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
	waiting map[netip.AddrPort]chan net.Conn // each has room for its one connection
}

// open opens a port of addr. accept waits for its one connection, until ctx
// ends or that is overdue.
func (p *passives) open(ctx context.Context, addr netip.Addr) (at netip.AddrPort, accept func() (net.Conn, error), err error) {
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
	// not take those of others, and who uses one that nobody accepts from must
	// not wait for ever.
	overdue := time.AfterFunc(passiveWait, func() { p.give(at, nil); abandon(ready) })
	return at, func() (net.Conn, error) {
		select {
		case c := <-ready:
			overdue.Stop()
			if c == nil {
				return nil, errNoPassive
			}
			return c, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, nil
}

// abandon closes the connection that nobody has accepted, if there is one.
func abandon(ready chan net.Conn) {
	select {
	case c := <-ready:
		ready <- nil // for who accepts later
		if c != nil {
			c.Close()
		}
	default:
	}
}

// give hands c, nil for none, to who waits at an address, and no longer does.
func (p *passives) give(at netip.AddrPort, c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	ready, ok := p.waiting[at]
	if ok {
		delete(p.waiting, at)
		ready <- c
	}
	return ok
}

// handOver gives s to whoever waits for it and returns when that has closed it;
// ok tells whether anybody did.
func (n *Internet) handOver(s *stream) (ok bool) {
	c := &served{stream: s, gone: make(chan struct{})}
	if !n.passives.give(s.flow.remote, c) {
		return false
	}
	s.flow.speaks("data")
	select {
	case <-c.gone:
	case <-n.ctx.Done():
	}
	return true
}
