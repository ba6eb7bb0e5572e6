package vulndb

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/fetch"
	"github.com/detonaut/detonaut/internal/static/vuln"
)

const (
	// maxEntries is how many files an archive may have, of which one is wanted.
	maxEntries = 100
	// maxWindow bounds what is held to unpack zstd, in bytes.
	maxWindow = 128 << 20
)

// Beginnings of files.
var (
	magicSQLite = []byte("SQLite format 3\x00")
	magicZstd   = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicGzip   = []byte{0x1f, 0x8b}
	magicXz     = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
)

// unpack writes the database that from holds to out, and returns its digest. From is
// the database itself, or a tar with it, compressed or not: what it is, its first bytes
// tell. Nothing in an archive chooses where anything is written. The error is
// [detonaut.ErrCorrupt] or [detonaut.ErrLimit] if it is the fault of what was read.
func unpack(ctx context.Context, from io.Reader, out io.Writer, most int64) (detonaut.Digest, error) {
	r := bufio.NewReaderSize(&cancelled{from, ctx}, 1<<20)
	head, err := r.Peek(len(magicSQLite))
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	var plain io.Reader
	switch {
	case bytes.HasPrefix(head, magicSQLite):
		return write(out, r, most)
	case bytes.HasPrefix(head, magicZstd):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return "", fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
		}
		defer z.Close()
		plain = z
	case bytes.HasPrefix(head, magicGzip):
		if plain, err = gzip.NewReader(r); err != nil {
			return "", fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
		}
	case bytes.HasPrefix(head, magicXz):
		// The file says how large the window is, up to 4 GiB, of which as much is used
		// as is unpacked.
		if plain, err = xz.NewReader(r); err != nil {
			return "", fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
		}
	default:
		plain = r
	}
	// What is between the files counts as well.
	bounded := &io.LimitedReader{R: plain, N: most + maxEntries*(1<<20)}
	digest, err := unpackTar(bounded, out, most)
	if err != nil && bounded.N <= 0 {
		err = tooLarge(most)
	}
	return digest, err
}

func unpackTar(from io.Reader, out io.Writer, most int64) (digest detonaut.Digest, err error) {
	files := tar.NewReader(from)
	for n := 0; ; n++ {
		h, err := files.Next()
		switch {
		case errors.Is(err, io.EOF) && digest == "":
			return "", fmt.Errorf("%w: there is no %s in it", detonaut.ErrCorrupt, vuln.FileName)
		case errors.Is(err, io.EOF):
			return digest, nil
		case n == 0 && (errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)):
			return "", fmt.Errorf("%w: it is neither a database of SQLite nor an archive: %w", detonaut.ErrCorrupt, err)
		case err != nil:
			return "", spoilt(err)
		case n == maxEntries:
			return "", fmt.Errorf("%w: more than %d files in the archive", detonaut.ErrLimit, maxEntries)
		case path.Clean(h.Name) != vuln.FileName:
			continue
		case h.Typeflag != tar.TypeReg:
			return "", fmt.Errorf("%w: %s is no file", detonaut.ErrCorrupt, vuln.FileName)
		case digest != "":
			return "", fmt.Errorf("%w: %s is in it twice", detonaut.ErrCorrupt, vuln.FileName)
		}
		if digest, err = write(out, files, most); err != nil {
			return "", err
		}
	}
}

// write copies the database, with the first bytes checked.
func write(out io.Writer, from io.Reader, most int64) (detonaut.Digest, error) {
	head := make([]byte, len(magicSQLite))
	if _, err := io.ReadFull(from, head); err != nil {
		return "", spoilt(err)
	}
	if !bytes.Equal(head, magicSQLite) {
		return "", fmt.Errorf("%w: it is no database of SQLite", detonaut.ErrCorrupt)
	}
	sum := sha256.New()
	to := io.MultiWriter(&local{out}, sum)
	n, err := io.Copy(to, io.MultiReader(bytes.NewReader(head), io.LimitReader(from, most-int64(len(head))+1)))
	switch {
	case n > most:
		return "", tooLarge(most)
	case err != nil:
		return "", spoilt(err)
	}
	return detonaut.Digest(fmt.Sprintf("sha256:%x", sum.Sum(nil))), nil
}

func tooLarge(most int64) error {
	return fmt.Errorf("%w: it unpacks to more than %d bytes (vulnerabilities.max_uncompressed)", detonaut.ErrLimit, most)
}

// spoilt blames what was read, unless the reason is on this side.
func spoilt(err error) error {
	if errors.Is(err, fetch.ErrLocal) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", detonaut.ErrCorrupt, err)
}

// local marks its errors as those of this machine.
type local struct{ io.Writer }

func (l *local) Write(b []byte) (int, error) {
	n, err := l.Writer.Write(b)
	if err != nil {
		err = fmt.Errorf("%w: %w", fetch.ErrLocal, err)
	}
	return n, err
}

// cancelled ends with a context.
type cancelled struct {
	io.Reader
	ctx context.Context
}

func (c *cancelled) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(b)
}
