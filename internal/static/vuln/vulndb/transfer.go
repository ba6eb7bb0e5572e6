package vulndb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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

func newClient(silence time.Duration) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
			DialContext:         (&net.Dialer{Timeout: silence}).DialContext,
			TLSHandshakeTimeout: silence, ResponseHeaderTimeout: silence, IdleConnTimeout: silence,
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
			return nil
		},
	}
}

// refused is an answer that will not change by asking again.
type refused struct{ status string }

func (r refused) Error() string { return "the server says " + r.status }

// busy is an answer that asks for patience.
type busy struct {
	status string
	after  time.Duration
}

func (b busy) Error() string { return "the server says " + b.status }

// get asks for u from offset on. The answer is 200 or 206, or [refused], or [busy]; its
// body ends with an error when nothing comes for too long.
func (s *Store) get(ctx context.Context, u *url.URL, offset int64) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel(err)
		return nil, err
	}
	req.Header.Set("User-Agent", s.o.Agent)
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		cancel(err)
		return nil, err
	}
	resp.Body = &patient{ReadCloser: resp.Body, silence: s.o.Silence, cancel: cancel, ctx: ctx}
	if err := judge(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

func judge(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK, code == http.StatusPartialContent:
		return nil
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		return busy{resp.Status, retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	case code == http.StatusNotFound, code == http.StatusGone:
		return fmt.Errorf("%w: %w", detonaut.ErrNotFound, refused{resp.Status})
	}
	return refused{resp.Status}
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

// again calls try until it succeeds, is refused, or nothing comes of it any more; try
// tells whether something came.
func again(ctx context.Context, try func() (came bool, err error)) error {
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
	if _, ok := errors.AsType[refused](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	for _, final := range []error{context.Canceled, detonaut.ErrLimit, detonaut.ErrCorrupt, detonaut.ErrUnsupported, detonaut.ErrUsage, errLocal} {
		if errors.Is(err, final) {
			return true
		}
	}
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}
