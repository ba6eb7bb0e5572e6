package image

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/image/mkfs"
)

// The stored form of an index: indexMagic, then one zstd frame (with its
// checksum) of varints, strings with their length, and sums. A path is stored
// as the number of bytes it shares with the path before it, and the rest; a kind as
// its position in a list of those that occur.
const indexMagic = "detonaut index 2\n"

// Bounds of a stored index, above anything that DefaultCaps lets through.
const (
	maxIndexLayers  = 1 << 12
	maxIndexKinds   = 1 << 10
	maxIndexEntries = 1 << 23
	maxIndexString  = 1 << 20 // one path, target, attribute ...
	maxIndexBytes   = 1 << 30 // all of them in memory, and the frame
)

// WriteTo implements io.WriterTo: it writes the index in its stored form, which
// is the same for equal indexes. The count is of bytes after compression.
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	count := &counter{w: w}
	if _, err := io.WriteString(count, indexMagic); err != nil {
		return count.n, fmt.Errorf("write index: %w", err)
	}
	z, err := zstd.NewWriter(count, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return count.n, fmt.Errorf("write index: %w", err)
	}
	if err := x.encode(z); err != nil {
		return count.n, fmt.Errorf("write index: %w", errors.Join(err, z.Close()))
	}
	if err := z.Close(); err != nil {
		return count.n, fmt.Errorf("write index: %w", err)
	}
	return count.n, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (x *Index) encode(w io.Writer) error {
	b := binary.AppendUvarint(nil, uint64(len(x.Layers)))
	for _, l := range x.Layers {
		b = appendString(b, string(l))
	}
	kinds := x.kinds()
	b = binary.AppendUvarint(b, uint64(len(kinds)))
	for i, k := range slices.Sorted(maps.Keys(kinds)) {
		b = appendString(b, string(k))
		kinds[k] = i
	}
	write := func() error {
		_, err := w.Write(b)
		b = b[:0]
		return err
	}
	b = binary.AppendUvarint(b, uint64(len(x.Entries)))
	before := ""
	for i := range x.Entries {
		b = x.Entries[i].append(b, before, kinds)
		before = x.Entries[i].Path
		if len(b) >= writeSize {
			if err := write(); err != nil {
				return err
			}
		}
	}
	b = binary.AppendUvarint(b, uint64(len(x.Hidden)))
	before = ""
	for i := range x.Hidden {
		h := &x.Hidden[i]
		b = binary.AppendUvarint(h.append(b, before, kinds), uint64(h.Since))
		b = binary.AppendUvarint(b, uint64(h.Gone))
		before = h.Path
		if len(b) >= writeSize {
			if err := write(); err != nil {
				return err
			}
		}
	}
	b = binary.AppendUvarint(b, uint64(x.Unlisted.Files))
	b = binary.AppendUvarint(b, uint64(x.Unlisted.Bytes))
	return write()
}

// writeSize is how many bytes are collected before they are compressed.
const writeSize = 64 << 10

// kinds are those that occur.
func (x *Index) kinds() map[Kind]int {
	kinds := make(map[Kind]int)
	for i := range x.Entries {
		kinds[x.Entries[i].Kind] = 0
	}
	for i := range x.Hidden {
		kinds[x.Hidden[i].Kind] = 0
	}
	return kinds
}

