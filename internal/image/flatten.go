package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path"
	"strings"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/chamber/content"
	"github.com/detonaut/detonaut/internal/image/mkfs"
)

// blob is one layer still to be read.
type blob struct {
	detonaut.Layer
	// Open streams the blob as transferred, compressed. It is called once, or never if the
	// layer was kept.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Kept opens the tar that was kept of it, nil if none was. Keep begins to keep it; nil does
	// not. Both may be nil.
	Kept func() *os.File
	Keep func() *keeping
}

// flatten merges layers, base first, into an EROFS image on out and returns the
// index of its files. It opens the layers one after the other, and reads each
// to its end. What out holds after an error is of no use.
//
// The content of files goes to out as it arrives; only names and facts are held
// in memory. What a higher layer overwrites or hides stays in out as bytes that
// only the index refers to: in a stream, nobody knows yet which files those are.
func flatten(ctx context.Context, layers []blob, caps Caps, out *os.File) (*Index, error) {
	caps = caps.withDefaults()
	if err := out.Truncate(0); err != nil {
		return nil, fmt.Errorf("write erofs image: %w", err)
	}
	f := &flattener{
		caps:  caps,
		tree:  newTree(caps),
		image: mkfs.NewWriter(out),
		body:  contentReader{hash: sha256.New()},
		left:  caps.UncompressedBytes,
		files: caps.UncompressedBytes,
	}
	index := &Index{}
	compressed := caps.CompressedBytes
	for i, b := range layers {
		if compressed -= max(b.Size, 0); compressed < 0 {
			return nil, layerError(b, over("compressed bytes", caps.CompressedBytes))
		}
		if err := f.add(ctx, i, b); err != nil {
			return nil, layerError(b, err)
		}
		index.Layers = append(index.Layers, b.Digest)
	}
	files := f.tree.seal()
	if err := f.image.Finish(&f.tree.root.Inode); err != nil {
		return nil, err
	}
	index.Entries = entries(files)
	index.Hidden, index.Unlisted = f.tree.hidden(index)
	return index, nil
}

func layerError(b blob, err error) error { return fmt.Errorf("read layer %s: %w", b.Digest, err) }

// flattener is the state of one flatten.
type flattener struct {
	caps    Caps
	tree    *tree
	image   *mkfs.Writer
	body    contentReader
	left    int64 // bytes that tars may still have
	files   int64 // bytes that files may still have, holes included
	devices int
}

// add applies one layer.
func (f *flattener) add(ctx context.Context, number int, b blob) (err error) {
	f.tree.layer = number
	l, err := openLayer(ctx, b, f.left, f.caps.Ratio)
	if err != nil {
		return err
	}
	defer l.close()
	if l.tar != nil {
		defer func() {
			if err != nil && ctx.Err() == nil && l.verify() != nil {
				err = &damagedError{l.tar.Name(), err}
			}
		}()
	}
	if err := f.apply(l); err != nil {
		// A tar that makes no sense is often not the one that was asked for.
		if errors.Is(err, detonaut.ErrCorrupt) {
			if cause := l.verify(); cause != nil {
				return cause
			}
		}
		return err
	}
	if err := l.verify(); err != nil {
		return err
	}
	f.left -= l.size
	return l.keep.commit()
}

// apply reads the tar of a layer. Its format is what archive/tar reads: V7,
// USTAR, PAX and GNU, sparse files included.
func (f *flattener) apply(l *layerReader) error {
	tr := tar.NewReader(l)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return l.tarError(err)
		}
		if err := f.entry(h, tr, l); err != nil {
			return fmt.Errorf("entry %s: %w", quoted(h.Name), err)
		}
	}
}

// tarError tells errors of the tar's form from those of the stream below, which
// have their own reason.
func (l *layerReader) tarError(err error) error {
	if l.failed != nil {
		return l.failed
	}
	return fmt.Errorf("read tar: %w: %w", detonaut.ErrCorrupt, err)
}

// entry applies one entry of a tar.
func (f *flattener) entry(h *tar.Header, tr *tar.Reader, l *layerReader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := f.tree.clean(h.Name)
	if err != nil {
		return err
	}
	parent, base := path.Split(name)
	if strings.HasPrefix(base, whiteoutPrefix) {
		return f.tree.whiteout(parent, base)
	}
	n, err := f.node(h)
	if err != nil {
		return err
	}
	if name == "" {
		if !n.isDir() {
			return fmt.Errorf("the root is not a directory: %w", detonaut.ErrCorrupt)
		}
		f.tree.root.describe(n)
		return nil
	}
	dir, err := f.tree.dir(parent, true)
	if err != nil {
		return err
	}
	if h.Typeflag == tar.TypeLink {
		return f.tree.link(dir, base, h.Linkname)
	}
	if n.Mode&mkfs.ModeType == mkfs.ModeRegular {
		if err := f.store(n, h.Size, tr, l); err != nil {
			return err
		}
	}
	return f.tree.put(dir, base, n)
}

