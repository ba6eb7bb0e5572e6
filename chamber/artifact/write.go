package artifact

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
)

// Writer writes a stream. It is safe for several goroutines, and buffers
// nothing: a slow reader slows them.
type Writer struct {
	mu    sync.Mutex
	w     io.Writer
	used  usage
	seen  map[content]struct{} // what was written whole
	small []byte               // room for a small frame
	full  []string             // bounds that were hit
	err   error                // the first failure to write
	ended bool
}

// NewWriter returns a Writer on w. The caller closes it, and w after it.
func NewWriter(w io.Writer, l Limits) *Writer {
	return &Writer{w: w, used: usage{Limits: l}, seen: map[content]struct{}{}, small: make([]byte, 0, 16<<10)}
}

// content is what a whole frame carries, and as what.
type content struct {
	kind byte
	sum  [sha256.Size]byte
}

// Capture returns where the capture goes. One call of its Write is written
// whole and not mixed with others, or is [ErrFull].
func (w *Writer) Capture() io.Writer { return appender{w, captureFrame} }

// Record returns where the record of a live network goes, in the same way.
func (w *Writer) Record() io.Writer { return appender{w, recordFrame} }

type appender struct {
	w    *Writer
	kind byte
}

func (a appender) Write(b []byte) (int, error) {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	if err := a.w.take(a.kind, b); err != nil {
		return 0, err
	}
	for chunk := range slices.Chunk(b, maxChunk) {
		if err := a.w.frame(a.kind, chunk); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// Blob hands over a body whole. One that was handed over before, or is empty, costs
// nothing. [ErrFull] is returned for one that is too large, or one too many:
// it is not kept, and smaller ones may be.
func (w *Writer) Blob(b []byte) error { return w.whole(blobFrame, sha256.Sum256(b), b) }

// Payload hands over a payload whole, as Blob does a body. The caller has hashed it.
func (w *Writer) Payload(sum [sha256.Size]byte, b []byte) error {
	return w.whole(payloadFrame, sum, b)
}

func (w *Writer) whole(kind byte, sum [sha256.Size]byte, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	key := content{kind, sum}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.seen[key]; ok && w.err == nil {
		return nil
	}
	if err := w.take(kind, b); err != nil {
		return err
	}
	w.seen[key] = struct{}{}
	return w.frame(kind, b)
}

// Bounds names the bounds that were hit: "bodies", "capture", "payloads", "record".
func (w *Writer) Bounds() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(slices.Values(w.full))
}

// Close ends the stream: what comes later is an error. It does not close the
// writer below.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return w.err
	}
	err := w.frame(endFrame, nil)
	w.ended = true
	return err
}

// take makes sure that b may be written. The caller holds mu.
func (w *Writer) take(kind byte, b []byte) error {
	if w.err != nil {
		return w.err
	}
	if w.ended {
		return fmt.Errorf("write artifacts: %w", io.ErrClosedPipe)
	}
	if over := w.used.take(kind, int64(len(b))); over != "" {
		if !slices.Contains(w.full, over) {
			w.full = append(w.full, over)
		}
		return fmt.Errorf("%w: %s", ErrFull, over)
	}
	return nil
}

// frame writes one frame. The caller holds mu.
func (w *Writer) frame(kind byte, b []byte) error {
	if w.err != nil {
		return w.err
	}
	whole := append(w.small[:0], kind)
	whole = binary.BigEndian.AppendUint32(whole, uint32(len(b)))
	if len(b) <= cap(w.small)-headSize { // in one write: a reader is woken once
		whole, b = append(whole, b...), nil
	}
	_, err := w.w.Write(whole)
	if err == nil && len(b) > 0 {
		_, err = w.w.Write(b)
	}
	if err != nil {
		w.err = fmt.Errorf("write artifacts: %w", err)
	}
	return w.err
}
