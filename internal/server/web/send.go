package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// send writes bytes with their name, or says that they are known: compressed, for whom that
// is something.
func (s *site) send(w http.ResponseWriter, r *http.Request, status int, kind string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	packed := len(b) >= minPacked && isText(kind) && takesGzip(r)
	if isText(kind) {
		h.Add("Vary", "Accept-Encoding")
	}
	if status == http.StatusOK {
		tag := tagOf(b, packed)
		h.Set("ETag", tag)
		if known(r, tag) {
			h.Del("Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if packed {
		h.Set("Content-Encoding", "gzip")
		b = gzipped(b)
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b) // whoever went away does not matter
	}
}

// tagOf names bytes, in the one form or the other.
func tagOf(b []byte, packed bool) string {
	sum := sha256.Sum256(b)
	tag := hex.EncodeToString(sum[:12])
	if packed {
		tag += "-gzip"
	}
	return `"` + tag + `"`
}

// known tells whether who asks has what a tag names.
func known(r *http.Request, tag string) bool {
	for name := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		name = strings.TrimPrefix(strings.TrimSpace(name), "W/")
		if name == tag || name == "*" {
			return true
		}
	}
	return false
}

// minPacked is from how many bytes on it is worth to compress them.
const minPacked = 1 << 10

// isText tells whether a media type is one of text: nothing else gets much smaller.
func isText(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "xml")
}

// takesGzip tells whether who asks understands gzip.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			weight, err := strconv.ParseFloat(strings.TrimPrefix(q, "q="), 64)
			return q == "" || err == nil && weight > 0
		}
	}
	return false
}

// packers are writers of gzip that nobody uses.
var packers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, 4) // there is this level
	return w
}}

func gzipped(b []byte) []byte {
	w := packers.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is in it
	defer packers.Put(w)
	var out bytes.Buffer
	out.Grow(len(b) / 4)
	w.Reset(&out)
	_, _ = w.Write(b) // to memory
	_ = w.Close()
	return out.Bytes()
}
