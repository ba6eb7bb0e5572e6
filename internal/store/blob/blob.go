// Package blob keeps the artifacts of runs by the hash of what they are: tapes, packets,
// payloads, bodies. Equal ones are kept once.
//
// They are in a directory, or in a bucket of an S3-compatible server. A blob is there whole
// or not at all, and is held to its hash whenever it is read: neither a disk nor a server is
// trusted with it. Nothing here knows which blobs are still needed; see [Blobs.Delete].
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	gcblob "gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// Grace is how long a blob is safe from being deleted after it was put, also if it had been
// there for long: what names it comes into the database after it.
const Grace = 24 * time.Hour

// fresh is how old one may be to be left as it is when it is put again.
const fresh = Grace / 2

// Blobs keeps blobs. Its methods may be called from any goroutine, and from several processes
// with one directory or bucket.
type Blobs struct {
	bucket *gcblob.Bucket
	dir    string // empty if it is no directory
	spool  string // the directory in which is kept what has no hash yet
}

// Info is what is known of a blob without reading it.
type Info struct {
	// SHA256 is its name, in hex.
	SHA256 string
	// Size is in bytes.
	Size int64
	// Put is when that was done last, roughly.
	Put time.Time
}

// Open opens blobs at a place: a directory, which is made if it is not there, as a path or
// file:// URL, or s3://BUCKET?region=R[&endpoint=URL&use_path_style=true][&prefix=P], with
// the credentials that AWS's own tools would use.
func Open(ctx context.Context, place string) (*Blobs, error) {
	scheme, _, isURL := strings.Cut(place, "://")
	if !isURL {
		return openDir(place)
	}
	u, err := url.Parse(place)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w: %w", detonaut.ErrUsage, err)
	}
	switch scheme {
	case "file":
		if u.Host != "" && u.Host != "localhost" || u.RawQuery != "" {
			return nil, fmt.Errorf("open blobs: %w: %s: want file:///DIRECTORY", detonaut.ErrUsage, u.Redacted())
		}
		return openDir(filepath.FromSlash(u.Path))
	case "s3":
		return openS3(ctx, u)
	}
	return nil, fmt.Errorf("open blobs: %w: %s: want a directory, file:// or s3://", detonaut.ErrUsage, u.Redacted())
}

func openDir(dir string) (*Blobs, error) {
	if dir == "" {
		return nil, fmt.Errorf("open blobs: %w: no directory", detonaut.ErrUsage)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	// Files get their names when they are whole, so that they are made beside these.
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o755, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	return &Blobs{bucket: bucket, dir: dir, spool: dir}, nil
}

func openS3(ctx context.Context, u *url.URL) (*Blobs, error) {
	q := u.Query()
	prefix := q.Get("prefix")
	q.Del("prefix")
	u.RawQuery = q.Encode()
	bucket, err := new(s3blob.URLOpener).OpenBucketURL(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w: %w", detonaut.ErrUsage, err)
	}
	if prefix != "" {
		bucket = gcblob.PrefixedBucket(bucket, strings.TrimSuffix(prefix, "/")+"/")
	}
	return &Blobs{bucket: bucket, spool: os.TempDir()}, nil
}

// Close ends the use of the blobs.
func (b *Blobs) Close() error {
	if err := b.bucket.Close(); err != nil {
		return fmt.Errorf("close blobs: %w", err)
	}
	return nil
}

var sumPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// key is where a blob is; ok is false for what is no hash, which may come from anywhere.
func key(sum string) (key string, ok bool) {
	if !sumPattern.MatchString(sum) {
		return "", false
	}
	return sum[:2] + "/" + sum, true
}

// Put keeps what r has, and returns its SHA-256 in hex and its size in bytes. What has been
// read is in memory, or in a file without a name, until it is known whole: when r fails, or
// the process is killed, nothing is left that could be found.
func (b *Blobs) Put(ctx context.Context, r io.Reader) (sum string, size int64, err error) {
	s := spool{dir: b.spool}
	defer func() { err = errors.Join(err, s.close()) }()
	h := sha256.New()
	if size, err = io.Copy(io.MultiWriter(h, &s), reader(ctx, r)); err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	sum = hex.EncodeToString(h.Sum(nil))
	name, _ := key(sum)
	if a, err := b.bucket.Attributes(ctx, name); err == nil && a.Size == size && time.Since(a.ModTime) < fresh {
		return sum, size, nil
	}
	whole, err := s.reader()
	if err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	if err := b.upload(ctx, name, whole); err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	return sum, size, nil
}

// upload gives what r has a name, all of it or none. (Upload of a bucket would give a file its
// name also when its disk was full.)
func (b *Blobs) upload(ctx context.Context, key string, r io.Reader) error {
	writing, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.bucket.NewWriter(writing, key, &gcblob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		cancel()
		_ = w.Close() // it says that it was cancelled
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return b.sync(key)
}

// sync has a file and its name survive a loss of power.
func (b *Blobs) sync(key string) error {
	if b.dir == "" {
		return nil
	}
	path := filepath.Join(b.dir, filepath.FromSlash(key))
	for _, name := range []string{path, filepath.Dir(path), b.dir} {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(syncFile(f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Open reads a blob, and tells its size. The caller closes it. The last read fails with
// [detonaut.ErrCorrupt] if it is not what its name says: what was read before is not to be
// used then. [store.ErrNotFound] if there is no such blob.
func (b *Blobs) Open(ctx context.Context, sum string) (io.ReadCloser, int64, error) {
	name, ok := key(sum)
	if !ok {
		return nil, 0, fmt.Errorf("open blob: %w: %q is no SHA-256", store.ErrNotFound, sum)
	}
	r, err := b.bucket.NewReader(ctx, name, nil)
	if err != nil {
		return nil, 0, fmt.Errorf("open blob: %w", found(err, sum))
	}
	return &checked{r: r, sum: sum, left: r.Size(), hash: sha256.New()}, r.Size(), nil
}

// found has an error say so if there is no such blob.
func found(err error, sum string) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %s", store.ErrNotFound, sum)
	}
	return err
}

// checked holds what it reads to a hash.
type checked struct {
	r    io.ReadCloser
	sum  string
	left int64
	hash hash.Hash
}

// Read checks as soon as there is nothing more, and keeps the last piece back if it is wrong:
// who does not ask again then is told, too.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.hash.Write(p[:n])
	c.left -= int64(n)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return n, fmt.Errorf("read blob: %w", err)
	case c.left < 0, (err != nil || c.left == 0) && hex.EncodeToString(c.hash.Sum(nil)) != c.sum:
		return 0, fmt.Errorf("read blob: %w: %s is not what it was when it was put", detonaut.ErrCorrupt, c.sum)
	}
	return n, err
}

func (c *checked) Close() error { return c.r.Close() }

// Has tells whether there is a blob, without reading it.
func (b *Blobs) Has(ctx context.Context, sum string) (bool, error) {
	name, ok := key(sum)
	if !ok {
		return false, nil
	}
	has, err := b.bucket.Exists(ctx, name)
	if err != nil {
		return false, fmt.Errorf("look for blob: %w", err)
	}
	return has, nil
}
