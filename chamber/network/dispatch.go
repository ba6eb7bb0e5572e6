package network

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/detonaut/detonaut/chamber/network/names"
	"github.com/detonaut/detonaut/chamber/network/service"
	"github.com/detonaut/detonaut/chamber/tape"
)

const (
	// readBuffer is how much of what a client says first can be looked at. A
	// client's hello with keys that no quantum computer breaks has 2 KiB.
	readBuffer = 8 << 10
	// polite is how long a server that speaks first waits all the same: a client
	// that speaks another protocol than its port's does not wait.
	polite = 200 * time.Millisecond
	// silence is after how long a client counts as silent.
	silence = 3 * time.Second
	// tunnels is how deep a connection may lead through proxies.
	tunnels = 4
)

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// stream is what of a flow is in clear: the flow itself, or what is inside its
// TLS or its proxy.
type stream struct {
	net.Conn // writes go here; reads go to reader
	reader   *bufio.Reader
	flow     *flow
	// host and port are what the client wants to reach: those of the flow, of
	// the name in its TLS, or of the target that a proxy was told.
	host  string
	port  uint16
	tls   bool
	alpn  string // what was agreed on in TLS
	depth int    // of proxies
}

func newStream(c net.Conn, f *flow) *stream {
	return &stream{Conn: c, reader: bufio.NewReaderSize(c, readBuffer), flow: f, host: f.host, port: f.remote.Port()}
}

// within returns what is inside s, read and written through c.
func (s *stream) within(c net.Conn) *stream {
	inner := *s
	inner.Conn, inner.reader = c, bufio.NewReaderSize(c, readBuffer)
	return &inner
}

// Read reads what is left after what was peeked at.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.reader.Read(b)
	s.flow.said(b[:n])
	return n, err
}

// serveTCP serves one connection until its end. It closes c.
func (n *Internet) serveTCP(f *flow, c *conn) {
	defer c.Close()
	end := "closed"
	defer func() {
		if recover() != nil {
			// A parser of ours is wrong about what the subject sent. The flow ends,
			// the run goes on, and the report says so.
			n.bound("servers")
		}
		f.finish(end, "")
	}()
	if !f.opens(c) {
		end = "open"
		return
	}
	err := n.dispatch(n.ctx, newStream(c, f))
	switch {
	case n.ctx.Err() != nil:
		end = "open"
	case f.wasReset.Load():
		end = "reset"
	case isTimeout(err):
		end = "timeout"
	}
}

// enter lists a living flow, unless the internet is closing.
func (n *Internet) enter(f *flow) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return false
	}
	n.living[f] = struct{}{}
	n.running.Add(1)
	return true
}

// begin has Close wait until the caller calls running.Done, unless the internet
// is closing.
func (n *Internet) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return false
	}
	n.running.Add(1)
	return true
}

func (n *Internet) leave(f *flow) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.living, f)
	n.running.Done()
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// dispatch finds out what s speaks and serves it. The content decides, the
// port only who speaks first.
func (n *Internet) dispatch(ctx context.Context, s *stream) error {
	if s.depth == 0 && n.handOver(s) {
		return nil
	}
	first, known := service.ByPort(s.port)
	wait := silence
	if known {
		wait = polite
	}
	head, err := s.peek(1, wait)
	switch {
	case len(head) > 0:
		return n.recognise(ctx, s)
	case !isTimeout(err):
		return err // it is gone without a word
	}
	if ok, err := n.relay(ctx, s); ok {
		return err
	}
	switch {
	case known:
		return n.serve(ctx, s, first)
	case n.opts.Plan.NoProbe:
		return n.listen(ctx, s)
	}
	return service.Probe(ctx, n.session(s))
}

// recognise serves s by what its client has said.
func (n *Internet) recognise(ctx context.Context, s *stream) error {
	var head []byte
	for size := 1; size <= readBuffer; size = len(head) + 1 {
		var err error
		head, err = s.peek(size, silence)
		switch {
		case !s.tls && isHello(head):
			return n.serveTLS(ctx, s)
		case isHTTP(head):
			return n.serveHTTP(s)
		case (s.port == 53 || s.port == 853) && isQuery(head):
			return n.serveDNS(ctx, s)
		}
		found, sure := service.Recognise(s.port, head)
		if sure == service.More && err == nil {
			continue
		}
		if ok, err := n.relay(ctx, s); ok {
			return err
		}
		if first, ok := service.ByPort(s.port); ok && sure != service.Yes {
			found, sure = first, service.Yes
		}
		if sure == service.Yes && !(found.Name == "shell" && n.opts.Plan.NoProbe) {
			return n.serve(ctx, s, found)
		}
		break
	}
	return n.listen(ctx, s)
}

