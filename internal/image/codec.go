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
)

// The stored form of an index: indexMagic, then one zstd frame (with its
// checksum) of varints, strings with their length, and sums. A path is stored
// as the number of bytes it shares with the path before it, and the rest.
const indexMagic = "detonaut index 1\n"

// Bounds of a stored index, above anything that DefaultCaps lets through.
const (
	maxIndexLayers  = 1 << 12
	maxIndexEntries = 1 << 23
	maxIndexString  = 1 << 20 // one path, target, attribute ...
	maxIndexBytes   = 1 << 30 // all of them in memory, and the frame
)

// kinds gives each kind its number in a stored index. Append only.
var kinds = []Kind{
	KindDir, KindSymlink, KindChar, KindBlock, KindFIFO, KindEmpty, KindELF, KindScript, KindPE, KindMachO,
	KindJava, KindWasm, KindZip, KindArchive, KindSQLite, KindText, KindData,
}

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
	b = binary.AppendUvarint(b, uint64(len(x.Entries)))
	before := ""
	for _, e := range x.Entries {
		var err error
		if b, err = e.append(b, before); err != nil {
			return err
		}
		before = e.Path
		if len(b) >= 64<<10 {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err := w.Write(b)
	return err
}

func (e *Entry) append(b []byte, before string) ([]byte, error) {
	kind := slices.Index(kinds, e.Kind)
	if kind < 0 {
		return nil, fmt.Errorf("kind %q has no number", e.Kind)
	}
	shared := 0
	for shared < min(len(before), len(e.Path)) && before[shared] == e.Path[shared] {
		shared++
	}
	b = binary.AppendUvarint(b, uint64(shared))
	b = appendString(b, e.Path[shared:])
	for _, n := range []uint64{
		uint64(kind), uint64(e.Layer), uint64(e.Mode), uint64(e.UID), uint64(e.GID), uint64(e.Links), uint64(e.Size),
	} {
		b = binary.AppendUvarint(b, n)
	}
	if e.isRegular() {
		b = append(b, e.SHA256[:]...)
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
	return b, nil
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
	before := ""
	for n := d.number("entries", maxIndexEntries); n > 0 && d.err == nil; n-- {
		e := d.entry(before, len(x.Layers))
		if e.Path <= before {
			d.fail("path %q is not in order", e.Path)
		}
		before = e.Path
		x.Entries = append(x.Entries, e)
	}
	if _, err := d.r.ReadByte(); err != io.EOF && d.err == nil {
		d.fail("no end after the last entry: %v", err)
	}
	return x
}

func (d *decoder) entry(before string, layers int) Entry {
	shared := d.number("shared bytes", uint64(len(before)))
	e := Entry{Path: d.text(before[:shared])}
	e.Kind = kinds[d.number("kind", uint64(len(kinds)-1))]
	e.Layer = int(d.number("layer", uint64(max(layers-1, 0))))
	e.Mode = uint32(d.number("mode", math.MaxUint16))
	e.UID = uint32(d.number("owner", math.MaxUint32))
	e.GID = uint32(d.number("group", math.MaxUint32))
	e.Links = int(d.number("links", math.MaxUint32))
	e.Size = int64(d.number("size", math.MaxInt64))
	if e.isRegular() {
		d.bytes(e.SHA256[:])
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
