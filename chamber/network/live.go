package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/detonaut/detonaut/chamber/egress"
	"github.com/detonaut/detonaut/chamber/network/cassette"
	"github.com/detonaut/detonaut/chamber/network/names"
	"github.com/detonaut/detonaut/chamber/network/web"
)

// liveAnswer is how long the real internet may take to begin an answer.
const liveAnswer = 30 * time.Second

// nameOptions are those of the zone. A live network asks whether a name exists,
// if its policy has it asked for; what it is answered with stays ours, so that
// addresses lead back to names.
func (n *Internet) nameOptions() names.Options {
	o := names.Options{ResolveRandom: n.opts.Plan.ResolveRandom, Known: n.canned}
	if n.opts.Egress != nil {
		o.Resolve = func(ctx context.Context, name string) (bool, error) {
			_, err := n.opts.Egress.Resolve(ctx, name)
			exists := err == nil
			switch {
			case errors.Is(err, egress.ErrNotFound):
				err = nil
			case errors.Is(err, egress.ErrRefused):
				err = fmt.Errorf("%w: %w", names.ErrNotAsked, err)
			}
			if err == nil && n.recorder != nil {
				n.recorded(n.recorder.Name(name, exists))
			}
			return exists, err
		}
	}
	return o
}

// canned tells whether a name belongs to a canned or a recorded answer: it
// exists whatever it looks like.
func (n *Internet) canned(name string) bool {
	if n.player != nil {
		if exists, known := n.player.Name(name); known {
			return exists
		}
	}
	for _, a := range n.opts.Plan.Answers {
		if a.Host == name || strings.HasPrefix(a.Host, "*.") && strings.HasSuffix(name, a.Host[1:]) {
			return true
		}
	}
	return false
}

// recorded notes that the record is not whole.
func (n *Internet) recorded(err error) {
	if err != nil {
		n.bound("record")
	}
}

// newUpstream is the client of a live network. What it trusts is no matter:
// the subject would not have been asked either, and the tape has what came.
func (n *Internet) newUpstream() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			host, port := splitTarget(address)
			c, _, err := n.opts.Egress.Dial(ctx, host, port)
			return c, err
		},
		TLSClientConfig:       &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // the subject gets what there is
		ResponseHeaderTimeout: liveAnswer,
		MaxIdleConnsPerHost:   2,
		IdleConnTimeout:       idleTime,
	}
}

// answerElsewhere asks the record or the real internet; ok tells whether one
// has answered. What the policy refuses is simulated.
func (n *Internet) answerElsewhere(s *stream, r *http.Request, b *body) (_ answered, ok bool) {
	target := address(s, r)
	if n.player != nil {
		if a, ok := n.player.HTTP(r.Method, target, b.held); ok {
			return answered{Response: web.Response{Status: a.Status, Header: a.Header, Body: a.Body, Answer: "record"}, replayed: true}, true
		}
	}
	if n.upstream == nil || b.size > int64(len(b.held)) {
		return answered{}, false
	}
	u, err := url.Parse(target)
	if err != nil {
		return answered{}, false
	}
	out := r.Clone(r.Context())
	// The host that the policy decides on is the host that is asked.
	out.URL, out.Host, out.RequestURI, out.Close = u, u.Host, "", false
	out.Body, out.ContentLength = io.NopCloser(strings.NewReader(string(b.held))), int64(len(b.held))
	dropHops(out.Header)
	response, err := n.upstream.RoundTrip(out)
	if err != nil {
		s.flow.refuse(err)
		return answered{}, false
	}
	defer response.Body.Close()
	s.flow.wentLive()
	held, err := io.ReadAll(io.LimitReader(response.Body, bodyBytes+1))
	cut := err != nil || len(held) > bodyBytes
	if cut {
		n.bound("bodies")
		held = held[:min(len(held), bodyBytes)]
	}
	dropHops(response.Header)
	a := answered{Response: web.Response{Status: response.StatusCode, Header: response.Header, Body: held, Answer: "live"}, live: true}
	if n.recorder != nil {
		n.recorded(n.recorder.HTTP(r.Method, target, b.held, cassette.Response{
			Status: a.Status, Version: response.Proto, Header: a.Header, Body: a.Body, Cut: cut,
		}))
	}
	return a, true
}

// dropHops removes the headers that are for one connection only (RFC 9110,
// section 7.6.1).
func dropHops(h http.Header) {
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
}

// relay carries a stream that is no HTTP to the record or the real internet;
// ok tells whether one had it.
func (n *Internet) relay(ctx context.Context, s *stream) (ok bool, err error) {
	if n.player != nil {
		if script, ok := n.player.Stream(s.host, s.port); ok {
			return true, script.Serve(ctx, s)
		}
	}
	if n.opts.Egress == nil {
		return false, nil
	}
	up, _, err := n.opts.Egress.Dial(ctx, s.host, s.port)
	if err != nil {
		s.flow.refuse(err)
		return false, nil
	}
	defer up.Close()
	s.flow.wentLive()
	if s.tls {
		// That this machine would not have trusted it is the subject's affair.
		secured, _, err := egress.UpstreamTLS(ctx, up, &tls.ClientHelloInfo{ServerName: s.host})
		if err != nil {
			return true, err
		}
		up = secured
	}
	return true, n.carry(ctx, s, up)
}

// carry copies both ways until both ends are done.
func (n *Internet) carry(ctx context.Context, s *stream, up net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = up.SetDeadline(past) })
	defer stop()
	down, from, ended := io.Writer(s.Conn), io.Reader(s), func() {}
	if n.recorder != nil {
		recording := n.recorder.Stream(s.host, s.port)
		down, from, ended = recording.Server(down), recording.Client(from), recording.End
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, err := io.Copy(down, up)
		s.flow.refuse(err) // a bound of the policy ends it here
		ended()
		_ = s.SetReadDeadline(past)
	})
	_, err := io.Copy(up, readerOnly{from})
	if w, ok := up.(interface{ CloseWrite() error }); ok && err == nil {
		_ = w.CloseWrite()
	} else {
		_ = up.SetDeadline(past)
	}
	back.Wait()
	return err
}

// refuse notes that the live network's policy kept a flow from reaching it.
func (f *flow) refuse(err error) {
	if !errors.Is(err, egress.ErrRefused) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused = "policy"
}