// peek waits for at least size bytes and returns all that are there.
func (s *stream) peek(size int, wait time.Duration) ([]byte, error) {
	if err := s.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	_, err := s.reader.Peek(size)
	head, _ := s.reader.Peek(s.reader.Buffered())
	if derr := s.SetReadDeadline(time.Time{}); err == nil {
		err = derr
	}
	return head, err
}

func isHello(head []byte) bool {
	return len(head) >= 3 && head[0] == 0x16 && head[1] == 3 && head[2] <= 4
}

var methods = [][]byte{
	[]byte("GET "), []byte("POST "), []byte("HEAD "), []byte("PUT "), []byte("DELETE "), []byte("OPTIONS "), []byte("PATCH "),
	[]byte("CONNECT "), []byte("PROPFIND "), []byte("MKCOL "), []byte("TRACE "), []byte("PRI * HTTP/2.0"),
}

func isHTTP(head []byte) bool {
	return slices.ContainsFunc(methods, func(m []byte) bool { return bytes.HasPrefix(head, m) })
}

// isQuery tells whether head begins with the length of a DNS message and a
// header that asks.
func isQuery(head []byte) bool {
	return len(head) >= 5 && int(head[0])<<8|int(head[1]) >= 12 && head[4]&0x80 == 0
}

// session is s as a server of package service sees it.
func (n *Internet) session(s *stream) *service.Session {
	session := &service.Session{
		Conn: s, Reader: s.reader, Port: s.port, Host: s.host, TLS: s.tls, Now: n.now,
		Say: func(m tape.Message, cut bool) {
			s.flow.speaks(m.Protocol)
			n.record(s.flow, &tape.Event{Kind: tape.MessageReceive, Cut: cut, Message: &m})
		},
		Passive: func() (netip.AddrPort, func() (net.Conn, error), error) {
			return n.passives.open(n.ctx, s.flow.remote.Addr())
		},
	}
	// What is peeked at is read through the session's reader, past s.Read.
	session.Reader = bufio.NewReaderSize(s, readBuffer)
	if !s.tls {
		session.StartTLS = func() error {
			inner, err := n.handshake(n.ctx, s.over(session.Reader))
			if err != nil {
				return err
			}
			session.Conn, session.Reader, session.TLS = inner, bufio.NewReaderSize(inner, readBuffer), true
			return nil
		}
	}
	if s.depth < tunnels {
		session.Tunnel = func(host string, port uint16) error {
			return n.dispatch(n.ctx, s.toward(s.over(session.Reader), host, port))
		}
	}
	return session
}

// over returns s with its reads from r, which has read ahead.
func (s *stream) over(r *bufio.Reader) *stream {
	inner := *s
	inner.reader = r
	return &inner
}

// toward is what comes through a proxy: a connection to another place.
func (s *stream) toward(through *stream, host string, port uint16) *stream {
	inner := *through
	inner.host, inner.port, inner.depth, inner.tls, inner.alpn = host, port, s.depth+1, false, ""
	if addr, err := netip.ParseAddr(host); err == nil {
		_, inner.host = s.flow.internet.hostOf(addr)
	}
	return &inner
}

func (n *Internet) serve(ctx context.Context, s *stream, with service.Service) error {
	s.flow.speaks(with.Name)
	return with.Serve(ctx, n.session(s))
}

// listen takes what a client says in a protocol that nobody here speaks.
func (n *Internet) listen(_ context.Context, s *stream) error {
	_, err := io.Copy(io.Discard, readerOnly{s})
	return err
}

// readerOnly hides everything but Read.
type readerOnly struct{ io.Reader }

func (n *Internet) serveDNS(ctx context.Context, s *stream) error {
	s.flow.speaks("dns")
	s.flow.searched()
	transport := "tcp"
	if s.tls {
		transport = "tls"
	}
	return names.ServeStream(ctx, s, n.zone, transport, func(a []tape.DNS) { n.recordDNS(s.flow, a) })
}

// finishAll ends flows in the order in which they began.
func finishAll(flows []*flow, end string) {
	slices.SortFunc(flows, func(a, b *flow) int { return int(int64(a.id) - int64(b.id)) })
	for _, f := range flows {
		f.finish(end, "")
	}
}
