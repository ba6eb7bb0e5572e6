package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// epoch is when what is handed out was last changed: long before any run.
var epoch = time.Date(2025, time.March, 11, 9, 26, 53, 0, time.UTC)

// finish adds what servers add to every answer, and answers what was asked
// about the answer: whether it changed, a part of it, its header alone (RFC
// 9110, sections 9.3.2, 13 and 14).
func (s *Site) finish(q *request, a Response) Response {
	h := a.Header
	h.Set("Date", s.opts.Now().UTC().Format(http.TimeFormat))
	if _, ok := h["Server"]; !ok {
		h.Set("Server", "nginx")
	} else if h.Get("Server") == "" {
		h.Del("Server") // it says none
	}
	if a.Status == http.StatusOK && q.reads() {
		a = validated(q, a)
	}
	if q.Method == http.MethodHead && a.Status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
		a.Body = nil
	}
	return a
}

// validated gives an answer its tag, and cuts it to what was asked for.
func validated(q *request, a Response) Response {
	h := a.Header
	sum := sha256.Sum256(a.Body)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	if h.Get("Etag") == "" {
		h.Set("ETag", tag)
	}
	if h.Get("Last-Modified") == "" {
		h.Set("Last-Modified", epoch.Format(http.TimeFormat))
	}
	h.Set("Accept-Ranges", "bytes")
	if unchanged(q, tag) {
		a.Status, a.Body = http.StatusNotModified, nil
		h.Del("Content-Type")
		return a
	}
	ranges := q.Header.Get("Range")
	if ranges == "" || q.Header.Get("If-Range") != "" && q.Header.Get("If-Range") != tag {
		return a
	}
	from, to, ok := byteRange(ranges, len(a.Body))
	if !ok {
		return a // several parts, or nonsense: the whole is as good an answer
	}
	if from >= to {
		h.Set("Content-Range", "bytes */"+strconv.Itoa(len(a.Body)))
		a.Status, a.Body = http.StatusRequestedRangeNotSatisfiable, nil
		return a
	}
	h.Set("Content-Range", "bytes "+strconv.Itoa(from)+"-"+strconv.Itoa(to-1)+"/"+strconv.Itoa(len(a.Body)))
	a.Status, a.Body = http.StatusPartialContent, a.Body[from:to]
	return a
}

// unchanged tells whether the client has what it asks for.
func unchanged(q *request, tag string) bool {
	if match := q.Header.Get("If-None-Match"); match != "" {
		return match == "*" || strings.Contains(match, tag)
	}
	since, err := http.ParseTime(q.Header.Get("If-Modified-Since"))
	return err == nil && !epoch.After(since)
}

// byteRange reads one range of bytes of a body: from, and to without the last.
func byteRange(s string, size int) (from, to int, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes=")
	first, last, dash := strings.Cut(s, "-")
	if !ok || !dash {
		return 0, 0, false
	}
	if first == "" { // the last so many
		n, err := strconv.ParseUint(last, 10, 31)
		return max(0, size-int(n)), size, err == nil
	}
	start, err := strconv.ParseUint(first, 10, 31)
	if err != nil {
		return 0, 0, false
	}
	end := uint64(size - 1)
	if last != "" {
		if end, err = strconv.ParseUint(last, 10, 31); err != nil || end < start {
			return 0, 0, false
		}
	}
	return int(start), min(int(end)+1, size), true
}
