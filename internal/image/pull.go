package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/regclient/regclient/types/platform"

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
	// CacheBytes bounds the images in the cache that nobody uses, in bytes; zero is 10 GiB.
	CacheBytes int64
	// LayerBytes bounds the layers that are kept there for other images which have them, in
	// bytes; zero keeps none.
	LayerBytes int64
	// Stdin is read, once, by the ref "-".
	Stdin io.Reader
	// PlainHTTP are the registries ("host[:port]") that are spoken to without
	// TLS. Those on loopback are too, unless they are in Insecure.
	PlainHTTP []string
	// Insecure are the registries whose TLS certificate is not checked.
	Insecure []string
	// Guest is set when somebody else than the operator named the image; nil trusts who did.
	Guest *Guest
	// Silence is how long a server may send nothing before the connection to
	// it is given up and tried again; zero is 30 seconds.
	Silence time.Duration
	// Transport wraps what asks registries, and the servers that they refer to: with a transport that
	// is polite. An error of it that is [*detonaut.Busy] is that of the Pull. Nil wraps nothing.
	Transport func(http.RoundTripper) http.RoundTripper
	// Progress is called while Pull runs, from one goroutine of Pull's own, and
	// not after it has returned. It should not block. Nil is allowed.
	Progress func(Progress)

	backOff time.Duration // 0 is the constant of that name
}

// Progress is how far a pull has got.
type Progress struct {
	Stage Stage
	// Layer counts from 1 to Layers; both are 0 before the layers are known.
	Layer, Layers int
	// Done and Total count the bytes of all layers, as transferred. Moved are those that were:
	// the others were kept from another image.
	Done, Total, Moved int64
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

	cache *cache
	file  *os.File // with a shared lock on it
}

// FS is the root file system of the image, valid until Close.
func (i *Image) FS() (*FS, error) { return OpenFS(i.file) }

// Close lets the cache remove the image when it needs the room.
func (i *Image) Close() error { return errors.Join(i.file.Close(), i.cache.evict()) }

// Pull gets the image that ref names. It pins the digest first, and verifies
// everything it reads against it.
//
// Errors name the ref and wrap [detonaut.ErrUsage] (no such kind of ref),
// ErrNotFound, ErrUnauthorized, ErrPlatform, ErrUnsupported, ErrCorrupt,
// ErrLimit or [*detonaut.Busy], or are the network's or the disk's. Nothing half-made is kept.
func Pull(ctx context.Context, ref detonaut.Ref, o Options) (*Image, error) {
	img, err := pull(ctx, ref, o)
	if err != nil {
		return nil, fmt.Errorf("pull %s: %w", cleanString(string(ref)), err)
	}
	img.Ref = ref
	return img, nil
}

func pull(ctx context.Context, typed detonaut.Ref, o Options) (_ *Image, err error) {
	ref, err := parseRef(typed)
	if err != nil {
		return nil, err
	}
	want, err := parsePlatform(o.Platform)
	if err != nil {
		return nil, err
	}
	if o.Guest != nil && ref.scheme != fromRegistry {
		return nil, errLocal
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	cache, err := openCache(o.CacheDir, o.CacheBytes, o.Guest)
	if err != nil {
		return nil, err
	}
	layers, err := openLayers(o.CacheDir, o.LayerBytes, o.Guest)
	if err != nil {
		return nil, err
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	p := &puller{options: o, want: want, cache: cache, layers: layers, giveUp: giveUp, meter: newMeter(o.Progress)}
	defer p.meter.stop()

	if d := detonaut.Digest(ref.remote.Digest); d != "" {
		if img, err := p.cached(d); img != nil || err != nil {
			return img, err // without a word to the registry
		}
	}
	p.meter.stage(Resolving)
	src, err := p.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	top, err := src.head(ctx)
	if err != nil {
		return nil, err
	}
	if img, err := p.cached(detonaut.Digest(top.Digest.String())); img != nil || err != nil {
		return img, err
	}
	return p.fetch(ctx, src, top)
}

// silence is what [Options] say of it when they say nothing.
const silence = 30 * time.Second

// withDefaults fills in what was left empty.
func (o Options) withDefaults() (Options, error) {
	o.Caps = o.Caps.withDefaults()
	fill(&o.CacheBytes, 10<<30)
	fill(&o.Silence, silence)
	fill(&o.backOff, backOff)
	if o.CacheDir == "" {
		dir, err := DefaultCacheDir()
		if err != nil {
			return o, err
		}
		o.CacheDir = dir
	}
	return o, nil
}

// DefaultCacheDir is where images are kept when [Options] do not say: below the
// user's cache directory. It is an error when the environment has none.
func DefaultCacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w", err)
	}
	return filepath.Join(dir, "detonaut"), nil
}

// puller is one Pull.
type puller struct {
	options Options
	want    platform.Platform
	cache   *cache
	layers  *layers // nil keeps none
	meter   *meter
	// giveUp ends the pull for a reason.
	giveUp context.CancelCauseFunc
}

// cached returns the image that d, a manifest or an index, is known to be for
// the wanted platform. It is nil if it is not in the cache.
func (p *puller) cached(d detonaut.Digest) (*Image, error) {
	if a := p.cache.alias(d, p.want.String()); a != "" {
		d = a
	}
	img, err := p.cache.get(d)
	if img == nil || err != nil {
		return nil, err
	}
	return p.checked(img)
}

// checked returns img if it is for the wanted platform, and closes it if not.
func (p *puller) checked(img *Image) (*Image, error) {
	if err := checkPlatform(p.want, img.Platform); err != nil {
		return nil, errors.Join(err, img.Close())
	}
	return img, nil
}

// fetch gets the image that top, a manifest or an index, names.
func (p *puller) fetch(ctx context.Context, src source, top v1.Descriptor) (*Image, error) {
	doc, err := (&picker{src: src, want: p.want}).pick(ctx, top, 0)
	if err != nil {
		return nil, err
	}
	d := detonaut.Digest(doc.digest.String())
	if doc.digest != top.Digest {
		if err := p.cache.setAlias(detonaut.Digest(top.Digest.String()), p.want.String(), d); err != nil {
			return nil, err
		}
	}
	waiting := func() { p.meter.stage(Waiting) }
	img, err := p.cache.acquire(ctx, d, waiting, func(ctx context.Context, out *os.File) (detonaut.Image, *Index, error) {
		return p.fill(ctx, src, doc, out)
	})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = cause // rather than what it broke
		}
		return nil, err
	}
	return p.checked(img)
}

// fill writes the image that doc describes to out, as EROFS.
func (p *puller) fill(ctx context.Context, src source, doc document, out *os.File) (detonaut.Image, *Index, error) {
	m, err := parseManifest(doc, p.options.Caps)
	if err != nil {
		return detonaut.Image{}, nil, err
	}
	words, err := readConfig(ctx, src, m)
	if err != nil {
		return detonaut.Image{}, nil, err
	}
	if err := checkPlatform(p.want, words.Platform); err != nil {
		return detonaut.Image{}, nil, err
	}
	words.Digest = detonaut.Digest(doc.digest.String())
	index, err := p.flatten(ctx, src, m.Layers, words, out)
	if err != nil {
		return detonaut.Image{}, nil, err
	}
	words.Files = len(index.Entries)
	return words, index, nil
}

// flatten gets the layers of an image and writes it to out. One that is kept is read from the
// cache. If it turns out to be damaged it is thrown away, and all are transferred.
func (p *puller) flatten(ctx context.Context, src source, from []v1.Descriptor, words detonaut.Image, out *os.File) (*Index, error) {
	for {
		p.meter.set(func(s *Progress) { *s = Progress{Stage: Pulling, Layers: len(words.Layers), Total: words.Size} })
		blobs := make([]blob, len(words.Layers))
		for i, l := range words.Layers {
			blobs[i] = p.blob(src, from[i], l, i)
		}
		index, err := flatten(ctx, blobs, p.options.Caps, out)
		var damaged *damagedError
		if !errors.As(err, &damaged) {
			return index, err
		}
		_ = os.Remove(damaged.name) // another may have done so
		p.layers = nil
	}
}

// blob is a layer, and where it is to be had.
func (p *puller) blob(src source, from v1.Descriptor, l detonaut.Layer, number int) blob {
	begin := func(done int64) {
		p.meter.set(func(s *Progress) { s.Layer, s.Done = number+1, s.Done+done })
	}
	b := blob{Layer: l, Open: func(ctx context.Context) (io.ReadCloser, error) {
		begin(0)
		r, err := src.blob(ctx, from)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{&countReader{r: r, add: p.meter.move}, r}, nil
	}}
	if p.layers == nil {
		return b
	}
	wanted := p.layers.wants(&l, number)
	b.Kept = func() *os.File {
		tar := p.layers.get(&l, p.options.Caps.Ratio)
		if tar != nil {
			begin(l.Size)
		}
		return tar
	}
	if wanted {
		b.Keep = func() *keeping { return p.layers.keep(&l) }
	}
	return b
}
