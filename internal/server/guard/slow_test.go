package guard_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/detonaut/detonaut/internal/server/guard"
)

// A client that sends a part of a body and waits does not keep the server waiting.
func TestSlowBody(t *testing.T) {
	read := make(chan error, 1)
	p := newPlace(t, func(o *guard.Options) { o.Limits.Wait = 50 * time.Millisecond })
	hs := httptest.NewServer(p.guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	})))
	defer hs.Close()
	c, err := net.Dial("tcp", hs.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab")
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a deadline", err)
	}
}

// One that takes nothing of an answer is given up.
func TestSlowReader(t *testing.T) {
	wrote := make(chan error, 1)
	p := newPlace(t, func(o *guard.Options) { o.Limits.Wait = 50 * time.Millisecond })
	hs := httptest.NewServer(p.guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		part := make([]byte, 1<<20)
		for {
			if _, err := w.Write(part); err != nil {
				wrote <- err
				return
			}
		}
	})))
	defer hs.Close()
	c, err := net.Dial("tcp", hs.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET /open HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-wrote; err == nil {
		t.Error("it was not given up")
	}
}

// A body that is too large is refused before it is read, if it says so, and when it turns out.
func TestLargeBody(t *testing.T) {
	p := newPlace(t, func(o *guard.Options) { o.Limits.Body = 10 })
	r := httptest.NewRequest(http.MethodPost, "/open", strings.NewReader("0123456789a"))
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	is(t, w, 413)
	r = httptest.NewRequest(http.MethodPost, "/open", io.MultiReader(strings.NewReader("012345"), strings.NewReader("6789a")))
	w = httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	if w.Code != 400 { // which the handler of this test says of what it cannot read
		t.Errorf("got %d", w.Code)
	}
}

// What a handler flushes arrives while it goes on, and a request may take longer than its
// body may.
func TestStream(t *testing.T) {
	p := newPlace(t, func(o *guard.Options) { o.Limits.Wait = 20 * time.Millisecond })
	proceed := make(chan struct{})
	hs := httptest.NewServer(p.guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.ReadAll(r.Body)
		io.WriteString(w, "one\n")
		w.(http.Flusher).Flush()
		<-proceed
		if r.Context().Err() != nil {
			return
		}
		io.WriteString(w, "two\n")
	})))
	defer hs.Close()
	res, err := http.Post(hs.URL+"/open", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || lines.Text() != "one" {
		t.Fatalf("got %q and %v", lines.Text(), lines.Err())
	}
	<-time.After(60 * time.Millisecond) // longer than the wait
	close(proceed)
	if !lines.Scan() || lines.Text() != "two" {
		t.Errorf("got %q and %v", lines.Text(), lines.Err())
	}
}
