package source

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image"
	"github.com/detonaut/detonaut/internal/store"
	"github.com/detonaut/detonaut/internal/survey/polite"
)

const (
	// maxReply bounds a page as it is sent, in bytes; askTimeout how long it may take, its turn included.
	maxReply   = 8 << 20
	askTimeout = 2 * time.Minute

	maxName        = 255  // of a repository, in bytes
	maxDescription = 1000 // in bytes
	maxWhy         = 300
	maxQuote       = 100
)

// asker asks an API.
type asker struct {
	client  *http.Client
	timeout time.Duration
	header  http.Header
}

// get asks for JSON, and returns the header of the answer. Its errors are in our words.
func (a asker) get(ctx context.Context, where string, query url.Values, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	if len(query) > 0 {
		where += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", text(where, maxWhy), err)
	}
	req.Header.Set("User-Agent", "detonaut")
	req.Header.Set("Accept", "application/json")
	for k, v := range a.header {
		req.Header[k] = v
	}
	resp, err := a.client.Do(req)
	if err != nil {
		if busy, ok := errors.AsType[*detonaut.Busy](err); ok {
			return nil, busy
		}
		return nil, fmt.Errorf("ask %s: %w", req.URL.Host, plain(err))
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it is wanted
	if err := status(resp); err != nil {
		return nil, fmt.Errorf("ask %s: %w", req.URL.Host, err)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read what %s answers: %w", req.URL.Host, plain(err))
	case len(raw) > maxReply:
		return nil, fmt.Errorf("%s answers with more than %d bytes: %w", req.URL.Host, maxReply, detonaut.ErrLimit)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return nil, fmt.Errorf("read what %s answers: %s: %w", req.URL.Host, text(err.Error(), maxWhy), detonaut.ErrCorrupt)
	}
	return resp.Header, nil
}

// plain is an error with a text that is fit to be shown: it may quote a server.
func plain(err error) error { return &netError{text(err.Error(), maxWhy), err} }

type netError struct {
	text string
	err  error
}

func (e *netError) Error() string { return e.text }
func (e *netError) Unwrap() error { return e.err }

// status is the error of an answer that is none.
func status(resp *http.Response) error {
	if busy := polite.Refused(resp); busy != nil {
		return busy
	}
	says := text(resp.Status, maxQuote)
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("it answers %s: %w", says, detonaut.ErrNotFound)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("it answers %s: %w", says, detonaut.ErrUnauthorized)
	}
	return fmt.Errorf("it answers %s", says)
}

// text makes a string of a server fit to be kept and shown: at most so many bytes, on one line, and
// with everything visible.
func text(s string, most int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		shown := string(r)
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			shown = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		if space {
			shown = " " + shown
		}
		if b.Len()+len(shown) > most-len("...") {
			b.WriteString("...")
			break
		}
		space = false
		b.WriteString(shown)
	}
	return b.String()
}

// repository is a candidate; false if that is no name of one.
func repository(host, name string) (store.Candidate, bool) {
	c := store.Candidate{Repository: store.Repository{Registry: host, Name: name, Pulls: -1, Stars: -1}}
	if len(name) > maxName {
		return c, false
	}
	r, err := image.ParseRemote(detonaut.Ref(host + "/" + name + ":x"))
	return c, err == nil && r.Registry == host && r.Repository == name && r.Digest == ""
}

// collect makes candidates of what is listed, each once, without what is none. It counts that.
func collect[T any](p *page, host string, all []T, of func(T) (name string, set func(*store.Candidate))) {
	seen := map[string]int{}
	bad, first := 0, ""
	for _, one := range all {
		name, set := of(one)
		if p.names = append(p.names, name); set == nil {
			continue // nothing that is wanted
		}
		c, ok := repository(host, name)
		if !ok {
			if bad++; bad == 1 {
				first = name
			}
			continue
		}
		set(&c)
		if i, twice := seen[name]; twice {
			p.found[i] = c
			continue
		}
		seen[name] = len(p.found)
		p.found = append(p.found, c)
	}
	if bad > 0 {
		p.cut = fmt.Sprintf("%d names are of no repository, such as %q", bad, text(first, maxQuote))
	}
}

// count is a number that a server says; what makes no sense is not known.
func count(n int64) int64 { return max(n, -1) }

// when is a time that a server says, if it makes sense.
func when(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 2000 || t.Year() > 2200 {
		return time.Time{}
	}
	return t
}

// moment is a time in JSON, as any of several programs write it; zero is one that makes no sense.
type moment struct{ time.Time }

// UnmarshalJSON implements [json.Unmarshaler]. It never fails: a time is not worth a page.
func (m *moment) UnmarshalJSON(raw []byte) error {
	s := strings.Trim(string(raw), `"`)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n > 1e11 {
			n /= 1000 // milliseconds
		}
		m.Time = when(time.Unix(n, 0))
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.RFC1123Z, time.RFC1123, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			m.Time = when(t)
			return nil
		}
	}
	return nil
}

func bearer(token string) http.Header {
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return h
}

func basic(login string) http.Header {
	h := http.Header{}
	if login != "" {
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(login)))
	}
	return h
}

// base is the URL of a host, spoken to as images of it are pulled.
func base(host string, o image.Options) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(name)
	local := name == "localhost" || ip != nil && ip.IsLoopback()
	if slices.Contains(o.PlainHTTP, host) || local && !slices.Contains(o.Insecure, host) {
		return "http://" + host
	}
	return "https://" + host
}

// number reads which page a place is: from 1.
func number(at string) int {
	n, err := strconv.Atoi(at)
	if err != nil || n < 1 {
		return 1
	}
	return n
}