func (e *Entry) append(b []byte, before string, kinds map[Kind]int) []byte {
	shared := 0
	for shared < min(len(before), len(e.Path)) && before[shared] == e.Path[shared] {
		shared++
	}
	b = binary.AppendUvarint(b, uint64(shared))
	b = appendString(b, e.Path[shared:])
	for _, n := range []uint64{
		uint64(kinds[e.Kind]), uint64(e.Layer), uint64(e.Mode), uint64(e.UID), uint64(e.GID), uint64(e.Links), uint64(e.Size),
	} {
		b = binary.AppendUvarint(b, n)
	}
	if e.isRegular() {
		b = append(b, e.SHA256[:]...)
		b = binary.AppendUvarint(b, uint64(e.Offset/mkfs.BlockSize))
	}
	b = binary.AppendVarint(b, e.ModTime.Unix())
	b = binary.AppendUvarint(b, uint64(e.ModTime.Nanosecond()))
	b = appendString(b, e.LinkTarget)
	b = binary.AppendUvarint(b, uint64(e.Major))
	b = binary.AppendUvarint(b, uint64(e.Minor))
	b = binary.AppendUvarint(b, uint64(len(e.Xattrs)))
	for _, k := range slices.Sorted(maps.Keys(e.Xattrs)) {
		b = appendString(b, k)
		b = appendString(b, e.Xattrs[k])
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// ReadIndex reads what [Index.WriteTo] wrote, to its end. The memory it takes is
// bounded whatever r holds. Anything else is [detonaut.ErrCorrupt].
func ReadIndex(r io.Reader) (*Index, error) { return readIndex(r, maxIndexBytes) }

func readIndex(r io.Reader, limit int) (*Index, error) {
	head := make([]byte, len(indexMagic))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("read index: %w: %w", detonaut.ErrCorrupt, err)
	}
	if string(head) != indexMagic {
		return nil, fmt.Errorf("read index: no index of this version: %w", detonaut.ErrCorrupt)
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, fmt.Errorf("read index: %w: %w", detonaut.ErrCorrupt, err)
	}
	defer z.Close()
	d := &decoder{r: bufio.NewReader(io.LimitReader(z, int64(limit))), left: limit}
	x := d.index()
	if d.err != nil {
		return nil, fmt.Errorf("read index: %w: %w", detonaut.ErrCorrupt, d.err)
	}
	return x, nil
}

// decoder reads the frame. After its first error it returns zeros.
type decoder struct {
	r    *bufio.Reader
	left int // bytes of strings that may still be made
	err  error

	layers int
	kinds  []Kind
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *decoder) index() *Index {
	x := &Index{}
	for range d.number("layers", maxIndexLayers) {
		x.Layers = append(x.Layers, detonaut.Digest(d.text("")))
	}
	d.layers = len(x.Layers)
	for range d.number("kinds", maxIndexKinds) {
		d.kinds = append(d.kinds, Kind(d.text("")))
	}
	before := ""
	for n := d.number("entries", maxIndexEntries); n > 0 && d.err == nil; n-- {
		e := d.entry(before)
		if e.Path <= before {
			d.fail("path %q is not in order", e.Path)
		}
		before = e.Path
		x.Entries = append(x.Entries, e)
	}
	d.hidden(x)
	if _, err := d.r.ReadByte(); err != io.EOF && d.err == nil {
		d.fail("no end after the last file: %v", err)
	}
	return x
}

func (d *decoder) hidden(x *Index) {
	before := Hidden{}
	for n := d.number("hidden files", maxIndexEntries); n > 0 && d.err == nil; n-- {
		h := Hidden{Entry: d.entry(before.Path)}
		h.Since = int(d.number("layer", uint64(max(d.layers-1, 0))))
		h.Gone = int(d.number("layer", uint64(max(d.layers-1, 0))))
		switch {
		case !h.isRegular() || h.Since < h.Layer || h.Gone < h.Since:
			d.fail("path %q cannot be hidden", h.Path)
		case h.Path < before.Path || h.Path == before.Path && h.Layer < before.Layer:
			d.fail("path %q is not in order", h.Path)
		}
		before = h
		x.Hidden = append(x.Hidden, h)
	}
	x.Unlisted.Files = int(d.number("unlisted files", math.MaxInt32))
	x.Unlisted.Bytes = int64(d.number("unlisted bytes", math.MaxInt64))
}

func (d *decoder) entry(before string) Entry {
	shared := d.number("shared bytes", uint64(len(before)))
	e := Entry{Path: d.text(before[:shared])}
	if kind := int(d.number("kind", maxIndexKinds)); kind < len(d.kinds) {
		e.Kind = d.kinds[kind]
	} else {
		d.fail("kind: %d is not one of %d", kind, len(d.kinds))
	}
	e.Layer = int(d.number("layer", uint64(max(d.layers-1, 0))))
	e.Mode = uint32(d.number("mode", math.MaxUint16))
	e.UID = uint32(d.number("owner", math.MaxUint32))
	e.GID = uint32(d.number("group", math.MaxUint32))
	e.Links = int(d.number("links", math.MaxUint32))
	e.Size = int64(d.number("size", math.MaxInt64))
	if e.isRegular() {
		d.bytes(e.SHA256[:])
		e.Offset = int64(d.number("block", math.MaxUint32)) * mkfs.BlockSize
	}
	e.ModTime = time.Unix(d.signed(), int64(d.number("nanoseconds", 1e9-1))).UTC()
	e.LinkTarget = d.text("")
	e.Major = uint32(d.number("major", math.MaxUint32))
	e.Minor = uint32(d.number("minor", math.MaxUint32))
	for n := d.number("attributes", maxIndexEntries); n > 0 && d.err == nil; n-- {
		if e.Xattrs == nil {
			e.Xattrs = make(map[string]string)
		}
		k := d.text("")
		e.Xattrs[k] = d.text("")
	}
	return e
}

func (d *decoder) number(what string, limit uint64) uint64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(d.r)
	if err != nil {
		d.fail("%s: %w", what, err)
		return 0
	}
	if n > limit {
		d.fail("%s: %d is over %d", what, n, limit)
		return 0
	}
	return n
}

func (d *decoder) signed() int64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadVarint(d.r)
	if err != nil {
		d.fail("time: %w", err)
	}
	return n
}

func (d *decoder) bytes(b []byte) {
	if d.err != nil {
		return
	}
	if _, err := io.ReadFull(d.r, b); err != nil {
		d.fail("sum: %w", err)
	}
}

// text reads a string and puts prefix before it. A length allocates no more than
// maxIndexString before its bytes come.
func (d *decoder) text(prefix string) string {
	n := d.number("string", maxIndexString)
	if d.left -= int(n) + len(prefix); d.left < 0 {
		d.fail("too many bytes of strings")
	}
	if d.err != nil || n == 0 {
		return prefix
	}
	var b strings.Builder
	b.Grow(len(prefix) + int(n))
	b.WriteString(prefix)
	if _, err := io.CopyN(&b, d.r, int64(n)); err != nil {
		d.fail("string: %w", err)
	}
	return b.String()
}
