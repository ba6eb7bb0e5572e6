package network

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/detonaut/detonaut/chamber/egress"
	"github.com/detonaut/detonaut/chamber/network/cassette"
	"github.com/detonaut/detonaut/chamber/network/web"
)

// Bounds of the client of a live network. Its connections are among those that
// the outer process allows, of which 16 to one address and 64 in all: more
// requests wait, so that it need not refuse any.
const (
	liveAnswer   = 30 * time.Second // how long an answer may take to begin
	liveIdle     = 5 * time.Second  // how long a connection waits for the next request
	liveHeader   = 256 << 10        // bytes of the header of an answer
	liveConns    = 12               // connections to one host
	liveSpare    = 2                // of them that wait for a request
	liveAllSpare = 16
)

// newUpstream is the client of a live network. What it trusts is no matter:
// the subject would not have been asked either, and the tape has what came.
func (n *Internet) newUpstream() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			host, port := splitTarget(address)
			c, _, err := n.opts.Egress.Dial(ctx, host, port)
			return c, err
		},
		TLSClientConfig:        egress.TLSConfig(),
		TLSHandshakeTimeout:    handshakeTime,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // the subject gets what there is
		ResponseHeaderTimeout:  liveAnswer,
		MaxResponseHeaderBytes: liveHeader,
		MaxConnsPerHost:        liveConns,
		MaxIdleConnsPerHost:    liveSpare,
		MaxIdleConns:           liveAllSpare,
		IdleConnTimeout:        liveIdle,
	}
}

// answerElsewhere asks the record or the real internet; ok tells whether one
// has answered. What the policy refuses is simulated.
func (n *Internet) answerElsewhere(s *stream, r *http.Request, b *body) (_ answered, ok bool) {
	target := address(s, r)
	if n.player != nil {
		if a, ok := n.player.HTTP(r.Method, target, b.held); ok {
			if a.Cut {
				n.bound("record")
			}
			return answered{Response: web.Response{Status: a.Status, Header: a.Header, Body: a.Body, Answer: "record"}, replayed: true}, true
		}
	}
	if n.upstream == nil {
		return answered{}, false
	}
	a, err := n.fetch(s, r, b, target)
	if err != nil {
		n.refused(s.flow, err)
		return answered{}, false
	}
	return a, true
}

// fetch asks the real internet.
func (n *Internet) fetch(s *stream, r *http.Request, b *body, target string) (answered, error) {
	if b.size > int64(len(b.held)) {
		return answered{}, fmt.Errorf("%w: the request has %d bytes", egress.ErrBound, b.size)
	}
	u, err := url.Parse(target)
	if err != nil {
		return answered{}, fmt.Errorf("%w: %w", egress.ErrRefused, err)
	}
	asking := r.Context()
	if r.ProtoMajor < 2 {
		// It ends when the subject says no more, which may have said all that it
		// wants and be waiting for the answer.
		asking = context.WithoutCancel(asking)
	}
	ctx, cancel := context.WithCancel(asking)
	stop := context.AfterFunc(n.ctx, cancel)
	response, err := n.upstream.RoundTrip(outgoing(ctx, r, b, u))
	if err == nil && response.StatusCode < http.StatusOK && response.StatusCode != http.StatusSwitchingProtocols {
		response.Body.Close()
		err = fmt.Errorf("a response of status %d", response.StatusCode)
	}
	if err != nil {
		stop()
		cancel()
		return answered{}, err
	}
	s.flow.wentLive()
	header, changes := response.Header, response.StatusCode == http.StatusSwitchingProtocols
	dropHops(header, changes)
	a := answered{Response: web.Response{Status: response.StatusCode, Header: header, Answer: "live"}, live: true}
	if conn, ok := response.Body.(io.ReadWriteCloser); ok && changes {
		a.Answer, a.conn, a.end = "websocket", conn, func() { stop(); cancel() }
		if n.recorder != nil {
			n.bound("record")
		}
		return a, nil
	}
	d := n.newDownload(response.Body, func() { stop(); cancel() })
	d.hold()
	a.download, a.Body = d, d.held
	if n.recorder != nil {
		sent, version := b.held, response.Proto
		a.remember = func() {
			cut := !d.done
			if cut {
				n.bound("record")
			}
			n.recorded(n.recorder.HTTP(r.Method, target, sent, cassette.Response{Status: a.Status, Version: version, Header: header, Body: d.held, Cut: cut}))
		}
	}
	return a, nil
}

// outgoing is a request as it goes out. The host that the policy decides on is
// the host that is asked, whatever the subject said beside it.
func outgoing(ctx context.Context, r *http.Request, b *body, u *url.URL) *http.Request {
	out := &http.Request{
		Method: r.Method, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.Header.Clone(), Body: http.NoBody, ContentLength: int64(len(b.held)),
	}
	if len(b.held) > 0 {
		out.Body = io.NopCloser(strings.NewReader(string(b.held)))
	}
	dropHops(out.Header, isWebsocket(r.Header))
	for _, name := range []string{"Host", "Expect", "Content-Length"} {
		out.Header.Del(name)
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = nil // not that of Go's client
	}
	return out.WithContext(ctx)
}

func isWebsocket(h http.Header) bool {
	return strings.EqualFold(h.Get("Upgrade"), "websocket") && strings.Contains(strings.ToLower(h.Get("Connection")), "upgrade")
}

// dropHops removes the headers that are for one connection only (RFC 9110,
// section 7.6.1), but for those that change its protocol to WebSocket.
func dropHops(h http.Header, websocket bool) {
	kept := http.Header{}
	if websocket {
		kept.Set("Connection", "Upgrade")
		kept.Set("Upgrade", "websocket")
	}
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
	maps.Copy(h, kept)
}