// store appends the content of a regular file to the image.
func (f *flattener) store(n *node, size int64, tr *tar.Reader, l *layerReader) error {
	if f.files -= size; f.files < 0 {
		return over("bytes in files", f.caps.UncompressedBytes)
	}
	f.body.reset(tr)
	block, err := f.image.Append(&f.body, size)
	switch {
	case err == nil:
	case errors.Is(err, mkfs.ErrTooLarge):
		return fmt.Errorf("%w: %w", detonaut.ErrLimit, err)
	case f.body.err != nil:
		return l.tarError(err)
	default:
		return err
	}
	n.Block, n.Size = block, size
	n.sum, n.kind = f.body.facts()
	return nil
}

// node makes the file that a header describes, still without content. For a
// hard link it is of no use.
func (f *flattener) node(h *tar.Header) (*node, error) {
	if h.Uid < 0 || int64(h.Uid) > math.MaxUint32 || h.Gid < 0 || int64(h.Gid) > math.MaxUint32 {
		return nil, fmt.Errorf("owner %d:%d: %w", h.Uid, h.Gid, detonaut.ErrCorrupt)
	}
	n := &node{
		Inode: mkfs.Inode{
			Mode: uint16(h.Mode & 0o7777), UID: uint32(h.Uid), GID: uint32(h.Gid),
			Mtime: h.ModTime.Unix(), MtimeNsec: uint32(h.ModTime.Nanosecond()),
		},
		layer:  f.tree.layer,
		xattrs: xattrs(h),
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		n.Mode |= mkfs.ModeRegular
	case tar.TypeLink:
	case tar.TypeDir:
		n.Mode |= mkfs.ModeDir
		n.kind = KindDir
	case tar.TypeSymlink:
		n.Mode = mkfs.ModeSymlink | 0o777 // Linux has no other, whatever the tar says
		n.kind, n.Target = KindSymlink, strings.Clone(h.Linkname)
		return n, f.checkTarget(n.Target)
	case tar.TypeChar:
		n.Mode |= mkfs.ModeChar
		n.kind = KindChar
		return n, f.number(n, h)
	case tar.TypeBlock:
		n.Mode |= mkfs.ModeBlock
		n.kind = KindBlock
		return n, f.number(n, h)
	case tar.TypeFifo:
		n.Mode |= mkfs.ModeFIFO
		n.kind = KindFIFO
	default:
		return nil, fmt.Errorf("tar entry of type %q: %w", h.Typeflag, detonaut.ErrUnsupported)
	}
	return n, nil
}

func (f *flattener) checkTarget(target string) error {
	limit := min(f.caps.PathLength, mkfs.MaxTarget)
	switch {
	case target == "":
		return fmt.Errorf("symbolic link to nothing: %w", detonaut.ErrCorrupt)
	case len(target) > limit:
		return over("bytes of link target", limit)
	case strings.IndexByte(target, 0) >= 0:
		return fmt.Errorf("NUL in link target: %w", detonaut.ErrCorrupt)
	}
	return nil
}

// number gives a device its numbers, of 12 and 20 bits as in Linux.
func (f *flattener) number(n *node, h *tar.Header) error {
	if f.devices++; f.devices > f.caps.Devices {
		return over("devices", f.caps.Devices)
	}
	if h.Devmajor < 0 || h.Devmajor >= 1<<12 || h.Devminor < 0 || h.Devminor >= 1<<20 {
		return fmt.Errorf("device %d:%d: %w", h.Devmajor, h.Devminor, detonaut.ErrCorrupt)
	}
	n.Major, n.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	return nil
}

// xattrPrefix is how GNU tar, bsdtar, Docker and BuildKit name an extended
// attribute in a PAX header.
const xattrPrefix = "SCHILY.xattr."

// xattrs are copies: what archive/tar returns keeps the whole PAX header, of up
// to 1 MiB, in memory.
func xattrs(h *tar.Header) map[string]string {
	var found map[string]string
	for k, v := range h.PAXRecords {
		if attr, ok := strings.CutPrefix(k, xattrPrefix); ok && attr != "" {
			if found == nil {
				found = make(map[string]string)
			}
			found[strings.Clone(attr)] = strings.Clone(v)
		}
	}
	return found
}

// contentReader looks at a file while it is read.
type contentReader struct {
	from io.Reader
	err  error // of from
	hash hash.Hash
	head [content.HeadSize]byte
	have int
}

func (c *contentReader) reset(from io.Reader) {
	c.from, c.err, c.have = from, nil, 0
	c.hash.Reset()
}

// Read implements io.Reader.
func (c *contentReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.have += copy(c.head[c.have:], p[:n])
	c.hash.Write(p[:n])
	c.err = err
	return n, err
}

func (c *contentReader) facts() (sum Sum, kind Kind) {
	c.hash.Sum(sum[:0])
	return sum, Kind(content.Type(c.head[:c.have]))
}
