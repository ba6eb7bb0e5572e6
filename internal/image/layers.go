package image

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/detonaut/detonaut"
)

// layersFormat names the layout of the cache of layers.
const layersFormat = "layers-1"

// layers keeps the tars of layers for other images that have them, and is shared by processes.
// A tar is kept as it is, uncompressed: to read it costs a sixth of what it costs to unpack it.
// In its directory:
//
//	<who>/<blob>-<tar>.<compression>-<size>  the tar of a layer, by all that an image says of it
//	<who>/tmp-*                              one that is being written, by whoever holds its lock
//	<who>/seen                               which layers were asked for: see [layers.wants]
//	evict.lock                               held while room is made
//
// Nothing in it is trusted: whatever is read is held to its digest, and thrown away if it is
// something else. So it need not be on the disk when it gets its name.
//
// A layer is for whoever could get it: see [Guest.who].
type layers struct {
	root, dir string
	max       int64
}

// layerPart is which part of the cache one layer may be, at most.
const layerPart = 8

// openLayers opens the cache of layers below dir for a guest, or for the operator if that is
// nil. It is nil if there is to be none.
func openLayers(dir string, limit int64, g *Guest) (*layers, error) {
	if limit <= 0 {
		return nil, nil
	}
	l := &layers{root: filepath.Join(dir, layersFormat), max: limit}
	l.dir = filepath.Join(l.root, g.who())
	for _, dir := range []string{l.root, l.dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("open layer cache: %w", err)
		}
		if err := (&cache{dir: dir}).own(os.Geteuid()); err != nil {
			return nil, fmt.Errorf("open layer cache: %w", err)
		}
	}
	left, err := filepath.Glob(filepath.Join(l.root, "*", "tmp-*"))
	if err != nil {
		return nil, fmt.Errorf("clean layer cache: %w", err)
	}
	for _, name := range left {
		sweepLayer(name)
	}
	return l, nil
}

// sweepLayer removes what a process that has died was writing.
func sweepLayer(name string) {
	f, err := os.Open(name)
	if err != nil {
		return // another has removed it
	}
	defer f.Close()
	if dead, err := tryLock(f, true); dead && err == nil {
		_ = os.Remove(name) // the next one does
	}
}

// name is what a layer is called by all that an image says of it: what an entry was unpacked
// from, and what it is. A layer of which anything else is said is another, and is not here.
func (l *layers) name(of *detonaut.Layer) (string, bool) {
	kind, err := compressionOf(of.MediaType)
	blob, tar := digestHex(of.Digest), digestHex(of.DiffID)
	if err != nil || !hexRE.MatchString(blob) || !hexRE.MatchString(tar) {
		return "", false
	}
	return fmt.Sprintf("%s-%s.%s-%d", blob, tar, kind, of.Size), true
}

// get opens the tar of a layer; nil if it is not here, or is more than ratio times what it is
// said to be unpacked from: that is to be found where it is unpacked. The operator may have what
// guests have got, too.
func (l *layers) get(of *detonaut.Layer, ratio int) *os.File {
	name, ok := l.name(of)
	if !ok {
		return nil
	}
	places := []string{filepath.Join(l.dir, name)}
	if filepath.Base(l.dir) == own {
		theirs, _ := filepath.Glob(filepath.Join(l.root, guests+"*", name)) // the pattern is good
		places = append(places, theirs...)
	}
	for _, path := range places {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if fi, err := f.Stat(); err != nil || tooDense(fi.Size(), of.Size, of.Size, int64(ratio)) {
			_ = f.Close() // it was not read
			continue
		}
		now := time.Now()
		_ = os.Chtimes(path, now, now) // at worst it goes earlier
		return f
	}
	return nil
}

