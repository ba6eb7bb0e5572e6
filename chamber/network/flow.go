package network

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/tape"
)

// sampleBytes is how much of what a flow carries is looked at as a whole, for
// baits, and for the head of a protocol that nobody knows.
const sampleBytes = 64 << 10

// headBytes is how much of that is on the tape.
const headBytes = 256

// flow is one connection, or one exchange of datagrams between two addresses.
type flow struct {
	internet *Internet
	id       uint64
	network  string
	local    netip.AddrPort // the subject's end
	remote   netip.AddrPort
	// name is the name that remote stands for; host is name or the address.
	name, host string
	began      int64 // CLOCK_MONOTONIC
	start      int64 // since the start of the run

	sent, received atomic.Int64
	messages       atomic.Int64 // of datagrams
	wasReset       atomic.Bool
	lost           atomic.Int64 // bytes that were said when the subject was gone
	// listening is set while the server waits for the client, and patience is until
	// when it does, in nanoseconds since 1970; 0 is for ever.
	listening atomic.Bool
	patience  atomic.Int64
	moved     atomic.Int64 // when something passed it last, likewise
	answering atomic.Int64 // requests of HTTP that are being answered

	mu       sync.Mutex
	conn     net.Conn // nil for datagrams
	protocol string
	tls      bool
	live     bool
	refused  string // why a live network did not take it
	cut      bool   // it took it, and ended it
	sample   []byte // what the subject said, its start
	sampled  bool   // it was looked at for baits by others
	aborted  bool
	over     bool
}

// newFlow begins a flow.
func (n *Internet) newFlow(network string, local, remote netip.AddrPort) *flow {
	f := &flow{
		internet: n, id: n.flows.Add(1), network: network, local: local, remote: remote,
		began: monotonic(), start: n.opts.Elapsed(),
	}
	f.name, f.host = n.hostOf(remote.Addr())
	f.moved.Store(time.Now().UnixNano())
	return f
}

func (f *flow) origin() Origin {
	return Origin{Flow: f.id, Network: f.network, Port: f.local.Port(), Start: f.began}
}

// speaks notes the protocol that was recognised. What is spoken inside TLS
// takes the place of TLS.
func (f *flow) speaks(protocol string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if protocol == "tls" {
		f.tls = true
	} else {
		f.protocol = protocol
	}
}

func (f *flow) wentLive() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live = true
}

// said keeps the start of what the subject said in clear.
func (f *flow) said(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if room := sampleBytes - len(f.sample); room > 0 && !f.sampled {
		f.sample = append(f.sample, b[:min(room, len(b))]...)
	}
}

// searched says that somebody else looks for baits in this flow.
func (f *flow) searched() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sampled, f.sample = true, nil
}

// opens gives f its connection, unless f was aborted before there was one.
func (f *flow) opens(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn = c
	return !f.aborted
}

// abort makes every read and write of f fail.
func (f *flow) abort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aborted = true
	if f.conn != nil {
		_ = f.conn.SetDeadline(past) // a connection that is gone needs none
	}
}

// finish writes down the end of f; once.
func (f *flow) finish(end, reason string) {
	f.mu.Lock()
	if f.over {
		f.mu.Unlock()
		return
	}
	f.over = true
	if reason == "" && (!f.live || f.cut) {
		reason = f.refused
	}
	sample := f.sample
	f.sample = nil
	e := &tape.Flow{
		Network: f.network, Local: printed(f.local), Remote: printed(f.remote), Name: f.name, Protocol: f.protocol, TLS: f.tls,
		Start: f.start, Sent: f.sent.Load(), Received: f.received.Load(), End: end, Reason: reason, Live: f.live,
	}
	f.mu.Unlock()
	place := "stream"
	if f.network != "tcp" {
		place = "datagram"
	}
	if e.Protocol == "" {
		e.Head = decode.Printable(string(sample[:min(len(sample), headBytes)]))
	}
	f.internet.recordBaits(f, f.host, place, f.internet.find(sample))
	f.internet.record(f, &tape.Event{Kind: tape.FlowEnded, FlowEnd: e})
}

// printed is an address as the tape has it; of a flow without ports the bare
// address.
func printed(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// conn counts what passes a TCP flow, as the stack has it.
type conn struct {
	net.Conn
	flow *flow
}

func (c *conn) Read(b []byte) (int, error) {
	c.flow.listening.Store(true)
	n, err := c.Conn.Read(b)
	c.flow.listening.Store(false)
	c.flow.moved.Store(time.Now().UnixNano())
	c.flow.sent.Add(int64(n))
	if reset(err) {
		c.flow.wasReset.Store(true)
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	if c.flow.internet.parted.Load() {
		return c.flow.lose(b)
	}
	n, err := c.Conn.Write(b)
	c.flow.moved.Store(time.Now().UnixNano())
	c.flow.received.Add(int64(n))
	if reset(err) {
		c.flow.wasReset.Store(true)
	}
	if err != nil && c.flow.internet.parted.Load() {
		more, err := c.flow.lose(b[n:])
		return n + more, err
	}
	return n, err
}

// maxLost is how many bytes a server may answer a subject that is gone.
const maxLost = 64 << 10

// lose takes what is said to a subject that is gone: a server that said it reads on,
// and hears what the subject had said before. One that has much to say ends.
func (f *flow) lose(b []byte) (int, error) {
	if f.lost.Add(int64(len(b))) > maxLost {
		return 0, net.ErrClosed
	}
	return len(b), nil
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.flow.waitsUntil(t)
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.flow.waitsUntil(t)
	return c.Conn.SetReadDeadline(t)
}

// CloseWrite tells the subject that nothing more will come.
func (c *conn) CloseWrite() error {
	w, ok := c.Conn.(closeWriter)
	if !ok {
		return errors.ErrUnsupported
	}
	return w.CloseWrite()
}

// monotonic is the clock that the events of the sandbox have too, in
// nanoseconds.
func monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // it cannot fail with a valid clock
	return ts.Nano()
}
