// Package mkfs writes EROFS images: the subset of the format that gVisor mounts.
// Nothing is compressed, regular files are never inline, inodes are extended
// (with their own mtime), hard links share an inode, and there are no extended
// attributes, which gVisor refuses.
//
// It writes each byte once: file content goes to the image as it arrives,
// metadata follows, the superblock comes last. Of an image it reads no more than where
// the content ends, and knows nothing of layers.
//
// The format is https://docs.kernel.org/filesystems/erofs.html and
// fs/erofs/erofs_fs.h of Linux.
package mkfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// BlockSize is the size of a block, in bytes.
const BlockSize = 4096

const (
	// bufferSize is what is collected before it is written; also the piece in
	// which a hole is recognised.
	bufferSize = 256 << 10
	// MaxName is the length of the longest name in a directory, in bytes.
	MaxName = 255
	// MaxTarget is the length of the longest target of a symbolic link, in
	// bytes: gVisor cuts longer ones.
	MaxTarget = 4095
)

// ErrTooLarge means that the image would exceed the 16 TiB of 32-bit block numbers.
var ErrTooLarge = errors.New("erofs image is too large")

// Writer makes one image: [Writer.Append] for the content of every file, then
// [Writer.Finish] once. It is for one goroutine.
type Writer struct {
	out    io.WriterAt
	offset int64 // where buf begins in out; a multiple of BlockSize
	buf    []byte
	used   int
}

// NewWriter writes to out, which must be empty: blocks of zeros are left as
// holes.
func NewWriter(out io.WriterAt) *Writer {
	// Block 0 holds the superblock.
	return &Writer{out: out, offset: BlockSize, buf: make([]byte, bufferSize)}
}

// Append stores the next size bytes of r as the content of one file, and returns
// the number of their first block, for [Inode.Block]. When r ends early the
// error is io.ErrUnexpectedEOF.
func (w *Writer) Append(r io.Reader, size int64) (uint32, error) {
	block := (w.offset + int64(w.used)) / BlockSize
	if size < 0 || size > (math.MaxUint32-block)*BlockSize {
		return 0, ErrTooLarge
	}
	for size > 0 {
		if w.used == len(w.buf) {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
		p := w.buf[w.used:]
		if int64(len(p)) > size {
			p = p[:size]
		}
		if _, err := io.ReadFull(r, p); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		w.used += len(p)
		size -= int64(len(p))
	}
	w.pad()
	return uint32(block), nil
}

// pad fills the current block with zeros. The buffer is a multiple of blocks.
func (w *Writer) pad() {
	end := roundUp(w.used, BlockSize)
	clear(w.buf[w.used:end])
	w.used = end
}

var zeros [bufferSize]byte

// flush writes the buffer, of whole blocks, unless it is a hole.
func (w *Writer) flush() error {
	p := w.buf[:w.used]
	if !bytes.Equal(p, zeros[:len(p)]) {
		if _, err := w.out.WriteAt(p, w.offset); err != nil {
			return fmt.Errorf("write erofs image: %w", err)
		}
	}
	w.offset += int64(w.used)
	w.used = 0
	return nil
}

func roundUp[N int | int64](n, unit N) N { return (n + unit - 1) / unit * unit }
