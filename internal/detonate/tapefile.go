package detonate

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/tape"
)

const (
	// MaxTape is the most bytes of JSON Lines that OpenTape reads: some ten
	// times what the default limit of events makes.
	MaxTape = 2 << 30
	// partial ends the name of a tape that has no run.end.
	partial = ".partial"
	// window bounds the memory of both sides. Events repeat nearby.
	window = 512 << 10
)

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// TapeWriter writes one tape to a file, as zstd of JSON Lines. It is a
// [tape.Sink], for one goroutine.
type TapeWriter struct {
	path string
	f    *os.File
	zw   *zstd.Encoder
	enc  *tape.Encoder
	last tape.Kind
}

// CreateTape starts a tape that will be at path, in a directory that exists.
// Until it is whole it has another name beside it, ending in ".partial".
func CreateTape(path string) (*TapeWriter, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+partial)
	if err != nil {
		return nil, fmt.Errorf("create tape: %w", err)
	}
	zw, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create tape: %w", err), f.Close(), os.Remove(f.Name()))
	}
	return &TapeWriter{path: path, f: f, zw: zw, enc: tape.NewEncoder(zw)}, nil
}

// Record writes ev.
func (w *TapeWriter) Record(ev *tape.Event) error {
	if err := w.enc.Record(ev); err != nil {
		return fmt.Errorf("write tape: %w", err)
	}
	w.last = ev.Kind
	return nil
}

// Close ends the file. A tape that has its run.end then stands at its path, at
// once and whole, in the place of whatever was there. One that was cut short
// is kept for whoever wants to know why, under path + ".partial", and path is
// left alone.
func (w *TapeWriter) Close() error {
	name := w.path
	if w.last != tape.RunEnd {
		name += partial
	}
	err := errors.Join(w.zw.Close(), w.f.Chmod(0o644), w.f.Sync(), w.f.Close())
	if err == nil {
		err = os.Rename(w.f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("close tape: %w", err), os.Remove(w.f.Name()))
	}
	return nil
}

// TapeReader reads one tape from a file, for one goroutine.
type TapeReader struct {
	path    string
	most    int64 // bytes
	file    *source
	zr      *zstd.Decoder // nil for a plain tape
	bounded *io.LimitedReader
	dec     *tape.Decoder
}

// OpenTape opens a tape, of JSON Lines or of zstd of them. A tape is hostile:
// it is held to its format and to [MaxTape].
func OpenTape(path string) (*TapeReader, error) { return openTape(path, MaxTape) }

func openTape(path string, most int64) (*TapeReader, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open tape: %w: %w", detonaut.ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open tape: %w", err)
	}
	return readTape(f, path, most)
}

// ReadTape reads a tape as [OpenTape] does, from what it closes. The name is for errors.
func ReadTape(from io.ReadCloser, name string) (*TapeReader, error) {
	return readTape(from, name, MaxTape)
}

func readTape(f io.ReadCloser, path string, most int64) (_ *TapeReader, err error) {
	r := &TapeReader{path: path, most: most, file: &source{f: f}}
	buffered := bufio.NewReader(r.file)
	var lines io.Reader = buffered
	if magic, _ := buffered.Peek(len(zstdMagic)); bytes.Equal(magic, zstdMagic) {
		r.zr, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, errors.Join(r.wrap(err), f.Close())
		}
		lines = r.zr
	}
	r.bounded = &io.LimitedReader{R: lines, N: most}
	r.dec = tape.NewDecoder(r.bounded)
	return r, nil
}

// Next returns the next event, and [io.EOF] after run.end. Errors about the
// contents wrap [detonaut.ErrCorrupt] and those of package tape; a tape that
// is too large is [detonaut.ErrLimit].
func (r *TapeReader) Next() (*tape.Event, error) {
	ev, err := r.dec.Next()
	if err == nil || err == io.EOF { //nolint:errorlint // Next returns it bare
		return ev, err
	}
	return nil, r.wrap(err)
}

func (r *TapeReader) wrap(err error) error {
	switch {
	case r.file.err != nil: // the disk, not the tape
		return fmt.Errorf("read tape: %w", err)
	case r.bounded != nil && r.bounded.N <= 0:
		return fmt.Errorf("read tape %s: %w: more than %d bytes", r.path, detonaut.ErrLimit, r.most)
	case errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, tape.ErrInvalid): // zstd that was cut off
		err = tape.ErrTruncated
	}
	return fmt.Errorf("read tape %s: %w: %w", r.path, detonaut.ErrCorrupt, err)
}

// Close closes the file.
func (r *TapeReader) Close() error {
	if r.zr != nil {
		r.zr.Close()
	}
	return r.file.f.Close()
}

// source remembers whether it was the file that could not be read.
type source struct {
	f   io.ReadCloser
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.f.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
