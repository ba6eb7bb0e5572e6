package server

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// minCompressed is how long an answer is at least that is worth it, in bytes, if it says how
// long it is.
const minCompressed = 1024

// compressible are the types of answers that are worth it. Streams of events are not: each is
// sent at once.
func compressible(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	switch kind = strings.TrimSpace(strings.ToLower(kind)); kind {
	case "text/event-stream":
		return false
	case "application/json", "application/xml", "application/yaml", "image/svg+xml", "text/javascript", "application/javascript":
		return true
	}
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml")
}

// compress compresses answers for clients that take it. There is no secret in a page that
// could be guessed by how well it compresses: what a session may do is in its cookie.
func compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if r.Method == http.MethodHead || !takesGzip(r.Header.Get("Accept-Encoding")) {
			next.ServeHTTP(w, r)
			return
		}
		c := &compressed{ResponseWriter: w}
		next.ServeHTTP(c, r)
		c.close() // not after a panic: who reads must see that it is not whole
	})
}

// takesGzip reads an Accept-Encoding.
func takesGzip(accept string) bool {
	for _, part := range strings.Split(accept, ",") {
		name, weight, _ := strings.Cut(part, ";")
		if n := strings.TrimSpace(name); !strings.EqualFold(n, "gzip") && n != "*" {
			continue
		}
		q, weighs := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		f, err := strconv.ParseFloat(q, 64)
		return !weighs || err == nil && f > 0
	}
	return false
}

var gzips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, 5) // the level is one
	return z
}}

// compressed decides, when it knows the headers, whether to compress.
type compressed struct {
	http.ResponseWriter
	zip  *gzip.Writer // nil if not
	sent bool         // the headers are
}

// Unwrap is for [http.ResponseController].
func (c *compressed) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader decides.
func (c *compressed) WriteHeader(status int) {
	h := c.Header()
	if c.sent || status < http.StatusOK {
		c.ResponseWriter.WriteHeader(status)
		return
	}
	c.sent = true
	length, err := strconv.Atoi(h.Get("Content-Length"))
	short := err == nil && length < minCompressed
	switch {
	case status == http.StatusNoContent, status == http.StatusNotModified, status == http.StatusPartialContent, short,
		h.Get("Content-Encoding") != "", !compressible(h.Get("Content-Type")):
	default:
		h.Set("Content-Encoding", "gzip")
		h.Del("Content-Length")
		if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
			h.Set("ETag", "W/"+tag) // the bytes are others
		}
		c.zip = gzips.Get().(*gzip.Writer)
		c.zip.Reset(c.ResponseWriter)
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *compressed) Write(b []byte) (int, error) {
	if !c.sent {
		if c.Header().Get("Content-Type") == "" {
			c.Header().Set("Content-Type", http.DetectContentType(b))
		}
		c.WriteHeader(http.StatusOK)
	}
	if c.zip != nil {
		return c.zip.Write(b)
	}
	return c.ResponseWriter.Write(b)
}

// FlushError is what [http.ResponseController] looks for.
func (c *compressed) FlushError() error {
	if !c.sent {
		c.WriteHeader(http.StatusOK)
	}
	if c.zip != nil {
		if err := c.zip.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// close ends what is compressed. That a client has gone is seen elsewhere.
func (c *compressed) close() {
	if c.zip != nil {
		_ = c.zip.Close()
		c.zip.Reset(nil)
		gzips.Put(c.zip)
	}
}
