package server

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCompress(t *testing.T) {
	text := strings.Repeat("all work and no play ", 200)
	for _, test := range []struct {
		name, accept, kind, encoding, length string
		method                               string
		status                               int
		want                                 bool
	}{
		{name: "a page", accept: "gzip, br", kind: "text/html; charset=utf-8", want: true},
		{name: "JSON", accept: "br;q=1, GZIP;q=0.5", kind: "application/json", want: true},
		{name: "a problem", accept: "*", kind: "application/problem+json", status: 404, want: true},
		{name: "whose length is known", accept: "gzip", kind: "text/css", length: "4200", want: true},
		{name: "no type", accept: "gzip", want: true},
		{name: "a picture", accept: "gzip", kind: "image/png"},
		{name: "events", accept: "gzip", kind: "text/event-stream"},
		{name: "compressed already", accept: "gzip", kind: "text/plain", encoding: "zstd"},
		{name: "short", accept: "gzip", kind: "text/plain", length: "500"},
		{name: "a part", accept: "gzip", kind: "text/plain", status: 206},
		{name: "not wanted", accept: "gzip;q=0, br", kind: "text/html"},
		{name: "nobody asked", kind: "text/html"},
		{name: "a head", accept: "gzip", kind: "text/html", method: http.MethodHead},
	} {
		t.Run(test.name, func(t *testing.T) {
			handler := compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range map[string]string{"Content-Type": test.kind, "Content-Encoding": test.encoding, "Content-Length": test.length, "ETag": `"x"`} {
					if value != "" {
						w.Header().Set(name, value)
					}
				}
				if test.status != 0 {
					w.WriteHeader(test.status)
				}
				_, _ = io.WriteString(w, text[:2100])
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(w, text[2100:])
			}))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if test.method != "" {
				r.Method = test.method
			}
			r.Header.Set("Accept-Encoding", test.accept)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			body := w.Body.Bytes()
			if got := w.Header().Get("Content-Encoding") == "gzip"; got != test.want {
				t.Fatalf("compressed: %v, want %v", got, test.want)
			}
			tag := `"x"`
			if test.want {
				z, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
				tag = `W/"x"`
				if w.Header().Get("Content-Length") != "" {
					t.Error("the length is that of what it was")
				}
			}
			if string(body) != text || w.Header().Get("ETag") != tag || w.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("got %d bytes with %v", len(body), w.Header())
			}
			if want := max(test.status, 200); w.Code != want {
				t.Errorf("got %d, want %d", w.Code, want)
			}
		})
	}
}

// Where nothing is in an answer nothing is added, and what was broken off stays so.
func TestCompressNothing(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })).ServeHTTP(w, r)
	if w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("got %d with %v and %d bytes", w.Code, w.Header(), w.Body.Len())
	}
	hs := httptest.NewServer(compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("a page ", 10_000))
		panic(http.ErrAbortHandler)
	})))
	defer hs.Close()
	res, err := http.Get(hs.URL)
	if err != nil {
		return // nothing of it came
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%d bytes are taken for all", len(b))
	}
}
