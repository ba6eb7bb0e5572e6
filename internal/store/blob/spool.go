package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"syscall"
)

// maxMemory is how much of a blob is kept in memory until its hash is known, in bytes.
const maxMemory = 1 << 20

// spool keeps what is written to it: in memory, and from [maxMemory] on in a file that has no
// name, so that nothing is left of it when the process is killed.
type spool struct {
	dir string
	buf bytes.Buffer
	f   *os.File // nil before it is needed
}

func (s *spool) Write(p []byte) (int, error) {
	if s.f == nil && s.buf.Len()+len(p) <= maxMemory {
		return s.buf.Write(p)
	}
	if s.f == nil {
		f, err := os.CreateTemp(s.dir, "spool-*.tmp")
		if err != nil {
			return 0, err
		}
		s.f = f
		_ = os.Remove(f.Name()) // where that cannot be done yet, close does it
		if _, err := f.Write(s.buf.Bytes()); err != nil {
			return 0, err
		}
		s.buf = bytes.Buffer{}
	}
	return s.f.Write(p)
}

// reader reads everything that was written. Nothing is written after it.
func (s *spool) reader() (io.ReadSeeker, error) {
	if s.f == nil {
		return bytes.NewReader(s.buf.Bytes()), nil
	}
	_, err := s.f.Seek(0, io.SeekStart)
	return s.f, err
}

func (s *spool) close() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	_ = os.Remove(s.f.Name())
	return err
}

// reader reads r until ctx is done.
func reader(ctx context.Context, r io.Reader) io.Reader { return &interruptible{ctx, r} }

type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := context.Cause(i.ctx); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// syncFile is no failure where a file system cannot do so with this kind of file.
func syncFile(f *os.File) error {
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}
