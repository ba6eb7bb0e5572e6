package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/reach"
)

const (
	// maxHeader bounds the header of a response, in bytes.
	maxHeader = 256 << 10
	// maxReply bounds every response but a blob, in bytes: a token, an error.
	maxReply = 2 * maxManifest
	// maxRetryAfter is the longest wait that a registry may ask for. Public
	// ones say a minute when they are busy, and hours when a quota is used up.
	maxRetryAfter = 2 * time.Minute
	// maxWait is the longest wait that others are told of, whatever a registry says.
	maxWait = 24 * time.Hour
)

// transport is how a registry, and the servers that it refers to, are reached:
// bounded in everything that they could make us wait for or hold.
type transport struct {
	ctx      context.Context
	giveUp   context.CancelCauseFunc
	silence  time.Duration
	insecure []string
	guest    *Guest
	strict   *http.Transport
	lax      *http.Transport // checks no certificate
	// ask and askLax ask through these, as [Options] wrap them.
	ask, askLax http.RoundTripper

	failures atomic.Int32 // in a row
	// budget is how many requests there may be, if it is not 0; asked is how many there were.
	budget int32
	asked  atomic.Int32
}

// newTransport ends all its connections with ctx, and calls giveUp when a
// server asks for more patience than we have.
func newTransport(ctx context.Context, giveUp context.CancelCauseFunc, o Options) *transport {
	t := &transport{ctx: ctx, giveUp: giveUp, silence: o.Silence, insecure: o.Insecure, guest: o.Guest}
	t.strict = &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            t.dial,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    o.Silence,
		MaxResponseHeaderBytes: maxHeader,
		IdleConnTimeout:        o.Silence,
		DisableCompression:     true, // the bytes are wanted as they are stored
	}
	if t.guest != nil {
		t.strict.Proxy = nil // which would connect to what we may not
	}
	t.lax = t.strict.Clone()
	t.lax.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	t.ask, t.askLax = t.strict, t.lax
	if o.Transport != nil {
		t.ask, t.askLax = o.Transport(t.strict), o.Transport(t.lax)
	}
	return t
}

func (t *transport) client() *http.Client { return &http.Client{Transport: t} }

func (t *transport) close() {
	t.strict.CloseIdleConnections()
	t.lax.CloseIdleConnections()
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	wire := t.ask
	if slices.Contains(t.insecure, req.URL.Host) {
		wire = t.askLax
	}
	if n := t.asked.Add(1); t.budget > 0 && n > t.budget {
		err := over("requests", t.budget)
		t.giveUp(err)
		return nil, err
	}
	if req.Context().Done() == nil { // regclient asks for tokens so
		req = req.WithContext(t.ctx)
	}
	host := req.URL.Host
	resp, err := wire.RoundTrip(req)
	if err != nil {
		if busy, ok := errors.AsType[*detonaut.Busy](err); ok {
			t.giveUp(busy)
			return nil, err
		}
		if isFinal(err) {
			t.giveUp(&transferError{text: fmt.Sprintf("registry %s: %s", host, clean(err)), err: err})
		}
		t.failed(host, clean(err), err)
		return nil, err
	}
	busy := resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout
	if busy || resp.StatusCode >= http.StatusInternalServerError {
		status := cleanString(resp.Status)
		if s, err := strconv.ParseInt(resp.Header.Get("Retry-After"), 10, 64); err == nil && s > int64(maxRetryAfter/time.Second) {
			t.giveUp(&detonaut.Busy{
				Host: host, Wait: time.Duration(min(s, int64(maxWait/time.Second))) * time.Second,
				Why: fmt.Sprintf("the registry answers %s and asks to wait %d s", status, s),
			})
		}
		t.failed(host, status, nil)
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		resp.StatusCode = http.StatusBadGateway // after which regclient tries again
	}
	body := &watchedBody{ReadCloser: resp.Body, t: t, host: host, left: maxReply, good: resp.StatusCode < http.StatusMultipleChoices}
	if isBlobRequest(req) {
		body.left = math.MaxInt64
	}
	resp.Body = body
	return resp, nil
}

// failed counts a failure, and gives up when there was nothing else lately. The
// error, if there is one, is for callers to decide on; how says it.
func (t *transport) failed(host, how string, err error) {
	if n := t.failures.Add(1); n >= attempts {
		t.giveUp(&transferError{text: fmt.Sprintf("registry %s: failed %d times in a row, at last: %s", host, n, how), err: err})
	}
}

// isFinal reports whether another attempt would end with the same error.
func isFinal(err error) bool {
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	return errors.As(err, &name) && name.IsNotFound || errors.As(err, &cert) || errors.As(err, &plain) ||
		errors.Is(err, http.ErrSchemeMismatch) || errors.Is(err, reach.ErrRefused)
}

// isBlobRequest reports whether req, or the request that was redirected to it,
// is for a blob.
func isBlobRequest(req *http.Request) bool {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return strings.Contains(req.URL.Path, "/blobs/")
}

// dial connects, for as long as the pull's context lasts: regclient asks for
// tokens without one.
func (t *transport) dial(_ context.Context, network, address string) (net.Conn, error) {
	dial := (&net.Dialer{Timeout: t.silence}).DialContext
	if t.guest != nil {
		dial = t.guest.Reach.Dial
	}
	conn, err := dial(t.ctx, network, address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(t.ctx, func() { _ = conn.Close() })
	return &patientConn{Conn: conn, silence: t.silence, stop: stop}, nil
}

// patientConn is a connection that is given up when it was silent for too long.
// That, and a reset, it reports as the end of a stream that was not complete,
// which regclient takes as the reason to resume.
type patientConn struct {
	net.Conn
	silence time.Duration
	stop    func() bool
}

func (c *patientConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ECONNRESET) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *patientConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *patientConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

// watchedBody ends a response with an error when it is too long, and tells
// whether it was complete.
type watchedBody struct {
	io.ReadCloser
	t    *transport
	host string
	good bool // what was asked for, and no error
	left int64
	read int64
}

// progress is how many bytes of a body make up for earlier failures.
const progress = 1 << 20

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	b.read += int64(n)
	switch {
	case b.left < 0:
		return 0, fmt.Errorf("read response: %w", over("bytes", maxReply))
	case err == io.EOF || b.read >= progress:
		b.read = 0
		if b.good {
			b.t.failures.Store(0)
		}
	case err != nil:
		b.t.failed(b.host, "response cut short", nil)
	}
	return n, err
}
