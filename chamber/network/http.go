package network

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut/chamber/bait"
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
	s := r.Context().Value(streamKey{}).(*stream)
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
	x.answered(answer)
	// Written down before it is sent: the subject acts on what it got.
	x.record()
	header := w.Header()
	for name, values := range answer.Header {
		header[name] = values
	}
	if answer.Status == http.StatusSwitchingProtocols {
		x.upgrade(w, answer)
		return
	}
	if r.Method != http.MethodHead {
		header.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	}
	w.WriteHeader(answer.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(answer.Body) // whoever asked may be gone
	}
}

// answer finds who answers a request.
func (n *Internet) answer(s *stream, r *http.Request, body *body) answered {
	if query, ok := names.FromHTTP(r, body.held); ok {
		s.flow.speaks("doh")
		return dnsAnswer(n.answerDNS(s.flow, query, "https"), "application/dns-message")
	}
	if b, asked, ok := n.zone.JSON(r.Context(), r); ok {
		s.flow.speaks("doh")
		n.recordDNS(s.flow, asked)
		return dnsAnswer(b, "application/dns-json")
	}
	if a, ok := n.revocation(r, body.held); ok {
		return a
	}
	if a, ok := n.answerElsewhere(s, r, body); ok {
		return a
	}
	if s.tls {
		r.URL.Scheme = "https" // of the links in the answer
	}
	return answered{Response: n.site.Answer(r, body.held, netip.AddrPortFrom(s.flow.remote.Addr(), s.port))}
}

// answered is an answer and where it came from.
type answered struct {
	web.Response
	live, replayed bool
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
	}
	if s.port != usual && !strings.Contains(strings.TrimPrefix(host, "["), ":") {
		host += ":" + strconv.Itoa(int(s.port))
	}
	return scheme + "://" + host + r.URL.RequestURI()
}

// body is what of a request's body was read.
type body struct {
	internet *Internet
	held     []byte // its start
	size     int64
	sum      string
	found    []bait.Match
	reserved int64
}

func (b *body) release() { b.internet.bodies.Add(-b.reserved) }

// readBody reads r to its end and holds what the bounds allow.
func (n *Internet) readBody(r io.Reader) *body {
	b := &body{internet: n}
	limit := int64(bodySample)
	if n.bodies.Add(bodyBytes) <= bodiesBytes {
		limit, b.reserved = bodyBytes, bodyBytes
	} else {
		n.bodies.Add(-bodyBytes)
	}
	hash := sha256.New()
	b.held, _ = io.ReadAll(io.TeeReader(io.LimitReader(r, limit), hash)) // what came before it broke
	b.found = n.find(b.held)
	rest := &searcher{find: n.find, window: slices.Clone(b.held[max(0, len(b.held)-searchOverlap):])}
	size, _ := io.Copy(io.MultiWriter(hash, rest), r)
	b.size = int64(len(b.held)) + size
	b.sum = hex.EncodeToString(hash.Sum(nil))
	if size > 0 {
		n.bound("bodies")
		b.found = append(b.found, rest.end()...)
	}
	return b
}

// searcher looks for baits in what is not held, window by window. The windows
// overlap, so that none falls between two.
type searcher struct {
	find   func([]byte) []bait.Match
	window []byte
	found  []bait.Match
}

const (
	searchWindow  = 256 << 10
	searchOverlap = 8 << 10 // longer than any bait in any encoding
)

func (s *searcher) Write(b []byte) (int, error) {
	s.window = append(s.window, b...)
	if len(s.window) >= searchWindow {
		s.search()
		s.window = append(s.window[:0], s.window[len(s.window)-searchOverlap:]...)
	}
	return len(b), nil
}

func (s *searcher) search() {
	for _, m := range s.find(s.window) {
		if !slices.Contains(s.found, m) {
			s.found = append(s.found, m)
		}
	}
}

// end returns what was found.
func (s *searcher) end() []bait.Match {
	s.search()
	return s.found
}

// exchangeHTTP is one request and its answer on their way to the tape.
type exchangeHTTP struct {
	internet *Internet
	stream   *stream
	event    *tape.HTTP
	cut      bool
}

