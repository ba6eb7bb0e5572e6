package egress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Client asks the outer process. It belongs in the inner one; its methods may
// be called from any goroutine.
type Client struct {
	control *net.UnixConn
	reader  sync.WaitGroup
	// slots has an element for each request that is not answered: the server
	// takes no more, and a write would wait for it, deaf to its context.
	slots chan struct{}
	gone  chan struct{} // closed with err

	mu     sync.Mutex
	lastID uint64
	asked  map[uint64]chan<- answer // who waits for an answer; each has room for it
	open   map[uint64]*conn         // what has not been announced to end
	err    error                    // why nothing can be asked any more
}

// answer is a reply, and the connection that came with it.
type answer struct {
	reply
	conn *conn
}

func (a *answer) close() {
	if a.conn != nil {
		_ = a.conn.Close()
	}
}

// errGone says that the outer process answers no more.
var errGone = errors.New("the way out is closed")

// NewClient returns a Client on the inner end of a Pair, which it closes.
func NewClient(sock *os.File) (*Client, error) {
	control, err := unixConn(sock)
	if err != nil {
		return nil, err
	}
	c := &Client{
		control: control, slots: make(chan struct{}, maxRequests), gone: make(chan struct{}),
		asked: map[uint64]chan<- answer{}, open: map[uint64]*conn{},
	}
	c.reader.Go(c.read)
	return c, nil
}

// Close ends the service. Connections that are open end soon after; their
// owners close them.
func (c *Client) Close() error {
	err := c.control.Close()
	c.reader.Wait()
	return err
}

// Resolve returns the addresses of name that may be connected to, as the
// machine's resolver has them. An error that wraps [ErrNotFound] says that
// there is no such name, one that wraps [ErrRefused] that it may not be asked
// for or that no address of it may be reached.
func (c *Client) Resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	a, err := c.ask(ctx, request{Op: opResolve, Host: name})
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", name, err)
	}
	return a.Addrs, nil
}

// Dial connects to a name or an address over TCP, and returns the address that
// it got to, which is also the connection's RemoteAddr. An error that wraps
// [ErrRefused] is the policy's or a bound's.
//
// The caller closes the connection; it has CloseWrite. A Read or Write after
// the outer process has ended the connection fails with an error that wraps
// [ErrRefused] if a bound was the cause.
func (c *Client) Dial(ctx context.Context, host string, port uint16) (net.Conn, netip.AddrPort, error) {
	a, err := c.ask(ctx, request{Op: opDial, Host: host, Port: port})
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("dial %s port %d: %w", host, port, err)
	}
	if a.conn == nil {
		return nil, netip.AddrPort{}, fmt.Errorf("dial %s port %d: no connection came along", host, port)
	}
	return a.conn, a.conn.remote, nil
}

// ask waits for the answer to q. What comes later than ctx ends is closed.
func (c *Client) ask(ctx context.Context, q request) (answer, error) {
	if len(q.Host) > maxName+1 {
		return answer{}, fmt.Errorf("%w: a long name", ErrRefused)
	}
	got, err := c.send(ctx, q)
	if err != nil {
		return answer{}, err
	}
	select {
	case a := <-got.answer:
		if err := a.err(); err != nil {
			a.close()
			return answer{}, err
		}
		return a, nil
	case <-ctx.Done():
		c.forget(got.id)
		select { // it may have come just before
		case a := <-got.answer:
			a.close()
		default:
		}
		return answer{}, ctx.Err()
	}
}

// question is what was asked and has no answer yet.
type question struct {
	id     uint64
	answer <-chan answer
}

func (c *Client) send(ctx context.Context, q request) (question, error) {
	select {
	case c.slots <- struct{}{}:
	case <-c.gone:
	case <-ctx.Done():
		return question{}, ctx.Err()
	}
	got := make(chan answer, 1)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return question{}, c.err
	}
	c.lastID++
	q.ID = c.lastID
	c.asked[q.ID] = got
	c.mu.Unlock()
	b, err := json.Marshal(q)
	if err == nil {
		_, err = c.control.Write(b)
	}
	if err != nil { // the slot is lost, and so is the socket
		c.forget(q.ID)
		return question{}, fmt.Errorf("ask: %w", err)
	}
	return question{q.ID, got}, nil
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, id)
}

// read hands out what the outer process says, until it says no more.
func (c *Client) read() {
	err := c.readAll()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errGone
	if !errors.Is(err, io.EOF) { // a connection that ends with it has no ordinary end
		c.err = fmt.Errorf("%w: %w", errGone, err)
	}
	gone := reply{}
	gone.setError(c.err)
	for _, got := range c.asked {
		got <- answer{reply: gone}
	}
	for _, conn := range c.open {
		conn.finish(c.err)
	}
	clear(c.asked)
	clear(c.open)
	close(c.gone)
}

func (c *Client) readAll() error {
	buf, oob := make([]byte, maxMessage+1), make([]byte, unix.CmsgSpace(4))
	for {
		n, nOOB, flags, _, err := c.control.ReadMsgUnix(buf, oob)
		if err != nil {
			return err
		}
		file, err := received(oob[:nOOB], flags)
		if err != nil {
			return err
		}
		r, err := parseReply(buf[:n])
		if err != nil {
			closeFile(file)
			return err
		}
		if err := c.hand(r, file); err != nil {
			return err
		}
	}
}

// hand gives r to whom it is for. file is nil or closed.
func (c *Client) hand(r reply, file *os.File) error {
	a := answer{reply: r}
	if file != nil {
		local, err := unixConn(file)
		if err != nil {
			return err
		}
		a.conn = newConn(local, r.Remote)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.End {
		if conn, ok := c.open[r.ID]; ok {
			conn.finish(r.err())
			delete(c.open, r.ID)
		}
		a.close()
		return nil
	}
	select {
	case <-c.slots:
	default: // an answer to nothing
	}
	if a.conn != nil {
		c.open[r.ID] = a.conn
	}
	if got, ok := c.asked[r.ID]; ok {
		got <- a
		delete(c.asked, r.ID)
	} else {
		a.close() // nobody waits any more
	}
	return nil
}

// received returns the descriptor that came with a message, or nil.
func received(oob []byte, flags int) (*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("read a descriptor: %w", err)
	}
	var file *os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			closeFile(file)
			return nil, fmt.Errorf("read a descriptor: %w", err)
		}
		for _, fd := range fds {
			closeFile(file)
			file = os.NewFile(uintptr(fd), "relay")
		}
	}
	if flags&unix.MSG_CTRUNC != 0 {
		closeFile(file)
		return nil, errors.New("read a descriptor: there is no room for it")
	}
	return file, nil
}

func closeFile(f *os.File) {
	if f != nil {
		f.Close()
	}
}
