package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/detonaut/detonaut"
)

// bounded is a file that is read until its bound, the bound of all files, or the end
// of its context. Whatever ends it early is an error to whoever reads, never an end of
// the file, and a problem.
type bounded struct {
	file    seekable
	ctx     context.Context //nolint:containedctx // a Read has no other way to see it
	path    string
	bound   int64
	read    atomic.Int64
	left    *atomic.Int64 // of all files; nil if they are not counted
	problem func(text string)
}

type seekable interface {
	fs.File
	io.ReaderAt
	io.Seeker
}

// allow counts n bytes that somebody asks for.
func (c *bounded) allow(n int) error {
	switch {
	case c.ctx.Err() != nil:
		return c.fail("not read to its end, because its time was over", c.ctx.Err())
	case c.read.Add(int64(n)) > c.bound:
		return c.fail(fmt.Sprintf("not read to its end, because more than %d bytes were to be read", c.bound), detonaut.ErrLimit)
	case c.left != nil && c.left.Add(-int64(n)) < 0:
		return c.fail("not read to its end, because too much was read before it", detonaut.ErrLimit)
	}
	return nil
}

func (c *bounded) fail(why string, err error) error {
	c.problem(c.path + ": " + why)
	return fmt.Errorf("read %s: %w", c.path, err)
}

// Read implements io.Reader. What was read is counted, not what was asked for:
// buffers are larger than files.
func (c *bounded) Read(b []byte) (int, error) {
	n, err := c.file.Read(b)
	if denied := c.allow(n); denied != nil {
		return 0, denied
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (c *bounded) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.file.ReadAt(b, off)
	if denied := c.allow(n); denied != nil {
		return 0, denied
	}
	return n, err
}

// Seek implements io.Seeker.
func (c *bounded) Seek(offset int64, whence int) (int64, error) { return c.file.Seek(offset, whence) }

// Close implements io.Closer.
func (c *bounded) Close() error { return c.file.Close() }

var errNotSeekable = errors.New("cannot be read at any offset")
