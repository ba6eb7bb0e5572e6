package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/detonaut/detonaut"
)

// Options say how to pull. The zero value pulls for linux on this machine's
// architecture, with default caps, into the user's cache.
type Options struct {
	// Platform is "os/architecture[/variant]"; empty is linux on this machine's
	// architecture. Any platform may be pulled: whether it can be run is for
	// the caller to decide.
	Platform string
	// Caps bound what the image may cost; zero fields take their defaults.
	Caps Caps
	// CacheDir holds flattened images; empty is the directory "detonaut" in the
	// user's cache directory ($XDG_CACHE_HOME, or ~/.cache).
	CacheDir string
	// CacheBytes bounds the images in the cache that nobody uses, in bytes;
	// zero is 10 GiB.
	CacheBytes int64
	// Stdin is read, once, by the ref "-".
	Stdin io.Reader
	// PlainHTTP are the registries ("host[:port]") that are spoken to without
	// TLS. Those on loopback always may be.
	PlainHTTP []string
	// Insecure are the registries whose TLS certificate is not checked.
	Insecure []string
	// Silence is how long a server may send nothing before the connection to
	// it is given up and tried again; zero is 30 seconds.
	Silence time.Duration
	// Progress is called while Pull runs, from one goroutine of Pull's own, and
	// not after it has returned. It should not block. Nil is allowed.
	Progress func(Progress)
}

// Progress is how far a pull has got.
type Progress struct {
	Stage Stage
	// Layer counts from 1 to Layers; both are 0 before the layers are known.
	Layer, Layers int
	// Done and Total count the bytes of all layers, as transferred.
	Done, Total int64
}

// Stage is what a pull is busy with.
type Stage string

// Stages, in order. Those that are not needed are left out.
const (
	// Resolving asks which digest a ref names.
	Resolving Stage = "resolve"
	// Spooling copies an archive into the cache, because it is a stream or is
	// compressed as a whole. Its Progress has Done, but no Total.
	Spooling Stage = "spool"
	// Waiting waits for another process that pulls the same image.
	Waiting Stage = "wait"
	// Pulling reads the layers and flattens them.
	Pulling Stage = "pull"
)

// Image is a pulled image, ready to be read and run. Close it after use.
type Image struct {
	// Image is what is known of it.
	detonaut.Image
	// Root is the path of its EROFS image, which is read-only for everybody in
	// a directory that is open to its owner only. It stays there until Close.
	Root string
	// Index lists its files.
	Index *Index

	file *os.File
	lock *os.File
}

// FS is the root file system of the image, valid until Close.
func (i *Image) FS() (fs.FS, error) { return OpenFS(i.file) }

// Close lets the cache remove the image when it needs the room.
func (i *Image) Close() error { return errors.Join(i.file.Close(), i.lock.Close()) }

// Pull gets the image that ref names. It pins the digest first, and verifies
// everything it reads against it.
//
// Errors name the ref and wrap [detonaut.ErrUsage] (no such kind of ref),
// ErrNotFound, ErrUnauthorized, ErrPlatform, ErrUnsupported, ErrCorrupt or
// ErrLimit, or are the network's or the disk's. Nothing half-made is kept.
func Pull(ctx context.Context, ref detonaut.Ref, o Options) (*Image, error) {
	return nil, fmt.Errorf("pull %s: %w", ref, errors.ErrUnsupported)
}