// wants tells whether a layer is worth keeping: if it is the lowest of its image, on which
// others are built, or if it was asked for before. Nine of ten layers are in one image only.
//
// What was asked for is in a table of 131,072 places, in which a later layer takes the place
// of an earlier one. Two processes that write it at once may lose some of it.
func (l *layers) wants(of *detonaut.Layer, number int) bool {
	const places = 1 << 17
	sum, err := hex.DecodeString(digestHex(of.Digest))
	if err != nil || len(sum) != sha256.Size {
		return false
	}
	f, err := os.OpenFile(filepath.Join(l.dir, "seen"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return number == 0
	}
	defer f.Close()
	at := int64(binary.BigEndian.Uint32(sum)%places) * 8
	var have [8]byte
	if _, err := f.ReadAt(have[:], at); err == nil && string(have[:]) == string(sum[8:16]) {
		return true
	}
	_, _ = f.WriteAt(sum[8:16], at) // as if it had not been asked for
	return number == 0
}

// keeping is a tar that is being written. Its methods do nothing when it is nil, and nothing
// more after a failure: what cannot be kept is transferred again.
type keeping struct {
	layers *layers
	name   string
	f      *os.File // nil after a failure
	left   int64
}

// keep begins to keep a layer; nil if that cannot be.
func (l *layers) keep(of *detonaut.Layer) *keeping {
	name, ok := l.name(of)
	if !ok || of.Size > l.max/layerPart {
		return nil
	}
	f, err := os.CreateTemp(l.dir, "tmp-")
	if err != nil {
		return nil
	}
	k := &keeping{layers: l, name: filepath.Join(l.dir, name), f: f, left: l.max / layerPart}
	// Until it is locked another process may take it for one that was left. Then it loses its
	// name, and is never found.
	if ok, err := tryLock(f, true); !ok || err != nil {
		k.abandon()
	}
	return k
}

func (k *keeping) write(p []byte) {
	if k == nil || k.f == nil {
		return
	}
	k.left -= int64(len(p))
	if k.left < 0 {
		k.abandon()
		return
	}
	if _, err := k.f.Write(p); err != nil {
		k.abandon() // and gives the room back at once
	}
}

// abandon removes what was written, unless it has been committed.
func (k *keeping) abandon() {
	if k == nil || k.f == nil {
		return
	}
	_ = os.Remove(k.f.Name()) // or whoever cleans up does
	_ = k.f.Close()           // it is not needed
	k.f = nil
}

// commit gives what was verified its name, and makes room. An error is one of making room.
func (k *keeping) commit() error {
	if k == nil || k.f == nil {
		return nil
	}
	if os.Rename(k.f.Name(), k.name) != nil {
		k.abandon()
		return nil //nolint:nilerr // what is not kept is pulled again
	}
	_ = k.f.Close() // what is not written is found when it is read
	k.f = nil
	return k.layers.evict()
}

// evict removes the tars that were not used for longest until the rest fits. One that is being
// read can be read to its end. When another process is at it, that is enough.
func (l *layers) evict() error {
	guard, err := os.OpenFile(filepath.Join(l.root, "evict.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock layer cache: %w", err)
	}
	defer guard.Close()
	if ok, err := tryLock(guard, true); err != nil || !ok {
		return err
	}
	names, err := filepath.Glob(filepath.Join(l.root, "*", "*-*.*-*"))
	if err != nil {
		return fmt.Errorf("list layer cache: %w", err)
	}
	var all []cacheEntry
	var total int64
	for _, name := range names {
		if fi, err := os.Stat(name); err == nil && !strings.HasPrefix(fi.Name(), "tmp-") {
			all = append(all, cacheEntry{dir: name, size: fi.Size(), used: fi.ModTime()})
			total += fi.Size()
		}
	}
	slices.SortFunc(all, func(a, b cacheEntry) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.dir, b.dir)) })
	for _, e := range all {
		if total <= l.max {
			break
		}
		if err := os.Remove(e.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			total -= e.size
		}
	}
	return nil
}

// damagedError is why a layer of the cache cannot be used.
type damagedError struct {
	name string // of its file
	err  error
}

func (e *damagedError) Error() string { return "a layer in the cache was damaged: " + e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }
