package imagetest

import (
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// Fault makes one response go wrong. It may let next answer, into a writer of
// its own; it must return when the request's context or closed ends.
type Fault func(w http.ResponseWriter, req *http.Request, next http.Handler, closed <-chan struct{})

type injected struct {
	match *regexp.Regexp
	left  int
	fault Fault
}

// Inject makes f happen to the next times requests that match the regular
// expression; see [Registry.Count] for what it is matched against. With times
// below zero it happens to all of them. Of several faults the first one
// injected that has some left happens.
func (r *Registry) Inject(pattern string, times int, f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, &injected{match: regexp.MustCompile(pattern), left: times, fault: f})
}

// Status answers with a status instead.
func Status(code int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		http.Error(w, "injected", code)
	}
}

// Busy answers 429 and asks to come back after some seconds.
func Busy(seconds int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		http.Error(w, "injected", http.StatusTooManyRequests)
	}
}

// Silent answers nothing at all.
func Silent() Fault {
	return func(_ http.ResponseWriter, req *http.Request, _ http.Handler, closed <-chan struct{}) {
		select {
		case <-req.Context().Done():
		case <-closed:
		}
		panic(http.ErrAbortHandler)
	}
}

// Cut closes the connection after n bytes of the body.
func Cut(n int) Fault {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler, _ <-chan struct{}) {
		next.ServeHTTP(&brokenWriter{ResponseWriter: w, left: n, broken: func() {
			panic(http.ErrAbortHandler)
		}}, req)
	}
}

// Stall sends n bytes of the body, and then nothing more.
func Stall(n int) Fault {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler, closed <-chan struct{}) {
		next.ServeHTTP(&brokenWriter{ResponseWriter: w, left: n, broken: func() {
			select {
			case <-req.Context().Done():
			case <-closed:
			}
			panic(http.ErrAbortHandler)
		}}, req)
	}
}

// Slow sends the body in pieces of n bytes with a pause between them.
func Slow(n int, pause time.Duration) Fault {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler, closed <-chan struct{}) {
		slow := &brokenWriter{ResponseWriter: w, left: n}
		slow.broken = func() {
			select {
			case <-time.After(pause):
				slow.left = n
			case <-req.Context().Done():
				panic(http.ErrAbortHandler)
			case <-closed:
				panic(http.ErrAbortHandler)
			}
		}
		next.ServeHTTP(slow, req)
	}
}

// Corrupt flips a bit in the first byte of the body.
func Corrupt() Fault {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler, _ <-chan struct{}) {
		next.ServeHTTP(&corruptWriter{ResponseWriter: w}, req)
	}
}

// Header sets a field of the header, over what it would be. An empty value
// leaves it out.
func Header(name, value string) Fault {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler, _ <-chan struct{}) {
		next.ServeHTTP(&headerWriter{ResponseWriter: w, name: name, value: value}, req)
	}
}

// Redirect sends the client to the same path below base, a URL.
func Redirect(base string) Fault {
	return func(w http.ResponseWriter, req *http.Request, _ http.Handler, _ <-chan struct{}) {
		http.Redirect(w, req, base+req.URL.Path, http.StatusTemporaryRedirect)
	}
}

// Answer sends this body instead, with the right length.
func Answer(mediaType string, body []byte) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // the client may be gone
	}
}

// brokenWriter calls broken after left bytes, which may set left anew.
type brokenWriter struct {
	http.ResponseWriter
	left   int
	broken func()
}

func (b *brokenWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		var m int
		m, err = b.ResponseWriter.Write(p[:min(len(p), b.left)])
		n, p, b.left = n+m, p[m:], b.left-m
		if b.left == 0 && err == nil {
			_ = http.NewResponseController(b.ResponseWriter).Flush()
			b.broken()
		}
	}
	return n, err
}

type corruptWriter struct {
	http.ResponseWriter
	done bool
}

func (c *corruptWriter) Write(p []byte) (int, error) {
	if !c.done && len(p) > 0 {
		c.done = true
		p = append([]byte{p[0] ^ 1}, p[1:]...)
	}
	return c.ResponseWriter.Write(p)
}

type headerWriter struct {
	http.ResponseWriter
	name, value string
}

func (h *headerWriter) WriteHeader(code int) {
	if h.value == "" {
		h.Header().Del(h.name)
	} else {
		h.Header().Set(h.name, h.value)
	}
	h.ResponseWriter.WriteHeader(code)
}
