// Package cassette keeps what the real internet answered in a live run, and
// plays it to later ones: names, exchanges of HTTP, and streams of anything
// else.
//
// A cassette is JSON Lines. The first has the version, the last says that it
// is whole; each between has one entry. A stream is several entries, written
// as its bytes come, so that recording holds nothing in memory. A cassette is
// the operator's own file, and is read as if it were not: what came over the
// network is in it.
package cassette

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Version is that of the format.
const Version = 1

// Bounds of a cassette.
const (
	// MaxBody is the most bytes that are kept of the body of a response, and
	// looked at of that of a request.
	MaxBody = 8 << 20
	// MaxSize is the most bytes that a cassette has.
	MaxSize = 128 << 20

	maxEntries = 100_000
	maxText    = 64 << 10                 // of a URL, and of all headers together
	maxChunk   = 64 << 10                 // of a stream
	maxLine    = MaxBody/3*4 + 16*maxText // in base64, and escaped
)

// ErrInvalid is wrapped by every error about the contents of a cassette.
var ErrInvalid = errors.New("invalid cassette")

// ErrFull is wrapped by the error about an entry that was left out because the
// cassette has reached its bound.
var ErrFull = errors.New("the cassette is full")

// ErrCutOff is wrapped by the error about a cassette without its end.
var ErrCutOff = errors.New("the cassette has no end: it was cut off")

// Response is what a request was answered.
type Response struct {
	Status int
	// Version is that of HTTP, as in "HTTP/2.0"; it may be empty.
	Version string
	Header  http.Header
	Body    []byte
	// Cut is set when the body was longer.
	Cut bool
}

// entry is one line; one of its fields is set.
type entry struct {
	Version *int       `json:"cassette,omitempty"`
	Name    *nameEntry `json:"name,omitempty"`
	HTTP    *httpEntry `json:"http,omitempty"`
	Open    *openEntry `json:"open,omitempty"`
	Data    *dataEntry `json:"data,omitempty"`
	Close   *doneEntry `json:"close,omitempty"`
	End     *endEntry  `json:"end,omitempty"`
}

type nameEntry struct {
	Name   string `json:"name"`
	Exists bool   `json:"exists"`
}

type httpEntry struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	// Request is the SHA-256 of the request's body, in hexadecimal.
	Request string      `json:"request"`
	Status  int         `json:"status"`
	Version string      `json:"version,omitempty"`
	Header  http.Header `json:"header,omitempty"`
	Body    []byte      `json:"body,omitempty"` // JSON has it in base64
	Cut     bool        `json:"cut,omitempty"`
}

// openEntry begins a stream. Streams are numbered from 1, in this order.
type openEntry struct {
	Stream int    `json:"stream"`
	Host   string `json:"host"`
	Port   uint16 `json:"port"`
}

// dataEntry is what the server said when it had seen After bytes of the client.
type dataEntry struct {
	Stream int    `json:"stream"`
	After  int64  `json:"after"`
	Data   []byte `json:"data"`
}

// doneEntry is the end of what the server said.
type doneEntry struct {
	Stream int   `json:"stream"`
	After  int64 `json:"after"`
}

// endEntry is the last line. Full is set when entries were left out.
type endEntry struct {
	Full bool `json:"full,omitempty"`
}

// fields counts what is set of e.
func (e *entry) fields() (n int) {
	for _, set := range []bool{e.Version != nil, e.Name != nil, e.HTTP != nil, e.Open != nil, e.Data != nil, e.Close != nil, e.End != nil} {
		if set {
			n++
		}
	}
	return n
}

// check holds an exchange to what can be sent as HTTP once more.
func (h *httpEntry) check() error {
	size := len(h.Version)
	for name, values := range h.Header {
		if !isToken(name) || slices.ContainsFunc(values, hasControl) {
			return fmt.Errorf("%w: a header that is none", ErrInvalid)
		}
		size += len(name) + len(strings.Join(values, ""))
	}
	switch u, err := url.Parse(h.URL); {
	case len(h.Method) > maxText || !isToken(h.Method):
		return fmt.Errorf("%w: a method that is none", ErrInvalid)
	case err != nil || u.Host == "" || len(h.URL) > maxText:
		return fmt.Errorf("%w: a URL that is none, or long", ErrInvalid)
	case h.Status < 200 || h.Status > 999:
		return fmt.Errorf("%w: status %d", ErrInvalid, h.Status)
	case size > maxText:
		return fmt.Errorf("%w: more than %d bytes of headers", ErrInvalid, maxText)
	case len(h.Body) > MaxBody:
		return fmt.Errorf("%w: a body of more than %d bytes", ErrInvalid, MaxBody)
	}
	return nil
}

// isToken is for methods and names of headers (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	const punctuation = "!#$%&'*+-.^_`|~"
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && (r < '0' || r > '9') && !strings.ContainsRune(punctuation, r)
	})
}

// hasControl is for values of headers: with a line end in it one would be two.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// bodyHash is that of the part of a request's body that is looked at.
func bodyHash(body []byte) string {
	sum := sha256.Sum256(body[:min(len(body), MaxBody)])
	return hex.EncodeToString(sum[:])
}

// plainName is how names are compared.
func plainName(s string) string { return strings.ToLower(strings.TrimRight(text(s), ".")) }

// text is s as JSON gives it back.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func encode(e *entry) ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	if b = append(b, '\n'); len(b) > maxLine {
		return nil, fmt.Errorf("%w: an entry of %d bytes, at most %d", ErrInvalid, len(b), maxLine)
	}
	return b, nil
}
