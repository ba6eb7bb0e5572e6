package cassette

import (
	"fmt"
	"io"
	"maps"
	"sync"
)

// Recorder writes a cassette. Its methods may be called from any goroutine.
type Recorder struct {
	mu      sync.Mutex
	w       io.Writer
	left    int64 // bytes that may still be written, but for the last line
	entries int   // the same of entries
	names   map[string]bool
	streams int
	err     error // the first failure to write; nothing is written after it
	full    bool  // an entry was left out, and all after it are
}

// lastLine is room for the end entry.
const lastLine = 64

// NewRecorder returns a Recorder on w, which stays the caller's. A line is one
// call of Write. The caller ends the record with Close.
func NewRecorder(w io.Writer) *Recorder { return newRecorder(w, MaxSize) }

func newRecorder(w io.Writer, size int64) *Recorder {
	version := Version
	r := &Recorder{w: w, left: size - lastLine, entries: maxEntries - 1, names: map[string]bool{}}
	r.err = r.write(&entry{Version: &version})
	return r
}

// Name records whether a name exists. Only what is new is written.
func (r *Recorder) Name(name string, exists bool) error {
	name = plainName(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if was, known := r.names[name]; known && was == exists {
		return nil
	}
	if err := r.write(&entry{Name: &nameEntry{name, exists}}); err != nil {
		return err
	}
	r.names[name] = exists
	return nil
}

// HTTP records an exchange, whose bodies are without the codings of transfer.
// Of a response's body more than [MaxBody] is cut off.
func (r *Recorder) HTTP(method, url string, body []byte, a Response) error {
	h := &httpEntry{
		Method: method, URL: text(url), Request: bodyHash(body),
		Status: a.Status, Version: text(a.Version), Header: maps.Clone(a.Header),
		Body: a.Body[:min(len(a.Body), MaxBody)], Cut: a.Cut || len(a.Body) > MaxBody,
	}
	if err := h.check(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.write(&entry{HTTP: h})
}

// Stream begins the record of a connection to a host, or to an address.
func (r *Recorder) Stream(host string, port uint16) *Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &Stream{r: r}
	if r.write(&entry{Open: &openEntry{r.streams + 1, plainName(host), port}}) == nil {
		r.streams++
		s.number = r.streams
	}
	return s
}

// Err is why the record is not whole; nil while it is. It tells of what a
// Stream could not.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost()
}

func (r *Recorder) lost() error {
	if r.err == nil && r.full {
		return fmt.Errorf("record: %w", ErrFull)
	}
	return r.err
}

// Close ends the record, if need be with a note that it is not whole, and
// returns Err. Nothing is recorded after it.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	full := r.full
	r.full, r.left, r.entries = false, lastLine, 1
	_ = r.write(&entry{End: &endEntry{Full: full}}) // kept in r.err
	r.full = full
	err := r.lost()
	r.left = 0
	return err
}

// write is called with the lock held.
func (r *Recorder) write(e *entry) error {
	if r.err != nil {
		return r.err
	}
	b, err := encode(e)
	if err != nil {
		return err
	}
	if r.full = r.full || int64(len(b)) > r.left || r.entries == 0; r.full {
		return r.lost()
	}
	r.left -= int64(len(b))
	r.entries--
	if _, err := r.w.Write(b); err != nil {
		r.err = fmt.Errorf("write cassette: %w", err)
	}
	return r.err
}

// Stream records one connection as it is carried. Its two directions may be
// two goroutines.
type Stream struct {
	r      *Recorder
	number int // 0 if it is not recorded

	mu    sync.Mutex
	heard int64 // bytes of the client
}

// Client returns a reader of what the client says, which counts it.
func (s *Stream) Client(from io.Reader) io.Reader { return clientReader{s, from} }

// Server returns a writer of what the server says, which records it first. It
// fails only as to does.
func (s *Stream) Server(to io.Writer) io.Writer { return serverWriter{s, to} }

// End records that the server says no more. It is optional: a player then
// waits for the client to end.
func (s *Stream) End() {
	s.record(func(after int64) *entry { return &entry{Close: &doneEntry{s.number, after}} })
}

// record writes one entry of s. What fails is Recorder.Err's to tell.
func (s *Stream) record(e func(after int64) *entry) {
	if s.number == 0 {
		return
	}
	s.mu.Lock()
	after := s.heard
	s.mu.Unlock()
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	_ = s.r.write(e(after))
}

type clientReader struct {
	s    *Stream
	from io.Reader
}

func (c clientReader) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.s.mu.Lock()
	c.s.heard += int64(n)
	c.s.mu.Unlock()
	return n, err
}

type serverWriter struct {
	s  *Stream
	to io.Writer
}

func (w serverWriter) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), maxChunk)
		w.s.record(func(after int64) *entry { return &entry{Data: &dataEntry{w.s.number, after, rest[:n]}} })
		rest = rest[n:]
	}
	return w.to.Write(b)
}
