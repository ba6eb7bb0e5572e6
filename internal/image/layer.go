package image

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
)

// layerReader streams the tar of one layer. Its own goroutine reads, hashes and
// decompresses the blob a few chunks ahead; [layerReader.verify] says at the end
// whether the bytes were those that the manifest and the config name. What was
// read before is not to be trusted until then.
type layerReader struct {
	raw    *rawReader
	tar    *os.File // what raw reads, if that was kept
	diffID detonaut.Digest
	cancel context.CancelFunc
	chunks chan []byte // closed by the goroutine when it ends
	spare  chan []byte
	chunk  []byte   // what is left of the chunk being read
	whole  []byte   // all of it, to be handed back
	failed error    // what Read last returned, unless io.EOF
	keep   *keeping // nil keeps nothing

	// Written by the goroutine before it closes chunks:
	err  error // why the tar ended; nil at its proper end
	sum  hash.Hash
	size int64
}

// chunkSize and chunkCount: two chunks to work on, two to be ahead. They stay
// in the cache of a core between being decompressed, hashed and copied.
const (
	chunkSize  = 128 << 10
	chunkCount = 4
)

// zstdWindow bounds the memory of a zstd layer. It is what the zstd command
// accepts without --long.
const zstdWindow = 128 << 20

// openLayer opens one layer. At most limit bytes may come out of it, and no more
// than ratio times its size, see [tooDense]. The caller closes it.
func openLayer(ctx context.Context, b blob, limit int64, ratio int) (*layerReader, error) {
	compression, err := compressionOf(b.MediaType)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	raw, tar, err := openRaw(ctx, b)
	if err != nil {
		cancel()
		return nil, err
	}
	if tar != nil {
		compression = plain
	}
	l := &layerReader{
		raw:    raw,
		tar:    tar,
		diffID: b.DiffID,
		cancel: cancel,
		chunks: make(chan []byte, chunkCount),
		spare:  make(chan []byte, chunkCount),
		sum:    sha256.New(),
	}
	if compression == plain { // one tar, one hash
		l.sum = l.raw.sum
	}
	if tar == nil && b.Keep != nil {
		l.keep = b.Keep()
	}
	for range chunkCount {
		l.spare <- make([]byte, chunkSize)
	}
	go func() {
		defer close(l.chunks)
		l.err = l.run(ctx, compression, limit, ratio)
	}()
	return l, nil
}

// openRaw opens the bytes of a layer: the tar that was kept of it, else what is transferred.
func openRaw(ctx context.Context, b blob) (raw *rawReader, tar *os.File, err error) {
	if b.Kept != nil {
		if tar := b.Kept(); tar != nil {
			fi, err := tar.Stat()
			if err != nil {
				return nil, nil, errors.Join(fmt.Errorf("open kept layer: %w", err), tar.Close())
			}
			return &rawReader{body: tar, digest: b.DiffID, size: fi.Size(), sum: sha256.New()}, tar, nil
		}
	}
	body, err := b.Open(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("open blob: %w", err)
	}
	return &rawReader{body: body, digest: b.Digest, size: b.Size, sum: sha256.New()}, nil, nil
}

// run is the goroutine: it decompresses the blob into chunks until the end.
func (l *layerReader) run(ctx context.Context, compression string, limit int64, ratio int) error {
	in := bufio.NewReaderSize(l.raw, chunkSize)
	r, done, err := decompress(in, compression)
	if err != nil {
		return l.blame(err)
	}
	defer done()
	for {
		var p []byte
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p = <-l.spare:
		}
		n, err := readFull(r, p[:chunkSize])
		l.size += int64(n)
		if l.size > limit {
			return over("uncompressed bytes", limit)
		}
		if tooDense(l.size, l.raw.read, l.raw.size, int64(ratio)) {
			return over("times its compressed size", ratio)
		}
		if n > 0 {
			if compression != plain {
				l.sum.Write(p[:n])
			}
			l.keep.write(p[:n])
			l.chunks <- p[:n] // never blocks: there are as many places as chunks
		}
		if errors.Is(err, io.EOF) {
			return l.raw.drain()
		}
		if err != nil {
			return l.blame(badCompression(err))
		}
	}
}

// tooDense reports whether a layer that has unpacked to size unpacks to more
// than ratio times what it is claimed to have, or, because the claim may be a
// lie, much more than ratio times what was read of it.
func tooDense(size, read, claimed, ratio int64) bool {
	return size > ratioFrom && size/ratio > claimed || size > ratioLead && (size-ratioLead)/ratio > read
}

// readFull fills p as far as r goes. At the end it returns io.EOF, be p full or
// not.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// blame finds the better reason for an error of decompression: that the blob
// could not be read, or is not the blob that was asked for.
func (l *layerReader) blame(err error) error {
	if cause := l.raw.drain(); cause != nil {
		return cause
	}
	if cause := l.raw.verify(); cause != nil {
		return cause
	}
	return err
}

