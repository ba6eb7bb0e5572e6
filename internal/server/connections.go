package server

import (
	"net"
	"sync"
)

// bounded is a listener with at most so many connections open at once: others wait until the
// kernel turns them away.
type bounded struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	close sync.Once
}

func newBounded(l net.Listener, n int) *bounded {
	return &bounded{Listener: l, slots: make(chan struct{}, n), done: make(chan struct{})}
}

// Accept waits for a slot, then for a connection.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.slots <- struct{}{}:
	case <-b.done:
		return nil, net.ErrClosed
	}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.slots
		return nil, err
	}
	return &connection{Conn: c, release: sync.OnceFunc(func() { <-b.slots })}, nil
}

// Close ends it.
func (b *bounded) Close() error {
	b.close.Do(func() { close(b.done) })
	return b.Listener.Close()
}

type connection struct {
	net.Conn
	release func()
}

// Close gives its slot back.
func (c *connection) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}