func (x *exchangeHTTP) request(r *http.Request, b *body) {
	e := x.event
	var cut bool
	e.Headers, cut = headers(r.Header)
	x.cut = x.cut || cut
	if b.size > 0 {
		e.Body = x.keep(b.held, b.size, b.sum)
	}
	x.baits("http-url", []byte(r.URL.String()))
	for _, values := range r.Header {
		x.baits("http-header", []byte(strings.Join(values, "\n")))
	}
	x.internet.recordBaits(x.stream.flow, x.stream.host, "http-body", b.found)
}

func (x *exchangeHTTP) baits(place string, in []byte) {
	x.internet.recordBaits(x.stream.flow, x.stream.host, place, x.internet.find(in))
}

func (x *exchangeHTTP) answered(a answered) {
	e := x.event
	e.Status, e.Answer, e.Live, e.Replayed = a.Status, a.Answer, a.live, a.replayed
	var cut bool
	e.ResponseHeaders, cut = headers(a.Header)
	x.cut = x.cut || cut
	if len(a.Body) > 0 {
		sum := sha256.Sum256(a.Body)
		e.ResponseBody = x.keep(a.Body, int64(len(a.Body)), hex.EncodeToString(sum[:]))
	}
}

// keep hands a body to the artifacts and describes it.
func (x *exchangeHTTP) keep(held []byte, size int64, sum string) *tape.Body {
	b := &tape.Body{Size: size, SHA256: sum}
	text, cut := limited(string(held[:min(len(held), tapeText+1)]), tapeText)
	b.Text = text
	_ = cut // the size tells
	if to := x.internet.opts.Artifacts; to != nil && size == int64(len(held)) {
		b.Kept = to.Blob(held) == nil
		if !b.Kept {
			x.internet.bound("artifacts")
		}
	}
	return b
}

func (x *exchangeHTTP) record() {
	x.internet.record(x.stream.flow, &tape.Event{Kind: tape.HTTPExchange, Cut: x.cut, HTTP: x.event})
}

// headers are those of an exchange, sorted, as far as they fit.
func headers(h http.Header) (list []tape.Header, cut bool) {
	room := tapeHeaders
	for name, values := range h {
		for _, v := range values {
			list = append(list, tape.Header{Name: name, Value: v})
		}
	}
	slices.SortFunc(list, func(a, b tape.Header) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	for i := range list {
		name, c1 := limited(list[i].Name, room/2)
		value, c2 := limited(list[i].Value, room-len(name))
		list[i] = tape.Header{Name: name, Value: value}
		room -= len(name) + len(value)
		if c1 || c2 || room <= 0 {
			return list[:i+1], true
		}
	}
	return list, false
}

// limited makes text of the subject printable and cuts it at most bytes.
func limited(s string, most int) (string, bool) {
	cut := len(s) > most
	return decode.Printable(s[:min(len(s), most)]), cut
}

// connect serves a client that asked a proxy for a way through.
func (x *exchangeHTTP) connect(w http.ResponseWriter, r *http.Request) {
	x.event.Status, x.event.Answer = http.StatusOK, "proxy"
	x.record()
	host, port := splitTarget(r.Host)
	hijacker, ok := w.(http.Hijacker)
	if !ok || x.stream.depth >= tunnels || port == 0 {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	c, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, err = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	if err == nil {
		_ = x.internet.dispatch(x.internet.ctx, x.stream.toward(x.stream.over(rest(c, buffered.Reader)), host, port))
	}
}

// upgrade serves what comes after a change of protocol: nobody here speaks it.
func (x *exchangeHTTP) upgrade(w http.ResponseWriter, a answered) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	x.stream.flow.speaks(a.Answer)
	response := http.Response{StatusCode: a.Status, ProtoMajor: 1, ProtoMinor: 1, Header: a.Header}
	if response.Write(c) == nil {
		_, _ = io.Copy(io.Discard, rest(c, buffered.Reader))
	}
}

// rest reads what the server had read ahead, then the connection.
func rest(c net.Conn, ahead *bufio.Reader) *bufio.Reader {
	n := ahead.Buffered()
	head, _ := ahead.Peek(n) // they are there
	return bufio.NewReaderSize(io.MultiReader(strings.NewReader(string(head)), c), readBuffer)
}

func splitTarget(target string) (host string, port uint16) {
	host, text, err := net.SplitHostPort(target)
	if err != nil {
		return target, 0
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return host, 0
	}
	return host, uint16(number)
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
