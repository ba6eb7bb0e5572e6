package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/detonaut/detonaut/chamber/artifact"
	"github.com/detonaut/detonaut/chamber/tape"
)

// Stream is the reader's end of the sandbox's events. Next and Attached are called
// on one goroutine, Ask and Close on any.
type Stream struct {
	f        *os.File
	r        *bufio.Reader
	attached bytes.Buffer
}

func newStream(f *os.File) *Stream {
	return &Stream{f: f, r: bufio.NewReaderSize(f, tape.MaxLine)}
}

// Next returns the sandbox's next event, valid until the next call. Its Seq
// counts what the sandbox sent; its Time is by the machine's CLOCK_MONOTONIC.
// An event of the kind run.end carries the sandbox's own counters and answers
// a request. The bytes are hostile, and only their head is checked. At
// the end of the stream the error is [io.EOF].
func (s *Stream) Next() (tape.Line, error) {
	if err := s.readAttached(); err != nil {
		return tape.Line{}, err
	}
	b, err := s.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return tape.Line{}, fmt.Errorf("%w: an event of more than %d bytes", tape.ErrInvalid, tape.MaxLine)
	}
	if errors.Is(err, io.EOF) && len(b) > 0 {
		return tape.Line{}, fmt.Errorf("%w: the sandbox died in the middle of an event", tape.ErrInvalid)
	}
	if err != nil {
		return tape.Line{}, err
	}
	return tape.ParseLine(b)
}

// readAttached reads the pieces of a content that stand before an event.
func (s *Stream) readAttached() error {
	for {
		mark, err := s.r.Peek(1)
		if err != nil {
			return err
		}
		if mark[0] != attachMark {
			return nil
		}
		var head [attachHead]byte
		if _, err := io.ReadFull(s.r, head[:]); err != nil {
			return fmt.Errorf("%w: the sandbox died in the middle of a payload", tape.ErrInvalid)
		}
		size := int64(binary.BigEndian.Uint32(head[1:]))
		if size == 0 && s.attached.Len() == 0 {
			return fmt.Errorf("%w: a payload without bytes", tape.ErrInvalid)
		}
		if size == 0 {
			s.attached.Reset()
		}
		if limit := artifact.DefaultLimits().Payload; size > MaxPiece || int64(s.attached.Len())+size > limit {
			return fmt.Errorf("%w: a payload of more than %d bytes", tape.ErrInvalid, limit)
		}
		if _, err := io.CopyN(&s.attached, s.r, size); err != nil {
			return fmt.Errorf("%w: the sandbox died in the middle of a payload", tape.ErrInvalid)
		}
	}
}

// Attached returns the content that came before the event that Next returned
// last, valid until the next call; empty if there was none. It is given once, and
// belongs to the first event of the kind payload.keep that comes after it.
func (s *Stream) Attached() []byte {
	b := s.attached.Bytes()
	s.attached.Reset()
	if s.attached.Cap() > 4*MaxPiece {
		s.attached = bytes.Buffer{} // b keeps what it needs
	}
	return b
}

// Ask makes a request, which a run.end answers. It fails when the sandbox has gone.
func (s *Stream) Ask(r Request) error {
	if _, err := s.f.Write([]byte{byte(r)}); err != nil {
		return fmt.Errorf("ask the sandbox: %w", err)
	}
	return nil
}

// Close closes the reader's end, upon which the sandbox exits.
func (s *Stream) Close() error { return s.f.Close() }