// Read implements io.Reader.
func (l *layerReader) Read(p []byte) (int, error) {
	for len(l.chunk) == 0 {
		if l.whole != nil {
			l.spare <- l.whole // never blocks, as above
			l.whole = nil
		}
		chunk, ok := <-l.chunks
		if !ok {
			if l.failed = l.err; l.failed == nil {
				return 0, io.EOF
			}
			return 0, l.failed
		}
		l.chunk, l.whole = chunk, chunk
	}
	n := copy(p, l.chunk)
	l.chunk = l.chunk[n:]
	return n, nil
}

// verify reads to the end and compares size and digests.
func (l *layerReader) verify() error {
	if _, err := io.Copy(io.Discard, l); err != nil {
		return err
	}
	if err := l.raw.verify(); err != nil {
		return err
	}
	if got := digestOf(l.sum); got != l.diffID {
		return fmt.Errorf("verify tar: diffID is %s, config says %q: %w", got, l.diffID, detonaut.ErrCorrupt)
	}
	return nil
}

// close stops the goroutine, waits for it and closes the blob.
func (l *layerReader) close() {
	l.cancel()
	for range l.chunks { // nobody reads these any more
	}
	l.raw.body.Close()
	l.keep.abandon()
}

// rawReader hashes a blob while it is read. It ends one byte after the size
// that the manifest states: more is an error, however much more it is.
type rawReader struct {
	body   io.ReadCloser
	digest detonaut.Digest
	size   int64
	sum    hash.Hash
	read   int64
	err    error // of body
}

// Read implements io.Reader.
func (r *rawReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if rest := max(r.size, 0) + 1 - r.read; int64(len(p)) > rest {
		p = p[:rest]
	}
	if len(p) == 0 {
		return 0, io.EOF
	}
	n, err := r.body.Read(p)
	r.sum.Write(p[:n])
	r.read += int64(n)
	r.err = err
	return n, err
}

// drain reads what decompression left over. Its error is one of transport.
func (r *rawReader) drain() error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("read blob: %w", err)
	}
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return fmt.Errorf("read blob: %w", r.err)
	}
	return nil
}

// verify compares what was read with the manifest.
func (r *rawReader) verify() error {
	if r.read > r.size {
		return fmt.Errorf("verify blob: longer than %d bytes: %w", r.size, detonaut.ErrCorrupt)
	}
	if r.read < r.size {
		return fmt.Errorf("verify blob: %d bytes, manifest says %d: %w", r.read, r.size, detonaut.ErrCorrupt)
	}
	if got := digestOf(r.sum); got != r.digest {
		return fmt.Errorf("verify blob: digest is %s, manifest says %q: %w", got, r.digest, detonaut.ErrCorrupt)
	}
	return nil
}

func digestOf(h hash.Hash) detonaut.Digest {
	return detonaut.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
}

// Compressions of layers.
const (
	plain      = "plain"
	gzipped    = "gzip"
	zstandard  = "zstd"
	ociLayer   = "application/vnd.oci.image.layer."
	dockerDiff = "application/vnd.docker.image.rootfs."
)

// compressionOf reads the media types of the OCI image specification 1.1 (layer
// and nondistributable layer) and of Docker's manifest 2.2 (diff and foreign
// diff).
func compressionOf(mediaType string) (string, error) {
	kind, ok := strings.CutPrefix(mediaType, ociLayer)
	if ok {
		kind = strings.TrimPrefix(kind, "nondistributable.")
		kind = strings.TrimPrefix(kind, "v1.")
	} else if kind, ok = strings.CutPrefix(mediaType, dockerDiff); ok {
		kind = strings.TrimPrefix(kind, "foreign.")
		kind = strings.TrimPrefix(kind, "diff.")
	}
	switch {
	case !ok:
	case kind == "tar":
		return plain, nil
	case kind == "tar+gzip" || kind == "tar.gzip":
		return gzipped, nil
	case kind == "tar+zstd" || kind == "tar.zstd":
		return zstandard, nil
	}
	return "", fmt.Errorf("read layer of media type %q: %w", mediaType, detonaut.ErrUnsupported)
}

func badCompression(err error) error {
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return fmt.Errorf("decompress: window over %d bytes: %w", zstdWindow, detonaut.ErrLimit)
	}
	return fmt.Errorf("decompress: %w: %w", detonaut.ErrCorrupt, err)
}

// magicOf knows a compression by its first bytes: RFC 1952, and RFC 8878 with and
// without a skippable frame (whose first byte is 0x50-0x5f) in front.
func magicOf(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzipped
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstandard
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte{0x2a, 0x4d, 0x18}):
		return zstandard
	}
	return plain
}

// decompress returns the tar, and what to call when done with it. The bytes
// must be what the media type says: that a layer reads differently to us than
// to the container engine would be a place to hide.
func decompress(in *bufio.Reader, compression string) (io.Reader, func(), error) {
	head, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	if got := magicOf(head); got != compression {
		return nil, nil, fmt.Errorf("decompress: media type says %s, bytes are %s: %w",
			compression, got, detonaut.ErrCorrupt)
	}
	switch compression {
	case gzipped:
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, badCompression(err)
		}
		return z, func() {}, nil
	case zstandard:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, nil, badCompression(err)
		}
		return z, z.Close, nil
	}
	return in, func() {}, nil
}
