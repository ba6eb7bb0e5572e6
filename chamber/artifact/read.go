package artifact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Read reads one stream to its end and gives sink what it carries, in order.
// An error about the stream is [ErrBroken]; one of sink is wrapped as it is.
// Memory is used for bytes that came, not for those that were announced: at
// most some times the greater of Limits.Blob and Limits.Payload.
func Read(r io.Reader, sink Sink, l Limits) error {
	used := usage{Limits: l}
	var buf []byte
	for {
		kind, size, err := readHead(r)
		if err != nil {
			return err
		}
		if kind == endFrame {
			return readEnd(r, size)
		}
		if err := checkFrame(&used, kind, size); err != nil {
			return err
		}
		if buf, err = readFrame(r, buf, int(size)); err != nil {
			return readError(err)
		}
		if err := give(sink, kind, buf); err != nil {
			return err
		}
		if cap(buf) > maxChunk {
			buf = nil // one large blob must not cost its memory for good
		}
	}
}

// readFrame reads size bytes into buf, or into what replaces it. Room is made for
// as many bytes as came, and again as many.
func readFrame(r io.Reader, buf []byte, size int) ([]byte, error) {
	for buf = buf[:0]; len(buf) < size; {
		n := len(buf)
		more := min(size-n, max(n, maxChunk))
		if n+more > cap(buf) {
			buf = append(make([]byte, 0, n+more), buf...)
		}
		buf = buf[:n+more]
		if _, err := io.ReadFull(r, buf[n:]); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

func readHead(r io.Reader) (kind byte, size int64, err error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, readError(err)
	}
	return head[0], int64(binary.BigEndian.Uint32(head[1:])), nil
}

// readEnd makes sure that nothing comes after the last frame.
func readEnd(r io.Reader, size int64) error {
	var more [1]byte
	n, err := io.ReadFull(r, more[:])
	switch {
	case size != 0 || n != 0:
		return fmt.Errorf("%w: bytes after their end", ErrBroken)
	case !errors.Is(err, io.EOF):
		return readError(err)
	}
	return nil
}

func checkFrame(used *usage, kind byte, size int64) error {
	switch kind {
	case blobFrame, payloadFrame:
	case captureFrame, recordFrame:
		if size > maxChunk {
			return fmt.Errorf("%w: a frame of %d bytes, at most %d", ErrBroken, size, maxChunk)
		}
	default:
		return fmt.Errorf("%w: unknown frame %q", ErrBroken, kind)
	}
	if size == 0 {
		return fmt.Errorf("%w: an empty frame", ErrBroken)
	}
	if over := used.take(kind, size); over != "" {
		return fmt.Errorf("%w: more than the %s may have", ErrBroken, over)
	}
	return nil
}

func give(sink Sink, kind byte, b []byte) (err error) {
	switch kind {
	case captureFrame:
		err = sink.Capture(b)
	case recordFrame:
		err = sink.Record(b)
	case blobFrame:
		err = sink.Blob(b)
	case payloadFrame:
		err = sink.Payload(b)
	}
	if err != nil {
		return fmt.Errorf("take artifact: %w", err)
	}
	return nil
}

func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}
