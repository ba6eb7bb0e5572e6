// Package fetch gets files from servers that may be slow, busy, or gone in the middle: it
// asks again when that may help, goes on where an answer ended, and gives up on who is
// silent. What is in a file its caller has to check. HTTPS_PROXY and NO_PROXY are honoured.
package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/detonaut/detonaut"
)

const (
	// tries is how often a server is asked that answers nothing of use, and maxTries
	// how often in all.
	tries, maxTries = 4, 200
	// pause is the first wait between them; each is twice the one before.
	pause = 500 * time.Millisecond
	// maxRetryAfter is the longest wait that a server may ask for.
	maxRetryAfter = 2 * time.Minute
	maxHeader     = 64 << 10
	maxRedirects  = 10
)

// Options say how servers are spoken to.
type Options struct {
	// Silence is how long a server may send nothing.
	Silence time.Duration
	// Agent is what servers are told of who asks.
	Agent string
	// Allow refuses URLs, those of redirects among them; nil refuses none.
	Allow func(*url.URL) error
}

// Client gets files. It is safe for any number of goroutines.
type Client struct {
	o    Options
	http *http.Client
}

// New makes a client. A redirect from https to http is refused in any case.
func New(o Options) *Client {
	if o.Allow == nil {
		o.Allow = func(*url.URL) error { return nil }
	}
	return &Client{o, &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
			DialContext:         (&net.Dialer{Timeout: o.Silence}).DialContext,
			TLSHandshakeTimeout: o.Silence, ResponseHeaderTimeout: o.Silence, IdleConnTimeout: o.Silence,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true, // the bytes are wanted as they are stored
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
				return errors.New("redirected from https to http")
			}
			return o.Allow(req.URL)
		},
	}}
}

// Refused is an answer that will not change by asking again.
type Refused struct{ Status string }

func (r Refused) Error() string { return "the server says " + r.Status }

// busy is an answer that asks for patience.
type busy struct {
	status string
	after  time.Duration
}

func (b busy) Error() string { return "the server says " + b.status }

// Get asks for u with some fields in the head; nil for none. The answer is 200, 206 or
// 304, or [Refused], or an error for which [Again] tries again; its body ends with an error
// when nothing comes for too long. The caller closes that.
func (c *Client) Get(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	if err := c.o.Allow(u); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel(err)
		return nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("User-Agent", c.o.Agent)
	resp, err := c.http.Do(req)
	if err != nil {
		cancel(err)
		return nil, err
	}
	resp.Body = &patient{ReadCloser: resp.Body, silence: c.o.Silence, cancel: cancel, ctx: ctx}
	if err := judge(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

func judge(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK, code == http.StatusPartialContent, code == http.StatusNotModified:
		return nil
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		return busy{resp.Status, retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	case code == http.StatusNotFound, code == http.StatusGone:
		return fmt.Errorf("%w: %w", detonaut.ErrNotFound, Refused{resp.Status})
	}
	return Refused{resp.Status}
}

// retryAfter reads the field of that name: seconds, or a date. It is 0 without one.
func retryAfter(field string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(field); err == nil {
		return time.Duration(min(max(n, 0), 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(field); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// patient is a body that is given up when nothing comes for too long.
type patient struct {
	io.ReadCloser
	silence time.Duration
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

func (p *patient) Read(b []byte) (int, error) {
	late := time.AfterFunc(p.silence, func() {
		p.cancel(fmt.Errorf("the server sent nothing for %v: %w", p.silence, context.DeadlineExceeded))
	})
	n, err := p.ReadCloser.Read(b)
	late.Stop()
	if err != nil && !errors.Is(err, io.EOF) && p.ctx.Err() != nil {
		err = context.Cause(p.ctx)
	}
	return n, err
}

func (p *patient) Close() error {
	p.cancel(context.Canceled)
	return p.ReadCloser.Close()
}

// Again calls try until it succeeds, is refused, or nothing comes of it any more; try
// tells whether something came.
func Again(ctx context.Context, try func() (came bool, err error)) error {
	wait, left := pause, tries
	for range maxTries {
		came, err := try()
		if err == nil || isFinal(err) {
			return err
		}
		if came {
			wait, left = pause, tries
		}
		if left--; left == 0 {
			return err
		}
		next := wait
		if b, ok := errors.AsType[busy](err); ok && b.after > 0 {
			if next = b.after; next > maxRetryAfter {
				return fmt.Errorf("%w, and to come back in %v", err, next)
			}
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		wait *= 2
	}
	return errors.New("the server cuts every answer short")
}

// isFinal tells whether trying again is of no use.
func isFinal(err error) bool {
	if _, ok := errors.AsType[Refused](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	for _, final := range []error{context.Canceled, detonaut.ErrLimit, detonaut.ErrCorrupt, detonaut.ErrUnsupported, detonaut.ErrUsage, ErrLocal} {
		if errors.Is(err, final) {
			return true
		}
	}
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}
