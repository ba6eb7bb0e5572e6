package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// openArchive opens the archive in a file.
func (p *puller) openArchive(ctx context.Context, name string, kind scheme) (source, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open file: %w", detonaut.ErrNotFound)
	} else if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if fi.IsDir() {
		return nil, errors.Join(fmt.Errorf("%q is a directory: %w", name, detonaut.ErrUsage), f.Close())
	}
	head := make([]byte, len(zstdMagic))
	if _, err := f.ReadAt(head, 0); fi.Mode().IsRegular() && err == nil &&
		!bytes.HasPrefix(head, gzipMagic) && !bytes.HasPrefix(head, zstdMagic) {
		return readArchive(f, kind) // as it lies there
	}
	src, err := p.openStream(ctx, f, kind)
	return src, errors.Join(err, f.Close())
}

// openStream copies the archive that r streams into the cache, and opens it
// there.
func (p *puller) openStream(ctx context.Context, r io.Reader, kind scheme) (source, error) {
	p.meter.stage(Spooling)
	f, err := p.cache.spool(ctx, &countReader{r: r, add: p.meter.add}, p.options.Caps)
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	return readArchive(f, kind)
}

// readArchive opens the archive in f, and owns f.
func readArchive(f *os.File, kind scheme) (source, error) {
	t, err := openTar(f)
	if err != nil {
		return nil, err
	}
	if kind == fromStdin {
		if kind, err = sniffArchive(t); err != nil {
			return nil, errors.Join(err, t.Close())
		}
	}
	if kind == fromOCIArchive {
		return &layout{files: t}, nil
	}
	d, err := newDockerArchive(t)
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return d, nil
}

// spool copies r, decompressed, into a file of the cache that vanishes when it
// is closed or the process ends. What is copied is bounded as the layers of an
// image are.
func (c *cache) spool(ctx context.Context, r io.Reader, caps Caps) (_ *os.File, err error) {
	f, err := os.CreateTemp(c.dir, "spool-")
	if err != nil {
		return nil, fmt.Errorf("spool archive: %w", err)
	}
	// Where an open file cannot be removed, the next one to open the cache does.
	_ = os.Remove(f.Name())
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	in := &countReader{r: &abortReader{ctx: ctx, r: r}}
	plain, closeIt, err := unwrap(bufio.NewReaderSize(in, 1<<16))
	if err != nil {
		return nil, err
	}
	defer closeIt()
	w := &cappedWriter{w: f, in: &in.n, caps: caps}
	if _, err := io.Copy(w, plain); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	return f, nil
}

// unwrap undoes the compression of a whole archive, if it has one.
func unwrap(r *bufio.Reader) (plain io.Reader, closeIt func(), err error) {
	head, err := r.Peek(len(zstdMagic))
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, fmt.Errorf("gunzip archive: %s: %w", clean(err), detonaut.ErrCorrupt)
		}
		return corruptReader{z}, func() { _ = z.Close() }, nil
	case bytes.HasPrefix(head, zstdMagic):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, nil, fmt.Errorf("unzstd archive: %s: %w", clean(err), detonaut.ErrCorrupt)
		}
		return corruptReader{z}, z.Close, nil
	}
	return r, func() {}, nil
}

// corruptReader reads from a decompressor, whose errors are the data's.
type corruptReader struct{ r io.Reader }

func (c corruptReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("decompress archive: %s: %w", clean(err), detonaut.ErrCorrupt)
	}
	return n, err
}

// cappedWriter refuses more bytes than an image may have, and a stream that
// grows more than one may.
type cappedWriter struct {
	w    io.Writer
	in   *int64 // bytes read so far
	out  int64
	caps Caps
}

func (c *cappedWriter) Write(p []byte) (int, error) {
	c.out += int64(len(p))
	if c.out > c.caps.UncompressedBytes {
		return 0, over("uncompressed bytes", c.caps.UncompressedBytes)
	}
	if c.out > ratioFrom && c.out / *c.in > int64(c.caps.Ratio) {
		return 0, over("times its compressed size", c.caps.Ratio)
	}
	return c.w.Write(p)
}

// countReader counts what is read.
type countReader struct {
	r   io.Reader
	n   int64
	add func(int64)
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.add != nil {
		c.add(int64(n))
	}
	return n, err
}

// abortReader stops waiting for r when ctx ends. A Read of r that blocks then
// goes on in a goroutine, which ends with it: nothing can interrupt a read of a
// terminal or a pipe.
type abortReader struct {
	ctx context.Context
	r   io.Reader
	buf []byte
}

func (a *abortReader) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	if a.buf == nil {
		a.buf = make([]byte, 1<<16)
	}
	buf := a.buf[:min(len(p), len(a.buf))]
	done := make(chan result, 1)
	go func() {
		n, err := a.r.Read(buf)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		copy(p, buf[:r.n])
		return r.n, r.err
	case <-a.ctx.Done():
		return 0, context.Cause(a.ctx)
	}
}
