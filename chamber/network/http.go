package network

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut/chamber/decode"
	"github.com/detonaut/detonaut/chamber/network/names"
	"github.com/detonaut/detonaut/chamber/network/web"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of HTTP.
const (
	headerTime  = 15 * time.Second
	idleTime    = 30 * time.Second
	headerBytes = 64 << 10 // of a request, that are accepted
	tapeHeaders = 16 << 10 // of an exchange, that are on the tape
	tapeURL     = 8 << 10
	tapeText    = 2 << 10
	maxStreams  = 100 // of one HTTP/2 connection

	// bodyBytes is how much of a body is held, answered and kept; all of it is
	// counted and hashed. bodiesBytes is how much of all bodies is held at once:
	// beyond, only bodySample is.
	bodyBytes   = 8 << 20
	bodiesBytes = 64 << 20
	bodySample  = 64 << 10
)

// httpServer serves the HTTP of all flows.
type httpServer struct {
	internet *Internet
	server   *http.Server
	conns    chan net.Conn
	done     chan struct{}
	once     sync.Once
}

type streamKey struct{}

func newHTTPServer(n *Internet) *httpServer {
	h := &httpServer{internet: n, conns: make(chan net.Conn), done: make(chan struct{})}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // TLS has been taken off
	h.server = &http.Server{
		Handler: http.HandlerFunc(n.answerHTTP), Protocols: protocols, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: headerBytes, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog: log.New(io.Discard, "", 0), // what the subject did wrong is on the tape
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, streamKey{}, c.(*served).stream)
		},
		DisableGeneralOptionsHandler: true,
	}
	return h
}

func (h *httpServer) serve() { _ = h.server.Serve(h) } // it ends when the listener closes

// Accept implements net.Listener.
func (h *httpServer) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *httpServer) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener.
func (h *httpServer) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(gateway4.Addr(), 80))
}

func (h *httpServer) close() { _ = h.server.Close() } // what it could not close is closing already

// served is a stream in the hands of the server; gone is closed with it.
type served struct {
	*stream
	gone chan struct{}
	once sync.Once
}

func (s *served) Close() error {
	s.once.Do(func() { close(s.gone) })
	return s.stream.Close()
}

// serveHTTP hands s to the server and returns when that is done with it.
func (n *Internet) serveHTTP(s *stream) error {
	s.flow.speaks("http")
	s.flow.searched()
	c := &served{stream: s, gone: make(chan struct{})}
	select {
	case n.http.conns <- c:
	case <-n.ctx.Done():
		return n.ctx.Err()
	}
	select {
	case <-c.gone:
		return nil
	case <-n.ctx.Done():
		_ = c.Close() // whatever it says, it is over
		return n.ctx.Err()
	}
}

// answerHTTP answers one request and writes the exchange down.
func (n *Internet) answerHTTP(w http.ResponseWriter, r *http.Request) {
	if !n.begin() {
		return
	}
	defer n.running.Done()
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, _ := cause.(error); !errors.Is(err, http.ErrAbortHandler) {
			n.bound("servers")
		}
		panic(http.ErrAbortHandler) // the server ends the connection
	}()
	s := r.Context().Value(streamKey{}).(*stream)
	s.flow.answering.Add(1)
	defer s.flow.answering.Add(-1)
	x := &exchangeHTTP{internet: n, stream: s, event: &tape.HTTP{
		Method: decode.Printable(r.Method), Version: r.Proto, Start: n.opts.Elapsed(),
	}}
	x.event.URL, x.cut = limited(address(s, r), tapeURL)
	if r.Method == http.MethodConnect {
		x.connect(w, r)
		return
	}
	body := n.readBody(r.Body)
	defer body.release()
	x.request(r, body)
	answer := n.answer(s, r, body)
	defer answer.close()
	if answer.download != nil && !answer.download.done {
		x.pass(w, answer)
		return
	}
	// Written down before it is sent: the subject acts on what it got.
	x.record(answer)
	if answer.Status == http.StatusSwitchingProtocols {
		x.upgrade(w, answer)
		return
	}
	x.send(w, answer)
}

// answer finds who answers a request.
func (n *Internet) answer(s *stream, r *http.Request, body *body) answered {
	if query, ok := names.FromHTTP(r, body.held); ok {
		s.flow.speaks("doh")
		return dnsAnswer(n.answerDNS(s.flow, query, "https"), "application/dns-message")
	}
	if b, asked, ok := n.zone.JSON(n.ctx, r); ok {
		s.flow.speaks("doh")
		n.recordDNS(s.flow, asked)
		return dnsAnswer(b, "application/dns-json")
	}
	if a, ok := n.revocation(r, body.held); ok {
		return a
	}
	at := netip.AddrPortFrom(s.flow.remote.Addr(), s.port)
	if a, ok := n.site.Canned(r, body.held, at); ok {
		return answered{Response: a}
	}
	if a, ok := n.answerElsewhere(s, r, body); ok {
		return a
	}
	if s.tls {
		r.URL.Scheme = "https" // of the links in the answer
	}
	return answered{Response: n.site.Answer(r, body.held, at)}
}

// answered is an answer and where it came from.
type answered struct {
	web.Response
	live, replayed bool
	// download has the body of a live answer, of which Body is all if it is done;
	// nil if there is none.
	download *download
	// conn is the other end after a change of protocol; nil if there is none.
	// end is called when it is over.
	conn io.ReadWriteCloser
	end  func()
	// remember records the exchange for a replay; nil if that is not wanted. It
	// is called when the download is over.
	remember func()
}

// close ends what is still on its way.
func (a *answered) close() {
	if a.conn != nil {
		a.conn.Close()
		a.end()
	}
	if a.download != nil {
		a.download.close()
	}
}

func dnsAnswer(reply []byte, kind string) answered {
	if reply == nil {
		return answered{Response: web.Response{Status: http.StatusBadRequest, Answer: "dns"}}
	}
	return answered{Response: web.Response{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: reply, Answer: "dns",
	}}
}

// address is the URL that r asks for.
func address(s *stream, r *http.Request) string {
	if r.URL.IsAbs() {
		return r.URL.String()
	}
	scheme, usual := "http", uint16(80)
	if s.tls {
		scheme, usual = "https", 443
	}
	host := r.Host
	if host == "" {
		host = s.host
		if strings.Contains(host, ":") {
			host = "[" + host + "]" // an address of IPv6
		}
	}
	if _, _, err := net.SplitHostPort(host); err != nil && s.port != usual {
		host += ":" + strconv.Itoa(int(s.port))
	}
	return scheme + "://" + host + "/" + strings.TrimPrefix(r.URL.RequestURI(), "/") // that of OPTIONS may be a star
}

// revocation answers for the CA.
func (n *Internet) revocation(r *http.Request, body []byte) (answered, bool) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	kind, b, ok := n.authority.Answer(host, r.URL.Path, body)
	if !ok {
		return answered{}, false
	}
	return answered{Response: web.Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: b, Answer: "revocation"}}, true
}
