package egress

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
)

// conn is a connection that the outer process carries on.
type conn struct {
	net.Conn
	local  *net.UnixConn // the same as Conn
	remote netip.AddrPort

	closeOnce sync.Once
	closed    chan struct{}
	// ended is closed when the outer process has said how it ended, in end.
	ended chan struct{}
	end   error
}

func newConn(local *net.UnixConn, remote netip.AddrPort) *conn {
	return &conn{Conn: local, local: local, remote: remote, closed: make(chan struct{}), ended: make(chan struct{})}
}

// finish is called once, by the client's reader.
func (c *conn) finish(err error) {
	c.end = err
	close(c.ended)
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.explain(err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.explain(err)
}

// explain returns how the connection ended in place of err, which only says
// that it did. That was said before the end, so it is there or on its way.
func (c *conn) explain(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return err
	}
	select {
	case <-c.ended:
	case <-c.closed:
		return err
	}
	if c.end == nil {
		return err
	}
	return c.end
}

// CloseWrite tells the other side that nothing more will come.
func (c *conn) CloseWrite() error { return c.local.CloseWrite() }

// Close may be called more than once.
func (c *conn) Close() error {
	c.closeOnce.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// RemoteAddr is the real one.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }
