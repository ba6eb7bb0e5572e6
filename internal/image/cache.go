package image

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// cacheFormat names the layout of the cache and everything that decides what is
// in an entry: how layers are flattened, what an index holds, what package content
// says of files. Raise it when one
// of them changes, and old caches are left alone.
const cacheFormat = "images-2"

// cache keeps flattened images, and is shared by processes. In its directory:
//
//	<hex>/root.erofs, index, image.json  the image whose manifest has that digest
//	<hex>.lock, <hex>.tmp/               that image being made, by whoever holds the lock
//	<hex>.linux-amd64 -> <hex>           which image an index names for a platform
//	evict.lock                           held while room is made
//	spool-*                              an archive being read; has no name for long
//
// Whoever uses an image holds a shared lock on its root.erofs; it is removed
// only under an exclusive one. An entry appears by one rename, complete and on
// the disk.
type cache struct {
	dir string
	max int64
}

// imageFile is image.json.
type imageFile struct {
	Image    detonaut.Image `json:"image"`
	RootSize int64          `json:"root_size"`
	RootTime time.Time      `json:"root_time"`
	IndexSum string         `json:"index_sha256"`
}

const (
	rootName  = "root.erofs"
	indexName = "index"
	imageName = "image.json"
)

// openCache opens the cache below dir, or the one there of a guest, makes it when it is
// missing, and removes what pulls that were killed have left.
func openCache(dir string, limit int64, g *Guest) (*cache, error) {
	c := &cache{dir: filepath.Join(dir, cacheFormat), max: limit}
	if g != nil {
		c.dir += "-" + g.who()
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open image cache: %w", err)
	}
	if err := c.own(os.Geteuid()); err != nil {
		return nil, fmt.Errorf("open image cache: %w", err)
	}
	names, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("open image cache: %w", err)
	}
	for _, n := range names {
		if err := c.sweep(n.Name()); err != nil {
			return nil, fmt.Errorf("clean image cache: %w", err)
		}
	}
	return c, nil
}

var hexRE = regexp.MustCompile(`^[0-9a-f]{64}$`)

// sweep removes name if it is a leftover of a process that has died.
func (c *cache) sweep(name string) error {
	hex, suffix, _ := strings.Cut(name, ".")
	switch {
	case strings.HasPrefix(name, "spool-"):
		// Its reader has it open, and needs the name no more.
		_ = os.Remove(filepath.Join(c.dir, name))
	case hexRE.MatchString(hex) && (suffix == "tmp" || suffix == "lock"):
		m, err := c.claim(hex)
		if err != nil || m == nil {
			return err
		}
		return m.release()
	}
	return nil
}

// claim is the right to make one entry.
type claim struct {
	tmp  string
	lock *os.File
}

// claim takes the right to make the entry of hex. It is nil when somebody else
// has it.
func (c *cache) claim(hex string) (*claim, error) {
	path := filepath.Join(c.dir, hex+".lock")
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock cache entry: %w", err)
		}
		ok, err := tryLock(f, true)
		if err != nil || !ok {
			return nil, errors.Join(err, f.Close())
		}
		// The one who had it before may have removed the file meanwhile.
		if isFile(f, path) {
			return &claim{tmp: filepath.Join(c.dir, hex+".tmp"), lock: f}, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// release gives the right up, and removes what is half-made.
func (m *claim) release() error {
	return errors.Join(os.RemoveAll(m.tmp), os.Remove(m.lock.Name()), m.lock.Close())
}

// isFile reports whether path still names the open file f.
func isFile(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(open, named)
}

// acquire returns the image with manifest digest d, in use until it is closed.
// If the cache has no sound copy, fill makes one: it writes the EROFS image to
// out. When another process is making it, acquire calls waiting and waits.
func (c *cache) acquire(ctx context.Context, d detonaut.Digest, waiting func(),
	fill func(ctx context.Context, out *os.File) (detonaut.Image, *Index, error),
) (*Image, error) {
	hex := digestHex(d)
	for {
		if img, err := c.get(d); img != nil || err != nil {
			return img, err
		}
		m, err := c.claim(hex)
		if err != nil {
			return nil, err
		}
		if m != nil {
			img, err := c.make(ctx, d, m, fill)
			err = errors.Join(err, m.release())
			if img != nil {
				err = errors.Join(err, c.evict())
			}
			if err != nil && img != nil {
				return nil, errors.Join(err, img.file.Close())
			}
			if img != nil || err != nil {
				return img, err
			}
		}
		waiting()
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20*time.Millisecond + rand.N(40*time.Millisecond)):
		}
	}
}

// make makes the entry of d under claim m. It returns nil when an unsound old
// one is still in use, so that it cannot be replaced yet.
func (c *cache) make(ctx context.Context, d detonaut.Digest, m *claim,
	fill func(ctx context.Context, out *os.File) (detonaut.Image, *Index, error),
) (*Image, error) {
	if img, err := c.get(d); img != nil || err != nil {
		return img, err // made while we waited for the claim
	}
	dir := filepath.Join(c.dir, digestHex(d))
	if gone, err := c.remove(dir); err != nil || !gone {
		return nil, err
	}
	if err := os.RemoveAll(m.tmp); err != nil {
		return nil, fmt.Errorf("clean cache entry: %w", err)
	}
	if err := os.Mkdir(m.tmp, 0o700); err != nil {
		return nil, fmt.Errorf("make cache entry: %w", err)
	}
	img, err := write(ctx, m.tmp, fill)
	if err != nil {
		return nil, err
	}
	img.Root = filepath.Join(dir, rootName)
	img.cache = c
	if err := errors.Join(os.Rename(m.tmp, dir), syncDir(c.dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("keep image in cache: %w", err), img.file.Close())
	}
	return img, nil
}

// write fills dir, and returns the image in it, locked for use.
func write(ctx context.Context, dir string,
	fill func(ctx context.Context, out *os.File) (detonaut.Image, *Index, error),
) (_ *Image, err error) {
	out, err := os.OpenFile(filepath.Join(dir, rootName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make cache entry: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	words, index, err := fill(ctx, out)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(out.Chmod(0o444), out.Sync()); err != nil {
		return nil, fmt.Errorf("write erofs image: %w", err)
	}
	fi, err := out.Stat()
	if err != nil {
		return nil, fmt.Errorf("write erofs image: %w", err)
	}
	var list bytes.Buffer
	if _, err := index.WriteTo(&list); err != nil {
		return nil, fmt.Errorf("write index: %w", err)
	}
	meta, err := json.Marshal(imageFile{
		Image: words, RootSize: fi.Size(), RootTime: fi.ModTime(),
		IndexSum: Sum(sha256.Sum256(list.Bytes())).String(),
	})
	if err != nil {
		return nil, fmt.Errorf("write image words: %w", err)
	}
	if err := errors.Join(writeSync(filepath.Join(dir, indexName), list.Bytes()),
		writeSync(filepath.Join(dir, imageName), meta), syncDir(dir)); err != nil {
		return nil, fmt.Errorf("write cache entry: %w", err)
	}
	// Opened anew, to hold a descriptor that cannot write; locked before the
	// entry gets its name, so that nobody can remove it in between.
	file, err := os.Open(out.Name())
	if err != nil {
		return nil, fmt.Errorf("open erofs image: %w", err)
	}
	if ok, err := tryLock(file, false); err != nil || !ok {
		return nil, errors.Join(errors.New("lock new cache entry"), err, file.Close())
	}
	return &Image{Image: words, Index: index, file: file}, nil
}

// get returns the cached image of d, in use until it is closed; nil if there is
// none that is sound.
func (c *cache) get(d detonaut.Digest) (*Image, error) {
	dir := filepath.Join(c.dir, digestHex(d))
	f, err := os.Open(filepath.Join(dir, rootName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("open cached image: %w", err)
	}
	ok, err := tryLock(f, false)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !ok || !isFile(f, f.Name()) {
		return nil, f.Close() // it is being removed
	}
	img, err := load(dir, f)
	if err != nil || img.Digest != d {
		return nil, f.Close() // it was damaged: as good as none
	}
	img.cache = c
	now := time.Now()
	if err := os.Chtimes(filepath.Join(dir, imageName), now, now); err != nil {
		return nil, errors.Join(fmt.Errorf("mark cached image as used: %w", err), f.Close())
	}
	return img, nil
}

// load reads an entry and checks what can be checked without reading all of the
// EROFS image: that it is as long and as old as when it was made, and that the
// index beside it is the same.
func load(dir string, root *os.File) (*Image, error) {
	meta, err := os.ReadFile(filepath.Join(dir, imageName))
	if err != nil {
		return nil, err
	}
	var s imageFile
	if err := json.Unmarshal(meta, &s); err != nil {
		return nil, err
	}
	fi, err := root.Stat()
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(filepath.Join(dir, indexName))
	if err != nil {
		return nil, err
	}
	if fi.Size() != s.RootSize || !fi.ModTime().Equal(s.RootTime) || Sum(sha256.Sum256(list)).String() != s.IndexSum {
		return nil, fmt.Errorf("cached image was changed: %w", detonaut.ErrCorrupt)
	}
	index, err := ReadIndex(bytes.NewReader(list))
	if err != nil {
		return nil, err
	}
	return &Image{Image: s.Image, Root: root.Name(), Index: index, file: root}, nil
}

// remove removes the entry in dir unless it is in use.
func (c *cache) remove(dir string) (gone bool, err error) {
	f, err := os.Open(filepath.Join(dir, rootName))
	if err == nil {
		defer f.Close()
		if ok, err := tryLock(f, true); err != nil || !ok {
			return false, err
		}
		// First: without it there is no entry.
		err = os.Remove(f.Name())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("remove cached image: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return false, fmt.Errorf("remove cached image: %w", err)
	}
	return true, nil
}

// evict removes the images that were not used for longest until the rest fits.
// Those in use stay. When another process is at it, that is enough.
func (c *cache) evict() error {
	guard, err := os.OpenFile(filepath.Join(c.dir, "evict.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock image cache: %w", err)
	}
	defer guard.Close()
	if ok, err := tryLock(guard, true); err != nil || !ok {
		return err
	}
	entries, total, err := c.entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if total <= c.max {
			break
		}
		gone, err := c.remove(e.dir)
		if err != nil {
			return err
		}
		if gone {
			total -= e.size
		}
	}
	return c.dropAliases()
}

type cacheEntry struct {
	dir  string
	size int64
	used time.Time
}

// entries lists the images, the one that was not used for longest first: those of other guests
// and of the operator, too, who share the room.
func (c *cache) entries() (list []cacheEntry, total int64, err error) {
	names, err := filepath.Glob(filepath.Join(filepath.Dir(c.dir), cacheFormat+"*", "*"))
	if err != nil {
		return nil, 0, fmt.Errorf("list image cache: %w", err)
	}
	for _, n := range names {
		if !hexRE.MatchString(filepath.Base(n)) {
			continue
		}
		e := cacheEntry{dir: n}
		for _, name := range []string{rootName, indexName, imageName} {
			// A file that is missing leaves an entry without size or time: the
			// first to go.
			if fi, err := os.Stat(filepath.Join(e.dir, name)); err == nil {
				e.size += fi.Size()
				if name == imageName {
					e.used = fi.ModTime()
				}
			}
		}
		list = append(list, e)
		total += e.size
	}
	slices.SortFunc(list, func(a, b cacheEntry) int {
		return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.dir, b.dir))
	})
	return list, total, nil
}
