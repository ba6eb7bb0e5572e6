package guard

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// chunk is how much of an answer a client has to take at once, in bytes.
const chunk = 64 << 10

// patient waits for a client that takes an answer slowly, but not for one that takes nothing.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	wait    time.Duration
}

func newPatient(w http.ResponseWriter, wait time.Duration) *patient {
	p := &patient{ResponseWriter: w, control: http.NewResponseController(w), wait: wait}
	p.extend()
	return p
}

// extend gives the client time again. What has no deadlines is no connection.
func (p *patient) extend() { _ = p.control.SetWriteDeadline(time.Now().Add(p.wait)) }

// Unwrap is for [http.ResponseController].
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Flush is for those who look for it without one.
func (p *patient) Flush() {
	p.extend()
	_ = p.control.Flush()
}

func (p *patient) Write(b []byte) (n int, err error) {
	for {
		part := b[:min(len(b), chunk)]
		p.extend()
		m, err := p.ResponseWriter.Write(part)
		n += m
		b = b[len(part):]
		if err != nil || len(b) == 0 {
			return n, err
		}
	}
}

// bound bounds the body of r, in size and time: all of it has to come. What comes a byte a
// second is from a client that wants to keep us waiting.
func (g *Guard) bound(w *patient, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	_ = w.control.SetReadDeadline(time.Now().Add(w.wait))
	r.Body = &body{ReadCloser: http.MaxBytesReader(w, r.Body, g.o.Limits.Body), control: w.control}
}

// body lifts the deadline when all of it is there: one that is left would end the request.
type body struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
