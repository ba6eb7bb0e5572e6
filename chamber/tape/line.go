package tape

import (
	"bytes"
	"fmt"
	"strconv"
)

// Line is an encoded event of which only the head was read. Whoever passes
// events on can renumber them for a fraction of what decoding costs; what is
// behind the head stays as hostile as it came, and is for a Decoder to check.
type Line struct {
	Seq  uint64
	Time int64
	Kind Kind
	rest []byte // what follows the kind, without the newline
}

// The head of an event as Encoder writes it: the first fields of Event, in
// this order.
const (
	headSeq  = `{"seq":`
	headTime = `,"t":`
	headKind = `,"kind":"`
)

// ParseLine reads the head of an encoded event. The Line keeps b.
func ParseLine(b []byte) (l Line, err error) {
	bad := func() (Line, error) { return Line{}, fmt.Errorf("%w: the head of an event is malformed", ErrInvalid) }
	if len(b) > MaxLine {
		return Line{}, fmt.Errorf("%w: an event of more than %d bytes", ErrInvalid, MaxLine)
	}
	b, ok := bytes.CutSuffix(b, []byte("\n"))
	if !ok || bytes.IndexByte(b, '\n') >= 0 || !bytes.HasSuffix(b, []byte("}")) {
		return bad()
	}
	if b, ok = bytes.CutPrefix(b, []byte(headSeq)); !ok {
		return bad()
	}
	seq, b, ok := bytes.Cut(b, []byte(headTime))
	if !ok {
		return bad()
	}
	at, b, ok := bytes.Cut(b, []byte(headKind))
	if !ok {
		return bad()
	}
	kind, rest, ok := bytes.Cut(b, []byte(`"`))
	if !ok || bytes.IndexByte(kind, '\\') >= 0 {
		return bad()
	}
	if l.Seq, err = strconv.ParseUint(string(seq), 10, 64); err != nil {
		return bad()
	}
	if l.Time, err = strconv.ParseInt(string(at), 10, 64); err != nil {
		return bad()
	}
	l.Kind, l.rest = Kind(kind), rest
	return l, nil
}

// Append appends the event to b, with its newline.
func (l Line) Append(b []byte) []byte {
	b = append(b, headSeq...)
	b = strconv.AppendUint(b, l.Seq, 10)
	b = append(b, headTime...)
	b = strconv.AppendInt(b, l.Time, 10)
	b = append(b, headKind...)
	b = append(b, l.Kind...)
	b = append(b, '"')
	b = append(b, l.rest...)
	return append(b, '\n')
}

// Rest is what follows the kind, encoded. It is the line's own.
func (l Line) Rest() []byte { return l.rest }

// Decode decodes and checks the whole event.
func (l Line) Decode() (*Event, error) { return Unmarshal(l.Append(nil)) }
