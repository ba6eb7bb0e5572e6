package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Bounds of one reading of a tape, in bytes of JSON Lines.
const (
	// maxSkipped is how much is passed over to where a page begins. What is behind is to be
	// had by download.
	maxSkipped = 512 << 20
	// maxSearched is how much is looked through for one page. The next one goes on there.
	maxSearched = 64 << 20
	// decodeCost is how much more it is to decode a line than to look for a text in it.
	decodeCost = 8
	// maxWindow is the memory that a tape may ask for.
	maxWindow = 8 << 20
)

// errFar is when a page begins so far behind on a tape that it is not read.
var errFar = fmt.Errorf("%w: that far behind a tape can only be downloaded", detonaut.ErrLimit)

// tapeQuery is which events of a tape are wanted. What is empty does not matter.
type tapeQuery struct {
	After uint64 // a sequence number
	// Kind is one, or a family: what stands before the dot.
	Kind string
	PID  int32
	// Text is in the event, in any case of ASCII.
	Text  string
	Limit int
}

// tapePart are the events of a page.
type tapePart struct {
	Events []*tape.Event
	// Next is after which event the next page begins; 0 if the tape has ended.
	Next uint64
}

// readTape reads the events that are wanted of a tape, which is JSON Lines in zstd. It stops
// at its bounds, and then says where to go on.
func readTape(r io.Reader, q tapeQuery) (*tapePart, error) {
	zr, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, fmt.Errorf("open tape: %w: %w", detonaut.ErrCorrupt, err)
	}
	defer zr.Close()
	t := &tapeLines{r: bufio.NewReaderSize(zr, 64<<10)}
	if err := t.skip(q.After); err != nil {
		return nil, err
	}
	return t.collect(newSieve(q), q.Limit)
}

// tapeLines are the lines of a tape: the n-th is event n.
type tapeLines struct {
	r    *bufio.Reader
	n    uint64 // events read
	read int    // bytes
	line []byte // the last
}

// skip passes over so many events.
func (t *tapeLines) skip(events uint64) error {
	for t.n < events && t.read <= maxSkipped {
		part, err := t.r.ReadSlice('\n')
		t.read += len(part)
		switch {
		case err == nil:
			t.n++
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("read tape: %w: %w", detonaut.ErrCorrupt, err)
		}
	}
	if t.n < events {
		return errFar
	}
	t.read = 0
	return nil
}

// next reads one event's line; [io.EOF] at the end.
func (t *tapeLines) next() error {
	t.line = t.line[:0]
	for {
		part, err := t.r.ReadSlice('\n')
		t.line = append(t.line, part...)
		t.read += len(part)
		switch {
		case len(t.line) > tape.MaxLine:
			return fmt.Errorf("read tape: %w: an event of more than %d bytes", detonaut.ErrCorrupt, tape.MaxLine)
		case err == nil:
			t.n++
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return io.EOF // what is left is the head of a line
		default:
			return fmt.Errorf("read tape: %w: %w", detonaut.ErrCorrupt, err)
		}
	}
}

// collect gathers the events that a sieve lets through.
func (t *tapeLines) collect(s *sieve, limit int) (*tapePart, error) {
	part := &tapePart{Events: []*tape.Event{}}
	for {
		if len(part.Events) == limit || t.read > maxSearched {
			part.Next = t.n
			return part, nil
		}
		if err := t.next(); errors.Is(err, io.EOF) {
			return part, nil
		} else if err != nil {
			return nil, err
		}
		e, err := s.pass(t.line)
		switch {
		case errors.Is(err, errNotIn):
			t.read += decodeCost * len(t.line)
		case err != nil:
			return nil, fmt.Errorf("event %d: %w: %w", t.n, detonaut.ErrCorrupt, err)
		case e != nil:
			part.Events = append(part.Events, e)
		}
	}
}

// errNotIn is of a line that was decoded for nothing: a text is in it, but in the name of a
// field.
var errNotIn = errors.New("the text is in no value")

// sieve lets events through that are wanted, and decodes hardly any others.
type sieve struct {
	kind, family string
	pid          []byte
	// text is in lower case, encoded the same as it is written in an event.
	text    string
	encoded []byte
}

func newSieve(q tapeQuery) *sieve {
	s := &sieve{kind: q.Kind, family: q.Kind + "."}
	if q.PID != 0 {
		s.pid = []byte(`,"pid":` + strconv.Itoa(int(q.PID)) + `,`)
	}
	if q.Text != "" { // as it is written in the event
		s.text = string(lower([]byte(q.Text)))
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(s.text) // a string
		s.encoded = b.Bytes()[1 : b.Len()-2]
	}
	return s
}

// pass decodes an event that is wanted; nil is one that is not.
func (s *sieve) pass(line []byte) (*tape.Event, error) {
	l, err := tape.ParseLine(line)
	if err != nil {
		return nil, err
	}
	if s.kind != "" && string(l.Kind) != s.kind && !strings.HasPrefix(string(l.Kind), s.family) {
		return nil, nil
	}
	if s.pid != nil && !bytes.HasPrefix(l.Rest(), s.pid) { // the first field behind the kind
		return nil, nil
	}
	if s.text != "" && !bytes.Contains(lower(l.Rest()), s.encoded) {
		return nil, nil
	}
	e, err := l.Decode()
	if err == nil && s.text != "" && !s.inValue(line) {
		return nil, errNotIn
	}
	return e, err
}

// inValue tells whether the text is in a value of an event, as opposed to the name of a field.
func (s *sieve) inValue(line []byte) bool {
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		return false
	}
	return s.in(fields)
}

func (s *sieve) in(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, one := range v {
			if s.in(one) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, s.in)
	case string:
		return bytes.Contains(lower([]byte(v)), []byte(s.text))
	case float64:
		return strings.Contains(strconv.FormatFloat(v, 'f', -1, 64), s.text)
	}
	return false
}

// lower makes ASCII lower case; other letters are compared as they are.
func lower(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}
